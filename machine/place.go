package machine

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links one path may lead through, as in Linux.
const maxLinks = 40

// place is a name in a directory that is held open.
type place struct {
	path      string // as it was given, for messages
	dir       int
	directory unix.Stat_t
	name      string // "." for the directory itself
	exists    bool
	stat      unix.Stat_t // of what has the name, links not followed
}

// noParent is the error of a path whose directory does not exist.
type noParent struct{ path, missing string }

func (e *noParent) Error() string {
	return fmt.Sprintf("%s: no directory %s", Show(e.path), Show(e.missing))
}

// checked is the end of a Check: what has no directory is absent like any.
func checked(differences Differences, err error) (Differences, error) {
	if err == nil || errors.As(err, new(*noParent)) {
		return differences, nil
	}
	return nil, err
}

// removable tells whether what was looked at is there to be removed.
func removable(path string, differences Differences, err error) (bool, error) {
	differences, err = checked(differences, err)
	switch {
	case err != nil:
		return false, err
	case len(differences) > 0 && !differences.Absent():
		return false, fmt.Errorf("%s: %s: not as described, so it is not removed", Show(path), differences)
	}
	return len(differences) == 0, nil
}

// step is one name of a path, or (where owner is not 0) the end of a link of that user: what it leads to must be hers.
type step struct {
	name  string
	owner uint32
	link  string
}

// walk is the way along a path.
type walk struct {
	path    string
	dir     int
	at      string // the directory, for messages
	pending string // the name that comes next; whether it is there is not known yet
	links   int
}

// find walks along a path, symbolic links followed, also a last one that leads to nothing. The caller closes the place.
//
// Links are followed as if the machine's other users were after us. Ours and root's are, except in a directory where
// anyone may rename anything. Another user's link is not followed in a directory that anyone may write to (the rule of
// Linux's fs.protected_symlinks, which is not on everywhere), and elsewhere only to what belongs to the same user: so she
// may keep a link in her home, and cannot send root's writes to /etc.
func find(path string) (*place, error) {
	w := &walk{path: path, dir: -1}
	p, err := w.follow()
	if err != nil {
		w.close()
		return nil, err
	}
	return p, nil
}

func (w *walk) close() {
	if w.dir >= 0 {
		unix.Close(w.dir)
		w.dir = -1
	}
}

// root starts anew at the root, or at the working directory.
func (w *walk) root(path string) error {
	from, at := ".", "."
	if strings.HasPrefix(path, "/") {
		from, at = "/", "/"
	}
	dir, err := unix.Open(from, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", from, err)
	}
	w.close()
	w.dir, w.at, w.pending = dir, at, ""
	return nil
}

func split(path string) []step {
	var steps []step
	for name := range strings.SplitSeq(path, "/") {
		if name != "" && name != "." {
			steps = append(steps, step{name: name})
		}
	}
	return steps
}

func (w *walk) follow() (*place, error) {
	if w.path == "" || strings.ContainsRune(w.path, 0) {
		return nil, mistake("path %q: not a path", w.path)
	}
	if err := w.root(w.path); err != nil {
		return nil, err
	}
	for queue := split(w.path); len(queue) > 0; {
		next := queue[0]
		queue = queue[1:]
		if next.owner != 0 {
			if err := w.leadsTo(next); err != nil {
				return nil, err
			}
			continue
		}
		more, err := w.take(next.name)
		if err != nil {
			return nil, err
		}
		queue = append(more, queue...)
	}
	return w.here()
}

// take goes on by one name, and returns what has to be walked instead where it is a link.
func (w *walk) take(name string) ([]step, error) {
	if w.pending != "" {
		if err := w.enter(w.pending); err != nil {
			return nil, err
		}
	}
	if name == ".." {
		return nil, w.enter(name)
	}
	var stat unix.Stat_t
	err := unix.Fstatat(w.dir, name, &stat, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) || err == nil && stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		w.pending = name
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Show(join(w.at, name)), err)
	}
	if w.links++; w.links > maxLinks {
		return nil, fmt.Errorf("%s: more than %d symbolic links", Show(w.path), maxLinks)
	}
	var directory unix.Stat_t
	if err := unix.Fstat(w.dir, &directory); err != nil {
		return nil, fmt.Errorf("%s: %w", Show(w.at), err)
	}
	link := join(w.at, name)
	trusted, err := mayFollow(link, &directory, &stat)
	if err != nil {
		return nil, err
	}
	target, err := readLink(w.dir, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Show(link), err)
	}
	if strings.HasPrefix(target, "/") {
		if err := w.root(target); err != nil {
			return nil, err
		}
	}
	more := split(target)
	if !trusted {
		more = append(more, step{owner: stat.Uid, link: link})
	}
	return more, nil
}

// mayFollow is the rule for one link; where it is not trusted, what it leads to has to belong to its owner.
func mayFollow(link string, directory, stat *unix.Stat_t) (trusted bool, err error) {
	ours := stat.Uid == 0 || int(stat.Uid) == os.Geteuid()
	anyone := directory.Mode&0o002 != 0
	switch {
	case anyone && directory.Mode&unix.S_ISVTX == 0:
		err = fmt.Errorf("%s is a symbolic link in a directory where anyone may put one: not followed", Show(link))
	case ours:
		return true, nil
	case anyone && stat.Uid != directory.Uid:
		err = fmt.Errorf("%s is a symbolic link of %s in a directory that anyone may write to: not followed", Show(link), userName(stat.Uid))
	}
	return false, err
}

