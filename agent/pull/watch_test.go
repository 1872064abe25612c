package pull_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/writ-run/writ/agent/pull"
)

// patience is far more than any machine needs.
const patience = 5 * time.Minute

// TestWatch: however a file becomes another one, it is told; and of no other directory.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := &pull.Watcher{}
	defer w.Close()
	directory := filepath.Join(t.TempDir(), "orders")
	path := filepath.Join(directory, "web.jwt")
	told := make(chan struct{}, 100)
	changed := func() { told <- struct{}{} }
	if _, err := w.Watch(path, changed); err == nil {
		t.Error("a directory that is not there is watched")
	}
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	stop, err := w.Watch(path, changed)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "x")
	for _, c := range []struct {
		name   string
		change func() error
	}{
		{"written", func() error { return os.WriteFile(path, []byte("a"), 0o600) }},
		{"linked", func() error { return os.Symlink(other, filepath.Join(directory, "link")) }},
		{"readable", func() error { return os.Chmod(path, 0o644) }},
		{"renamed", func() error {
			temporary := filepath.Join(directory, "temporary")
			if err := os.WriteFile(temporary, []byte("b"), 0o600); err != nil {
				return err
			}
			return os.Rename(temporary, path)
		}},
	} {
		drain(told)
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		hear(t, c.name, told)
	}
	drain(told)
	if err := os.RemoveAll(directory); err != nil {
		t.Fatal(err)
	}
	hear(t, "the directory is gone", told)
	stop()
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if stop, err = w.Watch(path, changed); err != nil {
		t.Fatal(err)
	}
	drain(told)
	write(t, path, "again")
	hear(t, "in the new directory", told)

	elsewhere, sentinel := filepath.Join(t.TempDir(), "x"), make(chan struct{}, 100)
	write(t, elsewhere, "x")
	if _, err := w.Watch(elsewhere, func() { sentinel <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	settle := func() { // all that came before has been told, once this has: it is one event
		t.Helper()
		if err := os.Chmod(elsewhere, 0o644); err != nil {
			t.Fatal(err)
		}
		hear(t, "elsewhere", sentinel)
	}
	settle()
	second := make(chan struct{}, 100)
	stopSecond, err := w.Watch(filepath.Join(directory, "other.jwt"), func() { second <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	stop()
	stop()
	write(t, path, "once more")
	hear(t, "the other one", second)
	settle()
	drain(told)
	drain(second)
	stopSecond()
	write(t, path, "nobody hears it")
	settle()
	if len(told)+len(second) != 0 {
		t.Error("who has stopped is told")
	}
}

func hear(t *testing.T, what string, told <-chan struct{}) {
	t.Helper()
	select {
	case <-told:
	case <-time.After(patience):
		t.Fatalf("%s: nobody was told", what)
	}
}

func drain(told <-chan struct{}) {
	for {
		select {
		case <-told:
		default:
			return
		}
	}
}

// TestWatchNothing: a Watcher that watches nothing takes nothing, and a closed one watches nothing.
func TestWatchNothing(t *testing.T) {
	t.Parallel()
	for _, watches := range []bool{false, true} {
		w := &pull.Watcher{}
		path := filepath.Join(t.TempDir(), "web.jwt")
		if watches {
			if _, err := w.Watch(path, func() {}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if _, err := w.Watch(path, func() {}); !errors.Is(err, pull.ErrNoWatch) {
			t.Errorf("a closed one watches: %v", err)
		}
	}
}
