package shell

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// ours reports whether a builtin is of our own making: the interpreter lacks it, or it is not bash's.
func ours(name string) bool {
	switch name {
	case "trap", "wait", "kill", "jobs", "umask", "ulimit", "printf", "echo", "times", "disown", "hash", "set":
		return true
	}
	return false
}

// onCall sees every command before the interpreter does. It runs the traps of signals that came, and turns the builtins
// that are ours into commands that onExec knows.
func (s *session) onCall(ctx context.Context, args []string) ([]string, error) {
	hc := interp.HandlerCtx(ctx)
	if s.isMain(hc) {
		if text := s.takePending(); text != "" {
			return []string{"eval", after(s.rewriteText(text), args)}, nil
		}
	} else if s.isKilled(hc) {
		return nil, errKilled
	}
	s.trace(hc, args)
	name := args[0]
	if s.isFunction(name) {
		return args, nil
	}
	switch {
	case ours(name), (name == "test" || name == "[") && !slices.ContainsFunc(args, needsShell):
		return own(args), nil
	case (name == "command" || name == "builtin") && len(args) > 1 && ours(args[1]):
		return own(args[1:]), nil
	}
	switch name {
	case "exec":
		if len(args) > 1 && s.isMain(hc) {
			return own(args), nil
		}
	case "eval":
		return []string{"eval", s.rewriteText(strings.Join(args[1:], " "))}, nil
	case "source", ".":
		s.mutex.Lock()
		s.sourcing = len(args) > 1
		s.mutex.Unlock()
	case "shopt":
		return shoptArguments(args), nil
	case "cd":
		return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "-P" || a == "-L" || a == "--" }), nil
	case "read":
		if readsMore(args) {
			return own(args), nil
		}
	case "logout":
		args[0] = "exit"
	}
	return args, nil
}

func own(args []string) []string {
	return append([]string{builtinMark + args[0]}, args[1:]...)
}

// builtin runs one of our own.
func (s *session) builtin(ctx context.Context, hc interp.HandlerContext, name string, args []string) (int, error) {
	switch name {
	case "trap":
		if len(args) > 1 && slices.ContainsFunc(args[1:], notASignal) {
			return 0, hc.Builtin(ctx, append([]string{"trap"}, args...))
		}
		return s.trap(hc.Stdout, hc.Stderr, args, s.isMain(hc)), nil
	case "wait":
		return s.wait(hc, args), nil
	case "read":
		return s.read(ctx, hc, args)
	case "kill":
		return s.kill(hc, args), nil
	case "jobs":
		return s.listJobs(hc, args), nil
	case "exec":
		status := s.replace(hc, args)
		return status, hc.Builtin(ctx, []string{"exit", strconv.Itoa(status)})
	case "umask":
		return umask(hc, args), nil
	case "ulimit":
		fmt.Fprintln(hc.Stdout, "unlimited")
		return 0, nil
	case "times":
		fmt.Fprint(hc.Stdout, "0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n")
		return 0, nil
	case "printf":
		if len(args) > 2 && args[0] == "-v" {
			return s.printfInto(ctx, hc, args[1], args[2:])
		}
		return inside(s.zero+": printf", hc, args, printfMain), nil
	case "echo":
		return inside("echo", hc, args, echoMain), nil
	case "set":
		return s.set(ctx, hc, args)
	case "test":
		return inside(s.zero+": "+name, hc, args, testMain), nil
	case "[":
		return inside(s.zero+": "+name, hc, args, bracketMain), nil
	}
	return 0, nil // disown, hash
}

// needsShell: a test that only the interpreter can make, of its variables and options.
func needsShell(argument string) bool {
	return argument == "-v" || argument == "-R" || argument == "-o"
}

// notASignal: ERR is the interpreter's own trap.
func notASignal(name string) bool { return name == "ERR" }

// inside runs a utility within the shell.
func inside(name string, hc interp.HandlerContext, args []string, run utility) int {
	c := &command{name: name, zero: name, args: args, out: bufio.NewWriter(hc.Stdout), err: hc.Stderr, directory: hc.Dir, standard: []any{hc.Stdin, hc.Stdout, hc.Stderr}}
	return c.finish(run(c))
}

// printfInto is printf -v.
func (s *session) printfInto(ctx context.Context, hc interp.HandlerContext, name string, args []string) (int, error) {
	var text strings.Builder
	writer := hc
	writer.Stdout = &text
	status := inside(s.zero+": printf", writer, args, printfMain)
	quoted, err := syntax.Quote(text.String(), syntax.LangBash)
	if err != nil {
		return 1, nil
	}
	return status, hc.Builtin(ctx, []string{"eval", name + "=" + quoted})
}

func umask(hc interp.HandlerContext, args []string) int {
	now := syscall.Umask(0o022)
	syscall.Umask(now)
	if len(args) == 0 {
		fmt.Fprintf(hc.Stdout, "%04o\n", now)
		return 0
	}
	if args[0] == "-S" {
		text := func(bits int) string {
			return strings.NewReplacer("-", "").Replace(rwx(uint32(7&^bits), "", ""))
		}
		fmt.Fprintf(hc.Stdout, "u=%s,g=%s,o=%s\n", text(now>>6&7), text(now>>3&7), text(now&7))
		return 0
	}
	wanted, err := strconv.ParseUint(args[0], 8, 12)
	if err != nil {
		mode, ok := parseMode(args[0], uint32(0o777&^now), 0, false)
		if !ok {
			fmt.Fprintf(hc.Stderr, "umask: %s: invalid mode\n", args[0])
			return 1
		}
		wanted = uint64(0o777 &^ mode)
	}
	syscall.Umask(int(wanted))
	return 0
}

func printVariables(out io.Writer, env expand.Environ) {
	values := map[string]string{}
	for name, variable := range env.Each {
		if !variable.IsSet() || variable.Kind != expand.String || strings.HasPrefix(name, "__writ_") {
			delete(values, name)
			continue
		}
		quoted, err := syntax.Quote(variable.String(), syntax.LangBash)
		if err == nil {
			values[name] = quoted
		}
	}
	for _, name := range sortedKeys(values) {
		fmt.Fprintf(out, "%s=%s\n", name, values[name])
	}
}

// idleOption: an option of `set -o` that changes nothing here.
func idleOption(name string) bool {
	switch name {
	case "errtrace", "functrace", "monitor", "posix", "braceexpand", "hashall", "noclobber", "physical", "verbose", "vi",
		"emacs", "histexpand", "history", "privileged", "nolog", "notify", "ignoreeof", "keyword", "onecmd", "interactive-comments":
		return true
	}
	return false
}

// idleShopt: an option of shopt that the interpreter does not have.
func idleShopt(name string) bool {
	switch name {
	case "dotglob", "expand_aliases", "extglob", "globstar", "nocaseglob", "nullglob":
		return false
	}
	return true
}

func shoptArguments(args []string) []string {
	if len(args) < 3 || args[1] != "-s" && args[1] != "-u" {
		return args
	}
	kept := append(slices.Clone(args[:2]), slices.DeleteFunc(slices.Clone(args[2:]), idleShopt)...)
	if len(kept) == 2 {
		return []string{"true"}
	}
	return kept
}
