package oci

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
)

// process is a container with its task.
type process struct {
	runtime   *Runtime
	id        string
	directory string
	state     string // the directory in which the OCI runtime keeps what it knows of it
	image     *Image
	plan      plan
	taken     []*volume
	hostUser  int // the id on the host of the task's user
	account   Account
	targets   []string // of forwarded connections
	pasta     string   // its path; empty: it has no part in this
	filter    *os.File // of system calls, for init to put in place; the runtime's
	learn     bool     // the filter that the OCI runtime makes is to be kept
	limited   uint64   // bytes of memory; 0: not limited
	stops     []func()
	streams   *container.Streams

	notes      *os.File // the stage's directory, where the OCI runtime writes until the task has started; nil: p.directory
	statusFile *os.File
	status     *bufio.Reader
	pid        int // on the host, of init
	pidfd      int // -1: it had ended already

	mu       sync.Mutex
	ended    bool
	patience time.Time // aborted: until when the rest may take to end; zero: not aborted
	killer   *time.Timer

	done chan struct{}
	exit int   // valid when done
	err  error // valid when done
}

// Wait returns the exit status once the container and all that it had are gone.
func (p *process) Wait(ctx context.Context) (int, error) {
	return container.AwaitDone(ctx, p.done, p.abort, func() (int, error) { return p.exit, p.err })
}

// abort asks all processes to end, and makes them after the grace.
func (p *process) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || !p.patience.IsZero() {
		return
	}
	p.patience = time.Now().Add(p.runtime.grace)
	_ = p.signal(syscall.SIGTERM) // it may have ended
	_ = p.signal(syscall.SIGCONT) // one that is stopped would not see it
	p.killer = time.AfterFunc(p.runtime.grace, func() { _ = p.Signal(syscall.SIGKILL) })
}

// Signal sends a signal to every process of the container.
func (p *process) Signal(s os.Signal) error {
	number, ok := s.(syscall.Signal)
	if !ok {
		return fmt.Errorf("signal %v: not one of Linux's", s)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return os.ErrProcessDone
	}
	if number == syscall.SIGKILL {
		p.thaw()
		return p.signalInit(number) // the kernel kills the rest
	}
	return p.signal(number)
}

func (p *process) signalInit(number syscall.Signal) error {
	if p.pidfd < 0 {
		return os.ErrProcessDone
	}
	err := unix.PidfdSendSignal(p.pidfd, number, nil, 0)
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	return err
}

// signal sends a signal to every process but init. It needs p.mu.
func (p *process) signal(number syscall.Signal) error {
	all, err := p.members()
	if err != nil {
		return os.ErrProcessDone
	}
	var problems []error
	for _, pid := range all {
		if err := syscall.Kill(pid, number); err != nil && err != syscall.ESRCH {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// members are the processes of the container, by their numbers on the host, without init.
func (p *process) members() (found []int, err error) {
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", p.pid))
	if err == nil {
		// That was init's, and not of another process with its number, if init lives now.
		err = p.signalInit(0)
	}
	if err != nil {
		return nil, err
	}
	if ours, err := os.Readlink("/proc/self/ns/pid"); err != nil || ours == own {
		return nil, fmt.Errorf("the container's processes cannot be told from this machine's: %w", errors.Join(err, os.ErrProcessDone))
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == p.pid {
			continue
		}
		if namespace, err := os.Readlink("/proc/" + entry.Name() + "/ns/pid"); err == nil && namespace == own {
			found = append(found, pid)
		}
	}
	return found, nil
}

// reap waits for the container's end and puts everything back.
func (p *process) reap() {
	defer close(p.done)
	p.exit = 128 + int(syscall.SIGKILL) // where init says nothing, it was killed
	if said, err := hear(p.status); err == nil && said.Exit != nil {
		p.exit = *said.Exit
	}
	p.allowGrace()
	_ = p.signalInit(syscall.SIGKILL) // all die with it; it may be dead
	p.awaitEnd()
	p.mu.Lock()
	p.ended = true
	if p.killer != nil {
		p.killer.Stop()
	}
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
	}
	p.mu.Unlock()
	if p.exit == 137 && p.limited > 0 && p.outOfMemory() {
		p.streams.Say(fmt.Sprintf("out of memory: killed at the limit of %d bytes\n", p.limited))
	}
	for _, stop := range p.stops {
		stop()
	}
	p.stops = nil
	p.err = errors.Join(p.streams.Finish(), p.clean(), p.discard())
}

// allowGrace lets the rest of an aborted container end by itself: a shell dies of SIGTERM at once, while what it started may be
// about to put things in order.
func (p *process) allowGrace() {
	p.mu.Lock()
	patience := p.patience
	p.mu.Unlock()
	container.AllowGrace(patience, func() bool {
		rest, err := p.members()
		return err == nil && len(rest) > 0
	})
}

// awaitEnd returns when init has ended, and with it every process of the container.
func (p *process) awaitEnd() {
	if p.pidfd < 0 {
		return
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}, -1)
		if err != unix.EINTR {
			return
		}
	}
}

// clean removes what the OCI runtime keeps of an ended container. To ask runc for it costs another process; where its
// state is not as expected that is done.
func (p *process) clean() error {
	paths, err := p.cgroups()
	if err != nil || len(paths) == 0 && !p.runtime.rootless {
		return p.runtime.remove(context.Background(), p.state, p.id)
	}
	for _, path := range paths {
		if !removeCgroup(path) {
			return p.runtime.remove(context.Background(), p.state, p.id)
		}
	}
	directory := filepath.Join(p.state, p.id)
	if err := errors.Join(unix.Unlink(filepath.Join(directory, stateName)), unix.Rmdir(directory)); err == nil {
		return nil
	}
	return os.RemoveAll(directory)
}

// discard gives the volumes back and removes the container's directory. Of one that never ran the volumes are as they were.
func (p *process) discard() error {
	for _, stop := range p.stops {
		stop()
	}
	p.stops = nil
	ran := p.streams != nil
	if !ran && p.id != "" {
		p.endUnstarted()
	}
	for _, v := range p.taken {
		if ran {
			v.release()
		} else {
			v.unused()
		}
	}
	p.taken = nil
	if p.statusFile != nil {
		p.statusFile.Close()
	}
	if p.image != nil && p.image.Release != nil {
		p.image.Release()
	}
	return p.removeDirectory()
}

// endUnstarted removes a container that was made and whose task was not started.
func (p *process) endUnstarted() {
	var problem error
	if _, err := os.Lstat(filepath.Join(p.state, p.id)); err == nil {
		problem = p.runtime.remove(context.Background(), p.state, p.id)
	}
	if !p.runtime.rootless { // an OCI runtime that was killed early knows nothing of its cgroups
		problem = errors.Join(problem, sweepCgroups(p.id))
	}
	if problem != nil {
		p.runtime.log.Warn("a container that could not be started is left to the next sweep", "error", problem)
	}
}
