package oci

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
)

// onThread runs f on a thread of its own, in new namespaces. They end with f, unless a process that it started is in them.
func onThread(namespaces int, f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // the first thread of a process never ends
			defer runtime.UnlockOSThread()
			result <- onThread(namespaces, f)
			return
		}
		// It stays locked: the thread ends with this function, and nothing else ever runs in its namespaces.
		if err := unix.Unshare(namespaces); err != nil {
			result <- fmt.Errorf("new namespaces: %w", err)
			return
		}
		result <- f()
	}()
	return <-result
}

// stageThread runs the stage as a thread, which root can: that saves the start of a process. It returns how the OCI runtime
// ended, or why it was not started.
func (p *process) stageThread(ctx context.Context, streams *container.Streams, status *os.File) (exit, problem error) {
	p.giveStreams(streams)
	namespaces := unix.CLONE_NEWNS
	if p.plan.Network {
		namespaces |= unix.CLONE_NEWNET
	}
	var command *exec.Cmd
	problem = onThread(namespaces, func() (err error) {
		if err = p.plan.mount(ctx); err != nil {
			return err
		}
		if p.notes, err = os.Open(p.plan.Directory); err != nil {
			return err
		}
		if p.plan.Network {
			if err = p.makeNetwork(ctx); err != nil {
				return err
			}
		}
		command, err = p.plan.start(streams.Child, status, p.filter)
		return err
	})
	if problem != nil {
		return nil, problem
	}
	status.Close()
	stop := context.AfterFunc(ctx, func() { _ = command.Process.Kill() })
	defer stop()
	return command.Wait(), nil
}

// makeNetwork prepares the thread's network namespace and connects it.
func (p *process) makeNetwork(ctx context.Context) error {
	var listeners []net.Listener
	err := p.plan.prepareNetwork(func(address string) error {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			listeners = append(listeners, listener)
		}
		return err
	})
	if err != nil {
		for _, listener := range listeners {
			listener.Close()
		}
		return fmt.Errorf("network: %w", err)
	}
	return p.connect(ctx, listeners, fmt.Sprintf("/proc/%d/task/%d", os.Getpid(), unix.Gettid()))
}

// start starts the plan's command from the thread that has carried the plan out.
func (p plan) start(streams []*os.File, status, filter *os.File) (*exec.Cmd, error) {
	command := exec.Command(p.Command[0], p.Command[1:]...)
	command.Env, command.Dir = p.environment(), "/"
	command.Stdin, command.Stdout, command.Stderr = streams[0], streams[1], streams[2]
	command.ExtraFiles = []*os.File{status}
	if filter != nil {
		command.ExtraFiles = append(command.ExtraFiles, filter)
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return nil, err
	}
	return command, nil
}