// leadsTo checks where a link of somebody else has led: to something of hers, or to nothing in a directory of hers.
func (w *walk) leadsTo(end step) error {
	name := w.pending
	if name == "" {
		name = "."
	}
	var stat unix.Stat_t
	err := unix.Fstatat(w.dir, name, &stat, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		err = unix.Fstat(w.dir, &stat)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", Show(end.link), err)
	}
	if stat.Uid != end.owner {
		return fmt.Errorf("%s is a symbolic link of %s to what belongs to %s: not followed", Show(end.link), userName(end.owner), userName(stat.Uid))
	}
	return nil
}

// enter opens a directory in the one where the walk is.
func (w *walk) enter(name string) error {
	dir, err := unix.Openat(w.dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	at := join(w.at, name)
	switch {
	case errors.Is(err, unix.ENOENT):
		return &noParent{w.path, at}
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return fmt.Errorf("%s: %s is not a directory", Show(w.path), Show(at))
	case err != nil:
		return fmt.Errorf("%s: %w", Show(at), err)
	}
	unix.Close(w.dir)
	w.dir, w.at, w.pending = dir, at, ""
	return nil
}

// here is where the walk has ended.
func (w *walk) here() (*place, error) {
	p := &place{path: w.path, dir: w.dir, name: w.pending}
	if p.name == "" {
		p.name = "."
	}
	return p, p.look()
}

// look reads what has the name now.
func (p *place) look() error {
	if err := unix.Fstat(p.dir, &p.directory); err != nil {
		return fmt.Errorf("%s: %w", Show(p.path), err)
	}
	err := unix.Fstatat(p.dir, p.name, &p.stat, unix.AT_SYMLINK_NOFOLLOW)
	p.exists = err == nil
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%s: %w", Show(p.path), err)
	}
	return nil
}

// findName is find, except that a last symbolic link is not followed: the place is where the path itself is.
func findName(path string) (*place, error) {
	parent, name := ".", path
	if cut := strings.LastIndexByte(path, '/'); cut >= 0 {
		parent, name = path[:cut+1], path[cut+1:]
	}
	if name == "" || name == "." || name == ".." {
		return nil, mistake("path %s: does not end in a name", Show(path))
	}
	w := &walk{path: parent, dir: -1}
	_, err := w.follow()
	if err == nil && w.pending != "" {
		err = w.enter(w.pending)
	}
	if err != nil {
		w.close()
		var missing *noParent
		if errors.As(err, &missing) {
			missing.path = path
		}
		return nil, err
	}
	p := &place{path: path, dir: w.dir, name: name}
	if err := p.look(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *place) close() {
	if p != nil {
		unix.Close(p.dir)
	}
}

// differ is what is wrong where there is something else than want, or nothing: no place at all included.
func (p *place) differ(want string, format uint32) Differences {
	switch {
	case p == nil, !p.exists:
		return Differences{{kind, absent, want}}
	case p.stat.Mode&unix.S_IFMT != format:
		return Differences{{kind, isA(&p.stat), want}}
	}
	return nil
}

// unlink removes what has the name and is no directory.
func (p *place) unlink() error {
	if err := unix.Unlinkat(p.dir, p.name, 0); err != nil {
		return fmt.Errorf("remove %s: %w", Show(p.path), err)
	}
	return p.sync()
}

// open opens what has the name, if it is not a link, and never waits for a FIFO's other end.
func (p *place) open(flags int) (*os.File, error) {
	fd, err := unix.Openat(p.dir, p.name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", Show(p.path), err)
	}
	return os.NewFile(uintptr(fd), p.path), nil
}

// squatted returns an error where the name is in a directory that anyone may write to, and what has it is a stranger's:
// she may have put it there so that we hand her what we write.
func (p *place) squatted() error {
	anyone := p.exists && p.directory.Mode&0o002 != 0 && p.name != "."
	if !anyone || p.stat.Uid == 0 || int(p.stat.Uid) == os.Geteuid() || p.stat.Uid == p.directory.Uid {
		return nil
	}
	return hinted{
		fmt.Errorf("%s belongs to %s, in a directory that anyone may write to: not touched", Show(p.path), userName(p.stat.Uid)),
		"remove it, or give --owner where it is meant to be theirs",
	}
}

// otherNames returns an error where a file has other names as well, in a directory whose owner is not the file's, or that
// anyone may write to: it may be somebody else's file, to which a stranger has made a hard link so that we give it away.
func (p *place) otherNames() error {
	if p.stat.Nlink < 2 || p.directory.Mode&0o002 == 0 && p.stat.Uid == p.directory.Uid {
		return nil
	}
	return fmt.Errorf("%s: has other names too, and may be the file of somebody else: not touched", Show(p.path))
}

// isA says in words what is there.
func isA(stat *unix.Stat_t) string {
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a file"
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "a device"
	}
	return "something else"
}

func readLink(dir int, name string) (string, error) {
	buffer := make([]byte, unix.PathMax+1)
	n, err := unix.Readlinkat(dir, name, buffer)
	return string(buffer[:max(n, 0)]), err
}

func join(directory, name string) string {
	if directory == "." {
		return name
	}
	return strings.TrimSuffix(directory, "/") + "/" + name
}
