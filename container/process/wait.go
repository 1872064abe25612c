package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

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
	handle  *os.Process

	mu       sync.Mutex
	reaped   bool      // the pid is not ours any more
	patience time.Time // aborted: until when the group may take to end; zero: not aborted

	done   chan struct{}
	status int   // valid when done
	err    error // valid when done
}

// Signal sends a signal to the whole group.
func (p *process) Signal(signal os.Signal) error {
	number, ok := signal.(syscall.Signal)
	if !ok {
		return fmt.Errorf("signal %v: not a signal of this system", signal)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signal(number)
}

// signal needs p.mu: until the leader is waited for, its number stands for this group and no other.
func (p *process) signal(number syscall.Signal) error {
	if p.reaped {
		return os.ErrProcessDone
	}
	return syscall.Kill(-p.handle.Pid, number)
}

// Wait returns the exit status, 128+n for a signal.
func (p *process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.status, p.err
	default:
	}
	select {
	case <-p.done:
		return p.status, p.err
	case <-ctx.Done():
		stop := p.abort()
		<-p.done
		stop()
		if p.err != nil {
			return p.status, errors.Join(ctx.Err(), p.err)
		}
		return p.status, ctx.Err()
	}
}

// abort asks the group to end, and makes it after the grace. The function that it returns stops the clock.
func (p *process) abort() (stop func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.patience = time.Now().Add(p.runtime.grace)
	_ = p.signal(syscall.SIGTERM) // it may have ended
	_ = p.signal(syscall.SIGCONT) // one that is stopped would not see it
	return time.AfterFunc(p.runtime.grace, func() { _ = p.Signal(syscall.SIGKILL) }).Stop
}

// reap waits for the process, ends all that it started, and puts everything back.
func (p *process) reap() {
	defer close(p.done)
	leader := p.handle.Pid
	container.AwaitExit(leader)
	self, _, _ := statProc(leader) // unreadable: every process counts as younger
	mark := markOf(p.tree.root)
	belongs := func(other proc) bool {
		return other.session == leader || other.group == leader || other.started >= self.started && other.carries(mark)
	}
	p.allowGrace(leader)
	p.mu.Lock()
	_ = p.signal(syscall.SIGKILL)
	p.mu.Unlock()
	lingering := killAll(context.Background(), belongs)

	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	state, err := p.handle.Wait()
	p.runtime.leash.Free(leader)
	if err == nil {
		p.status = container.ExitStatus(state.Sys().(syscall.WaitStatus))
	}
	p.err = errors.Join(err, lingering, p.streams.Finish(), p.tree.close())
}

// allowGrace lets the rest of an aborted group end by itself: a shell dies of SIGTERM at once, while what it started may be
// about to put things in order.
func (p *process) allowGrace(leader int) {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		p.mu.Lock()
		left := time.Until(p.patience)
		p.mu.Unlock()
		if left <= 0 {
			return
		}
		rest, err := find(func(other proc) bool { return other.session == leader || other.group == leader })
		if err != nil || len(rest) == 0 {
			return
		}
		time.Sleep(min(pause, left))
	}
}
