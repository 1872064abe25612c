package apart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/jsonnet"
)

// childName is the name by which this binary is the child of Run.
const childName = "writ-jsonnet"

// What the child may take beyond Limits.Memory (the runtime's own), and its stack of Go's.
const (
	memoryMargin = 64 << 20
	goStack      = 64 << 20
)

// Main is the child of Run, where args say so by their first. A binary that calls Run calls it before anything
// else, and ends with status where it was played.
func Main(args []string) (status int, played bool) {
	if len(args) == 0 || filepath.Base(args[0]) != childName {
		return 0, false
	}
	if len(args) > 1 && args[1] == spareName {
		_ = warm() // the next program says what is wrong
	}
	if err := evaluate(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// spareName is the argument by which the child begins before it has a program.
const spareName = "spare"

// warm evaluates something, so that what every program needs has been read and made.
func warm() error {
	program := jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(map[string]string{
		"/main.jsonnet": `local f = import "f.libsonnet"; { run: [f(word) for word in std.split("a b", " ")] }`,
		"/f.libsonnet":  `function(word) { id: "%s" % word, check: "true", change: std.manifestJsonEx({ word: word }, " ") }`,
	})}
	_, err := jsonnet.Run(context.Background(), program, jsonnet.Access{}, jsonnet.Limits{})
	return err
}

func evaluate(in io.Reader, out io.Writer) error {
	first, err := readMessage(in, maxHead)
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(first.body, &p); err != nil {
		return err
	}
	if err := confine(p.Limits.Memory); err != nil {
		return err
	}
	c := &caller{out: out, answers: make(chan message)}
	go c.listen(in)
	result, err := jsonnet.Run(context.Background(), jsonnet.Program{Entrypoint: p.Entrypoint, Import: c.imports}, c.access(p), p.Limits)
	end := message{Kind: "done", body: result}
	if err != nil {
		var problem *jsonnet.Error
		if !errors.As(err, &problem) {
			return err
		}
		end = message{Kind: "failed", Problem: problem}
	}
	return end.write(out)
}

// confine bounds this process. The soft limit of Go's runtime makes it collect garbage in time; where that is not enough,
// the kernel's limit ends the process, or, where a kernel does not count what Go allocates, the watch.
func confine(memory int64) error {
	hard := uint64(memory + memoryMargin)
	if !raceDetector {
		if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: hard, Max: hard}); err != nil {
			return fmt.Errorf("bound the memory: %w", err)
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil { // it would hold values
		return fmt.Errorf("bound the core file: %w", err)
	}
	debug.SetMemoryLimit(memory)
	debug.SetMaxStack(goStack)
	go watch(hard)
	return nil
}

// watch ends the process when it has more memory.
func watch(most uint64) {
	if jsonnet.OutgrowsMemory(context.Background(), int64(most)) {
		fmt.Fprintln(os.Stderr, "out of memory")
		os.Exit(1)
	}
}

// caller asks the parent.
type caller struct {
	out     io.Writer
	answers chan message
}

// listen reads answers. Where there will be none the parent is gone, and so is this process, whatever it evaluates.
func (c *caller) listen(in io.Reader) {
	for {
		m, err := readMessage(in, math.MaxInt32)
		if err != nil {
			os.Exit(1)
		}
		c.answers <- m
	}
}

func (c *caller) call(kind string, body []byte, arguments ...string) (message, error) {
	if err := (message{Kind: kind, Arguments: arguments, body: body}).write(c.out); err != nil {
		return message{}, err
	}
	m := <-c.answers
	if m.Error != "" {
		return m, errors.New(m.Error)
	}
	return m, nil
}

func (c *caller) imports(from, path string) (string, []byte, error) {
	m, err := c.call("import", nil, from, path)
	if err != nil {
		return "", nil, err
	}
	return m.Arguments[0], m.body, nil
}

// access grants what the parent grants.
func (c *caller) access(p plan) jsonnet.Access {
	a := jsonnet.Access{Dir: p.Dir}
	for _, kind := range p.Granted {
		switch kind {
		case "config":
			a.Config = func() (value any, err error) {
				m, err := c.call("config", nil)
				if err == nil {
					err = json.Unmarshal(m.body, &value)
				}
				return value, err
			}
		case "env":
			a.Env = func(name string) (string, bool) {
				m, err := c.call("env", nil, name)
				return string(m.body), err == nil && m.Found
			}
		case "file":
			a.File = func(_ context.Context, path string) ([]byte, error) {
				m, err := c.call("file", nil, path)
				return m.body, err
			}
		case "fetch":
			a.Fetch = func(_ context.Context, r jsonnet.Request) ([]byte, error) {
				request, err := json.Marshal(r)
				if err != nil {
					return nil, err
				}
				m, err := c.call("fetch", request)
				return m.body, err
			}
		case "command":
			a.Command = func(_ context.Context, command string) (string, error) {
				m, err := c.call("command", nil, command)
				return string(m.body), err
			}
		case "record":
			a.Record = func(_ context.Context, kind, name string) ([]string, error) {
				m, err := c.call("record", nil, kind, name)
				return m.Arguments, err
			}
		case "get":
			a.Cache = remoteCache{c}
		case "trace":
			a.Trace = remoteTrace{c}
		}
	}
	return a
}

type remoteCache struct{ *caller }

func (c remoteCache) Get(key string) (value any, found bool) {
	m, err := c.call("get", nil, key)
	if err != nil || !m.Found || json.Unmarshal(m.body, &value) != nil {
		return nil, false
	}
	return value, true
}

func (c remoteCache) Put(key string, value any) {
	if text, err := json.Marshal(value); err == nil { // it is the evaluator's, and always JSON
		_, _ = c.call("put", text, key) // nobody is told of a value that was not kept: it is asked for again
	}
}

type remoteTrace struct{ *caller }

func (c remoteTrace) Write(text []byte) (int, error) {
	_, err := c.call("trace", text)
	return len(text), err
}
