package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// target tells where the operands of cp, mv and ln go: into a directory (-t, or the last one), or to one name.
func (c *command) target() (sources []string, destination string, into bool, ok bool) {
	if directory := c.value('t', ""); directory != "" {
		if len(c.args) == 0 {
			c.misused(1, "missing file operand")
			return nil, "", false, false
		}
		return c.args, directory, true, true
	}
	switch len(c.args) {
	case 0:
		c.misused(1, "missing file operand")
		return nil, "", false, false
	case 1:
		if c.name == "ln" {
			return c.args, ".", true, true
		}
		c.misused(1, "missing destination file operand after '%s'", c.args[0])
		return nil, "", false, false
	}
	sources, destination = c.args[:len(c.args)-1], c.args[len(c.args)-1]
	info, err := os.Stat(destination)
	into = err == nil && info.IsDir() && !c.has("T")
	if linked, problem := os.Lstat(destination); into && c.has("n") && c.name == "ln" && problem == nil && linked.Mode()&os.ModeSymlink != 0 {
		into = false
	}
	if len(sources) > 1 && !into {
		if err != nil {
			c.complain("target '%s': No such file or directory", destination)
		} else {
			c.complain("target '%s': Not a directory", destination)
		}
		return nil, "", false, false
	}
	return sources, destination, into, true
}

type copier struct {
	command                        *command
	recursive, keep, follow, force bool
	noClobber, update, links       bool
	visited                        map[[2]uint64]string // files with several links already copied (-a)
	status                         int
}

// cpMain is cp [-aRrpdfnuvTLPHlst] [--parents is not there].
func cpMain(c *command) int {
	if !c.parse("aRrpdfniuvTLPHlst:xb", "archive=a", "recursive=R", "preserve?=p", "no-dereference=P", "dereference=L", "force=f", "no-clobber=n",
		"interactive=i", "update?=u", "verbose=v", "no-target-directory=T", "target-directory:=t", "link=l", "symbolic-link=s") {
		return 1
	}
	sources, destination, into, ok := c.target()
	if !ok {
		return 1
	}
	k := &copier{
		command: c, recursive: c.has("aRr"), keep: c.has("ap"), force: c.has("f"), noClobber: c.has("n"), update: c.has("u"),
		links: c.has("ad"), visited: map[[2]uint64]string{},
	}
	k.follow = !k.recursive && !c.has("d")
	switch c.last("LPd") {
	case 'L':
		k.follow = true
	case 'P', 'd':
		k.follow = false
	}
	for _, source := range sources {
		to := destination
		if into {
			to = join(destination, filepath.Base(source))
		}
		k.copy(source, to, k.follow || c.has("H"))
	}
	return k.status
}

func (k *copier) fail(format string, arguments ...any) {
	k.status = k.command.fail(format, arguments...)
}

// copy copies one file or, if recursive, a directory.
func (k *copier) copy(from, to string, follow bool) {
	var stat, there unix.Stat_t
	err := unix.Lstat(from, &stat)
	if err == nil && follow {
		err = unix.Stat(from, &stat)
	}
	if err != nil {
		k.fail("cannot stat '%s': %s", from, reason(err))
		return
	}
	exists := unix.Stat(to, &there) == nil
	if exists && there.Dev == stat.Dev && there.Ino == stat.Ino && stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		k.fail("'%s' and '%s' are the same file", from, to)
		return
	}
	directory := stat.Mode&unix.S_IFMT == unix.S_IFDIR
	switch {
	case directory && !k.recursive:
		k.fail("-r not specified; omitting directory '%s'", from)
		return
	case !directory && exists && there.Mode&unix.S_IFMT == unix.S_IFDIR:
		k.fail("cannot overwrite directory '%s' with non-directory", to)
		return
	case directory && exists && there.Mode&unix.S_IFMT != unix.S_IFDIR:
		k.fail("cannot overwrite non-directory '%s' with directory '%s'", to, from)
		return
	case !directory && exists && k.noClobber, !directory && exists && k.update && there.Mtim.Nano() >= stat.Mtim.Nano():
		return
	}
	if directory {
		k.directory(from, to, &stat, exists)
		return
	}
	if err := k.file(from, to, &stat, exists); err != nil {
		k.fail("cannot create '%s': %s", to, reason(err))
		return
	}
	if k.command.has("v") {
		fmt.Fprintf(k.command.out, "'%s' -> '%s'\n", from, to)
	}
}

func (k *copier) file(from, to string, stat *unix.Stat_t, exists bool) error {
	key := [2]uint64{uint64(stat.Dev), stat.Ino}
	if first, seen := k.visited[key]; seen && k.links && stat.Nlink > 1 {
		os.Remove(to)
		return os.Link(first, to)
	}
	k.visited[key] = to
	var err error
	switch kind := stat.Mode & unix.S_IFMT; {
	case k.command.has("l"):
		return os.Link(from, to)
	case k.command.has("s"):
		return os.Symlink(from, to)
	case kind == unix.S_IFLNK:
		var target string
		if target, err = os.Readlink(from); err == nil {
			if _, problem := os.Lstat(to); problem == nil {
				os.Remove(to)
			}
			err = os.Symlink(target, to)
		}
	case kind == unix.S_IFREG || !k.recursive:
		err = k.content(from, to, stat)
	default:
		err = unix.Mknod(to, stat.Mode, int(stat.Rdev))
	}
	if err == nil && k.keep {
		preserve(to, stat)
	}
	return err
}

func (k *copier) content(from, to string, stat *unix.Stat_t) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	mode := os.FileMode(stat.Mode & 0o777)
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil && k.force && !errors.Is(err, os.ErrNotExist) {
		os.Remove(to)
		file, err = os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(file, source)
	return errors.Join(err, file.Close())
}

