package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	whiteout       = ".wh."
	opaqueWhiteout = ".wh..wh..opq"
	maxNesting     = 256       // directories in a name
	maxLater       = 256 << 20 // bytes in memory for directories
)

// An unpacker writes one layer's archive into a directory, in overlayfs form. It walks every name from the directory's
// own descriptor, component by component, and follows no symbolic link: a name that leads through one is refused.
type unpacker struct {
	root     int
	rootless bool
	left     *budget
	limits   Limits

	parent     int // descriptor of the directory of the last entry, or -1
	parentName string
	later      map[string]looks // of directories, set when all is written
	laterBytes int64
	buffer     []byte
	bytes      int64 // taken from the budget for sparse files
	size       int64 // on disk, roughly
	entries    int64
	skipped    map[string]int
	sealed     bool // no directory is made any more
	opaqueRoot bool // the layer hides all below it
}

// unpack writes the archive into dir, which is empty. What it returns counts also where it fails.
func unpack(from io.Reader, dir string, rootless bool, left *budget, limits Limits) (*unpacker, error) {
	root, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	u := &unpacker{root: root, rootless: rootless, left: left, limits: limits, parent: -1,
		later: map[string]looks{}, buffer: make([]byte, 128<<10), skipped: map[string]int{}}
	defer unix.Close(root)
	defer u.forget()
	archive := tar.NewReader(from)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return u, fmt.Errorf("archive: %w", err)
		}
		u.entries++
		if !left.entries.take(1) {
			return u, &problem{message: fmt.Sprintf("image has more than the %d entries allowed", limits.Entries)}
		}
		if err := u.entry(header, archive); err != nil {
			return u, fmt.Errorf("archive: entry %.200q: %w", header.Name, err)
		}
	}
	return u, u.finish()
}

func (u *unpacker) skip(what string) { u.skipped[what]++ }

// notes are what was skipped, in words.
func (u *unpacker) notes() []string {
	var notes []string
	for what, count := range u.skipped {
		notes = append(notes, fmt.Sprintf("%d %s skipped", count, what))
	}
	slices.Sort(notes)
	return notes
}

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := clean(header.Name)
	if err != nil {
		return err
	}
	if name == "." {
		if header.Typeflag != tar.TypeDir {
			return errors.New("the root is no directory")
		}
		return errors.Join(u.attributes(u.root, header), u.remember(".", looksOf(header)))
	}
	parent, err := u.open(path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	if strings.HasPrefix(base, whiteout) {
		return u.white(parent, path.Dir(name), base)
	}
	u.size += 4096
	switch header.Typeflag {
	case tar.TypeDir:
		return u.directory(parent, name, header)
	case tar.TypeReg, tar.TypeGNUSparse:
		return u.file(parent, name, header, content)
	case tar.TypeSymlink:
		return u.other(parent, name, header, func() error { return unix.Symlinkat(header.Linkname, parent, base) })
	case tar.TypeLink:
		return u.link(parent, name, header)
	case tar.TypeFifo:
		return u.other(parent, name, header, func() error { return unix.Mkfifoat(parent, base, 0o600) })
	case tar.TypeChar, tar.TypeBlock:
		u.skip("device nodes")
		return nil
	}
	u.skip(fmt.Sprintf("entries of type %q", header.Typeflag))
	return nil
}

// clean makes a name relative to the layer's root. "..", an empty name and a zero byte are refused.
func clean(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("has no name")
	case strings.ContainsRune(name, 0):
		return "", errors.New("has a zero byte in its name")
	case len(name) >= unix.PathMax:
		return "", fmt.Errorf("its name has %d bytes; allowed are %d", len(name), unix.PathMax-1)
	}
	if slices.Contains(strings.Split(name, "/"), "..") {
		return "", errors.New(`its name leads out by ".."`)
	}
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		return ".", nil
	}
	if strings.Count(name, "/") >= maxNesting {
		return "", fmt.Errorf("is nested more than %d deep", maxNesting)
	}
	return name, nil
}

// open returns the descriptor of a directory of the layer, made where it is missing. It belongs to the unpacker.
func (u *unpacker) open(name string) (int, error) {
	if name == "." {
		return u.root, nil
	}
	if u.parent >= 0 && u.parentName == name {
		return u.parent, nil
	}
	current := u.root
	for at := 0; at < len(name); {
		end := strings.IndexByte(name[at:], '/')
		if end < 0 {
			end = len(name) - at
		}
		next, err := u.step(current, name[:at+end], name[at:at+end])
		if current != u.root {
			unix.Close(current)
		}
		if err != nil {
			return -1, err
		}
		current, at = next, at+end+1
	}
	u.forget()
	u.parent, u.parentName = current, name
	return current, nil
}

// step opens the directory base in parent; whole is its name in the layer.
func (u *unpacker) step(parent int, whole, base string) (int, error) {
	next, err := openDirectory(parent, base)
	switch {
	case u.sealed:
		return next, err
	case errors.Is(err, unix.ENOENT):
		if err := unix.Mkdirat(parent, base, 0o700); err != nil {
			return -1, err
		}
		if err := u.remember(whole, implied(whole)); err != nil {
			return -1, err
		}
		return openDirectory(parent, base)
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		var stat unix.Stat_t
		if err := unix.Fstatat(parent, base, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return -1, err
		}
		switch {
		case isWhiteout(&stat):
			if err := u.replaceWhiteout(parent, base); err != nil {
				return -1, err
			}
			if err := u.remember(whole, implied(whole)); err != nil {
				return -1, err
			}
			return openDirectory(parent, base)
		case stat.Mode&unix.S_IFMT == unix.S_IFLNK:
			return -1, fmt.Errorf("leads through the symbolic link %.200q", whole)
		}
		return -1, fmt.Errorf("%.200q is not a directory", whole)
	}
	return next, err
}

