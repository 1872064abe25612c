package apart

import (
	"bytes"
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/jsonnet"
)

// spareTime is how long a process waits for another program.
const spareTime = 30 * time.Second

// Evaluator evaluates as Run does, each program in a process of its own, and may have the next process ready: most
// of what a small program takes is the start of one. Its zero value is good.
type Evaluator struct {
	mu       sync.Mutex
	spare    *child
	timer    *time.Timer // ends the spare
	starting sync.WaitGroup
	busy     bool // with starting one
	needed   bool // a program took one
	closed   bool
	last     literal
}

// literal is a program of plain data, with its JSON: an order that changes nothing is the one before, again and again.
type literal struct {
	text   []byte // nil: there was none
	limits jsonnet.Limits
	json   []byte
}

// Run evaluates a program, in the process that is ready where there is one.
func (e *Evaluator) Run(ctx context.Context, p jsonnet.Program, a jsonnet.Access, l jsonnet.Limits) ([]byte, error) {
	if json, is := e.literal(p, l); is {
		return json, nil // plain data takes none
	}
	if c := e.take(); c != nil {
		result, err := c.run(ctx, p, a, l)
		if err == nil || c.heard || ctx.Err() != nil {
			return result, err
		} // it has died while it waited
	}
	return Run(ctx, p, a, l)
}

// literal is jsonnet.Literal, which does not read again what it read last.
func (e *Evaluator) literal(p jsonnet.Program, l jsonnet.Limits) (json []byte, is bool) {
	_, text, err := p.Import("", p.Entrypoint)
	if err != nil {
		return nil, false
	}
	e.mu.Lock()
	last := e.last
	e.mu.Unlock()
	if last.text != nil && last.limits == l && bytes.Equal(last.text, text) {
		return bytes.Clone(last.json), true
	}
	p.Import = jsonnet.Text(p.Entrypoint, text, p.Import) // a file may be another one the next time
	if json, is = jsonnet.Literal(p, l); is {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.last = literal{bytes.Clone(text), l, bytes.Clone(json)}
	}
	return json, is
}

// take returns the process that is ready; nil: none is.
func (e *Evaluator) take() *child {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.spare
	e.spare, e.needed = nil, true
	if c == nil || !e.timer.Stop() || !c.lives() {
		if c != nil {
			go c.end(false)
		}
		return nil
	}
	return c
}

// lives says whether the process has not ended.
func (c *child) lives() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, c.command.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo == 0
}

// Prepare starts a process for the next program, without waiting for it, unless one is ready, or none was needed yet: all
// programs were plain data. It ends after half a minute.
func (e *Evaluator) Prepare() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.busy || e.spare != nil || !e.needed {
		return
	}
	e.busy = true
	e.starting.Go(func() {
		c, err := start(childName, spareName)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.busy = false
		switch {
		case err != nil: // the next Run tries, and says so
		case e.closed:
			c.end(false)
		default:
			e.spare = c
			e.timer = time.AfterFunc(spareTime, e.Rest)
		}
	})
}

// Rest ends the process that is ready.
func (e *Evaluator) Rest() {
	e.mu.Lock()
	c := e.spare
	e.spare = nil
	if c != nil {
		e.timer.Stop()
	}
	e.mu.Unlock()
	if c != nil {
		c.end(false)
	}
}

// Close ends the process that is ready, and has none any more.
func (e *Evaluator) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.starting.Wait()
	e.Rest()
}
