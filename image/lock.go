package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
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
			file.Close()
			return nil, err
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(here, there) {
			return &layerLock{file}, nil
		}
		file.Close() // it was removed while we waited: the lock is another file now
	}
}

// lockFile takes the lock on file. It closes the file when it fails or when ctx ends first.
func lockFile(ctx context.Context, file *os.File, how int) error {
	taken := make(chan error, 1)
	go func() { // the kernel cannot be told of ctx
		for {
			err := syscall.Flock(int(file.Fd()), how)
			if !errors.Is(err, syscall.EINTR) {
				taken <- err
				return
			}
		}
	}()
	select {
	case err := <-taken:
		if err != nil {
			file.Close()
		}
		return err
	case <-ctx.Done():
		go func() {
			<-taken
			file.Close()
		}()
		return context.Cause(ctx)
	}
}

func (l *layerLock) Close() error { return l.file.Close() }
