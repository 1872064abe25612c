package delivery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/writ-run/writ/internal/scratch"
)

// The names in the directory; further files are named by the grant.
const (
	tokenName  = "token"
	issuerName = "issuer"
	socketName = "api.sock"
)

const (
	prefix     = "d-"            // of scratch directories
	inner      = "run"           // the directory in it that is mounted
	longest    = "d-4294967295/" // of scratch names, as os.MkdirTemp makes them
	maxAddress = 107             // bytes of a socket's path (unix(7): 108 with the NUL)
)

// directory is what a run sees as /run/writ. It is worked on through a descriptor: with the process runtime a task is the
// same user, and may put a symbolic link where the directory was.
type directory struct {
	scratch *scratch.Directory
	path    string
	root    *os.Root

	mu sync.Mutex // one write at a time
}

// bases are the directories in which ours may be.
func bases(c Config) []string {
	if c.BaseDir != "" {
		return []string{c.BaseDir}
	}
	usual, short := scratch.DefaultBase(), filepath.Join("/tmp", "writ-"+strconv.Itoa(os.Geteuid()))
	if usual == short {
		return []string{short}
	}
	return []string{usual, short}
}

// newDirectory makes an empty directory (0700) whose path is short enough for a socket in it.
func newDirectory(c Config) (*directory, error) {
	for _, base := range bases(c) {
		base, err := filepath.Abs(base)
		if err != nil {
			return nil, err
		}
		if len(filepath.Join(base, longest, inner, socketName)) > maxAddress {
			continue
		}
		return makeDirectory(base)
	}
	longestBase := maxAddress - len(filepath.Join("/", longest, inner, socketName))
	return nil, fmt.Errorf("base directory %q: longer than %d bytes, too long for the path of a socket in it", bases(c)[0], longestBase)
}

func makeDirectory(base string) (d *directory, err error) {
	scratch, err := scratch.Open(base, prefix)
	if err != nil {
		return nil, err
	}
	d = &directory{scratch: scratch, path: filepath.Join(scratch.Path(), inner)}
	if err = os.Mkdir(d.path, 0o700); err == nil {
		d.root, err = os.OpenRoot(d.path)
	}
	if err != nil {
		return nil, errors.Join(err, scratch.Close())
	}
	return d, nil
}

// fill writes the first content. The directory may be written to until seal.
func (d *directory) fill(issuer string, files []*file) error {
	if err := d.create(issuerName, issuer); err != nil {
		return err
	}
	for _, f := range files {
		if err := d.create(f.name, f.token); err != nil {
			return err
		}
	}
	return nil
}

func (d *directory) create(name, content string) error {
	handle, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return err
	}
	_, err = handle.WriteString(content)
	return errors.Join(err, handle.Close())
}

// seal takes away the right to write. A container's mount is read-only too; with the process runtime this is all there is,
// and keeps a task from doing damage by mistake.
func (d *directory) seal() error { return d.root.Chmod(".", 0o500) }

// write replaces a file atomically: a reader finds the old content or the new one. It is not synced to the disk: nothing
// here is of use after a crash.
func (d *directory) write(name, content string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.root.Chmod(".", 0o700); err != nil {
		return err
	}
	temporary := "." + name
	err := d.root.Remove(temporary)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = d.create(temporary, content)
	}
	if err == nil {
		err = d.root.Rename(temporary, name)
	}
	return errors.Join(err, d.seal())
}

// close removes the directory. The files go through the descriptor first, in case the task has moved the directory away.
func (d *directory) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.root.Chmod(".", 0o700)
	if err == nil {
		err = d.empty()
	}
	d.root.Close()
	return errors.Join(err, d.scratch.Close())
}

// empty removes what is directly in the directory; what a task has put deeper goes with the scratch directory.
func (d *directory) empty() error {
	handle, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer handle.Close()
	names, err := handle.Readdirnames(-1)
	for _, name := range names {
		_ = d.root.Remove(name)
	}
	return err
}

// Sweep removes the directories of killed processes, and none of a live one.
func Sweep(c Config) error {
	var problems []error
	for _, base := range bases(c) {
		if err := scratch.Sweep(base, prefix, func(string) error { return nil }); err != nil {
			problems = append(problems, fmt.Errorf("sweep %q: %w", base, err))
		}
	}
	return errors.Join(problems...)
}
