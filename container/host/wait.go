package host

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

// How long the group of an ended process may take to be gone once it was killed. Where nobody reaps orphans (a first
// process of a container that does not), their group stays, and this is what each wait for it costs.
const goneWait = 100 * time.Millisecond

// process is a started process with its session. Whoever waits for it does all that there is to do.
type process struct {
	runtime *Runtime
	streams *container.Streams
	handle  *os.Process
	reaped  chan struct{} // closed once the process has been waited for

	mu       sync.Mutex
	exited   bool      // the leader has, so that it is too late to end it
	gone     bool      // nothing of the group is left to signal
	patience time.Time // ended by Wait: until when the group may take to end; zero: not so
	killer   *time.Timer

	once   sync.Once
	status int
	err    error
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

// signal needs p.mu. The number stays the group's for as long as the leader is not waited for or anything is in the group.
func (p *process) signal(number syscall.Signal) error {
	if p.gone {
		return os.ErrProcessDone
	}
	return syscall.Kill(-p.handle.Pid, number)
}

// Wait returns the exit status, 128+n for a signal.
func (p *process) Wait(ctx context.Context) (int, error) {
	stop := context.AfterFunc(ctx, p.abort)
	p.once.Do(p.reap)
	stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() == nil || p.patience.IsZero() {
		return p.status, p.err
	}
	if p.err != nil {
		return p.status, errors.Join(ctx.Err(), p.err)
	}
	return p.status, ctx.Err()
}

// abort asks the group to end, and makes it after the grace.
func (p *process) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exited || !p.patience.IsZero() {
		return
	}
	p.patience = time.Now().Add(p.runtime.grace)
	_ = p.signal(syscall.SIGTERM) // it may have ended
	_ = p.signal(syscall.SIGCONT) // one that is stopped would not see it
	p.killer = time.AfterFunc(p.runtime.grace, func() { _ = p.Signal(syscall.SIGKILL) })
}

// reap waits for the process, and ends what is left of its group.
func (p *process) reap() {
	leader := p.handle.Pid
	container.AwaitExit(leader)
	p.mu.Lock()
	p.exited = true
	patience, killer := p.patience, p.killer
	if patience.IsZero() {
		_ = p.signal(syscall.SIGKILL)
	}
	p.mu.Unlock()
	state, err := p.handle.Wait()
	close(p.reaped)
	if err == nil {
		p.status = container.ExitStatus(state.Sys().(syscall.WaitStatus))
	}
	if !patience.IsZero() {
		killer.Stop()
		p.allowGrace(patience) // a shell dies of SIGTERM at once, while what it started may be about to put things in order
	}
	p.allowGrace(time.Now().Add(goneWait))
	p.mu.Lock()
	p.gone = true
	p.mu.Unlock()
	p.runtime.leash.Free(leader)
	p.err = errors.Join(err, p.streams.Finish())
}

// allowGrace returns when nothing of the group is left, or kills it when its time has come. While anything is in the
// group its number is no other's; between two looks, far fewer processes start than there are numbers.
func (p *process) allowGrace(until time.Time) {
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		p.mu.Lock()
		left := time.Until(until)
		number := syscall.Signal(0)
		if left <= 0 {
			number = syscall.SIGKILL
		}
		err := p.signal(number)
		p.mu.Unlock()
		if err != nil || left <= 0 {
			return
		}
		time.Sleep(min(pause, left))
	}
}
