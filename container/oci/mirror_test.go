package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMirrorWithoutWatcher: where the system has no watcher left the mirror follows all the same.
func TestMirrorWithoutWatcher(t *testing.T) {
	t.Parallel()
	for _, reason := range []error{unix.EMFILE, unix.ENOSPC} {
		source, path := t.TempDir(), filepath.Join(t.TempDir(), "mirror")
		write := func(text string) {
			if err := os.WriteFile(filepath.Join(source, "token"), []byte(text), 0o400); err != nil {
				t.Fatal(err)
			}
		}
		write("first")
		m, err := newMirror(source, path, os.Geteuid(), slog.New(slog.DiscardHandler), func(string) (*os.File, error) {
			return nil, fmt.Errorf("inotify: %w", reason)
		})
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		read := func() string {
			text, err := os.ReadFile(filepath.Join(path, "token"))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		if text := read(); text != "first" {
			t.Errorf("%q", text)
		}
		if err := os.Remove(filepath.Join(source, "token")); err != nil {
			t.Fatal(err)
		}
		write("second")
		for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			text, err := os.ReadFile(filepath.Join(path, "token"))
			if string(text) == "second" {
				break
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) || time.Since(began) > time.Minute {
				t.Fatalf("%q, %v", text, err)
			}
		}
	}
}

// TestNoMirror: what cannot be mirrored is an error.
func TestNoMirror(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	for name, test := range map[string]struct {
		source, path string
		watch        func(string) (*os.File, error)
	}{
		"no source":    {filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "m"), watchDirectory},
		"a place":      {t.TempDir(), t.TempDir(), watchDirectory},
		"no directory": {t.TempDir(), filepath.Join(t.TempDir(), "no", "m"), watchDirectory},
		"no inotify":   {t.TempDir(), filepath.Join(t.TempDir(), "m"), func(string) (*os.File, error) { return nil, unix.ENOSYS }},
	} {
		if _, err := newMirror(test.source, test.path, 0, log, test.watch); err == nil {
			t.Errorf("%s is mirrored", name)
		}
	}
}
