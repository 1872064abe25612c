package oci_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/writ-run/writ/container/containertest"
	"github.com/writ-run/writ/container/oci"
)

// TestStateInMemory sweeps what a runtime that was killed has left in memory, and not what somebody else has put there since,
// under the same name.
func TestStateInMemory(t *testing.T) {
	need(t)
	base := filepath.Join(t.TempDir(), "b")
	r, err := suite.New(base, containertest.Grace)
	if err != nil {
		t.Fatal(err)
	}
	defer r.(*oci.Runtime).Close()
	memory := t.TempDir() // in the place of /dev/shm
	for name, mode := range map[string]os.FileMode{"ours": 0o700, "another's": 0o777} {
		place, dead := filepath.Join(memory, name), filepath.Join(base, "o-dead")
		inner := filepath.Join(place, "c1")
		if name == "ours" { // the OCI runtime would be asked to end what is in there
			inner = place
		}
		if err := errors.Join(os.MkdirAll(inner, 0o700), os.Chmod(place, mode), os.Mkdir(dead, 0o700), os.Symlink(place, filepath.Join(dead, "state"))); err != nil {
			t.Fatal(err)
		}
		if err := r.Sweep(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(dead); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v; want it swept", name, err)
		}
		if _, err := os.Lstat(inner); errors.Is(err, os.ErrNotExist) != (name == "ours") {
			t.Errorf("state of %s: %v", name, err)
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
