package shell

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// statMain is stat [-L] [-c FORMAT | --printf FORMAT | -t]; -f knows the free space only.
func statMain(c *command) int {
	if !c.parse("Lc:ft", "dereference=L", "format:=c", "printf:=p", "file-system=f", "terse=t") {
		return 1
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing operand")
	}
	status := 0
	for _, path := range c.args {
		var stat unix.Stat_t
		call := unix.Lstat
		if c.has("L") {
			call = unix.Stat
		}
		if err := call(path, &stat); err != nil {
			status = c.fail("cannot statx '%s': %s", path, reason(err))
			continue
		}
		switch {
		case c.has("p"):
			format, _ := unescape(c.value('p', ""), false)
			c.out.WriteString(formatStat(format, path, &stat))
		case c.has("c"):
			fmt.Fprintln(c.out, formatStat(c.value('c', ""), path, &stat))
		default:
			fmt.Fprintln(c.out, formatStat(`  File: %N
  Size: %s`+"\t"+`Blocks: %b IO Block: %o %F
Device: %D	Inode: %i Links: %h
Access: (%a/%A)  Uid: (%u/%U)   Gid: (%g/%G)
Access: %x
Modify: %y
Change: %z
 Birth: -`, path, &stat))
		}
	}
	return status
}

func formatStat(format, path string, stat *unix.Stat_t) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		end := i + 1
		for end < len(format)-1 && strings.IndexByte("-+ #0123456789.", format[end]) >= 0 {
			end++
		}
		out.WriteString(fmt.Sprintf("%"+format[i+1:end]+"s", statField(format[end], path, stat)))
		i = end
	}
	return out.String()
}

func statField(letter byte, path string, stat *unix.Stat_t) string {
	when := func(t unix.Timespec) string {
		return time.Unix(t.Unix()).Format("2006-01-02 15:04:05.000000000 -0700")
	}
	switch letter {
	case 'a':
		return strconv.FormatUint(uint64(stat.Mode&0o7777), 8)
	case 'A':
		return modeText(stat.Mode)
	case 'b':
		return strconv.FormatInt(stat.Blocks, 10)
	case 'B':
		return "512"
	case 'd':
		return strconv.FormatUint(stat.Dev, 10)
	case 'D':
		return strconv.FormatUint(stat.Dev, 16)
	case 'f':
		return strconv.FormatUint(uint64(stat.Mode), 16)
	case 'F':
		return kindText(stat)
	case 'g':
		return strconv.FormatUint(uint64(stat.Gid), 10)
	case 'G':
		return nameOf("/etc/group", int(stat.Gid), "UNKNOWN")
	case 'h':
		return strconv.FormatUint(uint64(stat.Nlink), 10)
	case 'i':
		return strconv.FormatUint(stat.Ino, 10)
	case 'n':
		return path
	case 'N':
		if target, err := os.Readlink(path); err == nil {
			return "'" + path + "' -> '" + target + "'"
		}
		return "'" + path + "'"
	case 'o':
		return strconv.FormatInt(int64(stat.Blksize), 10)
	case 's':
		return strconv.FormatInt(stat.Size, 10)
	case 't':
		return strconv.FormatUint(uint64(unix.Major(stat.Rdev)), 16)
	case 'T':
		return strconv.FormatUint(uint64(unix.Minor(stat.Rdev)), 16)
	case 'u':
		return strconv.FormatUint(uint64(stat.Uid), 10)
	case 'U':
		return nameOf("/etc/passwd", int(stat.Uid), "UNKNOWN")
	case 'x':
		return when(stat.Atim)
	case 'X':
		return strconv.FormatInt(stat.Atim.Sec, 10)
	case 'y':
		return when(stat.Mtim)
	case 'Y':
		return strconv.FormatInt(stat.Mtim.Sec, 10)
	case 'z':
		return when(stat.Ctim)
	case 'Z':
		return strconv.FormatInt(stat.Ctim.Sec, 10)
	case 'w':
		return "-"
	case 'W':
		return "0"
	case '%':
		return "%"
	}
	return "?"
}

func kindText(stat *unix.Stat_t) string {
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	case unix.S_IFCHR:
		return "character special file"
	case unix.S_IFBLK:
		return "block special file"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	}
	if stat.Size == 0 {
		return "regular empty file"
	}
	return "regular file"
}
