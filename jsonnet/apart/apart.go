// Package apart evaluates Jsonnet that was received, in a child of this binary, which is killed at its limits: of time, of
// memory (512 MiB where none is given, and 64 MiB for the runtime itself), of stack.
//
//	Run, or Evaluator with a child that is ready --plan--> Main, in the child: jsonnet.Run
//	  Importer, Access  <--------what it needs, and the answer, ...-------->  the same, over a pipe
//	                    <--JSON, or the mistake--
//
// Invariant: the child has no environment, opens no file, and dies with this process; it is answered what is granted,
// whatever it says.
package apart

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

	"github.com/writ-run/writ/jsonnet"
)

// Run evaluates a program as jsonnet.Run does, in a child, unless there is nothing to evaluate. The process is this binary:
// Main must be the first that it calls.
func Run(ctx context.Context, p jsonnet.Program, a jsonnet.Access, l jsonnet.Limits) ([]byte, error) {
	if json, is := jsonnet.Literal(p, l); is {
		return json, nil
	}
	c, err := start(childName)
	if err != nil {
		return nil, fmt.Errorf("evaluate apart: %w", err)
	}
	return c.run(ctx, p, a, l)
}

// run evaluates a program in a child, which has ended when it returns.
func (c *child) run(ctx context.Context, p jsonnet.Program, a jsonnet.Access, l jsonnet.Limits) ([]byte, error) {
	l = l.OrDefaults()
	within, cancel := context.WithTimeout(ctx, l.Time)
	defer cancel()
	stop := context.AfterFunc(within, func() { _ = c.command.Process.Kill() })
	defer stop()
	result, err := c.converse(within, parent{a, p}, l)
	died := c.end(errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE))
	switch {
	case err == nil:
		return result, nil
	case within.Err() != nil:
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, jsonnet.TooLong(p, l)
	case jsonnet.IsError(err):
		return nil, err
	}
	return nil, jsonnet.Broken(p, c.why(l, err, died))
}

// child is the process.
type child struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     io.ReadCloser
	said    head // on its stderr
	heard   bool // that it has asked or answered anything
}

func start(arguments ...string) (*child, error) {
	if filepath.Base(os.Args[0]) == childName {
		return nil, errors.New("this binary does not call apart.Main")
	}
	c := &child{said: head{limit: 4 << 10}}
	c.command = &exec.Cmd{
		Path: "/proc/self/exe", Args: arguments, Dir: "/",
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
func (c *child) end(byItself bool) string {
	c.in.Close()
	if !byItself {
		_ = c.command.Process.Kill()
	}
	_ = c.command.Wait()
	return c.command.ProcessState.String()
}

// converse says what is to be evaluated, and answers until there is a result.
func (c *child) converse(ctx context.Context, a parent, l jsonnet.Limits) ([]byte, error) {
	text, err := json.Marshal(plan{Entrypoint: a.program.Entrypoint, Dir: a.Dir, Granted: a.granted(), Limits: l})
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
		if err := a.answer(ctx, m).write(c.in); err != nil {
			return nil, err
		}
	}
}

// why is the cause of a child's end that gave no result.
func (c *child) why(l jsonnet.Limits, err error, died string) string {
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
		return fmt.Sprintf("the evaluator broke: %s: %s", died, first)
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
