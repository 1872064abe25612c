package container

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Group is a process that leads a session of its own, with whatever is in its group. It is held on the leash.
//
//	Leash.Start --it exits------------------------------> AwaitExit --> Reap, and an end of the rest --> Close
//	      \--Abort: SIGTERM --grace--> SIGKILL--it exits--/
//
// Its number stays the group's for as long as the leader is not reaped, or anything is in the group. Close comes while that
// is so, or at once after.
type Group struct {
	leash  *Leash
	handle *os.Process
	reaped chan struct{} // closed once the leader is

	mu       sync.Mutex
	exited   bool      // the leader has, so that it is too late to abort
	closed   bool      // the number may be another's
	patience time.Time // aborted: until when the group may take to end; zero: not so
	killer   *time.Timer
}

// Start starts the leader of a group. The kernel kills it should this process be killed before the leash holds the group;
// it will hardly have started anything by then.
func (l *Leash) Start(executable string, arguments []string, attributes os.ProcAttr, log *slog.Logger) (*Group, error) {
	system := syscall.SysProcAttr{}
	if attributes.Sys != nil {
		system = *attributes.Sys
	}
	// A session of its own: a group to end, and no terminal of the caller's to read from or to signal.
	system.Setsid, system.Pdeathsig = true, syscall.SIGKILL
	attributes.Sys = &system
	g := &Group{leash: l, reaped: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel sends Pdeathsig when the thread that forked ends, so this one stays for as long as the process does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		handle, err := startProcess(executable, arguments, &attributes)
		if err == nil {
			g.handle = handle
			l.Hold(handle.Pid, log)
		}
		started <- err
		if err == nil {
			<-g.reaped
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return g, nil
}

// startProcess starts a process; while a file that was just written is still open in another child, it tries again.
func startProcess(executable string, arguments []string, attributes *os.ProcAttr) (*os.Process, error) {
	for delay := time.Millisecond; ; delay *= 2 {
		handle, err := os.StartProcess(executable, arguments, attributes)
		if err == nil || !errors.Is(err, syscall.ETXTBSY) || delay > time.Second {
			return handle, err
		}
		time.Sleep(delay)
	}
}

// Leader is the number of the process, and of its group.
func (g *Group) Leader() int { return g.handle.Pid }

// Signal sends a signal to the whole group; an os.ErrProcessDone after Close.
func (g *Group) Signal(signal os.Signal) error {
	number, ok := signal.(syscall.Signal)
	if !ok {
		return fmt.Errorf("signal %v: not a signal of this system", signal)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.signal(number)
}

func (g *Group) signal(number syscall.Signal) error { // needs g.mu
	if g.closed {
		return os.ErrProcessDone
	}
	return syscall.Kill(-g.handle.Pid, number)
}

// Abort asks the group to end, and makes it after the grace. It does nothing the second time, and when the leader has exited.
func (g *Group) Abort(grace time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.exited || !g.patience.IsZero() {
		return
	}
	g.patience = time.Now().Add(grace)
	_ = g.signal(syscall.SIGTERM) // it may have ended
	_ = g.signal(syscall.SIGCONT) // one that is stopped would not see it
	g.killer = time.AfterFunc(grace, func() { _ = g.Signal(syscall.SIGKILL) })
}

// AwaitExit returns when the leader has exited. It stays a zombie, so that its number remains its group's. Where it was
// aborted, the rest of the group may take until patience to end by itself: a shell dies of SIGTERM at once, while what it
// started may be about to put things in order. Else what is left of the group is for the caller to kill.
func (g *Group) AwaitExit() (patience time.Time) {
	for unix.Waitid(unix.P_PID, g.handle.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.exited = true
	return g.patience
}

// Reap waits for the leader. Its exit status is that of a shell: 128+n for a signal.
func (g *Group) Reap() (status int, err error) {
	state, err := g.handle.Wait()
	close(g.reaped)
	if err != nil {
		return 0, err
	}
	if of := state.Sys().(syscall.WaitStatus); of.Signaled() {
		return 128 + int(of.Signal()), nil
	}
	return state.ExitCode(), nil
}

// Aborted says whether Abort came in time.
func (g *Group) Aborted() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.patience.IsZero()
}

// Close lets the group go: no signal reaches its number any more.
func (g *Group) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.killer != nil {
		g.killer.Stop()
	}
	g.leash.Free(g.handle.Pid)
}

// AwaitDone is the Wait of a Process whose end another goroutine sees to. When ctx ends, it aborts the process, waits all
// the same, and adds the reason.
func AwaitDone(ctx context.Context, done <-chan struct{}, abort func(), result func() (int, error)) (int, error) {
	select {
	case <-done:
		return result()
	default:
	}
	select {
	case <-done:
		return result()
	case <-ctx.Done():
	}
	abort()
	<-done
	status, err := result()
	if err != nil {
		return status, errors.Join(ctx.Err(), err)
	}
	return status, ctx.Err()
}

// AllowGrace returns at a time, or before it when nothing is left. Each look is dear.
func AllowGrace(until time.Time, left func() bool) {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		rest := time.Until(until)
		if rest <= 0 || !left() {
			return
		}
		time.Sleep(min(pause, rest))
	}
}
