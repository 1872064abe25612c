package oci_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/containertest"
	"github.com/writ-run/writ/container/oci"
)

// TestStateInMemory sweeps what a runtime that was killed has left in memory, and not what somebody else has put there since
// under the same name, nor what a link leads to that is not ours.
func TestStateInMemory(t *testing.T) {
	need(t)
	base := filepath.Join(t.TempDir(), "b")
	r, err := suite.New(base, containertest.Grace)
	if err != nil {
		t.Fatal(err)
	}
	defer r.(*oci.Runtime).Close()
	memory, err := os.MkdirTemp("/dev/shm", "writ-o-test") // no other has its name
	if err != nil {
		t.Skip(err)
	}
	defer os.RemoveAll(memory)
	ours := strings.TrimPrefix(filepath.Base(memory), "writ-")
	for _, c := range []struct {
		name, place string
		mode        os.FileMode
		swept       bool
	}{
		{"ours", memory, 0o700, true},
		{"another's", memory, 0o777, false},
		{"elsewhere", filepath.Join(t.TempDir(), filepath.Base(memory)), 0o700, false},
	} {
		dead, inner := filepath.Join(base, ours), filepath.Join(c.place, "c1")
		if c.swept { // the OCI runtime would be asked to end what is in there
			inner = c.place
		}
		if err := errors.Join(os.MkdirAll(inner, 0o700), os.Chmod(c.place, c.mode), os.Mkdir(dead, 0o700), os.Symlink(c.place, filepath.Join(dead, "state"))); err != nil {
			t.Fatal(err)
		}
		if err := r.Sweep(t.Context()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := os.Lstat(dead); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v; want it swept", c.name, err)
		}
		if _, err := os.Lstat(inner); errors.Is(err, os.ErrNotExist) != c.swept {
			t.Errorf("state of %s: %v", c.name, err)
		}
	}
}

// TestCloseState has a runtime leave nothing in memory.
func TestCloseState(t *testing.T) {
	need(t)
	base := filepath.Join(t.TempDir(), "b")
	r, err := suite.New(base, containertest.Grace)
	if err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob(filepath.Join(base, "o-*", "state"))
	if err != nil || len(links) != 1 {
		t.Fatalf("%q, %v", links, err)
	}
	place, err := os.Readlink(links[0])
	if err != nil {
		place = links[0] // /dev/shm is not in memory here, or full
	}
	if info, err := os.Lstat(place); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if err := r.(*oci.Runtime).Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(place); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%q: %v", place, err)
	}
}

// TestStateMemoryFull starts containers where others have filled the memory, and sweeps what is then on disk.
func TestStateMemoryFull(t *testing.T) {
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user's state is on disk")
	}
	r := newRuntime(t, oci.Host)
	links, err := filepath.Glob(filepath.Join(r.Base(), "o-*", "state"))
	if err != nil || len(links) != 1 {
		t.Fatalf("%q, %v", links, err)
	}
	if _, err := os.Readlink(links[0]); err != nil {
		t.Skip("/dev/shm is not in memory here, or full")
	}
	stdin, end := io.Pipe()
	first, err := r.Start(t.Context(), container.Spec{Name: "first", Path: "cat", Hermetic: true}, container.IO{Stdin: stdin})
	if err != nil {
		t.Fatal(err)
	}
	oci.FillMemory(r)
	second, err := r.Start(t.Context(), container.Spec{Name: "second", Path: "cat", Hermetic: true}, container.IO{Stdin: stdin})
	if err != nil {
		t.Fatal(err)
	}
	count := func(name string) int {
		entries, _ := os.ReadDir(filepath.Join(filepath.Dir(links[0]), name))
		return len(entries)
	}
	if memory, disk := count("state"), count("state-on-disk"); memory != 1 || disk != 1 {
		t.Errorf("%d in memory, %d on disk; want one each", memory, disk)
	}
	end.Close()
	for _, p := range []container.Process{first, second} {
		if status, err := p.Wait(t.Context()); status != 0 || err != nil {
			t.Errorf("status %d, %v", status, err)
		}
	}
	if memory, disk := count("state"), count("state-on-disk"); memory != 0 || disk != 0 {
		t.Errorf("left: %d in memory, %d on disk", memory, disk)
	}
	// The OCI runtime is asked to end what is there: of a file it cannot.
	dead := filepath.Join(r.Base(), "o-dead", "state-on-disk")
	if err := errors.Join(os.MkdirAll(dead, 0o700), os.WriteFile(filepath.Join(dead, "file"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := r.Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "delete container file") {
		t.Errorf("sweep: %v", err)
	}
}
