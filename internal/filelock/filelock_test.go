package filelock_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/writ-run/writ/internal/filelock"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// TestRelease frees a lock although a copy of the descriptor, as a process that is being started has one, is still open.
func TestRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for _, how := range []int{syscall.LOCK_SH, syscall.LOCK_EX} {
		ours, theirs := open(t, path), open(t, path)
		if err := filelock.Lock(ours, how); err != nil {
			t.Fatal(err)
		}
		duplicate, err := syscall.Dup(int(ours.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(duplicate)
		if err := filelock.Lock(theirs, syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			t.Errorf("held (%d): %v", how, err)
		}
		if err := filelock.Release(ours); err != nil {
			t.Error(err)
		}
		if err := filelock.Lock(theirs, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			t.Errorf("released (%d): %v", how, err)
		}
		if err := filelock.Release(theirs); err != nil {
			t.Error(err)
		}
		if err := filelock.Lock(ours, how); !errors.Is(err, os.ErrClosed) && !errors.Is(err, syscall.EBADF) {
			t.Errorf("a closed file: %v", err)
		}
	}
}
