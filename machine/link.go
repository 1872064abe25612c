package machine

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Link is a symbolic link. What it leads to need not exist.
type Link struct {
	Path string
	To   string
	// Force has Change replace what is no link: a file, or an empty directory.
	Force bool
}

// look returns the place; nil where the directory does not exist.
func (l Link) look() (*place, Differences, error) {
	if strings.ContainsRune(l.To, 0) {
		return nil, nil, mistake("target %q: not a path", l.To)
	}
	want := "a symbolic link"
	if l.To != "" {
		want += " to " + Show(l.To)
	}
	p, err := findName(l.Path)
	if differences := p.differ(want, unix.S_IFLNK); err != nil || differences != nil {
		return p, differences, err
	}
	to, err := readLink(p.dir, p.name)
	if err == nil {
		err = p.squatted()
	}
	if err != nil {
		p.close()
		return nil, nil, fmt.Errorf("%s: %w", Show(l.Path), err)
	}
	if l.To != "" && to != l.To {
		return p, Differences{{"target", Show(to), Show(l.To)}}, nil
	}
	return p, nil, nil
}

// Check compares it with what is there.
func (l Link) Check(context.Context) (Differences, error) {
	p, differences, err := l.look()
	defer p.close()
	return checked(differences, err)
}

// Change makes it. A link that leads elsewhere is replaced, atomically; something else only with Force.
func (l Link) Change(context.Context) (Differences, error) {
	if l.To == "" {
		return nil, mistake("a symbolic link needs a target")
	}
	p, differences, err := l.look()
	if err != nil {
		return nil, err
	}
	defer p.close()
	if len(differences) == 0 {
		return nil, nil
	}
	if differences.wrongKind() {
		if err := l.makeRoom(p, differences); err != nil {
			return nil, err
		}
	}
	name := temporaryName()
	if err := unix.Symlinkat(l.To, p.dir, name); err != nil {
		return nil, fmt.Errorf("make %s: %w", Show(l.Path), err)
	}
	if err := p.rename(name); err != nil {
		unix.Unlinkat(p.dir, name, 0)
		return nil, err
	}
	return differences, p.sync()
}

// makeRoom removes an empty directory; a file is replaced by the rename.
func (l Link) makeRoom(p *place, differences Differences) error {
	if !l.Force {
		return hinted{fmt.Errorf("%s: %s", Show(l.Path), differences), "--force replaces a file or an empty directory"}
	}
	if p.stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	if err := unix.Unlinkat(p.dir, p.name, unix.AT_REMOVEDIR); err != nil {
		return fmt.Errorf("remove directory %s: %w", Show(l.Path), err)
	}
	return nil
}

// Remove removes it, not what it leads to.
func (l Link) Remove(context.Context) (bool, error) {
	p, differences, err := l.look()
	defer p.close()
	if there, err := removable(l.Path, differences, err); !there {
		return false, err
	}
	return true, p.unlink()
}
