// Package scratch has private directories that are gone when their process is, however that ended, and trees that are hard
// to remove.
//
//	Open --> a directory, locked --Close--> gone
//	           \--the process is killed: the kernel drops the lock--> Sweep of another one --> gone
//
// Invariant: what a living process holds is never swept.
package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/writ-run/writ/internal/filelock"
)

// A Directory is private, and lives as long as its process: removed by Close, or, when the process was killed, by Sweep of
// another one. The process holds a lock on the directory itself, which the kernel drops with it.
type Directory struct {
	path string
	lock *os.File
}

// DefaultBase returns the directory in which a user's scratch directories are when nothing else is said:
// writ-UID in the directory for temporary files.
func DefaultBase() string {
	return filepath.Join(os.TempDir(), "writ-"+strconv.Itoa(os.Geteuid()))
}

// Open makes a scratch directory (0700) whose name begins with prefix in base. A missing base is made (0700).
// A base that belongs to somebody else, or that others may write to, is refused: they could put their own files there.
func Open(base, prefix string) (*Directory, error) {
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, err
	}
	// Under the base's lock no sweep can see the directory before its own lock is held.
	locked, err := lockBase(base)
	if err != nil {
		return nil, err
	}
	defer filelock.Release(locked)
	path, err := os.MkdirTemp(base, prefix+"*")
	if err != nil {
		return nil, err
	}
	lock, err := lockDirectory(path, 0)
	if err != nil {
		os.Remove(path)
		return nil, err
	}
	return &Directory{path, lock}, nil
}

// OpenTemporary makes a scratch directory (0700) in a directory that others may write to, as that for temporary files: each of
// ours there is our own, so no base has to be. SweepTemporary removes what killed processes left.
func OpenTemporary(directory, prefix string) (*Directory, error) {
	for {
		path, err := os.MkdirTemp(directory, prefix+"*")
		if err != nil {
			return nil, err
		}
		lock, err := lockDirectory(path, syscall.LOCK_NB)
		switch {
		case err == nil && isAt(lock, path):
			return &Directory{path, lock}, nil
		case err == nil: // a sweep took it before we had the lock
			filelock.Release(lock)
		case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, fs.ErrNotExist): // a sweep does
		default:
			os.Remove(path)
			return nil, err
		}
	}
}

// isAt tells whether an open directory is the one at a path.
func isAt(directory *os.File, path string) bool {
	here, err := directory.Stat()
	there, wrong := os.Lstat(path)
	return err == nil && wrong == nil && os.SameFile(here, there)
}

// SweepTemporary removes the directories that OpenTemporary has made there for this user, and whose process has ended.
func SweepTemporary(directory, prefix string) error {
	orphans, err := findOrphans(directory, prefix)
	problems := []error{err}
	for _, orphan := range orphans {
		problems = append(problems, orphan.Close())
	}
	return errors.Join(problems...)
}

// Path is the directory.
func (s *Directory) Path() string { return s.path }

// Close removes the directory with all that is in it.
func (s *Directory) Close() error {
	return errors.Join(RemoveAll(s.path), filelock.Release(s.lock))
}

// Sweep removes the directories in base whose name begins with prefix and whose process has ended. Before a
// directory goes, dead is called with its path; where dead fails the directory stays for the next sweep.
func Sweep(base, prefix string, dead func(path string) error) error {
	locked, err := lockBase(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	orphans, err := findOrphans(base, prefix)
	filelock.Release(locked)
	problems := []error{err}
	for _, orphan := range orphans {
		if err := dead(orphan.path); err != nil {
			problems = append(problems, err)
			filelock.Release(orphan.lock)
			continue
		}
		problems = append(problems, orphan.Close())
	}
	return errors.Join(problems...)
}

// findOrphans returns this user's scratch directories that nobody holds, now held by the caller.
func findOrphans(base, prefix string) ([]*Directory, error) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return nil, err
	}
	var orphans []*Directory
	var problems []error
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		path := filepath.Join(base, entry.Name())
		if info, err := entry.Info(); err == nil && !isOurs(info) {
			continue
		}
		lock, err := lockDirectory(path, syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, fs.ErrNotExist): // it lives, or has just ended well
		case err != nil:
			problems = append(problems, err)
		default:
			orphans = append(orphans, &Directory{path, lock})
		}
	}
	return orphans, errors.Join(problems...)
}

// lockBase checks that base is ours alone to write to, and locks it.
func lockBase(base string) (*os.File, error) {
	if err := CheckPrivate(base); err != nil {
		return nil, err
	}
	return lockDirectory(base, 0)
}

// CheckPrivate refuses a directory that is not ours alone to write to.
func CheckPrivate(base string) error {
	info, err := os.Lstat(base)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("directory %q: is not a directory, but %v", base, info.Mode().Type())
	}
	if !isOurs(info) {
		return fmt.Errorf("directory %q: belongs to user %d, not to %d", base, info.Sys().(*syscall.Stat_t).Uid, os.Geteuid())
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("directory %q: mode %#o lets others write to it; want 0700", base, info.Mode().Perm())
	}
	return nil
}

func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(stat.Uid) == os.Geteuid()
}

// lockDirectory takes the exclusive lock on a directory; how is 0 or syscall.LOCK_NB.
func lockDirectory(path string, how int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := filelock.Lock(file, syscall.LOCK_EX|how); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %q: %w", path, err)
	}
	return file, nil
}

// RemoveAll removes a tree as os.RemoveAll does, also where a directory in it may not be written to or read by its
// owner (as Go's module cache leaves them). It follows no symbolic link.
func RemoveAll(path string) error {
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
