package pull

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// Watcher tells when a file may have changed. It watches the directory that a file is in (inotify(7)), since a file that is
// replaced is another one, and one that is not there yet cannot be watched; so a change of any file there is a hint, which
// costs who gets it one look at his own. What a symbolic link leads to in another directory is not seen.
//
// Its zero value is good: it takes something of the system with the first file that is watched. Close ends it.
type Watcher struct {
	mu         sync.Mutex
	file       *os.File
	closed     bool
	interested map[int32]map[*watch]bool // by directory
}

// watch is somebody's interest in a directory.
type watch struct{ changed func() }

// events are those after which a file may have another content: a writer has closed it, it came by a rename or a link, or
// its directory is another one.
const events = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_ATTRIB | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// ErrNoWatch means that the system lets this process watch nothing.
var ErrNoWatch = errors.New("files cannot be watched")

// open needs mu.
func (w *Watcher) open() error {
	if w.closed {
		return fmt.Errorf("%w: %w", ErrNoWatch, os.ErrClosed)
	}
	if w.file != nil {
		return nil
	}
	descriptor, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == unix.EMFILE {
		return fmt.Errorf("%w: this user has as many watchers as fs.inotify.max_user_instances allows, or this process as many files as its limit", ErrNoWatch)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoWatch, err)
	}
	w.file, w.interested = os.NewFile(uintptr(descriptor), "inotify"), map[int32]map[*watch]bool{}
	go w.read(w.file)
	return nil
}

// Close ends the watch of everything.
func (w *Watcher) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed = true; w.file == nil {
		return nil
	}
	return w.file.Close()
}

// Watch has changed called each time that a file may have changed, until stop. changed must not wait. An error means that
// the directory cannot be watched: it is not there, say, or ErrNoWatch. A directory that went away is watched no more: call
// Watch again.
func (w *Watcher) Watch(path string, changed func()) (stop func(), err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	directory := filepath.Dir(absolute)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.open(); err != nil {
		return nil, err
	}
	number, err := w.add(directory) // the same number as long as it is the same directory
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", directory, err)
	}
	if w.interested[number] == nil {
		w.interested[number] = map[*watch]bool{}
	}
	one := &watch{changed}
	w.interested[number][one] = true
	return func() { w.stop(number, one) }, nil
}

func (w *Watcher) add(directory string) (int32, error) {
	connection, err := w.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var number int
	var problem error
	if err := connection.Control(func(descriptor uintptr) {
		number, problem = unix.InotifyAddWatch(int(descriptor), directory, events)
	}); err != nil {
		return 0, err
	}
	return int32(number), problem
}

func (w *Watcher) stop(number int32, one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.interested[number][one] {
		return
	}
	delete(w.interested[number], one)
	if len(w.interested[number]) > 0 {
		return
	}
	delete(w.interested, number)
	if connection, err := w.file.SyscallConn(); err == nil {
		_ = connection.Control(func(descriptor uintptr) {
			_, _ = unix.InotifyRmWatch(int(descriptor), uint32(number)) // its directory may have gone
		})
	}
}

// read tells who is interested, until Close.
func (w *Watcher) read(file *os.File) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := file.Read(buffer)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n < unix.SizeofInotifyEvent {
			if !errors.Is(err, os.ErrClosed) && !errors.Is(err, io.EOF) {
				w.all() // it is blind from here on: whoever pulls at times still does
			}
			return
		}
		w.tell(buffer[:n])
	}
}

// tell reads inotify's events: watch, mask, cookie, length and a name of that length.
func (w *Watcher) tell(data []byte) {
	var call []func()
	w.mu.Lock()
	for len(data) >= unix.SizeofInotifyEvent {
		number, mask := int32(binary.NativeEndian.Uint32(data)), binary.NativeEndian.Uint32(data[4:])
		length := int(binary.NativeEndian.Uint32(data[12:]))
		data = data[min(len(data), unix.SizeofInotifyEvent+length):]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			defer w.all()
			continue
		}
		for one := range w.interested[number] {
			call = append(call, one.changed)
		}
		if mask&unix.IN_IGNORED != 0 { // the directory is gone
			delete(w.interested, number)
		}
	}
	w.mu.Unlock()
	for _, changed := range call {
		changed()
	}
}

// all tells everybody.
func (w *Watcher) all() {
	w.mu.Lock()
	var call []func()
	for _, interested := range w.interested {
		for one := range interested {
			call = append(call, one.changed)
		}
	}
	w.mu.Unlock()
	for _, changed := range call {
		changed()
	}
}
