package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// rwx is three permission bits as text; special, if not empty, replaces the x ("s" or "t"), other where x is not set.
func rwx(bits uint32, special, other string) string {
	text := []byte("---")
	for i, letter := range []byte("rwx") {
		if bits&(4>>i) != 0 {
			text[i] = letter
		}
	}
	if special != "" {
		text[2] = other[0]
		if bits&1 != 0 {
			text[2] = special[0]
		}
	}
	return string(text)
}

// modeText is a file's mode as ls prints it.
func modeText(mode uint32) string {
	kind := map[uint32]string{
		unix.S_IFREG: "-", unix.S_IFDIR: "d", unix.S_IFLNK: "l", unix.S_IFCHR: "c", unix.S_IFBLK: "b", unix.S_IFIFO: "p", unix.S_IFSOCK: "s",
	}[mode&unix.S_IFMT]
	special := func(bit uint32, letter string) (string, string) {
		if mode&bit == 0 {
			return "", ""
		}
		return letter, strings.ToUpper(letter)
	}
	setuid, noSetuid := special(unix.S_ISUID, "s")
	setgid, noSetgid := special(unix.S_ISGID, "s")
	sticky, noSticky := special(unix.S_ISVTX, "t")
	return kind + rwx(mode>>6&7, setuid, noSetuid) + rwx(mode>>3&7, setgid, noSetgid) + rwx(mode&7, sticky, noSticky)
}

// parseMode applies a mode, octal or symbolic (u+x,go=r), to the bits that a file has. Where a clause names nobody the
// umask holds bits back. X is x for a directory or where somebody has x.
func parseMode(text string, bits, umask uint32, directory bool) (uint32, bool) {
	if value, err := strconv.ParseUint(text, 8, 12); err == nil {
		return uint32(value), true
	}
	for clause := range strings.SplitSeq(text, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 {
			return 0, false
		}
		who := uint32(0)
		for _, letter := range clause[:at] {
			switch letter {
			case 'u':
				who |= 0o4700
			case 'g':
				who |= 0o2070
			case 'o':
				who |= 0o1007
			case 'a':
				who |= 0o7777
			default:
				return 0, false
			}
		}
		held := uint32(0)
		if who == 0 {
			who, held = 0o7777, umask
		}
		for rest := clause[at:]; rest != ""; {
			operator := rest[0]
			end := strings.IndexAny(rest[1:], "+-=") + 1
			if end == 0 {
				end = len(rest)
			}
			change, ok := permissions(rest[1:end], bits, directory)
			if !ok {
				return 0, false
			}
			change &= who &^ held
			switch operator {
			case '+':
				bits |= change
			case '-':
				bits &^= change
			case '=':
				bits = bits&^(who&0o777) | change
			}
			rest = rest[end:]
		}
	}
	return bits, true
}

func permissions(letters string, bits uint32, directory bool) (uint32, bool) {
	change := uint32(0)
	for _, letter := range letters {
		switch letter {
		case 'r':
			change |= 0o444
		case 'w':
			change |= 0o222
		case 'x':
			change |= 0o111
		case 'X':
			if directory || bits&0o111 != 0 {
				change |= 0o111
			}
		case 's':
			change |= 0o6000
		case 't':
			change |= 0o1000
		case 'u':
			change |= bits >> 6 & 7 * 0o111
		case 'g':
			change |= bits >> 3 & 7 * 0o111
		case 'o':
			change |= bits & 7 * 0o111
		default:
			return 0, false
		}
	}
	return change, true
}

func currentUmask() uint32 {
	now := unix.Umask(0o022)
	unix.Umask(now)
	return uint32(now)
}

