package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// A command is one call of a utility: its arguments, its files, and the options once they are parsed.
type command struct {
	name string // as in errors
	zero string // argv[0] itself
	args []string
	in   io.Reader
	out  *bufio.Writer
	err  io.Writer

	directory string   // which relative paths are in; empty: the process's own
	standard  []any    // within the shell: what stands for the descriptors 0, 1 and 2
	options   []option // in the order given
}

// An option is one that was given, under its short letter.
type option struct {
	letter rune
	value  string
}

// discard is where a builtin writes that prints nothing.
func discard() *bufio.Writer { return bufio.NewWriterSize(io.Discard, 16) }

// finish flushes what the utility wrote; output that could not be written turns success into 1.
func (c *command) finish(status int) int {
	if err := c.out.Flush(); err != nil {
		if status == 0 {
			status = 1
		}
		if !errors.Is(err, syscall.EPIPE) {
			c.complain("write error: %s", reason(err))
		}
	}
	return status
}

// complain prints an error line, after what was written so far.
func (c *command) complain(format string, arguments ...any) {
	c.out.Flush()
	fmt.Fprintf(c.err, c.name+": "+format+"\n", arguments...)
}

// fail complains and returns 1, the status of most failures.
func (c *command) fail(format string, arguments ...any) int {
	c.complain(format, arguments...)
	return 1
}

// misused complains about an operand or option in the words of the GNU utilities and returns the status.
func (c *command) misused(status int, format string, arguments ...any) int {
	c.complain(format+"\nTry '"+c.name+" --help' for more information.", arguments...)
	return status
}

// parse takes the options out of c.args, options after operands too, as GNU's getopt does. Short is as in getopt(3): a
// letter, and a colon after it when it takes a value; a leading "+" ends options at the first operand. Each of long is
// "name=x": --name is -x; "name:=x" takes a value, "name?=x" may have one. It reports what is wrong and returns false.
func (c *command) parse(short string, long ...string) bool {
	short, stopEarly := strings.CutPrefix(short, "+")
	var operands []string
	rest := c.args
	for len(rest) > 0 {
		argument := rest[0]
		rest = rest[1:]
		switch {
		case argument == "--":
			c.args = append(operands, rest...)
			return true
		case strings.HasPrefix(argument, "--"):
			var ok bool
			if rest, ok = c.parseLong(argument[2:], rest, long); !ok {
				return false
			}
		case len(argument) > 1 && argument[0] == '-':
			var ok bool
			if rest, ok = c.parseShort(argument[1:], rest, short); !ok {
				return false
			}
		case stopEarly:
			c.args = append([]string{argument}, rest...)
			return true
		default:
			operands = append(operands, argument)
		}
	}
	c.args = operands
	return true
}

func (c *command) parseShort(letters string, rest []string, short string) ([]string, bool) {
	for i, letter := range letters {
		at := strings.IndexRune(short, letter)
		if at < 0 || letter == ':' {
			c.misused(0, "invalid option -- '%c'", letter)
			return nil, false
		}
		after := short[at+len(string(letter)):]
		if !strings.HasPrefix(after, ":") {
			c.options = append(c.options, option{letter, ""})
			continue
		}
		if value := letters[i+len(string(letter)):]; value != "" {
			c.options = append(c.options, option{letter, value})
			return rest, true
		}
		if len(rest) == 0 {
			c.misused(0, "option requires an argument -- '%c'", letter)
			return nil, false
		}
		c.options = append(c.options, option{letter, rest[0]})
		return rest[1:], true
	}
	return rest, true
}

