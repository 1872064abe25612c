package oci

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/reach"
)

// launch runs the stage, and waits until the task has started or could not.
func (p *process) launch(ctx context.Context, io container.IO) error {
	// Pipes in every case: some OCI runtimes give the streams to the container's user, and this machine's /dev/null is
	// nobody's to give.
	if io.Stdin == nil {
		io.Stdin = strings.NewReader("")
	}
	if io.Stdout == nil {
		io.Stdout = nowhere{}
	}
	if io.Stderr == nil {
		io.Stderr = nowhere{}
	}
	streams, err := container.OpenStreams(io)
	if err != nil {
		return err
	}
	status, err := p.stage(ctx, streams)
	streams.Started()
	if err != nil {
		streams.Abandon()
		return err
	}
	p.streams, p.status = streams, status
	streams.Run(io.Stdin)
	return nil
}

// nowhere is where the output of a task goes that nobody wants.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// stage makes what the container needs, and with it the container.
func (p *process) stage(ctx context.Context, streams *container.Streams) (*bufio.Reader, error) {
	statusRead, statusWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer statusWrite.Close()
	p.statusFile = statusRead
	giveUp := context.AfterFunc(ctx, func() { statusRead.SetReadDeadline(time.Unix(1, 0)) })
	defer func() {
		if !giveUp() { // too late: the task has started, and its end must be heard of
			statusRead.SetReadDeadline(time.Time{})
		}
	}()
	stage := p.stageThread
	if p.runtime.rootless {
		stage = p.stageProcess
	}
	defer p.forget()
	exit, problem := stage(ctx, streams, statusWrite)
	statusWrite.Close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	status := bufio.NewReaderSize(statusRead, 1<<16)
	return status, p.started(status, exit, problem)
}

// forget lets go of what the OCI runtime has noted of a start.
func (p *process) forget() {
	if p.notes != nil {
		p.notes.Close()
		p.notes = nil
	}
}

// giveStreams gives the task's user the task's streams, so that it can open /dev/stdout. Only what is ours alone is given away:
// never /dev/null.
func (p *process) giveStreams(streams *container.Streams) {
	if p.hostUser == 0 {
		return
	}
	for _, file := range streams.Child[1:] {
		if info, err := file.Stat(); err == nil && info.Mode().Type() == fs.ModeNamedPipe {
			_ = file.Chown(p.hostUser, -1) // without that only /dev/stdout cannot be opened
		}
	}
}

// stageProcess runs the stage as a process: an ordinary user gets a user namespace in no other way. It returns how that
// process, which becomes the OCI runtime, ended, or for what it was ended.
func (p *process) stageProcess(ctx context.Context, streams *container.Streams, status *os.File) (exit, problem error) {
	planRead, planWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer planRead.Close()
	defer planWrite.Close()
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	defer theirs.Close()
	command := exec.Command(p.runtime.player)
	command.Args = []string{stageName}
	command.Env = []string{}
	command.Dir = "/"
	command.Stdin, command.Stdout, command.Stderr = streams.Child[0], streams.Child[1], streams.Child[2]
	command.ExtraFiles = []*os.File{planRead, theirs, status}
	command.SysProcAttr = p.runtime.namespaces(p.plan.Network)
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("the stage: %w", err)
	}
	status.Close()
	theirs.Close()
	planRead.Close()
	stop := context.AfterFunc(ctx, func() { _ = command.Process.Kill() })
	defer stop()
	err = json.NewEncoder(planWrite).Encode(p.plan)
	planWrite.Close()
	if err == nil {
		err = p.connectProcess(ctx, ours, command.Process.Pid)
	}
	if err != nil {
		_ = command.Process.Kill()
	}
	return command.Wait(), err
}

// namespaces are those of a stage that is a process.
func (r *Runtime) namespaces(network bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWNS}
	if network {
		a.Cloneflags |= syscall.CLONE_NEWNET
	}
	if r.rootless {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}

func socketPair() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(pair[0]), "stage"), os.NewFile(uintptr(pair[1]), "stage"), nil
}

// connectProcess takes the listeners that the stage made, connects its network, and lets it go on.
func (p *process) connectProcess(ctx context.Context, socket *os.File, pid int) error {
	var listeners []net.Listener
	for range p.plan.Listen {
		listener, err := receiveListener(socket)
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			return nil // the stage says why
		}
		listeners = append(listeners, listener)
	}
	if err := p.connect(ctx, listeners, fmt.Sprintf("/proc/%d", pid)); err != nil || !p.plan.Await {
		return err
	}
	_, err := socket.Write([]byte{1})
	return err
}

// connect forwards what the listeners take, and connects the network of a stage, whose directory in /proc is given, to the world.
func (p *process) connect(ctx context.Context, listeners []net.Listener, stage string) error {
	if len(listeners) > 0 {
		p.stops = append(p.stops, reach.Forward(listeners, p.targets))
	}
	if p.pasta == "" {
		return nil
	}
	stop, err := p.runtime.startPasta(ctx, p.pasta, stage, filepath.Join(p.directory, "pasta"))
	if err != nil {
		return err
	}
	p.stops = append(p.stops, stop)
	return nil
}

func receiveListener(socket *os.File) (net.Listener, error) {
	rights := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(int(socket.Fd()), make([]byte, 1), rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(err, errors.New("no listener"))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(err, errors.New("no listener"))
	}
	file := os.NewFile(uintptr(fds[0]), "listener")
	defer file.Close()
	return net.FileListener(file)
}

// started reads the first message, or finds out why there is none.
func (p *process) started(status *bufio.Reader, exit, problem error) error {
	if exit != nil || problem != nil {
		// The stage or the OCI runtime could not.
		for range 2 { // the time may be over before anything was read, where this machine stands still for a moment
			p.statusFile.SetReadDeadline(time.Now().Add(time.Second)) // what it said is there; others may still hold the pipe
			said, err := hear(status)
			if err == nil && said.Error != "" {
				return errors.New(said.Error)
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
		}
		if problem != nil { // for that the stage was ended
			return problem
		}
		return p.runtimeError(exit)
	}
	said, err := hear(status)
	switch {
	case err != nil:
		return fmt.Errorf("the container ended before its task had started: %w", err)
	case said.Error != "":
		return errors.New(said.Error)
	case !said.Started:
		return errors.New("the container says neither that its task has started nor why not")
	}
	return p.hold()
}

// hold takes a descriptor of the container's first process.
func (p *process) hold() error {
	data, err := p.noted(pidName)
	if err == nil {
		p.pid, err = strconv.Atoi(string(bytes.TrimSpace(data)))
	}
	if err != nil {
		return fmt.Errorf("the container's process: %w", err)
	}
	p.pidfd, err = unix.PidfdOpen(p.pid, 0)
	if err != nil && err != unix.ESRCH {
		return fmt.Errorf("the container's process: %w", err)
	}
	if err == unix.ESRCH { // it has ended
		p.pidfd = -1
	}
	return nil
}

// runtimeError is what the OCI runtime said in its log.
func (p *process) runtimeError(exit error) error {
	name := filepath.Base(p.runtime.command)
	data, _ := p.noted(logName) // it may not have got so far
	last := ""
	for line := range bytes.Lines(data) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal(line, &entry) == nil && entry.Level == "error" {
			last = entry.Msg
		}
	}
	if last == "" {
		return fmt.Errorf("%s: %w", name, exit)
	}
	return fmt.Errorf("%s: %s", name, last)
}
