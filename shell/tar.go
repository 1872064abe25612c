//lint:file-ignore ST1005 the messages are those of the programs that are played
package shell

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tarMain is tar c, x and t with f z v C p O k h and some long options; archives with gzip are known when read. What it
// extracts stays below the directory: neither names nor links lead out (os.Root).
func tarMain(c *command) int {
	if len(c.args) > 0 && c.args[0] != "" && c.args[0][0] != '-' {
		c.args = oldOptions(c.args)
	}
	if !c.parse("cxtf:zvC:pOkhmaoP", "create=c", "extract=x", "get=x", "list=t", "file:=f", "gzip=z", "ungzip=z", "verbose=v", "directory:=C",
		"preserve-permissions=p", "same-permissions=p", "to-stdout=O", "keep-old-files=k", "dereference=h", "strip-components:=S", "exclude:=X",
		"no-same-owner=o", "same-owner=s", "numeric-owner=n", "owner:=U", "group:=G", "touch=m", "auto-compress=a", "mtime:=M", "sort:=Z", "absolute-names=P") {
		return 64
	}
	t := &tarball{command: c}
	var err error
	switch {
	case c.has("c"):
		err = t.create()
	case c.has("xt"):
		err = t.read()
	default:
		return c.misused(2, "You must specify one of the '-Acdtrux', '--delete' or '--test-label' options")
	}
	if err != nil {
		c.complain("%s\n%s: Error is not recoverable: exiting now", err, c.name)
		return 2
	}
	if t.status != 0 {
		c.complain("Exiting with failure status due to previous errors")
	}
	return t.status
}

// oldOptions gives the letters of "tar cf FILE" their dashes and values.
func oldOptions(args []string) []string {
	rest := args[1:]
	var options []string
	for _, letter := range args[0] {
		options = append(options, "-"+string(letter))
		if (letter == 'f' || letter == 'C') && len(rest) > 0 {
			options, rest = append(options, rest[0]), rest[1:]
		}
	}
	return append(options, rest...)
}

type tarball struct {
	command *command
	linked  map[[2]uint64]string
	status  int
}

func (t *tarball) wrong(format string, arguments ...any) {
	t.status = 2
	t.command.complain(format, arguments...)
}

func (t *tarball) create() error {
	c := t.command
	if len(c.args) == 0 {
		return errors.New("cowardly refusing to create an empty archive")
	}
	var out io.Writer = c.out
	name := c.value('f', "-")
	if name != "-" {
		file, err := os.Create(name)
		if err != nil {
			return fmt.Errorf("%s: Cannot open: %s", name, reason(err))
		}
		defer file.Close()
		out = file
	}
	if c.has("z") || c.has("a") && (strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".tgz")) {
		compressed := gzip.NewWriter(out)
		defer compressed.Close()
		out = compressed
	}
	if directory := c.value('C', ""); directory != "" {
		if err := os.Chdir(directory); err != nil {
			return fmt.Errorf("%s: Cannot open: %s", directory, reason(err))
		}
	}
	writer := tar.NewWriter(out)
	t.linked = map[[2]uint64]string{}
	for _, path := range c.args {
		err := filepath.WalkDir(path, func(found string, _ fs.DirEntry, err error) error {
			if strings.HasPrefix(path, "./") && !strings.HasPrefix(found, "./") || path == "." && found != "." {
				found = "./" + found
			}
			if err != nil {
				t.wrong("%s: Cannot stat: %s", found, reason(err))
				return nil
			}
			if matchesAny(c.values('X'), filepath.Base(found)) || matchesAny(c.values('X'), found) {
				if info, err := os.Lstat(found); err == nil && info.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			return t.add(writer, found)
		})
		if err != nil {
			return err
		}
	}
	return writer.Close()
}

