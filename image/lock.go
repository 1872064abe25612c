package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// A workspace is a temporary directory, locked as long as its process lives.
type workspace struct {
	path string
	lock *os.File
}

// openWorkspace makes one in base. Under base's own lock no sweep can see it before its lock is held.
func openWorkspace(base string) (*workspace, error) {
	locked, err := lockDirectory(base, syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer locked.Close()
	path, err := os.MkdirTemp(base, "")
	if err != nil {
		return nil, err
	}
	lock, err := lockDirectory(path, syscall.LOCK_EX)
	if err != nil {
		os.Remove(path)
		return nil, err
	}
	return &workspace{path, lock}, nil
}

func (w *workspace) Close() error {
	err := removeAll(w.path)
	w.lock.Close()
	return err
}

// sweep removes the workspaces of processes that have ended.
func (s *Store) sweep() error {
	base := s.temporary()
	locked, err := lockDirectory(base, syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer locked.Close()
	entries, err := os.ReadDir(base)
	if err != nil {
		return err
	}
	var problems []error
	for _, entry := range entries {
		path := filepath.Join(base, entry.Name())
		lock, err := lockDirectory(path, syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK), isMissing(err): // it lives, or has just ended well
		case err != nil:
			problems = append(problems, err)
		default:
			problems = append(problems, (&workspace{path, lock}).Close())
		}
	}
	return errors.Join(problems...)
}

func lockDirectory(path string, how int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			file.Close()
			return nil, fmt.Errorf("lock %q: %w", path, err)
		}
	}
}

// removeAll removes a tree also where a directory in it may not be read or written by its owner. It follows no link.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	// Every problem of this walk shows again in the second attempt.
	_ = filepath.WalkDir(path, func(name string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(name, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}

func ownerOf(info fs.FileInfo) (int, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}