func (k *copier) directory(from, to string, stat *unix.Stat_t, exists bool) {
	if !exists {
		if err := os.Mkdir(to, os.FileMode(stat.Mode&0o777)|0o700); err != nil {
			k.fail("cannot create directory '%s': %s", to, reason(err))
			return
		}
	}
	if within(to, from) {
		k.fail("cannot copy a directory, '%s', into itself, '%s'", from, to)
		return
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		k.fail("cannot access '%s': %s", from, reason(err))
	}
	for _, entry := range entries {
		k.copy(join(from, entry.Name()), join(to, entry.Name()), k.command.last("LPd") == 'L')
	}
	if k.keep {
		preserve(to, stat)
	} else if !exists {
		os.Chmod(to, os.FileMode(stat.Mode&0o777&^currentUmask()))
	}
}

// within reports whether path lies in directory.
func within(path, directory string) bool {
	a, problemA := filepath.EvalSymlinks(path)
	b, problemB := filepath.EvalSymlinks(directory)
	if problemA != nil || problemB != nil {
		return false
	}
	a, _ = filepath.Abs(a)
	b, _ = filepath.Abs(b)
	return strings.HasPrefix(a+"/", b+"/")
}

// preserve gives a file another's owner, mode and times, as far as it may.
func preserve(path string, stat *unix.Stat_t) {
	link := stat.Mode&unix.S_IFMT == unix.S_IFLNK
	os.Lchown(path, int(stat.Uid), int(stat.Gid))
	if !link {
		unix.Chmod(path, stat.Mode&0o7777)
	}
	unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{stat.Atim, stat.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

// mvMain is mv [-finuvTt]; between file systems it copies and removes.
func mvMain(c *command) int {
	if !c.parse("finuvTt:b", "force=f", "interactive=i", "no-clobber=n", "update?=u", "verbose=v", "no-target-directory=T", "target-directory:=t") {
		return 1
	}
	sources, destination, into, ok := c.target()
	if !ok {
		return 1
	}
	k := &copier{command: c, recursive: true, keep: true, links: true, force: true, visited: map[[2]uint64]string{}}
	for _, source := range sources {
		to := destination
		if into {
			to = join(destination, filepath.Base(source))
		}
		k.move(source, to)
	}
	return k.status
}

func (k *copier) move(from, to string) {
	source, err := os.Lstat(from)
	if err != nil {
		k.fail("cannot stat '%s': %s", from, reason(err))
		return
	}
	there, problem := os.Lstat(to)
	switch {
	case problem == nil && os.SameFile(source, there) && filepath.Clean(from) == filepath.Clean(to):
		k.fail("'%s' and '%s' are the same file", from, to)
		return
	case problem == nil && k.command.last("nfi") == 'n':
		return
	case problem == nil && k.command.has("u") && !source.ModTime().After(there.ModTime()):
		return
	case problem == nil && there.IsDir() && !source.IsDir():
		k.fail("cannot overwrite directory '%s' with non-directory", to)
		return
	case problem == nil && !there.IsDir() && source.IsDir():
		k.fail("cannot overwrite non-directory '%s' with directory '%s'", to, from)
		return
	}
	err = os.Rename(from, to)
	if errors.Is(err, unix.EXDEV) {
		before := k.status
		if k.copy(from, to, false); k.status != before {
			return
		}
		err = os.RemoveAll(from)
	}
	switch {
	case errors.Is(err, unix.EINVAL):
		k.fail("cannot move '%s' to a subdirectory of itself, '%s'", from, to)
	case err != nil:
		k.fail("cannot move '%s' to '%s': %s", from, to, reason(err))
	case k.command.has("v"):
		fmt.Fprintf(k.command.out, "renamed '%s' -> '%s'\n", from, to)
	}
}

// lnMain is ln [-sfnvTrt].
func lnMain(c *command) int {
	if !c.parse("sfnvTrt:ibLP", "symbolic=s", "force=f", "no-dereference=n", "verbose=v", "no-target-directory=T", "relative=r", "target-directory:=t") {
		return 1
	}
	sources, destination, into, ok := c.target()
	if !ok {
		return 1
	}
	status := 0
	for _, source := range sources {
		to := destination
		if into {
			to = join(destination, filepath.Base(source))
		}
		if err := link(c, source, to); err != nil {
			kind := "hard"
			if c.has("s") {
				kind = "symbolic"
			}
			status = c.fail("failed to create %s link '%s': %s", kind, to, reason(err))
		} else if c.has("v") {
			fmt.Fprintf(c.out, "'%s' -> '%s'\n", to, source)
		}
	}
	return status
}

func link(c *command, source, to string) error {
	if !c.has("s") {
		if _, err := os.Lstat(source); err != nil {
			return err
		}
	}
	if there, err := os.Lstat(to); c.has("f") && err == nil && !there.IsDir() {
		if err := os.Remove(to); err != nil {
			return err
		}
	}
	if !c.has("s") {
		return os.Link(source, to)
	}
	if c.has("r") {
		base, err := filepath.Abs(filepath.Dir(to))
		if err != nil {
			return err
		}
		full, err := filepath.Abs(source)
		if err != nil {
			return err
		}
		if source, err = filepath.Rel(base, full); err != nil {
			return err
		}
	}
	return os.Symlink(source, to)
}

// manyNames tells a file with several names by its device and inode.
func manyNames(info os.FileInfo) (key [2]uint64, several bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.IsDir() {
		return key, false
	}
	return [2]uint64{uint64(stat.Dev), stat.Ino}, stat.Nlink > 1
}
