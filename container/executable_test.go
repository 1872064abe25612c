package container_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
)

// TestWriteExecutable: while it is written no process is started.
func TestWriteExecutable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "program")
	if err := syscall.Mkfifo(path, 0o600); err != nil { // to open it waits for who reads
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- container.WriteExecutable(path, []byte("#!/bin/sh\n")) }()
	for began := time.Now(); syscall.ForkLock.TryLock(); time.Sleep(time.Millisecond) {
		syscall.ForkLock.Unlock()
		if time.Since(began) > time.Minute {
			t.Fatal("a process can be started")
		}
	}
	text, err := os.ReadFile(path)
	if string(text) != "#!/bin/sh\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
}
