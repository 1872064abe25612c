package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

const (
	maxDepth  = 200      // of directories in a copied tree; each level holds two descriptors open
	copyChunk = 64 << 20 // bytes between two looks at the context
)

// CopyTree copies the directory src into the directory dst, which is made when it is missing and otherwise added to: a
// file or link of the same name is replaced, a directory of the same name is added to.
//
// Symbolic links are copied as they are and never followed, on neither side (src and dst themselves may be links), so
// nothing is read outside src or written outside dst. Modes, times and hard links within the tree are kept, owners
// too for root; extended attributes are not. Named pipes are made anew; sockets, whose processes are gone, are left out;
// devices, and trees deeper than 200 directories, are refused. Size is not bounded; ctx is looked at between files.
// Files share their blocks where the file system can: copy_file_range(2) clones on btrfs and XFS.
func CopyTree(ctx context.Context, dst, src string) error { return copyTree(ctx, dst, src, false) }

// ExportTree is CopyTree out of a run, to where others may be: setuid and setgid bits stay behind, since what root's container
// has made belongs to root.
func ExportTree(ctx context.Context, dst, src string) error { return copyTree(ctx, dst, src, true) }

func copyTree(ctx context.Context, dst, src string, export bool) error {
	source, err := os.OpenRoot(src)
	if err != nil {
		return err
	}
	defer source.Close()
	created := false
	if err := os.Mkdir(dst, 0o700); err == nil {
		created = true
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	target, err := os.OpenRoot(dst)
	if err != nil {
		return err
	}
	defer target.Close()
	info, err := source.Stat(".")
	if err != nil {
		return err
	}
	if err := notWithin(dst, info); err != nil {
		if created {
			os.Remove(dst)
		}
		return fmt.Errorf("copy %q to %q: %w", src, dst, err)
	}
	c := &copier{ctx: ctx, target: target, links: map[inode]string{}, modes: fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky}
	if export {
		c.modes = fs.ModePerm | fs.ModeSticky
	}
	if err := c.entries(target, source, "."); err != nil {
		return fmt.Errorf("copy %q to %q: %w", src, dst, err)
	}
	if created {
		return c.finish(target, ".", info)
	}
	return nil
}

// notWithin refuses a destination that would be copied into itself, again and again.
func notWithin(dst string, source fs.FileInfo) error {
	path, err := filepath.EvalSymlinks(dst)
	if err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	for {
		info, err := os.Stat(path)
		if err == nil && os.SameFile(info, source) {
			return errors.New("the destination lies within the source")
		}
		if path == filepath.Dir(path) {
			return nil
		}
		path = filepath.Dir(path)
	}
}

type inode struct{ device, number uint64 }

type copier struct {
	ctx    context.Context
	target *os.Root
	links  map[inode]string // files with more than one name: where their copy is
	modes  fs.FileMode      // the bits that are kept
}

// entries copies what is in source into target; both are at the path at.
func (c *copier) entries(target, source *os.Root, at string) error {
	if depth(at) > maxDepth {
		return fmt.Errorf("more than %d directories deep", maxDepth)
	}
	directory, err := source.Open(".")
	if err != nil {
		return err
	}
	defer directory.Close()
	for {
		batch, err := directory.ReadDir(1024)
		for _, entry := range batch {
			if err := c.entry(target, source, entry.Name(), path.Join(at, entry.Name())); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// entry copies one directory entry.
func (c *copier) entry(target, source *os.Root, name, at string) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	info, err := source.Lstat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return c.directory(target, source, name, at, info)
	}
	if info.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	// A directory of that name is not removed with what is in it: this fails where it is not empty.
	if err := target.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return c.file(target, source, name, at, info)
	case mode&fs.ModeSymlink != 0:
		to, err := source.Readlink(name)
		if err != nil {
			return err
		}
		if err := target.Symlink(to, name); err != nil {
			return err
		}
		return own(target, name, info)
	case mode&fs.ModeNamedPipe != 0:
		if err := makePipe(target, name); err != nil {
			return fmt.Errorf("%q: %w", at, err)
		}
		return c.finish(target, name, info)
	}
	return fmt.Errorf("%q is %s; only directories, files, links and named pipes are copied", at, Kind(info.Mode()))
}

func (c *copier) directory(target, source *os.Root, name, at string, info fs.FileInfo) error {
	existing, err := target.Lstat(name)
	if err == nil && !existing.IsDir() {
		err = target.Remove(name)
		existing = nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if existing == nil {
		if err := target.Mkdir(name, 0o700); err != nil {
			return err
		}
	}
	from, err := source.OpenRoot(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := target.OpenRoot(name)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := c.entries(to, from, at); err != nil {
		return err
	}
	if existing != nil {
		return nil
	}
	return c.finish(target, name, info)
}

func (c *copier) file(target, source *os.Root, name, at string, info fs.FileInfo) error {
	stat, _ := info.Sys().(*syscall.Stat_t)
	if stat != nil && stat.Nlink > 1 {
		id := inode{uint64(stat.Dev), stat.Ino}
		if first, known := c.links[id]; known && c.target.Link(first, at) == nil {
			return nil
		}
		c.links[id] = at
	}
	// O_NONBLOCK: should it have become a pipe since, opening it must not wait.
	from, err := source.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer from.Close()
	if now, err := from.Stat(); err != nil {
		return err
	} else if !os.SameFile(now, info) {
		return fmt.Errorf("%q changed while it was copied", at)
	}
	to, err := target.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	for err == nil {
		if err = c.ctx.Err(); err == nil {
			_, err = io.CopyN(to, from, copyChunk)
		}
	}
	if err == io.EOF {
		err = nil
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	return c.finish(target, name, info)
}

// makePipe makes a named pipe below a root, through its descriptor: os.Root cannot.
func makePipe(target *os.Root, name string) error {
	directory, err := target.Open(".")
	if err != nil {
		return err
	}
	defer directory.Close()
	return syscall.Mknodat(int(directory.Fd()), name, syscall.S_IFIFO|0o600, 0)
}

// finish gives a copy the owner, the mode and the time of its original, in this order: a new owner clears setuid.
func (c *copier) finish(target *os.Root, name string, info fs.FileInfo) error {
	if err := own(target, name, info); err != nil {
		return err
	}
	if err := target.Chmod(name, info.Mode()&c.modes); err != nil {
		return err
	}
	return target.Chtimes(name, info.ModTime(), info.ModTime())
}

func own(target *os.Root, name string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return target.Lchown(name, int(stat.Uid), int(stat.Gid))
}

// Kind names what a file is that is no directory, for errors.
func Kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a file"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return mode.Type().String()
}
