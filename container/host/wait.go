package host

import (
	"context"
	"errors"
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
	group   *container.Group

	once   sync.Once
	status int
	err    error
}

// Signal sends a signal to the whole group.
func (p *process) Signal(signal os.Signal) error { return p.group.Signal(signal) }

// Wait returns the exit status, 128+n for a signal.
func (p *process) Wait(ctx context.Context) (int, error) {
	stop := context.AfterFunc(ctx, func() { p.group.Abort(p.runtime.grace) })
	p.once.Do(p.reap)
	stop()
	if ctx.Err() == nil || !p.group.Aborted() {
		return p.status, p.err
	}
	if p.err != nil {
		return p.status, errors.Join(ctx.Err(), p.err)
	}
	return p.status, ctx.Err()
}

// reap waits for the process, and ends what is left of its group.
func (p *process) reap() {
	patience := p.group.AwaitExit()
	if patience.IsZero() {
		_ = p.group.Signal(syscall.SIGKILL)
	}
	status, err := p.group.Reap()
	p.status = status
	if !patience.IsZero() {
		p.allowGrace(patience)
	}
	p.allowGrace(time.Now().Add(goneWait))
	p.group.Close()
	p.err = errors.Join(err, p.streams.Finish())
}

// allowGrace returns when nothing of the group is left, or kills it when its time has come. While anything is in the
// group its number is no other's; between two looks, far fewer processes start than there are numbers.
func (p *process) allowGrace(until time.Time) {
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		left := time.Until(until)
		number := syscall.Signal(0)
		if left <= 0 {
			number = syscall.SIGKILL
		}
		if err := p.group.Signal(number); err != nil || left <= 0 {
			return
		}
		time.Sleep(min(pause, left))
	}
}
