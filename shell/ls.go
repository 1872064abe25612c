package shell

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// listed is one file that ls shows.
type listed struct {
	name, path string
	stat       unix.Stat_t
	unknown    bool // it went between readdir and stat
}

// lsMain is ls, always with one name a line. An operand that is not there makes 2, a directory inside that cannot be
// read 1.
func lsMain(c *command) int {
	if !c.parse("aAldRn1htSrigopFsLHCxmqQNkUufcGvXZT:w:I:", "all=a", "almost-all=A", "directory=d", "recursive=R", "numeric-uid-gid=n",
		"human-readable=h", "reverse=r", "inode=i", "size=s", "classify?=F", "dereference=L", "color?=C", "full-time=E", "time-style:=T",
		"group-directories-first=D", "no-group=G", "file-type=p", "quote-name=Q", "sort:=Y", "format:=Z") {
		return 2
	}
	l := &lister{command: c, long: c.has("lnogE")}
	paths := c.args
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var files, directories []listed
	for _, path := range paths {
		one, err := l.stat(path, path, c.has("LH") || !l.long && !c.has("dF"))
		switch {
		case err != nil:
			l.status = 2
			c.complain("cannot access '%s': %s", path, reason(err))
		case one.stat.Mode&unix.S_IFMT == unix.S_IFDIR && !c.has("d"):
			directories = append(directories, one)
		default:
			files = append(files, one)
		}
	}
	l.sort(files)
	l.sort(directories)
	l.print(files, directories)
	headed := len(paths) > 1 || c.has("R")
	for i, directory := range directories {
		l.directory(directory.path, headed, i > 0 || len(files) > 0, 2)
	}
	return l.status
}

type lister struct {
	command *command
	long    bool
	status  int
}

func (l *lister) stat(path, name string, follow bool) (listed, error) {
	one := listed{name: name, path: path}
	if follow {
		if unix.Stat(path, &one.stat) == nil {
			return one, nil
		}
	}
	return one, unix.Lstat(path, &one.stat)
}

func (l *lister) directory(path string, headed, blank bool, problem int) {
	c := l.command
	file, err := os.Open(path)
	var names []string
	if err == nil {
		names, err = file.Readdirnames(-1)
		file.Close()
	}
	if err != nil {
		c.complain("cannot open directory '%s': %s", path, reason(err))
		l.status = max(l.status, problem)
		return
	}
	if blank {
		fmt.Fprintln(c.out)
	}
	if headed {
		fmt.Fprintf(c.out, "%s:\n", path)
	}
	if c.has("af") && !(c.last("aA") == 'A') {
		names = append(names, ".", "..")
	}
	var entries []listed
	for _, name := range names {
		if strings.HasPrefix(name, ".") && !c.has("aAf") {
			continue
		}
		one, err := l.stat(path+"/"+name, name, c.has("L"))
		one.unknown = err != nil
		one.path = join(path, name)
		entries = append(entries, one)
	}
	l.sort(entries)
	if l.long || c.has("s") {
		blocks := int64(0)
		for _, one := range entries {
			blocks += one.stat.Blocks
		}
		total := strconv.FormatInt(blocks/2, 10)
		if c.has("h") {
			total = human(blocks * 512)
		}
		fmt.Fprintf(c.out, "total %s\n", total)
	}
	l.print(entries)
	if !c.has("R") {
		return
	}
	for _, one := range entries {
		if one.stat.Mode&unix.S_IFMT == unix.S_IFDIR && one.name != "." && one.name != ".." {
			l.directory(one.path, true, true, 1)
		}
	}
}

// join is path/name, without the cleaning that filepath.Join does.
func join(path, name string) string {
	if strings.HasSuffix(path, "/") {
		return path + name
	}
	return path + "/" + name
}

func (l *lister) sort(entries []listed) {
	c := l.command
	if c.has("Uf") {
		return
	}
	slices.SortStableFunc(entries, func(a, b listed) int {
		order := 0
		switch c.last("tS") {
		case 't':
			order = cmp.Compare(b.stat.Mtim.Nano(), a.stat.Mtim.Nano())
		case 'S':
			order = cmp.Compare(b.stat.Size, a.stat.Size)
		}
		if order == 0 {
			order = strings.Compare(a.name, b.name)
		}
		if c.has("r") {
			return -order
		}
		return order
	})
}

// print prints entries, the columns of the long form as wide as their widest and that of others.
func (l *lister) print(entries []listed, others ...[]listed) {
	rows := make([][]string, 0, len(entries))
	widths := []int{}
	for _, one := range append(slices.Clone(entries), slices.Concat(others...)...) {
		row := l.columns(one)
		for len(widths) < len(row) {
			widths = append(widths, 0)
		}
		for i, text := range row {
			widths[i] = max(widths[i], len(text))
		}
		rows = append(rows, row)
	}
	right := l.alignments()
	for i, row := range rows[:len(entries)] {
		for column, text := range row {
			if right[column] {
				fmt.Fprintf(l.command.out, "%*s ", widths[column], text)
			} else {
				fmt.Fprintf(l.command.out, "%-*s ", widths[column], text)
			}
		}
		fmt.Fprintln(l.command.out, l.label(entries[i]))
	}
}

