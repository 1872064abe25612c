package command_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/ratio"
)

// hundred are Commands with a check and a change each, that both run.
func hundred(n int) (list command.List) {
	for i := range n {
		list = append(list, command.Command{ID: fmt.Sprintf("command %d", i), Check: "echo missing; false", Change: "echo made"})
	}
	return list
}

// bash is the floor: one process by os/exec, in a session of its own as ours (a busy kernel gives each session its turn, and
// lets a new one wait for it), with both its streams in one buffer.
func bash(environment []string, script string) {
	command := exec.Command("/usr/bin/bash", "-e", "-o", "pipefail", "-c", script)
	command.Env = environment
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	_, _ = command.CombinedOutput()
}

// BenchmarkHundred keeps the promise that 100 Commands with a check and a change each take at most 1.10 times what a bare
// loop over the same 200 bash processes takes.
func BenchmarkHundred(b *testing.B) {
	m, environment := newMachine(b), os.Environ()
	p, err := command.Diff(nil, hundred(100), command.Change)
	if err != nil {
		b.Fatal(err)
	}
	ratio.Run(b, 1.10, func() error {
		for range 100 {
			bash(environment, "echo missing; false")
			bash(environment, "echo made")
		}
		return nil
	}, func() error {
		_, err := m.Run(b.Context(), p)
		return err
	})
}

// BenchmarkShare keeps the promise that what a Command costs beside its processes (here they are none) is under a tenth of
// one bash start.
func BenchmarkShare(b *testing.B) {
	r, environment := command.Runner{Runtime: answers{}, Exec: script.DefaultExec()}, os.Environ()
	list := hundred(100)
	ratio.Run(b, 0.1, func() error {
		for range 100 {
			bash(environment, "echo made")
		}
		return nil
	}, func() error {
		p, err := command.Diff(nil, list, command.Change)
		if err == nil {
			_, err = r.Run(b.Context(), p)
		}
		return err
	})
}

// answers is a runtime whose checks fail and whose changes do not, without a process.
type answers struct {
	container.Runtime
	started func()
}

func (a answers) Start(_ context.Context, s container.Spec, io container.IO) (container.Process, error) {
	if a.started != nil {
		a.started()
	}
	if _, err := io.Stdout.Write([]byte("output\n")); err != nil {
		return nil, err
	}
	status := 0
	if s.Args[len(s.Args)-1] == "echo missing; false" {
		status = 1
	}
	return ended{status: status}, nil
}

// TestMemory keeps the promise that 10,000 Commands take under 50 MB beyond their output, garbage included.
func TestMemory(t *testing.T) {
	const limit = 50 << 20
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak, starts := uint64(0), 0
	sample := func() {
		if starts++; starts%500 == 0 {
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
		}
	}
	p, err := command.Diff(hundred(5000), hundred(10000), command.Change)
	if err != nil {
		t.Fatal(err)
	}
	r, err := command.Runner{Runtime: answers{started: sample}, Exec: script.DefaultExec()}.Run(t.Context(), p)
	if err != nil || len(r.Outcomes) != 10000 {
		t.Fatalf("%d outcomes, %v", len(r.Outcomes), err)
	}
	used := int64(peak) - int64(before.HeapAlloc)
	t.Logf("%d starts, %.1f MB", starts, float64(used)/(1<<20))
	if starts != 20000 || used > limit {
		t.Errorf("%d starts took %d bytes; want 20000 in %d", starts, used, limit)
	}
}
