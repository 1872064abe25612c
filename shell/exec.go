package shell

import (
	"context"
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
	"mvdan.cc/sh/v3/interp"
)

// onExec runs a command that is no function and no builtin of the interpreter's: a builtin of ours, or a program.
func (s *session) onExec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	status := 0
	if name, ours := strings.CutPrefix(args[0], builtinMark); ours {
		var err error
		if status, err = s.builtin(ctx, hc, name, args[1:]); err != nil {
			return err
		}
	} else {
		status = s.program(hc, args)
	}
	if status != 0 {
		return interp.ExitStatus(status)
	}
	return nil
}

// program starts a program and waits for it.
func (s *session) program(hc interp.HandlerContext, args []string) int {
	path, status := look(args[0], hc.Dir, hc.Env)
	if status != 0 {
		fmt.Fprintf(hc.Stderr, "%s: %s: %s\n", s.zero, args[0], path)
		return status
	}
	if !s.begin(hc) {
		return 128 + int(syscall.SIGTERM)
	}
	process, err := s.start(hc, path, args)
	if errors.Is(err, syscall.ENOEXEC) { // a script without an interpreter's name is ours
		process, err = s.start(hc, "/proc/self/exe", append([]string{"sh", scriptName(args[0], path)}, args[1:]...))
	}
	if err != nil {
		s.abandon(hc)
		fmt.Fprintf(hc.Stderr, "%s: %s: %s\n", s.zero, args[0], reason(err))
		if errors.Is(err, syscall.ENOENT) {
			return 127
		}
		return 126
	}
	release := s.track(hc, process.Process)
	err = process.Wait()
	release()
	status = ended(process.ProcessState, err)
	if number := syscall.Signal(status - 128); status > 128 && process.ProcessState.ExitCode() < 0 && number != syscall.SIGINT && number != syscall.SIGPIPE && s.isMain(hc) {
		text := number.String()
		fmt.Fprintf(hc.Stderr, "%s%s\n", strings.ToUpper(text[:1]), text[1:])
	}
	return status
}

// scriptName is what a script without an interpreter's name has as $0: how it was called.
func scriptName(called, path string) string {
	if strings.Contains(called, "/") {
		return called
	}
	return path
}

// start starts a program.
func (s *session) start(hc interp.HandlerContext, path string, args []string) (process *exec.Cmd, err error) {
	err = whileBusy(func() error {
		process = &exec.Cmd{
			Path: path, Args: args, Env: exported(hc.Env), Dir: hc.Dir,
			Stdin: hc.Stdin, Stdout: plain(hc.Stdout), Stderr: plain(hc.Stderr), ExtraFiles: s.extra(hc),
		}
		return process.Start()
	})
	return process, err
}

// whileBusy starts a program; while its file, which was just written, is still open in another child, it tries again.
func whileBusy(start func() error) error {
	for delay := time.Millisecond; ; delay *= 2 {
		if err := start(); !errors.Is(err, syscall.ETXTBSY) || delay > time.Second/4 {
			return err
		}
		time.Sleep(delay)
	}
}

// ended is the exit status that a shell gives a process that has ended.
func ended(state *os.ProcessState, err error) int {
	if state == nil {
		return 126
	}
	status, known := state.Sys().(syscall.WaitStatus)
	switch {
	case known && status.Signaled():
		return 128 + int(status.Signal())
	case state.ExitCode() > 0:
		return state.ExitCode()
	case err != nil && !errors.Is(err, exec.ErrWaitDelay) && !errors.Is(err, syscall.EPIPE):
		return 1
	}
	return 0
}

// exported is the environment of a program.
func exported(env expand.Environ) []string {
	values := map[string]string{}
	var names []string
	for name, variable := range env.Each {
		_, before := values[name]
		if !variable.IsSet() || !variable.Exported || variable.Kind != expand.String {
			if before && !(name == "PWD" || name == "OLDPWD") {
				delete(values, name)
			}
			if !(variable.IsSet() && (name == "PWD" || name == "OLDPWD")) {
				continue
			}
		}
		if _, known := values[name]; !known {
			names = append(names, name)
		}
		values[name] = variable.String()
	}
	list := make([]string, 0, len(names))
	for _, name := range names {
		if value, still := values[name]; still {
			list = append(list, name+"="+value)
			delete(values, name)
		}
	}
	return list
}

// replace is the builtin exec: the program takes the shell's place, with its process id.
func (s *session) replace(hc interp.HandlerContext, args []string) int {
	zero := ""
	environ := exported(hc.Env)
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		switch {
		case args[0] == "--":
		case args[0] == "-a":
			zero, args = args[1], args[1:]
		case args[0] == "-c":
			environ = nil
		default:
			fmt.Fprintf(hc.Stderr, "%s: exec: %s: invalid option\n", s.zero, args[0])
			return 2
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return 0
	}
	path, status := look(args[0], hc.Dir, hc.Env)
	if status != 0 {
		fmt.Fprintf(hc.Stderr, "%s: exec: %s: %s\n", s.zero, args[0], path)
		return status
	}
	if zero != "" {
		args = append([]string{zero}, args[1:]...)
	}
	err := s.takePlace(hc, path, args, environ)
	if errors.Is(err, syscall.ENOEXEC) {
		err = s.takePlace(hc, "/proc/self/exe", append([]string{"sh", scriptName(args[0], path)}, args[1:]...), environ)
	}
	fmt.Fprintf(hc.Stderr, "%s: %s: %s\n", s.zero, args[0], reason(err))
	return 126
}

func (s *session) takePlace(hc interp.HandlerContext, path string, args, environ []string) error {
	for descriptor, end := range []any{hc.Stdin, hc.Stdout, hc.Stderr} {
		if end == nil || end == io.Discard {
			continue
		}
		file, ok := fileOf(end)
		if !ok {
			return fmt.Errorf("descriptor %s is no file", strconv.Itoa(descriptor))
		}
		number := int(file.Fd())
		if number == descriptor {
			continue
		}
		if err := unix.Dup3(number, descriptor, 0); err != nil {
			return err
		}
	}
	for i, file := range s.extra(hc) {
		if file == nil {
			continue
		}
		if err := unix.Dup3(int(file.Fd()), i+3, 0); err != nil {
			return err
		}
	}
	if err := os.Chdir(hc.Dir); err != nil {
		return err
	}
	return whileBusy(func() error { return unix.Exec(path, args, environ) })
}
