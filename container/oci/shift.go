package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// abilities are what the file system of the base directory can do.
//
//	maps, upper      as everywhere: mounts translate ids, forks and root file systems are overlays
//	not maps         volumes change owners when a container takes them and when they are read; forks are copies
//	not upper        forks are copies; what is written to a root file system is in memory
type abilities struct {
	maps  bool // translate ids in mounts of its own; without meaning for an ordinary user, whose containers need none
	upper bool // be what an overlay writes to
}

// look finds out what the base directory's file system can do. That it can is the rule, and costs little.
func (r *Runtime) look() error {
	path := r.scratch.Path()
	if r.rootless {
		var s unix.Statfs_t
		err := unix.Statfs(path, &s)
		r.disk = abilities{upper: err != nil || s.Type != unix.OVERLAYFS_SUPER_MAGIC}
		if !r.disk.upper {
			r.notices = append(r.notices, fmt.Sprintf("the file system of %q can have no overlays: inputs are copied, and what tasks write to their root file system is in memory", r.base))
		}
		return nil
	}
	problem := r.translates(path)
	if problem == nil {
		r.disk = abilities{maps: true, upper: true}
		return nil
	}
	cannot := &NoIDMapError{}
	if !errors.As(problem, &cannot) {
		return problem
	}
	cannot.Path = r.base
	where := "on disk"
	r.disk = abilities{upper: tryUpper(path) == nil}
	if !r.disk.upper {
		where = "in memory"
	}
	r.notices = append(r.notices, fmt.Sprintf("%v: files are copied and change owners instead, so tasks start later, and what they write to their root file system is %s; TMPDIR on ext4, xfs, btrfs or tmpfs avoids this", cannot, where))
	return nil
}

// tryUpper finds out, by a mount that is attached nowhere, whether an overlay can write to a directory's file system.
func tryUpper(path string) error {
	directory, err := os.MkdirTemp(path, "try-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	// Fsopen is as old as what the stage needs anyhow (Linux 5.2).
	context, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(context)
	for _, name := range []string{"lowerdir", "upperdir", "workdir"} {
		own := filepath.Join(directory, name)
		if err := os.Mkdir(own, 0o700); err != nil {
			return err
		}
		opened, err := os.Open(own)
		if err != nil {
			return err
		}
		defer opened.Close()
		// By its descriptor, whatever characters the path has.
		if err := unix.FsconfigSetString(context, name, fmt.Sprintf("/proc/self/fd/%d", opened.Fd())); err != nil {
			return err
		}
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return err
	}
	// Without such an attribute a directory that was removed cannot be made again.
	return unix.Setxattr(filepath.Join(directory, "upperdir"), "trusted.overlay.writ", []byte("y"), 0)
}

// shifts tells whether what is on disk must have the ids that a container has on the host, since no mount translates them.
func (r *Runtime) shifts(privileged bool) bool { return !r.rootless && !privileged && !r.disk.maps }

// overlays tells whether the changes of a volume's fork can be kept beside what it shares.
func (r *Runtime) overlays() bool { return r.disk.upper && (r.rootless || r.disk.maps) }

// foreign is what is added to ids that a container does not have, so that they are not taken for those that it has.
const foreign = 1 << 30

// toHost is the id on the host of an id on disk, as a mount with everyID translates it. Those from countID on, which no
// container has, get out of the way.
func toHost(id int) int {
	switch {
	case id < countID:
		return id + firstID
	case id < foreign:
		return id + foreign
	}
	return id
}

// toDisk is the other way.
func toDisk(id int) int {
	switch {
	case id >= firstID && id < firstID+countID:
		return id - firstID
	case id >= foreign+countID:
		return id - foreign
	}
	return id
}

// maxShiftDepth bounds the descriptors that are open at a time. CopyTree takes no deeper trees either.
const maxShiftDepth = 200

// shiftTree changes every owner in a tree, which no process has now. Links are not followed.
func shiftTree(path string, shift func(id int) int) error {
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	s := &shifter{ctx: context.Background(), uid: shift, gid: shift, setuid: true, seen: map[inode]bool{}}
	if err := s.own(root, "."); err != nil {
		return err
	}
	if err := s.entries(root, 0); err != nil {
		return fmt.Errorf("change the owners in %q: %w", path, err)
	}
	return nil
}

type inode struct{ device, number uint64 }

type shifter struct {
	ctx      context.Context // of a stage; ended, nothing more is changed
	uid, gid func(id int) int
	setuid   bool           // bits that the kernel takes away with the old owner are set again
	seen     map[inode]bool // files with several names
}

func (s *shifter) entries(root *os.Root, depth int) error {
	if depth > maxShiftDepth {
		return fmt.Errorf("more than %d directories deep", maxShiftDepth)
	}
	directory, err := root.Open(".")
	if err != nil {
		return err
	}
	defer directory.Close()
	for {
		batch, err := directory.ReadDir(1024)
		for _, entry := range batch {
			if err := s.own(root, entry.Name()); err != nil {
				return err
			}
			if !entry.IsDir() {
				continue
			}
			inner, err := root.OpenRoot(entry.Name())
			if err != nil {
				return err
			}
			err = s.entries(inner, depth+1)
			inner.Close()
			if err != nil {
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

// own changes the owner of one file, if it is another.
func (s *shifter) own(root *os.Root, name string) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%q: its owner is not known", name)
	}
	if stat.Nlink > 1 && !info.IsDir() {
		id := inode{stat.Dev, stat.Ino}
		if s.seen[id] {
			return nil
		}
		s.seen[id] = true
	}
	uid, gid := s.uid(int(stat.Uid)), s.gid(int(stat.Gid))
	if uid == int(stat.Uid) && gid == int(stat.Gid) {
		return nil
	}
	if err := root.Lchown(name, uid, gid); err != nil {
		return err
	}
	if s.setuid && info.Mode().IsRegular() && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
		return root.Chmod(name, info.Mode())
	}
	return nil
}
