package machine

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// replace gives the name to a new file: written under another name beside it, readable by us alone until it has its owner
// and mode, and on the disk before it is renamed. What was there before (nil: nothing) hands on what is not described.
func (p *place) replace(a attributes, before *unix.Stat_t, old *os.File, write func(io.Writer) error) (err error) {
	file, name, err := p.temporary()
	if err != nil {
		return err
	}
	defer func() {
		file.Close()
		if err != nil {
			unix.Unlinkat(p.dir, name, 0)
		}
	}()
	if err := write(file); err != nil { // one text, or a copy with a buffer of its own
		return fmt.Errorf("write %s: %w", Show(p.path), bare(err, name))
	}
	if old != nil {
		if err := copyExtended(old, file); err != nil {
			return fmt.Errorf("%s: %w", Show(p.path), err)
		}
	}
	if err := a.apply(file, p.path, before, fileMode); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", Show(p.path), bare(err, name))
	}
	if err := p.rename(name); err != nil {
		return err
	}
	return p.sync()
}

// bare is an error without the name of a file of ours.
func bare(err error, name string) error {
	var path *os.PathError
	if errors.As(err, &path) && path.Path == name {
		return path.Err
	}
	return err
}

// temporaryName is a name that nobody guesses. It begins with a dot and has no ending: what reads all files of a
// directory, as cron does, passes over one that a sudden end has left.
func temporaryName() string {
	random := make([]byte, 8)
	rand.Read(random)
	return ".writ-" + hex.EncodeToString(random)
}

// temporary makes a file in the directory that only we can read.
func (p *place) temporary() (*os.File, string, error) {
	name := temporaryName()
	fd, err := unix.Openat(p.dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, "", fmt.Errorf("write %s: %w", Show(p.path), err)
	}
	return os.NewFile(uintptr(fd), name), name, nil
}

// rename gives the place's name to what has another one in its directory.
func (p *place) rename(from string) error {
	err := unix.Renameat(p.dir, from, p.dir, p.name)
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("replace %s: %w: something is mounted there", Show(p.path), err)
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", Show(p.path), err)
	}
	return nil
}

// sync makes a change of the directory last. One that may not be read cannot be synced; nothing is lost by it but that.
func (p *place) sync() error {
	fd, err := unix.Openat(p.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sync the directory of %s: %w", Show(p.path), err)
	}
	defer unix.Close(fd)
	if err := unix.Fsync(fd); err != nil && !errors.Is(err, unix.EINVAL) { // not every file system can
		return fmt.Errorf("sync the directory of %s: %w", Show(p.path), err)
	}
	return nil
}

// copyExtended gives a new file the access list, the label and the notes of the old one. What the kernel itself takes away
// when contents change (capabilities, measurements) stays away.
func copyExtended(from, to *os.File) error {
	names := make([]byte, 64<<10)
	n, err := unix.Flistxattr(int(from.Fd()), names)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list extended attributes: %w", err)
	}
	for name := range strings.SplitSeq(string(names[:n]), "\x00") {
		switch name {
		case "", "security.capability", "security.ima", "security.evm":
			continue
		}
		if err := copyAttribute(from, to, name); err != nil {
			// These are for root to give. Without the others, the file would not be what it was.
			if errors.Is(err, unix.EPERM) && (strings.HasPrefix(name, "security.") || strings.HasPrefix(name, "trusted.")) {
				continue
			}
			return fmt.Errorf("keep extended attribute %s: %w", name, err)
		}
	}
	return nil
}

func copyAttribute(from, to *os.File, name string) error {
	value := make([]byte, 64<<10) // the kernel's limit
	n, err := unix.Fgetxattr(int(from.Fd()), name, value)
	if err != nil {
		return err
	}
	return unix.Fsetxattr(int(to.Fd()), name, value[:n], 0)
}
