package shell

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func (f *finder) print(v *visit, end string) bool {
	f.command.out.WriteString(v.path + end)
	return true
}

func (f *finder) action(word string) test {
	switch word {
	case "-print":
		return func(v *visit) bool { return f.print(v, "\n") }
	case "-print0":
		return func(v *visit) bool { return f.print(v, "\x00") }
	case "-quit":
		return func(*visit) bool {
			f.command.finish(f.status)
			os.Exit(f.status)
			return true
		}
	case "-delete":
		f.depthFirst = true
		return f.delete
	case "-ls":
		return func(v *visit) bool {
			fmt.Fprintf(f.command.out, "%9d %6d %s %3d %-8s %-8s %8d %s %s\n", v.stat.Ino, v.stat.Blocks/2, modeText(v.stat.Mode), v.stat.Nlink,
				userName(int(v.stat.Uid)), groupName(int(v.stat.Gid)), v.stat.Size, time.Unix(v.stat.Mtim.Unix()).Format("Jan _2 15:04"), v.path)
			return true
		}
	case "-printf":
		format, ok := f.argument(word)
		if !ok {
			return f.wrong("")
		}
		return func(v *visit) bool {
			f.command.out.WriteString(findFormat(format, v))
			return true
		}
	}
	return f.exec(word)
}

func (f *finder) delete(v *visit) bool {
	if v.path == "." {
		return true
	}
	remove := syscall.Unlink
	if v.stat.Mode&unix.S_IFMT == unix.S_IFDIR {
		remove = syscall.Rmdir
	}
	if err := remove(v.path); err != nil {
		f.status = f.command.fail("cannot delete '%s': %s", v.path, reason(err))
		return false
	}
	return true
}

// maxArguments is how many bytes of arguments one command gets at most.
const maxArguments = 128 << 10

// exec is -exec COMMAND ; and -exec COMMAND {} +.
func (f *finder) exec(word string) test {
	var words []string
	for {
		if len(f.args) == 0 {
			return f.wrong("missing argument to `%s'", word)
		}
		next := f.args[0]
		f.args = f.args[1:]
		if next == ";" {
			break
		}
		if next == "+" && len(words) > 0 && words[len(words)-1] == "{}" {
			return f.execMany(words[:len(words)-1])
		}
		words = append(words, next)
	}
	if len(words) == 0 {
		return f.wrong("missing argument to `%s'", word)
	}
	return func(v *visit) bool {
		path, directory := v.path, ""
		if word == "-execdir" {
			path, directory = "./"+v.name, filepath.Dir(v.path)
		}
		args := make([]string, len(words))
		for i, text := range words {
			args[i] = strings.ReplaceAll(text, "{}", path)
		}
		return f.run(args, directory) == 0
	}
}

func (f *finder) execMany(words []string) test {
	var paths []string
	size := 0
	flush := func() {
		if len(paths) == 0 {
			return
		}
		if f.run(append(append([]string{}, words...), paths...), "") != 0 {
			f.status = 1
		}
		paths, size = nil, 0
	}
	f.ends = append(f.ends, flush)
	return func(v *visit) bool {
		paths = append(paths, v.path)
		if size += len(v.path) + 1; size > maxArguments {
			flush()
		}
		return true
	}
}

func (f *finder) run(args []string, directory string) int {
	path, status := find(args[0])
	if status != 0 {
		f.command.complain("'%s': No such file or directory", args[0])
		f.status = 1
		return status
	}
	f.command.out.Flush()
	var process *exec.Cmd
	err := whileBusy(func() error {
		process = &exec.Cmd{Path: path, Args: args, Dir: directory, Stdin: f.command.in, Stdout: os.Stdout, Stderr: f.command.err}
		return process.Run()
	})
	if process.ProcessState == nil {
		f.status = f.command.fail("'%s': %s", args[0], reason(err))
		return 126
	}
	return ended(process.ProcessState, err)
}

func findFormat(format string, v *visit) string {
	var out strings.Builder
	text, _ := unescape(strings.ReplaceAll(format, `\0`, `\000`), false)
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		switch text[i] {
		case 'p':
			out.WriteString(v.path)
		case 'f':
			out.WriteString(v.name)
		case 'h':
			directory := "."
			if at := strings.LastIndexByte(v.path, '/'); at >= 0 {
				directory = v.path[:at]
			}
			out.WriteString(directory)
		case 'P':
			out.WriteString(strings.TrimPrefix(strings.TrimPrefix(v.path, v.start), "/"))
		case 'd':
			out.WriteString(strconv.Itoa(v.depth))
		case 'm':
			out.WriteString(statField('a', v.path, &v.stat))
		case 'M':
			out.WriteString(statField('A', v.path, &v.stat))
		case 'y':
			kind := modeText(v.stat.Mode)[:1]
			out.WriteString(map[bool]string{true: "f", false: kind}[kind == "-"])
		case 's':
			out.WriteString(statField('s', v.path, &v.stat))
		case 'u':
			out.WriteString(userName(int(v.stat.Uid)))
		case 'g':
			out.WriteString(groupName(int(v.stat.Gid)))
		case 'U':
			out.WriteString(statField('u', v.path, &v.stat))
		case 'G':
			out.WriteString(statField('g', v.path, &v.stat))
		case 'i', 'n':
			out.WriteString(statField(map[byte]byte{'i': 'i', 'n': 'h'}[text[i]], v.path, &v.stat))
		case 'l':
			target, _ := os.Readlink(v.path)
			out.WriteString(target)
		case 'T':
			if i+1 < len(text) {
				i++
				when := time.Unix(v.stat.Mtim.Unix())
				if text[i] == '@' {
					fmt.Fprintf(&out, "%d.%09d0", when.Unix(), when.Nanosecond())
				} else {
					out.WriteString(strftime("%"+string(text[i]), when))
				}
			}
		case '%':
			out.WriteByte('%')
		default:
			out.WriteString("%" + string(text[i]))
		}
	}
	return out.String()
}

