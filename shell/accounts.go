package shell

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// lookName finds an account in /etc/passwd or /etc/group by its name.
func lookName(file, name string) ([]string, bool) { return lookField(file, 0, name) }

func lookField(file string, field int, value string) ([]string, bool) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, false
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) >= 3 && fields[field] == value {
			return fields, true
		}
	}
	return nil, false
}

// nameOf is the name for a number in /etc/passwd or /etc/group, or otherwise.
func nameOf(file string, number int, otherwise string) string {
	if fields, ok := lookField(file, 2, strconv.Itoa(number)); ok {
		return fields[0]
	}
	return otherwise
}

func userName(uid int) string  { return nameOf("/etc/passwd", uid, strconv.Itoa(uid)) }
func groupName(gid int) string { return nameOf("/etc/group", gid, strconv.Itoa(gid)) }

func whoamiMain(c *command) int {
	if !c.parse("") {
		return 1
	}
	if len(c.args) > 0 {
		return c.misused(1, "extra operand '%s'", c.args[0])
	}
	name := nameOf("/etc/passwd", os.Geteuid(), "")
	if name == "" {
		return c.fail("cannot find name for user ID %d", os.Geteuid())
	}
	fmt.Fprintln(c.out, name)
	return 0
}

// idMain is id [-ugGnrz] [USER].
func idMain(c *command) int {
	if !c.parse("ugGnrza", "user=u", "group=g", "groups=G", "name=n", "real=r", "zero=z") {
		return 1
	}
	uid, gid := os.Geteuid(), os.Getegid()
	if c.has("r") {
		uid, gid = os.Getuid(), os.Getgid()
	}
	groups, _ := os.Getgroups()
	if len(c.args) > 0 {
		account, known := lookName("/etc/passwd", c.args[0])
		if !known {
			account, known = lookField("/etc/passwd", 2, c.args[0])
		}
		if !known || len(account) < 4 {
			return c.fail("'%s': no such user", c.args[0])
		}
		uid, _ = strconv.Atoi(account[2])
		gid, _ = strconv.Atoi(account[3])
		groups = groupsOf(account[0])
	}
	groups = slices.DeleteFunc(groups, func(g int) bool { return g == gid })
	groups = append([]int{gid}, groups...)
	show := func(number int, name string) string {
		if c.has("n") {
			return name
		}
		return strconv.Itoa(number)
	}
	switch {
	case c.has("u"):
		fmt.Fprintln(c.out, show(uid, userName(uid)))
	case c.has("g"):
		fmt.Fprintln(c.out, show(gid, groupName(gid)))
	case c.has("G"):
		var words []string
		for _, g := range groups {
			words = append(words, show(g, groupName(g)))
		}
		fmt.Fprintln(c.out, strings.Join(words, " "))
	case c.has("n"):
		return c.fail("printing only names or real IDs requires -u, -g, or -G")
	default:
		var words []string
		for _, g := range groups {
			words = append(words, numbered(g, nameOf("/etc/group", g, "")))
		}
		fmt.Fprintf(c.out, "uid=%s gid=%s groups=%s\n", numbered(uid, nameOf("/etc/passwd", uid, "")), words[0], strings.Join(words, ","))
	}
	return 0
}

func numbered(number int, name string) string {
	if name == "" {
		return strconv.Itoa(number)
	}
	return fmt.Sprintf("%d(%s)", number, name)
}

func groupsOf(user string) []int {
	content, err := os.ReadFile("/etc/group")
	if err != nil {
		return nil
	}
	var groups []int
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) >= 4 && slices.Contains(strings.Split(fields[3], ","), user) {
			if number, err := strconv.Atoi(fields[2]); err == nil {
				groups = append(groups, number)
			}
		}
	}
	return groups
}
