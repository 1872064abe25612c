package image

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	maxAccounts = 1 << 20 // bytes of /etc/passwd and of /etc/group
	maxGroups   = 1024    // that a user may be in
)

// LookupUser finds who a process runs as: spec is "", "name", "uid", "name:group", "uid:gid" and the mixed forms, as in
// an image's configuration or a task's run.user. Names are those of the image's own /etc/passwd and /etc/group. A
// number needs no entry there: its group is 0 then, and its home is "/". extra are the further groups that list the
// user; a spec that names a group has none.
func (i *Image) LookupUser(spec string) (uid, gid int, extra []int, home string, err error) {
	v, err := i.view()
	if err != nil {
		return 0, 0, nil, "", err
	}
	defer v.Close()
	user, group, hasGroup := strings.Cut(spec, ":")
	if user == "" {
		user = "0"
	}
	passwd, err := v.accounts("/etc/passwd", 7)
	if err != nil {
		return 0, 0, nil, "", err
	}
	uid, numeric := number(user)
	home = "/"
	name := ""
	for _, line := range passwd { // name:password:uid:gid:comment:home:shell
		lineUID, ok := number(line[2])
		if !ok || line[0] != user && !(numeric && lineUID == uid) {
			continue
		}
		if gid, ok = number(line[3]); !ok {
			continue
		}
		uid, numeric, name = lineUID, true, line[0]
		if strings.HasPrefix(line[5], "/") {
			home = line[5]
		}
		break
	}
	if !numeric {
		return 0, 0, nil, "", fmt.Errorf("user %.100q: is neither in the image's /etc/passwd nor a number from 0 to %d", user, math.MaxInt32)
	}
	groups, err := v.accounts("/etc/group", 4)
	if err != nil {
		return 0, 0, nil, "", err
	}
	if hasGroup && group != "" {
		gid, err = findGroup(groups, group)
		return uid, gid, nil, home, err
	}
	return uid, gid, memberships(groups, name, gid), home, nil
}

func findGroup(groups [][]string, group string) (int, error) {
	for _, line := range groups { // name:password:gid:members
		if gid, ok := number(line[2]); ok && line[0] == group {
			return gid, nil
		}
	}
	if gid, ok := number(group); ok {
		return gid, nil
	}
	return 0, fmt.Errorf("group %.100q: is neither in the image's /etc/group nor a number from 0 to %d", group, math.MaxInt32)
}

func memberships(groups [][]string, name string, own int) []int {
	var extra []int
	for _, line := range groups {
		gid, ok := number(line[2])
		if !ok || name == "" || gid == own || len(extra) == maxGroups {
			continue
		}
		for member := range strings.SplitSeq(line[3], ",") {
			if member == name {
				extra = append(extra, gid)
				break
			}
		}
	}
	return extra
}

// accounts are the lines of a file with so many fields. Others are passed over, as every C library does; a missing file
// has none.
func (v *view) accounts(name string, fields int) ([][]string, error) {
	raw, err := v.read(name, maxAccounts)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("image's %s: %w", name, err)
	}
	var lines [][]string
	for line := range strings.Lines(string(raw)) {
		split := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(split) >= fields && split[0] != "" {
			lines = append(lines, split)
		}
	}
	return lines, nil
}

// number parses an id as the kernel has them, but for those that mean "none" somewhere.
func number(text string) (int, bool) {
	id, err := strconv.ParseUint(text, 10, 31)
	return int(id), err == nil
}