func (c *command) parseLong(argument string, rest []string, long []string) ([]string, bool) {
	name, value, given := strings.Cut(argument, "=")
	spec := findLong(name, long)
	if spec == "" {
		c.misused(0, "unrecognized option '--%s'", name)
		return nil, false
	}
	full, letter, _ := strings.Cut(spec, "=")
	switch {
	case strings.HasSuffix(full, "?"):
	case strings.HasSuffix(full, ":"):
		if !given {
			if len(rest) == 0 {
				c.misused(0, "option '--%s' requires an argument", name)
				return nil, false
			}
			value, rest = rest[0], rest[1:]
		}
	case given:
		c.misused(0, "option '--%s' doesn't allow an argument", name)
		return nil, false
	}
	c.options = append(c.options, option{[]rune(letter)[0], value})
	return rest, true
}

// findLong finds a long option by its name or by an abbreviation that only one has.
func findLong(name string, long []string) string {
	found := ""
	for _, spec := range long {
		full, letter, _ := strings.Cut(spec, "=")
		full = strings.TrimRight(full, ":?")
		if full == name {
			return spec
		}
		if strings.HasPrefix(full, name) {
			if found != "" && !strings.HasSuffix(found, "="+letter) {
				return ""
			}
			found = spec
		}
	}
	return found
}

// has reports whether one of the letters was given.
func (c *command) has(letters string) bool {
	for _, o := range c.options {
		if strings.ContainsRune(letters, o.letter) {
			return true
		}
	}
	return false
}

// last is the one of the letters that was given last, or 0.
func (c *command) last(letters string) rune {
	var found rune
	for _, o := range c.options {
		if strings.ContainsRune(letters, o.letter) {
			found = o.letter
		}
	}
	return found
}

// value is what was last given with the letter, or otherwise.
func (c *command) value(letter rune, otherwise string) string {
	for _, o := range c.options {
		if o.letter == letter {
			otherwise = o.value
		}
	}
	return otherwise
}

// values are all values given with the letter.
func (c *command) values(letter rune) []string {
	var all []string
	for _, o := range c.options {
		if o.letter == letter {
			all = append(all, o.value)
		}
	}
	return all
}

// reason is an error in the words of the C library, which scripts look for: the system's error without the call and path.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		text := number.Error()
		return strings.ToUpper(text[:1]) + text[1:]
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// open opens a file to read; "-" is standard input.
func (c *command) open(path string) (io.ReadCloser, error) {
	if path == "-" {
		if file, ok := c.in.(*os.File); ok {
			return unclosed{file}, nil
		}
		return io.NopCloser(c.in), nil
	}
	return os.Open(path)
}

// unclosed is standard input, which stays open for the next "-".
type unclosed struct{ *os.File }

func (unclosed) Close() error { return nil }

// stated is content that can say which file it is.
type stated interface{ Stat() (os.FileInfo, error) }

// eachInput calls do with every operand's content, or standard input where there is none, and returns 1 if any could not
// be read.
func (c *command) eachInput(do func(name string, content io.Reader) error) int {
	paths := c.args
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	status := 0
	for _, path := range paths {
		file, err := c.open(path)
		if err == nil {
			err = do(path, file)
			file.Close()
		}
		if err != nil {
			status = c.fail("%s: %s", path, reason(err))
		}
	}
	return status
}

// maxLine bounds the line that a utility holds in memory, in bytes.
const maxLine = 64 << 20

// eachLine calls do with every line, its newline stripped; newline is false for a last line that has none. It stops when
// do returns false.
func eachLine(content io.Reader, do func(line string, newline bool) bool) error {
	return eachRecord(content, '\n', do)
}

// eachRecord is eachLine for any end of a line.
func eachRecord(content io.Reader, end byte, do func(line string, newline bool) bool) error {
	reader := bufio.NewReaderSize(content, 32<<10)
	var line []byte
	for {
		part, err := reader.ReadSlice(end)
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(line) > maxLine {
				return fmt.Errorf("line over %d bytes", maxLine)
			}
			continue
		case errors.Is(err, io.EOF):
			if len(line) > 0 {
				do(string(line), false)
			}
			return nil
		case err != nil:
			return err
		}
		if !do(string(line[:len(line)-1]), true) {
			return nil
		}
		line = line[:0]
	}
}
