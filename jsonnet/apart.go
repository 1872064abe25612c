package jsonnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// RunApart evaluates a program in a process of its own, which is killed at the limits: of time, of memory (512 MiB where
// none is given, and 64 MiB for the runtime itself), of stack. It has no environment, opens no file, and dies with this
// process; imports and calls to a are answered here.
//
// The process is this binary: Main must be the first that it calls.
func RunApart(ctx context.Context, p Program, a Access, l Limits) ([]byte, error) {
	c, err := startChild()
	if err != nil {
		return nil, fmt.Errorf("evaluate apart: %w", err)
	}
	return c.run(ctx, p, a, l)
}

// run evaluates a program in a child, which has ended when it returns.
func (c *apart) run(ctx context.Context, p Program, a Access, l Limits) ([]byte, error) {
	l = l.orDefaults()
	within, cancel := context.WithTimeout(ctx, l.Time)
	defer cancel()
	stop := context.AfterFunc(within, func() { _ = c.command.Process.Kill() })
	defer stop()
	result, err := c.converse(within, p, a, l)
	died := c.end(errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE))
	switch {
	case err == nil:
		return result, nil
	case within.Err() != nil:
		return nil, ended(ctx, p, l)
	case errors.As(err, new(*Error)):
		return nil, err
	}
	return nil, &Error{File: p.Entrypoint, Text: c.why(l, err, died)}
}

// apart is a child.
type apart struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     io.ReadCloser
	said    head // on its stderr
	heard   bool // that it has asked or answered anything
}

func startChild() (*apart, error) {
	if filepath.Base(os.Args[0]) == childName {
		return nil, errors.New("this binary does not call jsonnet.Main")
	}
	c := &apart{said: head{limit: 4 << 10}}
	c.command = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{childName}, Dir: "/",
		Env:         []string{"GOTRACEBACK=none"}, // a fatal error of Go's is a line
		Stderr:      &c.said,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // a terminal's Ctrl-C is this process's
	}
	var err error
	if c.in, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	if c.out, err = c.command.StdoutPipe(); err != nil {
		return nil, err
	}
	return c, c.command.Start()
}

// end ends the child, which has done what it had to do unless it ends by itself, and says how it ended.
func (c *apart) end(byItself bool) string {
	c.in.Close()
	if !byItself {
		_ = c.command.Process.Kill()
	}
	_ = c.command.Wait()
	return c.command.ProcessState.String()
}

// converse says what is to be evaluated, and answers until there is a result.
func (c *apart) converse(ctx context.Context, p Program, a Access, l Limits) ([]byte, error) {
	text, err := json.Marshal(plan{Entrypoint: p.Entrypoint, Dir: a.Dir, Granted: a.granted(), Limits: l})
	if err != nil {
		return nil, err
	}
	if err := (message{Kind: "plan", body: text}).write(c.in); err != nil {
		return nil, err
	}
	limit := max(l.Bytes, maxHead)
	for {
		m, err := readMessage(c.out, limit)
		if err != nil {
			return nil, err
		}
		c.heard = true
		switch m.Kind {
		case "done":
			return m.body, nil
		case "failed":
			if m.Problem == nil {
				return nil, errors.New("it failed and does not say why")
			}
			return nil, m.Problem
		}
		if err := a.answer(ctx, p, m).write(c.in); err != nil {
			return nil, err
		}
	}
}

// why is the cause of a child's end that gave no result.
func (c *apart) why(l Limits, err error, died string) string {
	said := c.said.String()
	switch {
	case strings.Contains(said, "stack exceeds"):
		return fmt.Sprintf("the evaluation needs more than %d bytes of stack (the limit of stack)", goStack)
	case strings.Contains(said, "out of memory"), strings.Contains(said, "cannot allocate memory"),
		strings.Contains(said, "pthread_create failed"), strings.Contains(said, "failed to create new OS thread"): // a stack is memory too
		return fmt.Sprintf("the evaluation needs more than %d bytes of memory (the limit of memory)", l.Memory)
	case strings.Contains(said, "fatal error"), strings.Contains(said, "SIGSEGV"): // how Go's runtime ends where it has no memory even for its own
		return fmt.Sprintf("the evaluator broke: %s; most likely it needs more than %d bytes of memory (the limit of memory)", died, l.Memory)
	case said != "":
		first, _, _ := strings.Cut(strings.TrimSpace(said), "\n") // below it the runtime shows its own state
		return fmt.Sprintf("the evaluator broke: %s: %s", died, oneLine(first))
	}
	return fmt.Sprintf("the evaluator broke: %s: %v", died, err)
}

// head keeps the beginning of what is written.
type head struct {
	bytes.Buffer
	limit int
}

func (h *head) Write(data []byte) (int, error) {
	if room := h.limit - h.Len(); room > 0 {
		h.Buffer.Write(data[:min(room, len(data))])
	}
	return len(data), nil
}

// granted names the calls that an Access answers.
func (a Access) granted() []string {
	var names []string
	for name := range calls {
		if a.grants(name) {
			names = append(names, name)
		}
	}
	return names
}
