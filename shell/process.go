package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
)

// killArguments reads kill's: the signal (TERM if not said) and the targets. Without targets it has printed the list of
// signals or what is wrong, and status says which.
func killArguments(name string, out, problems io.Writer, args []string) (number syscall.Signal, targets []string, status int) {
	number = syscall.SIGTERM
	wrong := func(format string, arguments ...any) (syscall.Signal, []string, int) {
		fmt.Fprintf(problems, name+": "+format+"\n", arguments...)
		return 0, nil, 1
	}
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && args[0] != "--" {
		option, rest := args[0][1:], args[1:]
		switch option {
		case "l", "L":
			return 0, nil, listSignals(out, rest)
		case "s", "n":
			if len(rest) == 0 {
				return wrong("-%s: option requires an argument", option)
			}
			option, rest = rest[0], rest[1:]
		default:
			option = strings.TrimPrefix(option, "s")
		}
		parsed, ok := parseSignal(option)
		if !ok {
			return wrong("%s: invalid signal specification", option)
		}
		number, args = parsed, rest
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintf(problems, "%s: usage: kill [-s sigspec | -n signum | -sigspec] pid ... or kill -l [sigspec]\n", name)
		return 0, nil, 2
	}
	return number, args, 0
}

func killProcess(name string, problems io.Writer, target string, number syscall.Signal) bool {
	process, err := strconv.Atoi(target)
	if err != nil {
		fmt.Fprintf(problems, "%s: %s: arguments must be process or job IDs\n", name, target)
		return false
	}
	if err := syscall.Kill(process, number); err != nil {
		fmt.Fprintf(problems, "%s: (%d) - %s\n", name, process, reason(err))
		return false
	}
	return true
}

func killMain(c *command) int {
	number, targets, status := killArguments(c.name, c.out, c.err, c.args)
	if targets == nil && status == 2 {
		return 1
	}
	for _, target := range targets {
		if !killProcess(c.name, c.err, target, number) {
			status = 1
		}
	}
	return status
}

// duration reads sleep's and timeout's: a number, with a fraction, and s, m, h or d.
func duration(text string) (time.Duration, bool) {
	unit := time.Second
	if text != "" {
		units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
		if found, ok := units[text[len(text)-1]]; ok {
			unit, text = found, text[:len(text)-1]
		}
	}
	if text == "infinity" || text == "inf" {
		return 1<<63 - 1, true
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value < 0 || value != value {
		return 0, false
	}
	if value*float64(unit) > float64(1<<62) {
		return 1<<63 - 1, true
	}
	return time.Duration(value * float64(unit)), true
}

func sleepMain(c *command) int {
	if !c.parse("") {
		return 1
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing operand")
	}
	total := time.Duration(0)
	for _, text := range c.args {
		one, ok := duration(text)
		if !ok {
			return c.misused(1, "invalid time interval '%s'", text)
		}
		if total += one; total < 0 {
			total = 1<<63 - 1
		}
	}
	time.Sleep(total)
	return 0
}

// find looks a program up in this process's PATH. It never plays a utility itself: what is not in PATH is not there.
func find(name string) (string, int) {
	directory, _ := unixWd()
	return look(name, directory, expand.ListEnviron("PATH="+os.Getenv("PATH")))
}

// startProgram starts a program with our files, or says why not and returns 127 or 126.
func (c *command) startProgram(args, environ []string) (*exec.Cmd, int) {
	path, status := find(args[0])
	if status != 0 {
		if status == 127 {
			path = "No such file or directory"
		}
		c.complain("'%s': %s", args[0], path)
		return nil, status
	}
	c.out.Flush()
	var process *exec.Cmd
	if err := whileBusy(func() error {
		process = &exec.Cmd{Path: path, Args: args, Env: environ, Stdin: c.in, Stdout: os.Stdout, Stderr: c.err}
		return process.Start()
	}); err != nil {
		c.complain("'%s': %s", args[0], reason(err))
		return nil, 126
	}
	return process, 0
}

// become replaces this process by a program, or says why not and returns 127 or 126.
func (c *command) become(args, environ []string) int {
	path, status := find(args[0])
	if status != 0 {
		if status == 127 {
			path = "No such file or directory"
		}
		c.complain("'%s': %s", args[0], path)
		return status
	}
	c.out.Flush()
	err := whileBusy(func() error { return unix.Exec(path, args, environ) })
	if errors.Is(err, unix.ENOEXEC) {
		err = unix.Exec("/proc/self/exe", append([]string{"sh", path}, args[1:]...), environ)
	}
	c.complain("'%s': %s", args[0], reason(err))
	if errors.Is(err, unix.ENOENT) {
		return 127
	}
	return 126
}

// envMain is env [-i] [-u NAME] [-C DIRECTORY] [NAME=VALUE...] [COMMAND].
func envMain(c *command) int {
	if !c.parse("+iu:0C:S:v", "ignore-environment=i", "unset:=u", "null=0", "chdir:=C", "split-string:=S") {
		return 125
	}
	environ := os.Environ()
	if split := c.value('S', ""); split != "" {
		c.args = append(strings.Fields(split), c.args...)
	}
	if len(c.args) > 0 && c.args[0] == "-" {
		c.options, c.args = append(c.options, option{'i', ""}), c.args[1:]
	}
	if c.has("i") {
		environ = nil
	}
	set := func(name, value string, keep bool) {
		var changed []string
		for _, variable := range environ {
			if !strings.HasPrefix(variable, name+"=") {
				changed = append(changed, variable)
			} else if keep {
				changed, keep = append(changed, name+"="+value), false
			}
		}
		if keep {
			changed = append(changed, name+"="+value)
		}
		environ = changed
	}
	for _, name := range c.values('u') {
		set(name, "", false)
	}
	for len(c.args) > 0 && strings.Contains(c.args[0], "=") {
		name, value, _ := strings.Cut(c.args[0], "=")
		set(name, value, true)
		if name == "PATH" {
			os.Setenv(name, value)
		}
		c.args = c.args[1:]
	}
	if directory := c.value('C', ""); directory != "" {
		if err := os.Chdir(directory); err != nil {
			c.complain("cannot change directory to '%s': %s", directory, reason(err))
			return 125
		}
	}
	if len(c.args) > 0 {
		return c.become(c.args, environ)
	}
	end := "\n"
	if c.has("0") {
		end = "\x00"
	}
	for _, variable := range environ {
		c.out.WriteString(variable + end)
	}
	return 0
}

func printenvMain(c *command) int {
	if !c.parse("+0", "null=0") {
		return 2
	}
	end := "\n"
	if c.has("0") {
		end = "\x00"
	}
	if len(c.args) == 0 {
		for _, variable := range os.Environ() {
			c.out.WriteString(variable + end)
		}
		return 0
	}
	status := 0
	for _, name := range c.args {
		value, set := os.LookupEnv(name)
		if !set || strings.Contains(name, "=") {
			status = 1
			continue
		}
		c.out.WriteString(value + end)
	}
	return status
}