func chmodMain(c *command) int {
	for i, argument := range c.args { // a mode like -x is no option
		if len(argument) > 1 && argument[0] == '-' && strings.Trim(argument[1:], "rwxXst,+-=ugoa") == "" {
			c.args[i] = "a" + argument
			if held := currentUmask(); held != 0 {
				c.args[i] = argument
				c.args = append(append(append([]string{}, c.args[:i]...), "--"), c.args[i:]...)
			}
			break
		}
	}
	if !c.parse("Rvcf", "recursive=R", "verbose=v", "changes=c", "silent=f", "quiet=f", "reference:=r") {
		return 1
	}
	mode := ""
	if reference := c.value('r', ""); reference != "" {
		var stat unix.Stat_t
		if err := unix.Stat(reference, &stat); err != nil {
			return c.fail("failed to get attributes of '%s': %s", reference, reason(err))
		}
		mode = strconv.FormatUint(uint64(stat.Mode&0o7777), 8)
	} else if len(c.args) > 0 {
		mode, c.args = c.args[0], c.args[1:]
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing operand")
	}
	if _, ok := parseMode(mode, 0, 0, false); !ok {
		return c.misused(1, "invalid mode: '%s'", mode)
	}
	status := 0
	each(c, c.args, c.has("R"), &status, func(path string, info os.FileInfo) error {
		var stat unix.Stat_t
		if info.Mode()&os.ModeSymlink != 0 {
			if c.has("R") {
				return nil
			}
		}
		if err := unix.Stat(path, &stat); err != nil {
			return err
		}
		bits, _ := parseMode(mode, stat.Mode&0o7777, currentUmask(), info.IsDir())
		return unix.Chmod(path, bits)
	})
	return status
}

// each calls do with every operand, and below directories if recursive. What fails is printed and makes status 1.
func each(c *command, paths []string, recursive bool, status *int, do func(string, os.FileInfo) error) {
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil {
			*status = c.fail("cannot access '%s': %s", path, reason(err))
			continue
		}
		if !recursive {
			if err := do(path, info); err != nil {
				*status = c.fail("cannot access '%s': %s", path, reason(err))
			}
			continue
		}
		filepath.WalkDir(path, func(path string, entry os.DirEntry, err error) error {
			if err == nil {
				var info os.FileInfo
				if info, err = entry.Info(); err == nil {
					err = do(path, info)
				}
			}
			if err != nil {
				*status = c.fail("cannot access '%s': %s", path, reason(err))
			}
			return nil
		})
	}
}

// chownMain is chown and chgrp.
func chownMain(c *command) int {
	if !c.parse("RhvcfHLP", "recursive=R", "no-dereference=h", "verbose=v", "changes=c", "silent=f", "quiet=f", "reference:=r") {
		return 1
	}
	owner := ""
	if reference := c.value('r', ""); reference != "" {
		var stat unix.Stat_t
		if err := unix.Stat(reference, &stat); err != nil {
			return c.fail("failed to get attributes of '%s': %s", reference, reason(err))
		}
		owner = fmt.Sprintf("%d:%d", stat.Uid, stat.Gid)
		if c.name == "chgrp" {
			owner = strconv.Itoa(int(stat.Gid))
		}
	} else if len(c.args) > 0 {
		owner, c.args = c.args[0], c.args[1:]
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing operand")
	}
	if c.name == "chgrp" {
		owner = ":" + owner
	}
	uid, gid, problem := parseOwner(owner)
	if problem != "" {
		return c.fail("%s", problem)
	}
	status := 0
	each(c, c.args, c.has("R"), &status, func(path string, info os.FileInfo) error {
		if c.has("h") || c.has("R") {
			return os.Lchown(path, uid, gid)
		}
		return os.Chown(path, uid, gid)
	})
	return status
}

// parseOwner reads USER, USER:GROUP, USER: (their own group), :GROUP; names or numbers; -1 is "as it is".
func parseOwner(text string) (uid, gid int, problem string) {
	uid, gid = -1, -1
	user, group, both := strings.Cut(text, ":")
	if user != "" {
		account, known := lookName("/etc/passwd", user)
		number, err := strconv.Atoi(user)
		switch {
		case known:
			uid, _ = strconv.Atoi(account[2])
			if both && group == "" && len(account) > 3 {
				gid, _ = strconv.Atoi(account[3])
			}
		case err == nil && number >= 0:
			uid = number
		default:
			return 0, 0, "invalid user: '" + text + "'"
		}
	}
	if group != "" {
		account, known := lookName("/etc/group", group)
		number, err := strconv.Atoi(group)
		switch {
		case known:
			gid, _ = strconv.Atoi(account[2])
		case err == nil && number >= 0:
			gid = number
		default:
			return 0, 0, "invalid group: '" + text + "'"
		}
	}
	return uid, gid, ""
}
