package process

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/scratch"
)

// placed is a volume that is in a working directory now.
type placed struct {
	volume *volume
	path   string   // clean and local
	aside  string   // what was at path before, moved away; empty: nothing was
	made   []string // parents made for it, outermost first
}

// tree is the private directory of one process: work, home, tmp, and what mounts hide.
type tree struct {
	root   string
	placed []placed
	log    *slog.Logger
}

func (t *tree) work() string { return filepath.Join(t.root, "work") }
func (t *tree) home() string { return filepath.Join(t.root, "home") }
func (t *tree) tmp() string  { return filepath.Join(t.root, "tmp") }

// newTree makes the directories and moves the volumes in. On an error every volume is back where it was.
func newTree(root string, mounts []container.Mount, log *slog.Logger) (*tree, error) {
	ordered, err := checkMounts(mounts)
	if err != nil {
		return nil, err
	}
	t := &tree{root: root, log: log}
	for _, directory := range []string{root, t.home(), t.tmp()} {
		if err := os.Mkdir(directory, 0o700); err != nil {
			return nil, err
		}
	}
	if len(ordered) == 0 || ordered[0].path != "." {
		if err := os.Mkdir(t.work(), 0o755); err != nil {
			return nil, errors.Join(err, t.close())
		}
	}
	for _, p := range ordered {
		if err := t.place(p); err != nil {
			return nil, errors.Join(err, t.close())
		}
	}
	return t, nil
}

// checkMounts returns the volumes to place, outer before inner.
func checkMounts(mounts []container.Mount) ([]placed, error) {
	sorted, err := container.CheckMounts(mounts)
	if err != nil {
		return nil, err
	}
	var ordered []placed
	for _, m := range sorted {
		if m.Host != "" {
			continue // seen where it is (See)
		}
		if filepath.IsAbs(m.Path) {
			return nil, &container.MountError{Path: m.Path, Reason: "the process runtime has no file system of its own to mount at an absolute path in", Help: "use a path below the working directory"}
		}
		own, ours := m.Volume.(*volume)
		if !ours {
			return nil, &container.MountError{Path: m.Path, Reason: fmt.Sprintf("a volume of another runtime (%T)", m.Volume)}
		}
		ordered = append(ordered, placed{volume: own, path: m.Path})
	}
	return ordered, nil
}

// place moves one volume to its path.
func (t *tree) place(p placed) error {
	if err := p.volume.take("process " + filepath.Base(t.root)); err != nil {
		return fmt.Errorf("mount %q: %w", p.path, err)
	}
	err := t.makeRoom(&p)
	if err == nil {
		err = move(p.volume.path, filepath.Join(t.work(), p.path))
	}
	if err != nil {
		t.uncover(p)
		p.volume.release()
		return fmt.Errorf("mount %q: %w", p.path, err)
	}
	t.placed = append(t.placed, p)
	return nil
}

// makeRoom makes the parents of p's path and moves away what is there. Symbolic links are not followed: they come from
// a volume's content and could lead anywhere.
func (t *tree) makeRoom(p *placed) error {
	if p.path == "." {
		return nil
	}
	elements := strings.Split(p.path, "/")
	for i := range elements {
		name := filepath.Join(elements[:i+1]...)
		path := filepath.Join(t.work(), name)
		last := i == len(elements)-1
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if last {
				return nil
			}
			if err := os.Mkdir(path, 0o755); err != nil {
				return err
			}
			p.made = append(p.made, path)
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%q is no directory, but %s", name, container.Kind(info.Mode()))
		case last:
			aside := filepath.Join(t.root, "aside"+strconv.Itoa(len(t.placed)))
			if err := move(path, aside); err != nil {
				return err
			}
			p.aside = aside
		}
	}
	return nil
}

// uncover puts back what a mount hid and removes the parents made for it, where they are empty.
func (t *tree) uncover(p placed) {
	// Where the task removed the parents, what the mount hid has gone with them, as it would in a container.
	if p.aside != "" {
		_ = move(p.aside, filepath.Join(t.work(), p.path))
	}
	for _, path := range slices.Backward(p.made) {
		_ = os.Remove(path)
	}
}

// close moves the volumes back and removes the tree. No process uses it any more. What cannot be removed (a task with sudo
// leaves files of root's) is logged: it changes nothing of how the task ended.
func (t *tree) close() error {
	var problems []error
	for _, p := range slices.Backward(t.placed) {
		if err := t.takeBack(p); err != nil {
			problems = append(problems, fmt.Errorf("mount %q: %w", p.path, err))
		}
		t.uncover(p)
		p.volume.release()
	}
	t.placed = nil
	if err := scratch.RemoveAll(t.root); err != nil {
		t.log.Warn("the directory of an ended process could not be removed", "error", err)
	}
	return errors.Join(problems...)
}

// takeBack moves what is at p's path now to the volume's own. A task may have removed its directory, which makes the
// volume empty, or replaced it by another directory; anything else in its place is an error, and the volume is empty.
func (t *tree) takeBack(p placed) error {
	err := t.isDirectory(p.path)
	if err == nil {
		err = move(filepath.Join(t.work(), p.path), p.volume.path)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.Mkdir(p.volume.path, 0o755))
}

// isDirectory checks that every element of a path below the working directory is a directory and no symbolic link.
func (t *tree) isDirectory(path string) error {
	elements := strings.Split(path, "/")
	for i := range elements {
		name := filepath.Join(elements[:i+1]...)
		info, err := os.Lstat(filepath.Join(t.work(), name))
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("the task left %s at %q, not a directory", container.Kind(info.Mode()), name)
		}
	}
	return nil
}

// move renames a directory, also where a mode forbids its owner to write to it (a new parent is written into its "..")
// or to its parent.
func move(from, to string) error {
	for directory, after := range map[string]string{from: to, filepath.Dir(from): filepath.Dir(from)} {
		info, err := os.Lstat(directory)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o300 != 0o300 {
			if err := os.Chmod(directory, info.Mode()|0o700); err != nil {
				return err
			}
			defer os.Chmod(after, info.Mode())
		}
	}
	return os.Rename(from, to)
}
