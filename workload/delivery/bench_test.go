package delivery

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/process"
	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/workload/workloadtest"
)

// BenchmarkDelivery keeps the promise that delivery (an Ed25519 token minted, the directory with its files and its
// socket, and their end) costs at most twice the fork and exec of `true`.
func BenchmarkDelivery(b *testing.B) {
	session := workloadtest.New(b).Open(b)
	wrapped := Wrap(idle{}, session, Config{BaseDir: filepath.Join(benchTemp(b), "b")})
	ratio.Run(b, 2, forkTrue, func() error { return startAndWait(b.Context(), wrapped) })
}

// BenchmarkDeliveredProcess is the whole of it, for comparison: a process of the process runtime with its identity against
// one without.
func BenchmarkDeliveredProcess(b *testing.B) {
	runtime, err := process.New(process.Config{BaseDir: filepath.Join(benchTemp(b), "p")})
	if err != nil {
		b.Fatal(err)
	}
	defer runtime.Close()
	session := workloadtest.New(b).Open(b)
	wrapped := Wrap(runtime, session, Config{BaseDir: filepath.Join(benchTemp(b), "b")})
	ratio.Run(b, 2, func() error { return startAndWait(b.Context(), runtime) }, func() error { return startAndWait(b.Context(), wrapped) })
}

func benchTemp(b *testing.B) string {
	b.Helper()
	directory, err := os.MkdirTemp("", "d")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

func forkTrue() error { return exec.Command("true").Run() }

func startAndWait(ctx context.Context, rt container.Runtime) error {
	p, err := rt.Start(ctx, container.Spec{Name: "true", Path: "true"}, container.IO{})
	if err != nil {
		return err
	}
	_, err = p.Wait(ctx)
	return err
}

// idle is a runtime that starts nothing.
type idle struct{ container.Runtime }

func (idle) See(m container.Mount) string { return m.Host }

func (idle) Start(context.Context, container.Spec, container.IO) (container.Process, error) {
	return ended{}, nil
}

type ended struct{ container.Process }

func (ended) Wait(context.Context) (int, error) { return 0, nil }
