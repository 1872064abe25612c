package oci_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/internal/scratch"
)

// bare is runc alone with the same image, and with the configuration of a task: the same namespaces, profile of system calls
// and limits.
type bare struct {
	state, bundle string
	count         atomic.Int64
}

func newBare(b *testing.B, network bool) *bare {
	b.Helper()
	needBench(b)
	image, err := busybox()
	if err != nil {
		b.Fatal(err)
	}
	directory, err := os.MkdirTemp("", "bare")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { scratch.RemoveAll(directory) })
	// The same image, owned by the container's root, since runc alone translates no ids.
	root := filepath.Join(directory, "rootfs")
	if output, err := exec.Command("cp", "-a", image.Layers[0], root).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, output)
	}
	if output, err := exec.Command("chown", "-hR", "100000:100000", root).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, output)
	}
	data, err := oci.BareConfig(root, network, "true")
	if err == nil {
		err = os.WriteFile(filepath.Join(directory, "config.json"), data, 0o600)
	}
	if err == nil {
		err = os.Chmod(directory, 0o755)
	}
	if err != nil {
		b.Fatal(err)
	}
	return &bare{state: filepath.Join(directory, "state"), bundle: directory}
}

func needBench(b *testing.B) {
	b.Helper()
	if _, err := exec.LookPath("runc"); err != nil || os.Geteuid() != 0 {
		b.Skipf("bare runc as root: %v", err)
	}
}

func (r *bare) run() error {
	id := fmt.Sprintf("writ-bench-%d-%d", os.Getpid(), r.count.Add(1))
	return exec.Command("runc", "--root", r.state, "run", "--bundle", r.bundle, id).Run()
}

func benchRuntime(b *testing.B, network oci.Network) *oci.Runtime {
	b.Helper()
	self, err := staticWrit()
	if err != nil {
		b.Fatal(err)
	}
	image, err := busybox()
	if err != nil {
		b.Fatal(err)
	}
	r, err := oci.New(oci.Config{BaseDir: filepath.Join(b.TempDir(), "b"), Self: self, Own: image, Network: network})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close() })
	return r
}

func runTrue(ctx context.Context, r container.Runtime, hermetic bool) error {
	p, err := r.Start(ctx, container.Spec{Name: "bench", Path: "true", Hermetic: hermetic}, container.IO{})
	if err != nil {
		return err
	}
	status, err := p.Wait(ctx)
	if err == nil && status != 0 {
		err = fmt.Errorf("status %d", status)
	}
	return err
}

// BenchmarkTask is a trivial task, warm and hermetic, against the same command by bare runc.
func BenchmarkTask(b *testing.B) {
	floor := newBare(b, true)
	r := benchRuntime(b, oci.Host)
	ratio.Run(b, 1.5, floor.run, func() error { return runTrue(b.Context(), r, true) })
}

// BenchmarkTasks is 32 tasks at a time against as many of bare runc. The limit is 1/0.9: at least 0.9 of its rate.
func BenchmarkTasks(b *testing.B) {
	floor := newBare(b, true)
	r := benchRuntime(b, oci.Host)
	ratio.Run(b, 1/0.9, func() error { return parallel(floor.run) }, func() error {
		return parallel(func() error { return runTrue(b.Context(), r, true) })
	})
}

func parallel(one func() error) (failed error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 32 {
		all.Go(func() {
			if err := one(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = err
			}
		})
	}
	all.Wait()
	return failed
}
