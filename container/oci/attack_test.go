package oci_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
)

// TestOwnDirectories refuses volumes in the way of what a container has of its own: an init of theirs would speak for the
// task, and a link among their devices would open what is masked.
func TestOwnDirectories(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, oci.Host)
	for _, path := range []string{"/dev", "/dev/shm", "/dev/writ-init", "/proc", "/proc/self", "/sys/fs", "/./dev/../proc", "/etc/hosts", "/etc/resolv.conf/x", "/" + strings.Repeat("x/", 3000)} {
		v, err := r.Volume(t.Context(), "v")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(v.Path()+"/writ-init", []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err = r.Start(t.Context(), container.Spec{Name: "test", Path: "true", Hermetic: true, Mounts: []container.Mount{{Path: path, Volume: v}}}, container.IO{})
		var refused *container.MountError
		if !errors.As(err, &refused) || len(err.Error()) > 300 || strings.Contains(err.Error(), "/mnt") {
			t.Errorf("%.40s: %.300v", path, err)
		}
	}
}

// TestInitEnvironment has variables that a Go program takes for its own.
func TestInitEnvironment(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, oci.Host)
	output, status := run(t, r, container.Spec{Hermetic: true, Env: []string{"GOMEMLIMIT=1GB", "GODEBUG=inittrace=1", "GOTRACEBACK=crash", "_MINE=1", "HOME=/mine"}}, "env | sort | grep -E '^(GO|_MINE|HOME)'")
	if want := "GODEBUG=inittrace=1\nGOMEMLIMIT=1GB\nGOTRACEBACK=crash\nHOME=/mine\n_MINE=1\n"; status != 0 || output != want {
		t.Errorf("status %d, %q; want %q", status, output, want)
	}
}

// TestVeiledSize has so many variables that the task could have them, but not init, which has a byte more of each.
func TestVeiledSize(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, oci.Host)
	limit := uint64(6 << 20)
	var stack syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_STACK, &stack); err != nil {
		t.Fatal(err)
	}
	limit = min(limit, stack.Cur/4)
	var variables []string
	for size := uint64(16 << 10); size < limit; size += 8 + 1 + 8 {
		variables = append(variables, fmt.Sprintf("V%06d=", len(variables)))
	}
	_, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "true", Hermetic: true, Env: variables}, container.IO{})
	if err == nil || !strings.Contains(err.Error(), "argument list too long") {
		t.Errorf("%d variables: %v", len(variables), err)
	}
}

// TestOwnSys shows a hermetic container no interface of the machine's.
func TestOwnSys(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, oci.Host)
	if output, status := run(t, r, container.Spec{Hermetic: true}, "ls /sys/class/net; touch /sys/x || echo refused"); status != 0 || !strings.HasPrefix(output, "lo\n") || !strings.HasSuffix(output, "refused\n") {
		t.Errorf("status %d, %q", status, output)
	}
}

// newIn is a runtime with its files in a directory.
func newIn(t *testing.T, directory string) (*oci.Runtime, error) {
	t.Helper()
	self, err := staticWrit()
	if err != nil {
		t.Fatal(err)
	}
	image, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	return oci.New(oci.Config{BaseDir: filepath.Join(directory, "b"), Self: self, Own: image, Network: oci.Host})
}

// mountSmall mounts memory as a file system.
func mountSmall(t *testing.T, flags uintptr, options string) string {
	t.Helper()
	directory := t.TempDir()
	if err := syscall.Mount("none", directory, "tmpfs", flags, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(directory, syscall.MNT_DETACH) })
	return directory
}

// TestUnusualDirectories runs with files where the stage would be, and names what cannot work.
func TestUnusualDirectories(t *testing.T) {
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("mounts")
	}
	directory, err := os.MkdirTemp("/mnt", "writ-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(directory)
	r, err := newIn(t, directory)
	if err != nil {
		t.Fatal(err)
	}
	if output, status := run(t, r, container.Spec{Hermetic: true}, "echo good"); status != 0 || output != "good\n" {
		t.Errorf("below /mnt: status %d, %q", status, output)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	var noExec *oci.NoExecError
	if _, err := newIn(t, mountSmall(t, syscall.MS_NOEXEC, "size=8m,mode=0700")); !errors.As(err, &noExec) || noExec.Hint() == "" {
		t.Errorf("noexec: %v", err)
	}
}

// TestFullDisk has no room to make a changed fork plain: nothing else may be taken for its files.
func TestFullDisk(t *testing.T) {
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("mounts")
	}
	small := mountSmall(t, 0, "size=8m,mode=0700")
	r, err := newIn(t, small)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	v, err := r.Volume(t.Context(), "v")
	if err != nil {
		t.Fatal(err)
	}
	if output, status := run(t, r, container.Spec{Hermetic: true, Mounts: []container.Mount{{Path: "v", Volume: v}}}, "head -c 4000000 /dev/zero >v/a"); status != 0 {
		t.Fatalf("status %d, %q", status, output)
	}
	fork, err := v.Fork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if output, status := run(t, r, container.Spec{Hermetic: true, Mounts: []container.Mount{{Path: "v", Volume: fork}}}, "head -c 2500000 /dev/zero >v/b"); status != 0 {
		t.Fatalf("status %d, %q", status, output)
	}
	if path, err := fork.Files(t.Context()); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("files %q, %v", path, err)
	}
	// It is as it was, and is whole once there is room.
	if err := syscall.Mount("none", small, "", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	path, err := fork.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"a": 4000000, "b": 2500000} {
		if info, err := os.Stat(filepath.Join(path, name)); err != nil || info.Size() != size {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestStartLeavesNoCgroup ends starts at many moments.
func TestStartLeavesNoCgroup(t *testing.T) {
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user has no cgroup")
	}
	r := newRuntime(t, oci.Host)
	for i := range 24 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*3*time.Millisecond)
		p, err := r.Start(ctx, container.Spec{Name: "test", Path: "true", Hermetic: true}, container.IO{})
		if err == nil {
			_, _ = p.Wait(t.Context())
		}
		cancel()
	}
	scratch, err := filepath.Glob(r.Base() + "/o-*")
	if err != nil || len(scratch) != 1 {
		t.Fatal(scratch, err)
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*/writ/", "/sys/fs/cgroup/writ/"} {
		if left, _ := filepath.Glob(pattern + "writ-" + filepath.Base(scratch[0]) + "-*"); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
	}
	if left, err := os.ReadDir(scratch[0] + "/state"); err != nil || len(left) != 0 {
		t.Errorf("the OCI runtime still knows of %v, %v", left, err)
	}
}
