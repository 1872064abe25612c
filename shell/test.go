package shell

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

func bracketMain(c *command) int {
	if len(c.args) == 0 || c.args[len(c.args)-1] != "]" {
		c.complain("missing ']'")
		return 2
	}
	c.args = c.args[:len(c.args)-1]
	return testMain(c)
}

// testMain is test: 0 true, 1 false, 2 not understood. With up to four arguments their number says what they mean, as
// POSIX has it.
func testMain(c *command) int {
	t := &tester{command: c}
	result := t.counted(c.args)
	switch {
	case t.problem != "":
		c.complain("%s", t.problem)
		return 2
	case result:
		return 0
	}
	return 1
}

type tester struct {
	command *command
	args    []string // what is left, for longer expressions
	problem string
}

func (t *tester) wrong(problem string) bool {
	if t.problem == "" {
		t.problem = problem
	}
	return false
}

func (t *tester) counted(args []string) bool {
	switch len(args) {
	case 0:
		return false
	case 1:
		return args[0] != ""
	case 2:
		if args[0] == "!" {
			return args[1] == ""
		}
		if !isUnary(args[0]) {
			return t.wrong("'" + args[0] + "': unary operator expected")
		}
		return t.unary(args[0], args[1])
	case 3:
		switch {
		case isBinary(args[1]):
			return t.binary(args[0], args[1], args[2])
		case args[0] == "!":
			return !t.counted(args[1:])
		case args[0] == "(" && args[2] == ")":
			return args[1] != ""
		case args[1] == "-a":
			return args[0] != "" && args[2] != ""
		case args[1] == "-o":
			return args[0] != "" || args[2] != ""
		}
		return t.wrong("'" + args[1] + "': binary operator expected")
	case 4:
		switch {
		case args[0] == "!":
			return !t.counted(args[1:])
		case args[0] == "(" && args[3] == ")":
			return t.counted(args[1:3])
		}
	}
	t.args = args
	result := t.or()
	if len(t.args) > 0 {
		return t.wrong("extra argument '" + t.args[0] + "'")
	}
	return result
}

func (t *tester) or() bool {
	result := t.and()
	for len(t.args) > 0 && t.args[0] == "-o" {
		t.args = t.args[1:]
		right := t.and()
		result = result || right
	}
	return result
}

func (t *tester) and() bool {
	result := t.not()
	for len(t.args) > 0 && t.args[0] == "-a" {
		t.args = t.args[1:]
		right := t.not()
		result = result && right
	}
	return result
}

func (t *tester) not() bool {
	if len(t.args) == 0 {
		return t.wrong("argument expected")
	}
	if t.args[0] == "!" && len(t.args) > 1 {
		t.args = t.args[1:]
		return !t.not()
	}
	return t.primary()
}

func (t *tester) primary() bool {
	a := t.args
	switch {
	case len(a) >= 3 && isBinary(a[1]):
		t.args = a[3:]
		return t.binary(a[0], a[1], a[2])
	case a[0] == "(":
		t.args = a[1:]
		result := t.or()
		if len(t.args) == 0 || t.args[0] != ")" {
			return t.wrong("')' expected")
		}
		t.args = t.args[1:]
		return result
	case len(a) >= 2 && isUnary(a[0]):
		t.args = a[2:]
		return t.unary(a[0], a[1])
	}
	t.args = a[1:]
	return a[0] != ""
}

// descriptor is the process's own number for one of the command's descriptors, -1 if it is no file.
func (t *tester) descriptor(number int) int {
	if number < 0 || number >= len(t.command.standard) {
		return number
	}
	file, ok := fileOf(t.command.standard[number])
	if !ok {
		return -1
	}
	return int(file.Fd())
}

// path is a path of the shell's directory, which is not the process's.
func (t *tester) path(text string) string {
	if number, standard := standardFile(text); standard {
		if value, err := strconv.Atoi(number); err == nil {
			return "/proc/self/fd/" + strconv.Itoa(t.descriptor(value))
		}
	}
	if text == "" || text[0] == '/' || t.command.directory == "" {
		return text
	}
	return t.command.directory + "/" + text
}

func isUnary(text string) bool {
	return len(text) == 2 && text[0] == '-' && strings.IndexByte("bcdefghkLnOGNprSstuwxz", text[1]) >= 0
}

func isBinary(text string) bool {
	switch text {
	case "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef":
		return true
	}
	return false
}

func (t *tester) unary(operator, text string) bool {
	switch operator[1] {
	case 'n':
		return text != ""
	case 'z':
		return text == ""
	case 't':
		number, err := strconv.Atoi(text)
		return err == nil && term.IsTerminal(t.descriptor(number))
	}
	path := t.path(text)
	switch operator[1] {
	case 'r':
		return unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS) == nil
	case 'w':
		return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS) == nil
	case 'x':
		return executable(path)
	case 'h', 'L':
		info, err := os.Lstat(path)
		return err == nil && info.Mode()&os.ModeSymlink != 0
	}
	var stat unix.Stat_t
	if unix.Stat(path, &stat) != nil {
		return false
	}
	kind := stat.Mode & unix.S_IFMT
	switch operator[1] {
	case 'e':
		return true
	case 'f':
		return kind == unix.S_IFREG
	case 'd':
		return kind == unix.S_IFDIR
	case 'b':
		return kind == unix.S_IFBLK
	case 'c':
		return kind == unix.S_IFCHR
	case 'p':
		return kind == unix.S_IFIFO
	case 'S':
		return kind == unix.S_IFSOCK
	case 's':
		return stat.Size > 0
	case 'u':
		return stat.Mode&unix.S_ISUID != 0
	case 'g':
		return stat.Mode&unix.S_ISGID != 0
	case 'k':
		return stat.Mode&unix.S_ISVTX != 0
	case 'O':
		return int(stat.Uid) == os.Geteuid()
	case 'G':
		return int(stat.Gid) == os.Getegid()
	case 'N':
		return stat.Mtim.Nano() > stat.Atim.Nano()
	}
	return false
}

func (t *tester) binary(left, operator, right string) bool {
	switch operator {
	case "=", "==":
		return left == right
	case "!=":
		return left != right
	case "<":
		return left < right
	case ">":
		return left > right
	case "-nt", "-ot", "-ef":
		return files(t.path(left), operator, t.path(right))
	}
	a, b := t.integer(left), t.integer(right)
	switch operator {
	case "-eq":
		return a == b
	case "-ne":
		return a != b
	case "-lt":
		return a < b
	case "-le":
		return a <= b
	case "-gt":
		return a > b
	}
	return a >= b
}

func (t *tester) integer(text string) int64 {
	value, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(text), "+"), 10, 64)
	if err != nil {
		t.wrong("invalid integer '" + text + "'")
	}
	return value
}

func files(left, operator, right string) bool {
	a, problemA := os.Stat(left)
	b, problemB := os.Stat(right)
	switch operator {
	case "-ef":
		return problemA == nil && problemB == nil && os.SameFile(a, b)
	case "-nt":
		return problemA == nil && (problemB != nil || a.ModTime().After(b.ModTime()))
	}
	return problemB == nil && (problemA != nil || a.ModTime().Before(b.ModTime()))
}
