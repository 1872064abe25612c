package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const xattrRecord = "SCHILY.xattr."

// white carries out a whiteout: it hides what a lower layer has, and never an entry of this layer.
func (u *unpacker) white(parent int, directory, base string) error {
	if base == opaqueWhiteout {
		u.opaqueRoot = u.opaqueRoot || parent == u.root
		return u.opaque(parent)
	}
	hidden := strings.TrimPrefix(base, whiteout)
	switch {
	case hidden == "", hidden == ".", hidden == "..":
		return errors.New("whiteout of no file")
	case strings.HasPrefix(hidden, whiteout): // a file system's own bookkeeping
		u.skip("special whiteouts")
		return nil
	}
	u.size += 4096
	err := unix.Mknodat(parent, hidden, unix.S_IFCHR, 0)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	child, err := openDirectory(parent, hidden)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) { // this layer's file hides the lower one anyway
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(child)
	return u.opaque(child)
}

func (u *unpacker) overlay() string {
	if u.rootless {
		return "user.overlay."
	}
	return "trusted.overlay."
}

// opaque hides what lower layers have in a directory.
func (u *unpacker) opaque(directory int) error {
	return unix.Fsetxattr(directory, u.overlay()+"opaque", []byte("y"), 0)
}

// replaceWhiteout puts a directory where the layer has a whiteout: it hides the lower one.
func (u *unpacker) replaceWhiteout(parent int, base string) error {
	if err := unix.Unlinkat(parent, base, 0); err != nil {
		return err
	}
	if err := unix.Mkdirat(parent, base, 0o700); err != nil {
		return err
	}
	child, err := openDirectory(parent, base)
	if err != nil {
		return err
	}
	defer unix.Close(child)
	return u.opaque(child)
}

func isWhiteout(stat *unix.Stat_t) bool {
	return stat.Mode&unix.S_IFMT == unix.S_IFCHR && stat.Rdev == 0
}

// looks are what is set on a file after its content. Of a directory they are kept until the end, so they are small.
type looks struct {
	uid, gid int
	mode     uint32
	modified unix.Timespec
	implied  bool // the archive had no entry for this directory: it keeps its owner and time
}

func looksOf(header *tar.Header) looks {
	return looks{uid: header.Uid, gid: header.Gid, mode: uint32(header.Mode & 0o7777),
		modified: unix.Timespec{Sec: header.ModTime.Unix(), Nsec: int64(header.ModTime.Nanosecond())}}
}

// implied are the usual looks of a directory that the archive leaves out though it has entries in it. An overlay shows
// the topmost layer's mode, so a layer with no more than tmp/file would otherwise take /tmp from everybody.
func implied(name string) looks {
	l := looks{mode: 0o755, implied: true}
	switch name {
	case "tmp", "var/tmp", "dev/shm":
		l.mode = 0o1777
	case "root":
		l.mode = 0o700
	}
	return l
}

func (l looks) times() []unix.Timespec { return []unix.Timespec{l.modified, l.modified} }

// remember keeps a directory's looks for the end.
func (u *unpacker) remember(name string, l looks) error {
	if _, known := u.later[name]; !known {
		const each = 128 // for the looks themselves, and their place in the map
		if u.laterBytes += int64(len(name)) + each; u.laterBytes > maxLater {
			return &problem{message: fmt.Sprintf("archive has too many directories: more than %d bytes of names", maxLater)}
		}
	}
	u.later[name] = l
	return nil
}

// own sets the owner, where owners are kept.
func (u *unpacker) own(fd int, l looks) error {
	if u.rootless || l.implied {
		return nil
	}
	if err := unix.Fchown(fd, l.uid, l.gid); err != nil {
		return fmt.Errorf("owner %d:%d: %w", l.uid, l.gid, err)
	}
	return nil
}

// apply sets mode and time.
func (l looks) apply(fd int) error {
	if err := unix.Fchmod(fd, l.mode); err != nil || l.implied {
		return err
	}
	// An empty name would need a newer kernel: the descriptor's own path in /proc is as good.
	return unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), l.times(), 0)
}

func hasAttributes(header *tar.Header) bool {
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, xattrRecord) {
			return true
		}
	}
	return false
}

// attributes sets those extended attributes that mean the same in every container: user.*, but for overlayfs's own, and
// file capabilities where we may give them.
func (u *unpacker) attributes(fd int, header *tar.Header) error {
	for _, key := range slices.Sorted(maps.Keys(header.PAXRecords)) {
		name, found := strings.CutPrefix(key, xattrRecord)
		if !found {
			continue
		}
		allowed := strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.") ||
			name == "security.capability" && !u.rootless
		if !allowed {
			u.skip("extended attributes")
			continue
		}
		err := unix.Fsetxattr(fd, name, []byte(header.PAXRecords[key]), 0)
		switch {
		case errors.Is(err, unix.EPERM), errors.Is(err, unix.EOPNOTSUPP):
			u.skip("extended attributes")
		case err != nil:
			return fmt.Errorf("extended attribute %.100q: %w", name, err)
		}
	}
	return nil
}

// finish sets what directories are to be, the deepest first: a directory may be without the right to enter it.
func (u *unpacker) finish() error {
	u.forget()
	u.sealed = true
	names := slices.Sorted(maps.Keys(u.later))
	slices.Reverse(names)
	for _, name := range names {
		if name == "." {
			continue
		}
		err := u.finishDirectory(name)
		switch {
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP): // replaced by a later entry
		case err != nil:
			return fmt.Errorf("directory %.200q: %w", name, err)
		}
	}
	root, found := u.later["."]
	if !found {
		root = implied(".")
	}
	return errors.Join(u.own(u.root, root), root.apply(u.root))
}

func (u *unpacker) finishDirectory(name string) error {
	parent, err := u.open(path.Dir(name))
	if err != nil {
		return err
	}
	child, err := openDirectory(parent, path.Base(name))
	if err != nil {
		return err
	}
	defer unix.Close(child)
	if err := u.own(child, u.later[name]); err != nil {
		return err
	}
	return u.later[name].apply(child)
}

// hidesLower reports whether a directory of a layer hides what lower layers have there.
func hidesLower(directory string) bool {
	value := make([]byte, 8)
	for _, name := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
		if count, err := unix.Lgetxattr(directory, name, value); err == nil && string(value[:count]) == "y" {
			return true
		}
	}
	return false
}
