package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience bounds every wait for a condition: far more than any machine needs.
const Patience = 5 * time.Minute

// Process is a running program.
type Process struct {
	name  string
	os    *os.Process
	ended chan struct{} // closed when it has ended

	status int // once it has ended
	log    log
}

// Start starts a program that ends with the test: by signal, and Kill a while later. What it writes is in the log of a
// test that failed.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{name: cmd.Path, ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.log
	}
	cmd.Stderr = &p.log
	// The kernel kills it where the test's process is killed. That goes by thread: the one which starts it waits for it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			p.status = cmd.ProcessState.ExitCode()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	p.os = cmd.Process
	t.Cleanup(func() {
		p.End()
		if t.Failed() {
			t.Logf("%s: %s", p.name, p.Log())
		}
	})
	return p
}

// PID is its number, also once it has ended.
func (p *Process) PID() int { return p.os.Pid }

// Wait returns its exit status once it has ended; -1 where a signal ended it.
func (p *Process) Wait() int {
	<-p.ended
	return p.status
}

// End ends it before its test does: by signal, and Kill a while later. It returns when it has ended.
func (p *Process) End() {
	_ = p.os.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(time.Minute): // only of one that hangs
		_ = p.os.Kill()
		<-p.ended
	}
}

// Log is what the process has written so far.
func (p *Process) Log() string { return p.log.String() }

// errEnded is a process that ended before it was ready.
var errEnded = errors.New("it has ended")

// Ready waits until the condition holds, which it tries again and again. The error is of a process that has ended, or of
// the last try.
func (p *Process) Ready(condition func() error) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		select {
		case <-p.ended:
			cancel(errEnded)
		case <-ctx.Done():
		}
	}()
	err := Eventually(ctx, condition)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", p.name, err, p.Log())
	}
	return nil
}

// Eventually waits until the condition holds, which it tries again and again. The error is of the last try, or why the
// context has ended.
func Eventually(ctx context.Context, condition func() error) error {
	for start := time.Now(); ; {
		err := condition()
		if err == nil {
			return nil
		}
		if time.Since(start) > Patience {
			return fmt.Errorf("not after %s: %w", Patience, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// FreePort returns a loopback port for a program that cannot be given port 0. Until the test ends nobody else is given it who
// wants any port, nor has it for a connection. The program has to set SO_REUSEADDR, as servers do.
func FreePort(t testing.TB) string {
	t.Helper()
	return strconv.Itoa(bind(t, 1))
}

// Unused returns an address on loopback at which nobody listens, and nobody can until the test ends.
func Unused(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(bind(t, 0)))
}

// bind has a port with a socket that does not listen: its kernel refuses connections. Two such sockets may have the same port
// where both set SO_REUSEADDR, and both name it (socket(7)).
func bind(t testing.TB, reuse int) (port int) {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	err = errors.Join(syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, reuse),
		syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	if err != nil {
		t.Fatal(err)
	}
	address, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return address.(*syscall.SockaddrInet4).Port
}

// log keeps what a process writes.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(data)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