func openDirectory(parent int, base string) (int, error) {
	return unix.Openat(parent, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// forget closes the descriptor of the last entry's directory.
func (u *unpacker) forget() {
	if u.parent >= 0 {
		unix.Close(u.parent)
		u.parent = -1
	}
}

func (u *unpacker) directory(parent int, name string, header *tar.Header) error {
	base := path.Base(name)
	err := unix.Mkdirat(parent, base, 0o700)
	if errors.Is(err, unix.EEXIST) {
		var stat unix.Stat_t
		if err := unix.Fstatat(parent, base, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		switch {
		case stat.Mode&unix.S_IFMT == unix.S_IFDIR:
			err = nil
		case isWhiteout(&stat):
			err = u.replaceWhiteout(parent, base)
		default:
			if err = unix.Unlinkat(parent, base, 0); err == nil {
				err = unix.Mkdirat(parent, base, 0o700)
			}
		}
	}
	if err != nil {
		return err
	}
	if hasAttributes(header) {
		child, err := openDirectory(parent, base)
		if err != nil {
			return err
		}
		defer unix.Close(child)
		if err := u.attributes(child, header); err != nil {
			return err
		}
	}
	return u.remember(name, looksOf(header))
}

// clear removes what an earlier entry of the same archive left under this name.
func (u *unpacker) clear(parent int, name string) error {
	base := path.Base(name)
	err := unix.Unlinkat(parent, base, 0)
	switch {
	case err == nil, errors.Is(err, unix.ENOENT):
		return nil
	case !errors.Is(err, unix.EISDIR):
		return err
	}
	// The tree is ours, and os.Root follows no link out of the directory that parent is.
	root, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", parent))
	if err != nil {
		return err
	}
	defer root.Close()
	if strings.HasPrefix(u.parentName+"/", name+"/") {
		u.forget()
	}
	return root.RemoveAll(base)
}

func (u *unpacker) file(parent int, name string, header *tar.Header, content io.Reader) error {
	base := path.Base(name)
	if isSparse(header) {
		u.bytes += header.Size
		if !u.left.bytes.take(header.Size) {
			return &problem{message: fmt.Sprintf("image unpacks to more than the %d bytes allowed", u.limits.UnpackedBytes)}
		}
	}
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(parent, base, flags, 0o600)
	if errors.Is(err, unix.EEXIST) {
		if err := u.clear(parent, name); err != nil {
			return err
		}
		fd, err = unix.Openat(parent, base, flags, 0o600)
	}
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), base)
	defer file.Close()
	written, err := io.CopyBuffer(struct{ io.Writer }{file}, struct{ io.Reader }{content}, u.buffer)
	if err != nil {
		return err
	}
	u.size += (written + 4095) &^ 4095
	l := looksOf(header)
	if err := u.own(fd, l); err != nil {
		return err
	}
	if err := u.attributes(fd, header); err != nil { // after the owner, whose change takes capabilities away
		return err
	}
	return l.apply(fd)
}

// other makes what has no content: a symbolic link or a fifo.
func (u *unpacker) other(parent int, name string, header *tar.Header, make func() error) error {
	err := make()
	if errors.Is(err, unix.EEXIST) {
		if err := u.clear(parent, name); err != nil {
			return err
		}
		err = make()
	}
	if err != nil {
		return err
	}
	base := path.Base(name)
	if !u.rootless {
		if err := unix.Fchownat(parent, base, header.Uid, header.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	if header.Typeflag == tar.TypeFifo {
		if err := unix.Fchmodat(parent, base, uint32(header.Mode&0o7777), 0); err != nil { // a fifo of our own making, no link
			return err
		}
	}
	return unix.UtimesNanoAt(parent, base, looksOf(header).times(), unix.AT_SYMLINK_NOFOLLOW)
}

// link makes a hard link to an earlier file of the same layer.
func (u *unpacker) link(parent int, name string, header *tar.Header) error {
	target, err := clean(header.Linkname)
	if err != nil {
		return fmt.Errorf("hard link to %.200q: %w", header.Linkname, err)
	}
	if target == name || strings.HasPrefix(target, name+"/") {
		return errors.New("hard link to itself, or to what it would replace")
	}
	// The directory of the target takes the place of the last entry's: keep that one open.
	held, err := unix.FcntlInt(uintptr(parent), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(held)
	from, err := u.open(path.Dir(target))
	if err != nil {
		return fmt.Errorf("hard link to %.200q: %w", header.Linkname, err)
	}
	var stat unix.Stat_t
	err = unix.Fstatat(from, path.Base(target), &stat, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case errors.Is(err, unix.ENOENT), err == nil && isWhiteout(&stat):
		return fmt.Errorf("hard link to %.200q, which is not in the same layer", header.Linkname)
	case err != nil:
		return err
	case stat.Mode&unix.S_IFMT == unix.S_IFDIR:
		return fmt.Errorf("hard link to the directory %.200q", header.Linkname)
	}
	make := func() error { return unix.Linkat(from, path.Base(target), held, path.Base(name), 0) }
	if err = make(); errors.Is(err, unix.EEXIST) {
		if err := u.clear(held, name); err != nil {
			return err
		}
		err = make()
	}
	return err
}
