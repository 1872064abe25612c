package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Dir is a directory. A symbolic link at its path is followed.
type Dir struct {
	Path string
	Attributes
	// Parents has Change make the directories above it, 0755 and ours.
	Parents bool
	// Recursive has Remove remove what is in it.
	Recursive bool
}

// look returns the place; nil where the directory above does not exist.
func (d Dir) look() (*place, attributes, Differences, error) {
	want, err := d.resolve(d.Path)
	if err != nil {
		return nil, want, nil, err
	}
	p, err := find(d.Path)
	if differences := p.differ("a directory", unix.S_IFDIR); err != nil || differences != nil {
		return p, want, differences, err
	}
	if want.uid == nil || *want.uid != p.stat.Uid { // also one that is to be taken from her: what is in it is hers
		if err := p.squatted(); err != nil {
			p.close()
			return nil, want, nil, err
		}
	}
	return p, want, want.differ(&p.stat), nil
}

// Check compares it with what is there.
func (d Dir) Check(context.Context) (Differences, error) {
	p, _, differences, err := d.look()
	defer p.close()
	return checked(differences, err)
}

// Change makes it, 0755 and ours where nothing else is said, or changes its mode and owner.
func (d Dir) Change(ctx context.Context) (Differences, error) {
	p, want, differences, err := d.look()
	if errors.As(err, new(*noParent)) {
		if !d.Parents {
			return nil, hinted{err, "--parents makes the directories above as well"}
		}
		if err := d.makeParents(ctx); err != nil {
			return nil, err
		}
		p, want, differences, err = d.look()
	}
	if err != nil {
		return nil, err
	}
	defer p.close()
	if len(differences) == 0 {
		return nil, nil
	}
	if differences.wrongKind() {
		return nil, fmt.Errorf("%s: %s", Show(d.Path), differences)
	}
	return differences, d.settle(p, want)
}

// makeParents makes what is missing above, from the top.
func (d Dir) makeParents(ctx context.Context) error {
	path := strings.TrimRight(d.Path, "/")
	for i := 1; i < len(path); i++ {
		if path[i] != '/' || path[i-1] == '/' {
			continue
		}
		if _, err := (Dir{Path: path[:i]}).Change(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle makes the directory, for us alone, and gives it its owner and mode.
func (d Dir) settle(p *place, want attributes) error {
	before := &p.stat
	if !p.exists {
		if err := unix.Mkdirat(p.dir, p.name, 0o700); err != nil {
			return fmt.Errorf("make %s: %w", Show(d.Path), err)
		}
		before = nil
	}
	directory, err := p.open(unix.O_RDONLY | unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer directory.Close()
	var now unix.Stat_t
	if err := unix.Fstat(int(directory.Fd()), &now); err != nil {
		return fmt.Errorf("%s: %w", Show(d.Path), err)
	}
	if before != nil && (now.Ino != before.Ino || now.Dev != before.Dev) || before == nil && int(now.Uid) != os.Geteuid() {
		return fmt.Errorf("%s: replaced by somebody else meanwhile", Show(d.Path))
	}
	if err := want.apply(directory, d.Path, before, directoryMode|now.Mode&unix.S_ISGID); err != nil {
		return err
	}
	return p.sync()
}

// Remove removes it where it is empty, with Recursive in any case: then it must be a directory itself, no link to one, and
// hold no other file system.
func (d Dir) Remove(ctx context.Context) (bool, error) {
	if d.Recursive {
		if p, err := findName(strings.TrimRight(d.Path, "/")); err == nil {
			link := p.exists && p.stat.Mode&unix.S_IFMT == unix.S_IFLNK
			p.close()
			if link {
				return false, fmt.Errorf("%s: is a symbolic link; nothing is removed through one", Show(d.Path))
			}
		}
	}
	p, _, differences, err := d.look()
	defer p.close()
	if there, err := removable(d.Path, differences, err); !there {
		return false, err
	}
	if p.name == "." {
		return false, mistake("path %s: does not end in a name", Show(d.Path))
	}
	if d.Recursive {
		if err := sameDevice(ctx, p.dir, p.name, d.Path, p.directory.Dev); err != nil {
			return false, err
		}
		if err := removeWithin(ctx, p.dir, p.name, d.Path); err != nil {
			return false, err
		}
	}
	err = unix.Unlinkat(p.dir, p.name, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
		return false, hinted{fmt.Errorf("%s: not empty, so it is not removed", Show(d.Path)), "--recursive removes what is in it as well"}
	}
	if err != nil {
		return false, fmt.Errorf("remove %s: %w", Show(d.Path), err)
	}
	return true, p.sync()
}
