package image

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/writ-run/writ/internal/filelock"
)

// A layerLock is a file lock on a layer. The kernel drops it with the process.
type layerLock struct{ file *os.File }

// lockLayer takes the lock at path; how is syscall.LOCK_SH or LOCK_EX, with LOCK_NB for an EWOULDBLOCK instead of waiting.
func lockLayer(ctx context.Context, path string, how int) (*layerLock, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := lockFile(ctx, file, how); err != nil {
			return nil, fmt.Errorf("lock %q: %w", path, err)
		}
		here, err := file.Stat()
		if err != nil {
			filelock.Release(file)
			return nil, err
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(here, there) {
			return &layerLock{file}, nil
		}
		filelock.Release(file) // it was removed while we waited: the lock is another file now
	}
}

// lockFile takes the lock on file. It closes the file when it fails or when ctx ends first.
func lockFile(ctx context.Context, file *os.File, how int) error {
	taken := make(chan error, 1)
	go func() { taken <- filelock.Lock(file, how) }() // the kernel cannot be told of ctx
	select {
	case err := <-taken:
		if err != nil {
			file.Close()
		}
		return err
	case <-ctx.Done():
		go func() {
			<-taken
			filelock.Release(file)
		}()
		return context.Cause(ctx)
	}
}

func (l *layerLock) Close() error { return filelock.Release(l.file) }
