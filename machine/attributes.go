package machine

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// Attributes are how something should be; what is empty stays as it is, or has its default where it is made.
type Attributes struct {
	Mode  string // octal digits, 0 to 7777
	Owner string // name or number
	Group string // name or number
}

// attributes are Attributes with their numbers; nil: as it is.
type attributes struct {
	mode     *uint32
	uid, gid *uint32
	Attributes
}

// modeBits are those of a mode that chmod(2) takes.
const modeBits = 0o7777

func (a Attributes) resolve(path string) (attributes, error) {
	resolved := attributes{Attributes: a}
	if a.Mode != "" {
		mode, err := strconv.ParseUint(a.Mode, 8, 32)
		if err != nil || mode > modeBits {
			return resolved, mistake("%s: mode %q: want octal digits, 0 to 7777", Show(path), a.Mode)
		}
		bits := uint32(mode)
		resolved.mode = &bits
	}
	var err error
	if resolved.uid, err = id(path, "owner", a.Owner, func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	}); err != nil {
		return resolved, err
	}
	resolved.gid, err = id(path, "group", a.Group, func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	return resolved, err
}

// id resolves a name, or else a number, as chown(1) does. The largest number means "as it is" to the kernel.
func id(path, what, name string, look func(string) (string, error)) (*uint32, error) {
	if name == "" {
		return nil, nil
	}
	text, err := look(name)
	if err != nil {
		text = name
	}
	number, notNumber := strconv.ParseUint(text, 10, 32)
	if notNumber == nil && number < 1<<32-1 {
		value := uint32(number)
		return &value, nil
	}
	var noUser user.UnknownUserError
	var noGroup user.UnknownGroupError
	if err == nil || errors.As(err, &noUser) || errors.As(err, &noGroup) {
		return nil, mistake("%s: %s %q: no such name on this machine, and not a number below 4294967295", Show(path), what, name)
	}
	return nil, fmt.Errorf("%s: %s %q: %w", Show(path), what, name, err)
}

// differ compares with what is there.
func (a attributes) differ(stat *unix.Stat_t) Differences {
	var differences Differences
	if mode := stat.Mode & modeBits; a.mode != nil && *a.mode != mode {
		differences = append(differences, Difference{"mode", fmt.Sprintf("%04o", mode), fmt.Sprintf("%04o", *a.mode)})
	}
	if a.uid != nil && *a.uid != stat.Uid {
		differences = append(differences, Difference{"owner", userName(stat.Uid), Show(a.Owner)})
	}
	if a.gid != nil && *a.gid != stat.Gid {
		differences = append(differences, Difference{"group", groupName(stat.Gid), Show(a.Group)})
	}
	return differences
}

// apply gives an open file its owner, its group and last its mode: the other way round, a program could for a moment be
// the old owner's and run with rights meant for the new one's. What is not described is as it was before (nil: made
// now), or has the default mode.
func (a attributes) apply(file *os.File, path string, before *unix.Stat_t, mode uint32) error {
	var now unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &now); err != nil {
		return fmt.Errorf("%s: %w", Show(path), err)
	}
	uid, gid := now.Uid, now.Gid
	if before != nil {
		uid, gid, mode = before.Uid, before.Gid, before.Mode&modeBits
	}
	if a.uid != nil {
		uid = *a.uid
	}
	if a.gid != nil {
		gid = *a.gid
	}
	if a.mode != nil {
		mode = *a.mode
	}
	if uid != now.Uid || gid != now.Gid {
		if err := unix.Fchown(int(file.Fd()), int(uid), int(gid)); err != nil {
			return fmt.Errorf("give %s to %s:%s: %w", Show(path), userName(uid), groupName(gid), err)
		}
	}
	if err := unix.Fchmod(int(file.Fd()), mode); err != nil {
		return fmt.Errorf("set mode %04o of %s: %w", mode, Show(path), err)
	}
	return nil
}

// userName is a user for people: the name, or the number where there is none.
func userName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

func groupName(gid uint32) string {
	number := strconv.FormatUint(uint64(gid), 10)
	if g, err := user.LookupGroupId(number); err == nil {
		return g.Name
	}
	return number
}
