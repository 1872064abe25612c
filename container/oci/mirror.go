package oci

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// mirror is a directory of the host's as another user's: a copy that follows it, where no mount translates its owner. What
// is replaced there by a rename is replaced here by a rename.
//
//	source --inotify--> sync: new and changed files copied, given away and renamed into place; gone ones removed
//
// Where this user has as many watchers as the system allows, it looks every second.
type mirror struct {
	source, path *os.Root
	user         int
	known        map[string]stamp
	sockets      []string // that were there at first: they cannot be copied, so they are given away and mounted
	log          *slog.Logger

	events *os.File // nil: there is no watcher left
	end    chan struct{}
	done   chan struct{}
}

// stamp tells a file from its next version.
type stamp struct {
	number   uint64
	size     int64
	modified time.Time
}

const halfCopied = ".mirror-new" // the name of a file that is being copied

// newMirror makes a mirror at path, which is missing, and keeps it until close. It takes files and sockets. watch is
// watchDirectory.
func newMirror(source, path string, user int, log *slog.Logger, watch func(string) (*os.File, error)) (*mirror, error) {
	m := &mirror{user: user, known: map[string]stamp{}, log: log, end: make(chan struct{}), done: make(chan struct{})}
	if err := m.open(source, path, watch); err != nil {
		m.release()
		return nil, err
	}
	go m.follow()
	return m, nil
}

func (m *mirror) open(source, path string, watch func(string) (*os.File, error)) (err error) {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	if m.source, err = os.OpenRoot(source); err != nil {
		return err
	}
	if m.path, err = os.OpenRoot(path); err != nil {
		return err
	}
	// Watched before it is read: no change is missed.
	m.events, err = watch(source)
	switch {
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENOSPC):
		m.log.Debug("a directory is looked at every second, since it cannot be watched", "directory", source, "error", err)
	case err != nil:
		return err
	}
	if err := m.sync(); err != nil {
		return err
	}
	info, err := m.source.Stat(".")
	if err != nil {
		return err
	}
	if err := errors.Join(m.path.Chown(".", m.user, m.user), m.path.Chmod(".", info.Mode().Perm())); err != nil {
		return err
	}
	for name := range m.known {
		if info, err := m.source.Lstat(name); err == nil && info.Mode()&fs.ModeSocket != 0 {
			m.sockets = append(m.sockets, name)
		}
	}
	return nil
}

// watchDirectory is an inotify(7) of a directory. EMFILE: this user has none left (fs.inotify.max_user_instances); ENOSPC: it
// can watch nothing more (fs.inotify.max_user_watches).
func watchDirectory(path string) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_CLOSE_WRITE|unix.IN_MOVE|unix.IN_DELETE|unix.IN_ONLYDIR); err != nil {
		events.Close()
		return nil, fmt.Errorf("inotify: %w", err)
	}
	return events, nil
}

// changed waits until something may have changed; false: the end has come.
func (m *mirror) changed() bool {
	if m.events == nil {
		select {
		case <-time.After(time.Second):
			return true
		case <-m.end:
			return false
		}
	}
	_, err := m.events.Read(make([]byte, 4096))
	return err == nil
}

// follow makes every change again until close.
func (m *mirror) follow() {
	defer close(m.done)
	for m.changed() {
		// Which files have changed is seen anew: there are few, and events may have been lost.
		if err := m.sync(); err != nil {
			m.log.Warn("a file that a container should see anew cannot be copied", "error", err)
		}
	}
}

// sync makes the mirror like the source.
func (m *mirror) sync() error {
	directory, err := m.source.Open(".")
	if err != nil {
		return err
	}
	defer directory.Close()
	entries, err := directory.ReadDir(-1)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	var problems []error
	for _, entry := range entries {
		there[entry.Name()] = true
		if err := m.entry(entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) { // it has just gone
			problems = append(problems, err)
		}
	}
	for name := range m.known {
		if !there[name] {
			delete(m.known, name)
			problems = append(problems, m.path.Remove(name))
		}
	}
	return errors.Join(problems...)
}

func (m *mirror) entry(name string) error {
	info, err := m.source.Lstat(name)
	if err != nil {
		return err
	}
	s := stampOf(info)
	if m.known[name] == s {
		return nil
	}
	switch {
	case info.Mode().IsRegular():
		s, err = m.copy(name)
	case info.Mode()&fs.ModeSocket != 0:
		err = m.socket(name)
	default:
		return fmt.Errorf("%q: only files and sockets can be given to another user there, not %v", name, info.Mode().Type())
	}
	if err != nil {
		return err
	}
	m.known[name] = s
	return nil
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), modified: info.ModTime()}
	if id, ok := info.Sys().(*syscall.Stat_t); ok {
		s.number = id.Ino
	}
	return s
}

// copy copies a file, and returns what it was when it was opened: should it change meanwhile, it is copied again.
func (m *mirror) copy(name string) (s stamp, err error) {
	from, err := m.source.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return s, err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return s, err
	}
	if err := m.path.Remove(halfCopied); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	to, err := m.path.OpenFile(halfCopied, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return s, err
	}
	_, err = io.Copy(to, from)
	err = errors.Join(err, to.Chown(m.user, m.user), to.Chmod(info.Mode().Perm()), to.Close())
	if err == nil {
		err = m.path.Rename(halfCopied, name)
	}
	return stampOf(info), err
}

// socket gives a socket away, and makes the place that it is mounted at.
func (m *mirror) socket(name string) error {
	if err := m.source.Lchown(name, m.user, m.user); err != nil {
		return err
	}
	place, err := m.path.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return place.Close()
}

// close ends the following.
func (m *mirror) close() {
	close(m.end)
	m.events.Close() // of none that is an error, too
	<-m.done
	m.release()
}

func (m *mirror) release() {
	for _, root := range []*os.Root{m.source, m.path} {
		if root != nil {
			root.Close()
		}
	}
	m.events.Close() // of none, or twice, that is an error
}

// addMirror adds a directory of the host's whose owner no mount can change. The container may read it only.
func (p *process) addMirror(t tree, user int, cannot error) error {
	if !t.ReadOnly {
		return cannot
	}
	path := filepath.Join(p.directory, "host-"+t.Target)
	followed, err := newMirror(t.Source, path, user, p.runtime.log, watchDirectory)
	if err != nil {
		return fmt.Errorf("%w; a copy for the task's user: %w", cannot, err)
	}
	p.stops = append(p.stops, followed.close)
	// The container has it read-only; in the stage sockets are yet to be mounted in it.
	p.plan.Trees = append(p.plan.Trees, tree{Source: path, Target: t.Target})
	for _, name := range followed.sockets {
		p.plan.Trees = append(p.plan.Trees, tree{Source: filepath.Join(t.Source, name), Target: filepath.Join(t.Target, name), File: true, ReadOnly: true})
	}
	return nil
}
