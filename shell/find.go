package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// findMain is find [-HLP] [PATH...] [EXPRESSION]: 1 if anything could not be looked at.
func findMain(c *command) int {
	f := &finder{command: c, most: -1, now: time.Now()}
	args := c.args
	for len(args) > 0 && (args[0] == "-L" || args[0] == "-P" || args[0] == "-H") {
		f.follow = args[0] == "-L"
		args = args[1:]
	}
	var paths []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "(" && args[0] != "!" {
		paths, args = append(paths, args[0]), args[1:]
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	f.args = args
	expression := f.or()
	if f.problem == "" && len(f.args) > 0 {
		f.problem = fmt.Sprintf("paths must precede expression: '%s'", f.args[0])
	}
	if f.problem != "" {
		return c.fail("%s", f.problem)
	}
	if !f.acts {
		test := expression
		expression = func(v *visit) bool { return test(v) && f.print(v, "\n") }
	}
	for _, path := range paths {
		f.visit(&visit{path: path, start: path, name: filepath.Base(path)}, expression)
	}
	for _, flush := range f.ends {
		flush()
	}
	return f.status
}

type finder struct {
	command     *command
	args        []string
	problem     string
	follow      bool
	depthFirst  bool
	oneSystem   bool
	acts        bool // an action was said, so that -print is not implied
	least, most int
	now         time.Time
	ends        []func()
	status      int
}

// A visit is one file that find comes to.
type visit struct {
	path, start, name string
	depth             int
	stat              unix.Stat_t
	pruned            bool
}

// A test looks at a file, or acts on it.
type test func(*visit) bool

func (f *finder) wrong(format string, arguments ...any) test {
	if f.problem == "" {
		f.problem = fmt.Sprintf(format, arguments...)
	}
	return func(*visit) bool { return false }
}

func (f *finder) or() test {
	left := f.and()
	for len(f.args) > 0 && (f.args[0] == "-o" || f.args[0] == "-or") {
		f.args = f.args[1:]
		first, second := left, f.and()
		left = func(v *visit) bool { return first(v) || second(v) }
	}
	return left
}

func (f *finder) and() test {
	if len(f.args) == 0 {
		return func(*visit) bool { return true }
	}
	left := f.not()
	for len(f.args) > 0 && f.problem == "" && f.args[0] != "-o" && f.args[0] != "-or" && f.args[0] != ")" {
		if f.args[0] == "-a" || f.args[0] == "-and" {
			f.args = f.args[1:]
		}
		first, second := left, f.not()
		left = func(v *visit) bool { return first(v) && second(v) }
	}
	return left
}

func (f *finder) not() test {
	if len(f.args) == 0 {
		return f.wrong("expected an expression")
	}
	word := f.args[0]
	f.args = f.args[1:]
	switch word {
	case "!", "-not":
		inner := f.not()
		return func(v *visit) bool { return !inner(v) }
	case "(":
		inner := f.or()
		if len(f.args) == 0 || f.args[0] != ")" {
			return f.wrong("invalid expression; I was expecting to find a ')' somewhere but did not see one")
		}
		f.args = f.args[1:]
		return inner
	}
	return f.primary(word)
}

func (f *finder) argument(word string) (string, bool) {
	if len(f.args) == 0 {
		f.wrong("missing argument to `%s'", word)
		return "", false
	}
	argument := f.args[0]
	f.args = f.args[1:]
	return argument, true
}

func (f *finder) primary(word string) test {
	always := func(*visit) bool { return true }
	switch word {
	case "-true":
		return always
	case "-false":
		return func(*visit) bool { return false }
	case "-depth":
		f.depthFirst = true
		return always
	case "-xdev", "-mount":
		f.oneSystem = true
		return always
	case "-follow":
		f.follow = true
		return always
	case "-noleaf", "-daystart", "-nowarn", "-warn":
		return always
	case "-prune":
		return func(v *visit) bool { v.pruned = true; return true }
	case "-print", "-print0", "-delete", "-quit", "-ls", "-exec", "-execdir", "-ok", "-printf":
		f.acts = true
		return f.action(word)
	case "-empty":
		return f.isEmpty
	case "-readable", "-writable", "-executable":
		mode := map[string]uint32{"-readable": unix.R_OK, "-writable": unix.W_OK, "-executable": unix.X_OK}[word]
		return func(v *visit) bool { return unix.Access(v.path, mode) == nil }
	case "-nouser":
		return func(v *visit) bool { return nameOf("/etc/passwd", int(v.stat.Uid), "") == "" }
	case "-nogroup":
		return func(v *visit) bool { return nameOf("/etc/group", int(v.stat.Gid), "") == "" }
	}
	switch word {
	case "-name", "-iname", "-path", "-ipath", "-wholename", "-regex", "-type", "-maxdepth", "-mindepth", "-newer", "-size", "-perm",
		"-mtime", "-mmin", "-atime", "-ctime", "-user", "-group", "-uid", "-gid", "-links", "-inum", "-lname", "-samefile", "-newermt":
	default:
		return f.wrong("unknown predicate `%s'", word)
	}
	argument, ok := f.argument(word)
	if !ok {
		return f.wrong("")
	}
	return f.withArgument(word, argument)
}

func (f *finder) withArgument(word, argument string) test {
	matches := func(text func(*visit) string, fold bool) test {
		matcher, err := compile([]string{globToRegex(argument)}, 'P', fold, false, true)
		if err != nil {
			return func(*visit) bool { return false }
		}
		return func(v *visit) bool { return matcher.match(strings.ReplaceAll(text(v), "\n", " ")) }
	}
	number := func(of func(*visit) int64) test {
		wanted, sign, ok := f.number(argument)
		if !ok {
			return f.wrong("invalid argument `%s' to `%s'", argument, word)
		}
		return func(v *visit) bool { return compared(of(v), wanted, sign) }
	}
	age := func(unit time.Duration, of func(*visit) int64) test {
		return number(func(v *visit) int64 { return (f.now.UnixNano() - of(v)) / int64(unit) })
	}
	switch word {
	case "-name", "-iname":
		return matches(func(v *visit) string { return v.name }, word == "-iname")
	case "-path", "-wholename", "-ipath":
		return matches(func(v *visit) string { return v.path }, word == "-ipath")
	case "-lname":
		return matches(func(v *visit) string { target, _ := os.Readlink(v.path); return target }, false)
	case "-regex":
		matcher, err := compile([]string{argument}, 'G', false, false, true)
		if err != nil {
			return f.wrong("%v", err)
		}
		return func(v *visit) bool { return matcher.match(v.path) }
	case "-type":
		return f.isType(argument)
	case "-maxdepth", "-mindepth":
		depth, err := strconv.Atoi(argument)
		if err != nil || depth < 0 {
			return f.wrong("Expected a positive decimal integer argument to %s, but got '%s'", word, argument)
		}
		if word == "-maxdepth" {
			f.most = depth
		} else {
			f.least = depth
		}
		return func(*visit) bool { return true }
	case "-newer", "-samefile", "-newermt":
		return f.compare(word, argument)
	case "-size":
		return f.size(argument)
	case "-perm":
		return f.permissions(argument)
	case "-mtime":
		return age(24*time.Hour, func(v *visit) int64 { return v.stat.Mtim.Nano() })
	case "-atime":
		return age(24*time.Hour, func(v *visit) int64 { return v.stat.Atim.Nano() })
	case "-ctime":
		return age(24*time.Hour, func(v *visit) int64 { return v.stat.Ctim.Nano() })
	case "-mmin":
		return age(time.Minute, func(v *visit) int64 { return v.stat.Mtim.Nano() })
	case "-uid":
		return number(func(v *visit) int64 { return int64(v.stat.Uid) })
	case "-gid":
		return number(func(v *visit) int64 { return int64(v.stat.Gid) })
	case "-links":
		return number(func(v *visit) int64 { return int64(v.stat.Nlink) })
	case "-inum":
		return number(func(v *visit) int64 { return int64(v.stat.Ino) })
	case "-user":
		uid, _, problem := parseOwner(argument)
		if problem != "" {
			return f.wrong("'%s' is not the name of a known user", argument)
		}
		return func(v *visit) bool { return int(v.stat.Uid) == uid }
	}
	_, gid, problem := parseOwner(":" + argument) // -group
	if problem != "" {
		return f.wrong("'%s' is not the name of an existing group", argument)
	}
	return func(v *visit) bool { return int(v.stat.Gid) == gid }
}

func (f *finder) number(text string) (wanted int64, sign byte, ok bool) {
	if text != "" && (text[0] == '+' || text[0] == '-') {
		sign, text = text[0], text[1:]
	}
	wanted, err := strconv.ParseInt(text, 10, 64)
	return wanted, sign, err == nil && wanted >= 0
}

func compared(value, wanted int64, sign byte) bool {
	switch sign {
	case '+':
		return value > wanted
	case '-':
		return value < wanted
	}
	return value == wanted
}

func (f *finder) isType(letters string) test {
	kinds := map[string]uint32{"f": unix.S_IFREG, "d": unix.S_IFDIR, "l": unix.S_IFLNK, "p": unix.S_IFIFO, "s": unix.S_IFSOCK, "b": unix.S_IFBLK, "c": unix.S_IFCHR}
	var wanted []uint32
	for letter := range strings.SplitSeq(letters, ",") {
		kind, known := kinds[letter]
		if !known {
			return f.wrong("Unknown argument to -type: %s", letter)
		}
		wanted = append(wanted, kind)
	}
	return func(v *visit) bool { return slices.Contains(wanted, v.stat.Mode&unix.S_IFMT) }
}

func (f *finder) compare(word, argument string) test {
	var other unix.Stat_t
	if word == "-newermt" {
		when, err := parseDate(argument, f.now, time.Local, false)
		if err != nil {
			return f.wrong("I cannot figure out how to interpret '%s' as a date or time", argument)
		}
		return func(v *visit) bool { return v.stat.Mtim.Nano() > when.UnixNano() }
	}
	if err := unix.Stat(argument, &other); err != nil {
		return f.wrong("'%s': %s", argument, reason(err))
	}
	if word == "-samefile" {
		return func(v *visit) bool { return v.stat.Dev == other.Dev && v.stat.Ino == other.Ino }
	}
	return func(v *visit) bool { return v.stat.Mtim.Nano() > other.Mtim.Nano() }
}

func (f *finder) size(argument string) test {
	unit := int64(512)
	text := argument
	if units := map[byte]int64{'b': 512, 'c': 1, 'w': 2, 'k': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}; text != "" && units[text[len(text)-1]] != 0 {
		unit, text = units[text[len(text)-1]], text[:len(text)-1]
	}
	wanted, sign, ok := f.number(text)
	if !ok {
		return f.wrong("Invalid argument `%s' to -size", argument)
	}
	return func(v *visit) bool { return compared((v.stat.Size+unit-1)/unit, wanted, sign) }
}

func (f *finder) permissions(argument string) test {
	how := byte(0)
	text := argument
	if text != "" && (text[0] == '-' || text[0] == '/') {
		how, text = text[0], text[1:]
	}
	bits, ok := parseMode(text, 0, 0, false)
	if !ok {
		return f.wrong("invalid mode `%s'", argument)
	}
	return func(v *visit) bool {
		mode := v.stat.Mode & 0o7777
		switch how {
		case '-':
			return mode&bits == bits
		case '/':
			return bits == 0 || mode&bits != 0
		}
		return mode == bits
	}
}

func (f *finder) isEmpty(v *visit) bool {
	switch v.stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return v.stat.Size == 0
	case unix.S_IFDIR:
		entries, err := os.ReadDir(v.path)
		return err == nil && len(entries) == 0
	}
	return false
}
