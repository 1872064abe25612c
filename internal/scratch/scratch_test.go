package scratch_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/writ-run/writ/internal/scratch"
)

func TestScratch(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "a", "base")
	s, err := scratch.Open(base, "x-")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{base, s.Path()} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v; want mode 0700", path, info, err)
		}
	}
	if filepath.Dir(s.Path()) != base || !strings.HasPrefix(filepath.Base(s.Path()), "x-") {
		t.Errorf("path %q", s.Path())
	}
	if err := os.MkdirAll(filepath.Join(s.Path(), "d"), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(base); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestSweepScratch(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "base")
	never := func(path string) error { t.Errorf("%s is called dead", path); return nil }
	if err := scratch.Sweep(base, "x-", never); err != nil {
		t.Errorf("a missing base: %v", err)
	}
	live, err := scratch.Open(base, "x-")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	for _, name := range []string{"x-dead/d", "x-stays/d", "y-other/d"} {
		if err := os.MkdirAll(filepath.Join(base, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"x-link": live.Path(), "x-file": ""} {
		var err error
		if target != "" {
			err = os.Symlink(target, filepath.Join(base, name))
		} else {
			err = os.WriteFile(filepath.Join(base, name), nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	busy := errors.New("its processes do not end")
	err = scratch.Sweep(base, "x-", func(path string) error {
		if filepath.Base(path) == "x-stays" {
			return busy
		}
		return nil
	})
	if !errors.Is(err, busy) {
		t.Errorf("error %v; want %v", err, busy)
	}
	for name, there := range map[string]bool{"x-dead": false, "x-stays/d": true, "y-other/d": true, "x-link": true, "x-file": true, filepath.Base(live.Path()): true} {
		if _, err := os.Lstat(filepath.Join(base, name)); (err == nil) != there {
			t.Errorf("%s: %v; want it there: %v", name, err, there)
		}
	}
}

// TestScratchRace opens and closes while others sweep: a sweep never takes what has just been made.
func TestScratchRace(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "base")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				s, err := scratch.Open(base, "x-")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(s.Path()); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 50 {
				if err := scratch.Sweep(base, "x-", func(string) error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestRemoveAll(t *testing.T) {
	t.Parallel()
	outside, tree := t.TempDir(), filepath.Join(t.TempDir(), "tree")
	if err := os.Chmod(outside, 0o555); err != nil {
		t.Fatal(err)
	}
	for _, directory := range []string{"a/b/c", "shut"} {
		if err := os.MkdirAll(filepath.Join(tree, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(tree, "a", "out")); err != nil {
		t.Fatal(err)
	}
	for _, directory := range []string{"a/b", "a", "shut"} {
		if err := os.Chmod(filepath.Join(tree, directory), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := scratch.RemoveAll(tree); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(tree); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("the directory that a link named: %v, %v", info, err)
	}
}

// TestTemporary has many open and sweep at the same time: what lives stays.
func TestTemporary(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	dead := filepath.Join(directory, "x-dead")
	if err := os.MkdirAll(filepath.Join(dead, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	others := filepath.Join(directory, "x-others")
	if err := os.Mkdir(others, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(others, 1, 1); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				s, err := scratch.OpenTemporary(directory, "x-")
				if err != nil {
					t.Error(err)
					return
				}
				if err := scratch.SweepTemporary(directory, "x-"); err != nil {
					t.Error(err)
				}
				if info, err := os.Stat(s.Path()); err != nil || info.Mode().Perm() != 0o700 {
					t.Errorf("%v, %v", info, err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a dead process left: %v", err)
	}
	if _, err := os.Stat(others); err != nil && os.Geteuid() == 0 {
		t.Errorf("another user's: %v", err)
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) > 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