func (t *tarball) add(writer *tar.Writer, path string) error {
	c := t.command
	info, err := os.Lstat(path)
	if err == nil && c.has("h") {
		info, err = os.Stat(path)
	}
	if err != nil {
		t.wrong("%s: Cannot stat: %s", path, reason(err))
		return nil
	}
	target := ""
	if info.Mode()&os.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			t.wrong("%s: Cannot readlink: %s", path, reason(err))
			return nil
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil { // a socket
		t.command.complain("%s: socket ignored", path)
		return nil
	}
	header.Name = strings.TrimLeft(path, "/")
	if info.IsDir() {
		header.Name = strings.TrimRight(header.Name, "/") + "/"
	}
	header.Uname, header.Gname = nameOf("/etc/passwd", header.Uid, ""), nameOf("/etc/group", header.Gid, "")
	if c.has("n") {
		header.Uname, header.Gname = "", ""
	}
	header.Uid, header.Gid = owner(c.value('U', ""), header.Uid), owner(c.value('G', ""), header.Gid)
	if text := c.value('M', ""); text != "" {
		when, err := parseDate(text, time.Now(), time.Local, false)
		if err != nil {
			return fmt.Errorf("invalid --mtime: %s", text)
		}
		header.ModTime = when
	}
	if key, several := manyNames(info); several {
		if first, seen := t.linked[key]; seen {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		} else {
			t.linked[key] = header.Name
		}
	}
	if c.has("v") {
		where := c.err
		if c.value('f', "-") != "-" {
			where = c.out
		}
		fmt.Fprintln(where, header.Name)
	}
	var content *os.File
	if header.Typeflag == tar.TypeReg {
		if content, err = os.Open(path); err != nil {
			t.wrong("%s: Cannot open: %s", path, reason(err))
			return nil
		}
		defer content.Close()
	}
	if err := writer.WriteHeader(header); err != nil || content == nil {
		return err
	}
	_, err = io.CopyN(writer, content, header.Size)
	return err
}

// owner reads --owner and --group: a number, or NAME:NUMBER.
func owner(text string, otherwise int) int {
	if number, err := strconv.Atoi(text[strings.LastIndexByte(text, ':')+1:]); err == nil {
		return number
	}
	if text == "root" {
		return 0
	}
	return otherwise
}

func (t *tarball) read() error {
	c := t.command
	name := c.value('f', "-")
	file, err := c.open(name)
	if err != nil {
		return fmt.Errorf("%s: Cannot open: %s", name, reason(err))
	}
	defer file.Close()
	buffered := bufio.NewReaderSize(file, 64<<10)
	var in io.Reader = buffered
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		compressed, err := gzip.NewReader(buffered)
		if err != nil {
			return errors.New("child returned status 1")
		}
		in = compressed
	} else if c.has("z") {
		return errors.New("not in gzip format; Child returned status 1")
	}
	directory := c.value('C', ".")
	var root *os.Root
	if c.has("x") {
		if root, err = os.OpenRoot(directory); err != nil {
			return fmt.Errorf("%s: Cannot open: %s", directory, reason(err))
		}
		defer root.Close()
	}
	return t.entries(tar.NewReader(in), root)
}