// xargsMain is xargs [-0rtx] [-n N] [-L N] [-I TEXT] [-d C] [-P N] [-s N]: 123 if a command failed, 124 if one exited
// with 255, 125 if one was killed, 126 and 127 as ever.
func xargsMain(c *command) int {
	if !c.parse("+0rtxn:L:I:d:P:s:a:E:e", "null=0", "no-run-if-empty=r", "verbose=t", "max-args:=n", "max-lines:=L", "replace:=I", "delimiter:=d",
		"max-procs:=P", "max-chars:=s", "arg-file:=a", "exit=x") {
		return 1
	}
	words := c.args
	if len(words) == 0 {
		words = []string{"echo"}
	}
	in, err := c.open(c.value('a', "-"))
	if err != nil {
		return c.fail("cannot open input file '%s': %s", c.value('a', ""), reason(err))
	}
	content, err := readAll(in)
	if err != nil {
		return c.fail("%s", reason(err))
	}
	items, problem := xargsItems(c, string(content))
	x := &xargs{command: c, words: words}
	most, err := strconv.Atoi(c.value('n', c.value('L', "5000")))
	if err != nil || most < 1 {
		return c.fail("invalid number \"%s\" for -n option", c.value('n', c.value('L', "")))
	}
	replace := c.value('I', "")
	if replace != "" {
		for _, item := range items {
			args := make([]string, len(words))
			for i, word := range words {
				args[i] = strings.ReplaceAll(word, replace, item)
			}
			if stop := x.run(args); stop {
				return x.status
			}
		}
	} else if len(items) > 0 || !c.has("r") && problem == "" {
		for first := true; first || len(items) > 0; first = false {
			count, size := 0, 0
			for count < len(items) && count < most && size+len(items[count]) < maxArguments {
				size += len(items[count]) + 1
				count++
			}
			count = max(count, min(1, len(items)))
			if stop := x.run(append(append([]string{}, words...), items[:count]...)); stop {
				return x.status
			}
			items = items[count:]
		}
	}
	if problem != "" {
		return c.fail("%s", problem)
	}
	return x.status
}

type xargs struct {
	command *command
	words   []string
	status  int
}

// run runs one command and reports whether to stop at once.
func (x *xargs) run(args []string) (stop bool) {
	if x.command.has("t") {
		fmt.Fprintln(x.command.err, strings.Join(args, " "))
	}
	in := x.command.in
	x.command.in = nil
	process, status := x.command.startProgram(args, os.Environ())
	x.command.in = in
	if process == nil {
		x.status = status
		return true
	}
	err := process.Wait()
	switch status := ended(process.ProcessState, err); {
	case status == 0:
	case process.ProcessState.ExitCode() < 0:
		x.command.complain("%s: terminated by signal %d", args[0], status-128)
		x.status = 125
		return true
	case status == 255:
		x.command.complain("%s: exited with status 255; aborting", args[0])
		x.status = 124
		return true
	default:
		x.status = 123
	}
	return false
}

// xargsItems splits the input: at NUL, at a delimiter, in lines (-I), or in words with quotes and backslashes.
func xargsItems(c *command, text string) (items []string, problem string) {
	delimiter := ""
	switch {
	case c.has("0"):
		delimiter = "\x00"
	case c.has("d"):
		if delimiter, _ = unescape(c.value('d', ""), false); delimiter == "" {
			return nil, "input delimiter specification must be one character"
		}
	}
	if delimiter != "" {
		items = strings.Split(strings.TrimSuffix(text, delimiter), delimiter)
		if text == "" {
			items = nil
		}
		return items, ""
	}
	var word strings.Builder
	started, quote := false, rune(0)
	escaped := false
	end := func() {
		if started {
			items = append(items, word.String())
		}
		word.Reset()
		started = false
	}
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case quote != 0:
			if r == '\n' {
				return items, fmt.Sprintf("unmatched %s quote; by default quotes are special to xargs unless you use the -0 option", map[rune]string{'\'': "single", '"': "double"}[quote])
			}
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\\':
			escaped, started = true, true
		case r == '\'' || r == '"':
			quote, started = r, true
		case r == '\n' || (r == ' ' || r == '\t') && (!c.has("I") || !started):
			end()
		default:
			word.WriteRune(r)
			started = true
		}
	}
	end()
	if quote != 0 {
		return items, "unmatched quote; by default quotes are special to xargs unless you use the -0 option"
	}
	return items, ""
}
