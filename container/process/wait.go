package process

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/writ-run/writ/container"
)

// process is a started process with its session.
//
//	running --it exits--------------------------------> kill the rest -> output -> volumes back -> done
//	   \--Wait's ctx ends: SIGTERM --grace or all gone--/
type process struct {
	runtime *Runtime
	tree    *tree
	streams *container.Streams
	group   *container.Group

	done   chan struct{}
	status int   // valid when done
	err    error // valid when done
}

// Signal sends a signal to the whole group.
func (p *process) Signal(signal os.Signal) error { return p.group.Signal(signal) }

// Wait returns the exit status, 128+n for a signal.
func (p *process) Wait(ctx context.Context) (int, error) {
	abort := func() { p.group.Abort(p.runtime.grace) }
	return container.AwaitDone(ctx, p.done, abort, func() (int, error) { return p.status, p.err })
}

// reap waits for the process, ends all that it started, and puts everything back.
func (p *process) reap() {
	defer close(p.done)
	leader := p.group.Leader()
	patience := p.group.AwaitExit()
	self, _ := container.StatOf(leader) // unreadable: every process counts as younger
	mark := markOf(p.tree.root)
	inside := func(other proc) bool { return other.Session == leader || other.Group == leader }
	container.AllowGrace(patience, func() bool {
		rest, err := find(inside)
		return err == nil && len(rest) > 0
	})
	_ = p.group.Signal(syscall.SIGKILL)
	lingering := killAll(context.Background(), func(other proc) bool {
		return inside(other) || other.Started >= self.Started && other.carries(mark)
	})
	p.group.Close()
	status, err := p.group.Reap()
	p.status = status
	p.err = errors.Join(err, lingering, p.streams.Finish(), p.tree.close())
}