// alignments says of every column whether it is aligned to the right, in the order of columns.
func (l *lister) alignments() []bool {
	var right []bool
	add := func(condition bool, alignment ...bool) {
		if condition {
			right = append(right, alignment...)
		}
	}
	c := l.command
	add(c.has("i"), true)
	add(c.has("s"), true)
	add(l.long, false, true)
	add(l.long && !c.has("g"), c.has("n"))
	add(l.long && !c.has("oG"), c.has("n"))
	add(l.long, true, false)
	return right
}

func (l *lister) columns(one listed) []string {
	c := l.command
	var row []string
	if c.has("i") {
		row = append(row, strconv.FormatUint(one.stat.Ino, 10))
	}
	if c.has("s") {
		row = append(row, l.size(one.stat.Blocks*512, one.stat.Blocks/2))
	}
	if !l.long {
		return row
	}
	row = append(row, modeText(one.stat.Mode), strconv.FormatUint(uint64(one.stat.Nlink), 10))
	if !c.has("g") {
		row = append(row, l.who(int(one.stat.Uid), userName))
	}
	if !c.has("oG") {
		row = append(row, l.who(int(one.stat.Gid), groupName))
	}
	size := l.size(one.stat.Size, one.stat.Size)
	if kind := one.stat.Mode & unix.S_IFMT; kind == unix.S_IFCHR || kind == unix.S_IFBLK {
		size = fmt.Sprintf("%d, %d", unix.Major(uint64(one.stat.Rdev)), unix.Minor(uint64(one.stat.Rdev)))
	}
	return append(row, size, l.time(time.Unix(one.stat.Mtim.Unix())))
}

func (l *lister) size(bytes, plain int64) string {
	if l.command.has("h") {
		return human(bytes)
	}
	return strconv.FormatInt(plain, 10)
}

func (l *lister) who(number int, name func(int) string) string {
	if l.command.has("n") {
		return strconv.Itoa(number)
	}
	return name(number)
}

func (l *lister) time(when time.Time) string {
	switch style := l.command.value('T', ""); {
	case l.command.has("E") || style == "full-iso":
		return when.Format("2006-01-02 15:04:05.000000000 -0700")
	case style == "long-iso":
		return when.Format("2006-01-02 15:04")
	case strings.HasPrefix(style, "+"):
		return strftime(style[1:], when)
	}
	if age := time.Since(when); age < -time.Second || age > 365*24*time.Hour/2 {
		return when.Format("Jan _2  2006")
	}
	return when.Format("Jan _2 15:04")
}

func (l *lister) label(one listed) string {
	c := l.command
	name := one.name
	if c.has("Q") {
		name = strconv.Quote(name)
	}
	kind := one.stat.Mode & unix.S_IFMT
	if kind == unix.S_IFLNK && l.long {
		if target, err := os.Readlink(one.path); err == nil {
			return name + " -> " + target
		}
	}
	if c.has("p") && kind == unix.S_IFDIR {
		return name + "/"
	}
	if c.has("F") {
		return name + classified(one.stat.Mode)
	}
	return name
}

func classified(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "/"
	case unix.S_IFLNK:
		return "@"
	case unix.S_IFIFO:
		return "|"
	case unix.S_IFSOCK:
		return "="
	case unix.S_IFREG:
		if mode&0o111 != 0 {
			return "*"
		}
	}
	return ""
}

// human is a number of bytes in K, M, G, rounded up, with a digit after the point below 10.
func human(bytes int64) string {
	if bytes < 1024 {
		return strconv.FormatInt(bytes, 10)
	}
	value := bytes
	for _, unit := range "KMGTPE" {
		if value < 1024*1024 {
			tenths := (value*10 + 1023) / 1024
			if tenths < 100 {
				return fmt.Sprintf("%d.%d%c", tenths/10, tenths%10, unit)
			}
			if whole := (value + 1023) / 1024; whole < 1024 {
				return fmt.Sprintf("%d%c", whole, unit)
			}
		}
		value = (value + 1023) / 1024
	}
	return strconv.FormatInt(bytes, 10)
}

func basenameMain(c *command) int {
	if !c.parse("+as:z", "multiple=a", "suffix:=s", "zero=z") {
		return 1
	}
	switch {
	case len(c.args) == 0:
		return c.misused(1, "missing operand")
	case !c.has("as") && len(c.args) > 2:
		return c.misused(1, "extra operand '%s'", c.args[2])
	}
	suffix := c.value('s', "")
	if !c.has("as") && len(c.args) == 2 {
		suffix, c.args = c.args[1], c.args[:1]
	}
	for _, path := range c.args {
		name := filepath.Base(path)
		if path == "" {
			name = ""
		}
		if rest := strings.TrimSuffix(name, suffix); rest != "" {
			name = rest
		}
		fmt.Fprintln(c.out, name)
	}
	return 0
}

func dirnameMain(c *command) int {
	if !c.parse("+z", "zero=z") {
		return 1
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing operand")
	}
	for _, path := range c.args {
		trimmed := strings.TrimRight(path, "/")
		at := strings.LastIndexByte(trimmed, '/')
		switch {
		case trimmed == "" && path != "":
			trimmed = "/"
		case at < 0:
			trimmed = "."
		default:
			if trimmed = strings.TrimRight(trimmed[:at], "/"); trimmed == "" {
				trimmed = "/"
			}
		}
		fmt.Fprintln(c.out, trimmed)
	}
	return 0
}
