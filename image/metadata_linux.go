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

// describe sets owner, mode, extended attributes and times, in the order in which none undoes another.
func (u *unpacker) describe(fd int, header *tar.Header) error {
	if !u.rootless {
		if err := unix.Fchown(fd, header.Uid, header.Gid); err != nil {
			return fmt.Errorf("owner %d:%d: %w", header.Uid, header.Gid, err)
		}
	}
	if err := u.attributes(fd, header); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, uint32(header.Mode&0o7777)); err != nil {
		return err
	}
	// An empty name would need a newer kernel: the descriptor's own path in /proc is as good.
	return unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), times(header), 0)
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

func times(header *tar.Header) []unix.Timespec {
	modified := unix.Timespec{Sec: header.ModTime.Unix(), Nsec: int64(header.ModTime.Nanosecond())}
	return []unix.Timespec{modified, modified}
}

// finish sets what directories are to be, the deepest first: a directory may be without the right to enter it.
func (u *unpacker) finish() error {
	u.forget()
	u.sealed = true
	names := slices.Sorted(maps.Keys(u.metadata))
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
	if header := u.metadata["."]; header != nil {
		return u.describe(u.root, header)
	}
	return unix.Fchmod(u.root, 0o755)
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
	if header := u.metadata[name]; header != nil {
		return u.describe(child, header)
	}
	return unix.Fchmod(child, usualMode(name))
}

// usualMode is that of a directory which the archive leaves out though it has entries in it. An overlay shows the
// topmost layer's mode, so a layer with no more than tmp/file would otherwise take /tmp from everybody.
func usualMode(name string) uint32 {
	switch name {
	case "tmp", "var/tmp", "dev/shm":
		return 0o1777
	case "root":
		return 0o700
	}
	return 0o755
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