func (t *tarball) entries(reader *tar.Reader, root *os.Root) error {
	c := t.command
	wanted := map[string]bool{}
	for _, path := range c.args {
		wanted[strings.TrimRight(path, "/")] = false
	}
	strip, err := strconv.Atoi(c.value('S', "0"))
	if err != nil || strip < 0 {
		return fmt.Errorf("%s: Invalid number of elements", c.value('S', ""))
	}
	var directories []*tar.Header
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("this does not look like a tar archive: %v", err)
		}
		if len(c.args) > 0 && !chosen(wanted, header.Name) || matchesAny(c.values('X'), strings.TrimRight(header.Name, "/")) || matchesAny(c.values('X'), filepath.Base(header.Name)) {
			continue
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		name := header.Name
		if c.has("v") || c.has("t") {
			t.show(header)
		}
		if c.has("t") {
			continue
		}
		if c.has("O") {
			if _, err := io.Copy(c.out, reader); err != nil {
				return err
			}
			continue
		}
		parts := strings.Split(strings.Trim(strings.TrimPrefix(name, "./"), "/"), "/")
		if strip >= len(parts) {
			continue
		}
		header.Name = strings.Join(parts[strip:], "/")
		if header.Name == "" || header.Name == "." {
			continue
		}
		if err := t.extract(root, header, reader); err != nil {
			t.wrong("%s: Cannot open: %s", name, reason(err))
			continue
		}
		if header.Typeflag == tar.TypeDir {
			directories = append(directories, header)
		}
	}
	for i := len(directories) - 1; i >= 0; i-- { // what was put into them changed their times
		t.finish(root, directories[i])
	}
	for path, found := range wanted {
		if !found {
			t.wrong("%s: Not found in archive", path)
		}
	}
	return nil
}

func chosen(wanted map[string]bool, name string) bool {
	name = strings.TrimRight(name, "/")
	for path := range wanted {
		if name == path || strings.HasPrefix(name, path+"/") {
			wanted[path] = true
			return true
		}
	}
	return false
}

func (t *tarball) show(header *tar.Header) {
	c := t.command
	if !c.has("t") || !c.has("v") {
		fmt.Fprintln(c.out, header.Name)
		return
	}
	kind := map[byte]string{tar.TypeDir: "d", tar.TypeSymlink: "l", tar.TypeLink: "h"}[header.Typeflag]
	if kind == "" {
		kind = "-"
	}
	who := func(name string, number int) string {
		if name == "" {
			return strconv.Itoa(number)
		}
		return name
	}
	mode := kind + modeText(uint32(header.Mode))
	owner := who(header.Uname, header.Uid) + "/" + who(header.Gname, header.Gid)
	size := strconv.FormatInt(header.Size, 10)
	link := map[byte]string{tar.TypeSymlink: " -> ", tar.TypeLink: " link to "}[header.Typeflag]
	fmt.Fprintf(c.out, "%s %s %*s %s %s%s%s\n", mode, owner, max(0, 18-len(owner)), size, header.ModTime.Local().Format("2006-01-02 15:04"), header.Name, link, header.Linkname)
}

func (t *tarball) extract(root *os.Root, header *tar.Header, content io.Reader) error {
	if directory := filepath.Dir(header.Name); directory != "." {
		if err := root.MkdirAll(directory, 0o777); err != nil {
			return err
		}
	}
	mode := os.FileMode(header.Mode & 0o777)
	if header.Typeflag != tar.TypeDir {
		if _, err := root.Lstat(header.Name); err == nil && t.command.has("k") {
			return os.ErrExist
		} else if err == nil {
			if err := root.Remove(header.Name); err != nil {
				return err
			}
		}
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(header.Name, mode|0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		return nil
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, header.Name)
	case tar.TypeLink:
		return root.Link(strings.TrimPrefix(header.Linkname, "./"), header.Name)
	case tar.TypeReg:
		file, err := root.OpenFile(header.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		if _, err := io.Copy(file, content); err != nil {
			file.Close()
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	default:
		return errors.New("devices and pipes are not extracted")
	}
	t.finish(root, header)
	return nil
}

// finish gives what was extracted its owner (for root), mode and time.
func (t *tarball) finish(root *os.Root, header *tar.Header) {
	c := t.command
	if os.Geteuid() == 0 && !c.has("o") {
		root.Lchown(header.Name, header.Uid, header.Gid)
	}
	mode := uint32(header.Mode) & 0o777
	if !c.has("p") && os.Geteuid() != 0 {
		mode &^= currentUmask()
	}
	root.Chmod(header.Name, os.FileMode(mode))
	if !c.has("m") {
		root.Chtimes(header.Name, header.ModTime, header.ModTime)
	}
}
