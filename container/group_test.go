package container_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
)

// group starts a shell, which has said a line when it returns.
func group(t *testing.T, script string) *container.Group {
	t.Helper()
	var leash container.Leash
	t.Cleanup(leash.Close)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	g, err := leash.Start("/bin/sh", []string{"sh", "-c", script}, os.ProcAttr{Files: []*os.File{nil, in, nil}}, slog.New(slog.DiscardHandler))
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "started\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return g
}

func TestGroup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script string
		do           func(g *container.Group)
		status       int
		aborted      bool
	}{
		{"exits", "echo started; exit 3", func(*container.Group) {}, 3, false},
		{"signal", "echo started; sleep 60 >&-", func(g *container.Group) { _ = g.Signal(syscall.SIGUSR1) }, 128 + int(syscall.SIGUSR1), false},
		{"abort", "echo started; sleep 60 >&-", func(g *container.Group) { g.Abort(time.Hour) }, 128 + int(syscall.SIGTERM), true},
		{"abort twice", "trap 'sleep .2; exit 5' TERM; echo started; while :; do sleep .05 >&-; done", func(g *container.Group) { g.Abort(time.Hour); g.Abort(0) }, 5, true},
		{"stubborn", "trap '' TERM; echo started; sleep 60 >&-; :", func(g *container.Group) { g.Abort(time.Millisecond) }, 128 + int(syscall.SIGKILL), true},
		{"stopped", "echo started; kill -STOP $$; sleep 60 >&-", func(g *container.Group) { g.Abort(time.Hour) }, 128 + int(syscall.SIGTERM), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := group(t, c.script)
			c.do(g)
			if patience := g.AwaitExit(); patience.IsZero() == c.aborted || g.Aborted() != c.aborted {
				t.Errorf("patience until %v, aborted: %v", patience, g.Aborted())
			}
			g.Abort(0)
			if g.Aborted() != c.aborted {
				t.Error("an abort of what has exited counts")
			}
			if err := g.Signal(syscall.Signal(0)); err != nil {
				t.Errorf("the number of a leader that is not reaped: %v", err)
			}
			if status, err := g.Reap(); status != c.status || err != nil {
				t.Errorf("status %d, %v; want %d", status, err, c.status)
			}
			g.Close()
			if err := g.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("a signal after the end: %v", err)
			}
		})
	}
}

// TestGroupSession: it has a session of its own, and no start that failed leaves anything.
func TestGroupSession(t *testing.T) {
	t.Parallel()
	g := group(t, "echo started; sleep 60 >&-")
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(g.Leader()) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')'):]))
	if leader := strconv.Itoa(g.Leader()); fields[3] != leader || fields[4] != leader {
		t.Errorf("group %s and session %s of %s", fields[3], fields[4], leader)
	}
	_ = g.Signal(syscall.SIGKILL)
	g.AwaitExit()
	if _, err := g.Reap(); err != nil {
		t.Error(err)
	}
	g.Close()
	var leash container.Leash
	defer leash.Close()
	if g, err := leash.Start("/nowhere", []string{"x"}, os.ProcAttr{}, slog.New(slog.DiscardHandler)); !errors.Is(err, os.ErrNotExist) || g != nil {
		t.Errorf("%v, %v", g, err)
	}
}

func TestAwaitDone(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name    string
		ctx     context.Context
		before  bool // done before the wait
		err     error
		want    []error
		aborted bool
	}{
		{"done", t.Context(), true, nil, nil, false},
		{"done with an error", t.Context(), true, broken, []error{broken}, false},
		{"done before the end", ended, true, nil, nil, false},
		{"ended", ended, false, nil, []error{context.Canceled}, true},
		{"ended with an error", ended, false, broken, []error{context.Canceled, broken}, true},
	} {
		done, aborted := make(chan struct{}), false
		if c.before {
			close(done)
		}
		status, err := container.AwaitDone(c.ctx, done, func() { aborted = true; close(done) }, func() (int, error) { return 7, c.err })
		good := status == 7 && aborted == c.aborted && (err == nil) == (c.want == nil)
		for _, want := range c.want {
			good = good && errors.Is(err, want)
		}
		if !good {
			t.Errorf("%s: %d, %v, aborted %v", c.name, status, err, aborted)
		}
	}
}

func TestAllowGrace(t *testing.T) {
	t.Parallel()
	looks := 0
	container.AllowGrace(time.Time{}, func() bool { looks++; return true })
	if looks != 0 {
		t.Errorf("%d looks where there is no time", looks)
	}
	container.AllowGrace(time.Now().Add(time.Hour), func() bool { looks++; return looks < 3 })
	if looks != 3 {
		t.Errorf("%d looks", looks)
	}
	until := time.Now().Add(2 * time.Millisecond)
	container.AllowGrace(until, func() bool { return true })
	if time.Now().Before(until) {
		t.Error("returned too early")
	}
}

// TestOpenForWriting starts a program whose file somebody has open for writing, as a child of this process does that was
// started while the file was written: until it has executed something else.
func TestOpenForWriting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "program")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString("#!/bin/sh\nexit 7\n"); err != nil {
		t.Fatal(err)
	}
	var leash container.Leash
	t.Cleanup(leash.Close)
	start := func() (*container.Group, error) {
		return leash.Start(path, []string{"program"}, os.ProcAttr{}, slog.New(slog.DiscardHandler))
	}
	if _, err := start(); !errors.Is(err, syscall.ETXTBSY) {
		t.Errorf("open for good: %v", err)
	}
	time.AfterFunc(10*time.Millisecond, func() { file.Close() })
	g, err := start()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	g.AwaitExit()
	if status, err := g.Reap(); status != 7 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
}
