package shell

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mkdirMain is mkdir [-pvm MODE].
func mkdirMain(c *command) int {
	if !c.parse("pvm:", "parents=p", "verbose=v", "mode:=m") {
		return 1
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing operand")
	}
	mode, ok := parseMode(c.value('m', "777"), 0o777, currentUmask(), true)
	if !ok {
		return c.fail("invalid mode '%s'", c.value('m', ""))
	}
	status := 0
	for _, path := range c.args {
		if err := makeDirectory(c, path, mode); err != nil {
			status = c.fail("cannot create directory '%s': %s", path, reason(err))
		}
	}
	return status
}

func makeDirectory(c *command, path string, mode uint32) error {
	if c.has("p") {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(strings.TrimRight(path, "/")), 0o777); err != nil {
			return err
		}
	}
	err := os.Mkdir(path, 0o777)
	if err != nil {
		return err
	}
	if c.has("v") {
		fmt.Fprintf(c.out, "%s: created directory '%s'\n", c.name, path)
	}
	if c.has("m") {
		return unix.Chmod(path, mode)
	}
	return nil
}

// touchMain is touch [-acmhrdt].
func touchMain(c *command) int {
	if !c.parse("acmhfr:d:t:", "no-create=c", "reference:=r", "date:=d", "no-dereference=h", "time:=x") {
		return 1
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing file operand")
	}
	now := unix.Timespec{Nsec: unix.UTIME_NOW}
	times := []unix.Timespec{now, now}
	if reference := c.value('r', ""); reference != "" {
		var stat unix.Stat_t
		if err := unix.Stat(reference, &stat); err != nil {
			return c.fail("failed to get attributes of '%s': %s", reference, reason(err))
		}
		times = []unix.Timespec{stat.Atim, stat.Mtim}
	}
	if text := c.value('d', c.value('t', "")); text != "" {
		when, err := parseDate(text, time.Now(), time.Local, c.has("t"))
		if err != nil {
			return c.fail("invalid date format '%s'", text)
		}
		one := unix.NsecToTimespec(when.UnixNano())
		times = []unix.Timespec{one, one}
	}
	if c.has("a") && !c.has("m") {
		times[1].Nsec = unix.UTIME_OMIT
	}
	if c.has("m") && !c.has("a") {
		times[0].Nsec = unix.UTIME_OMIT
	}
	flags := 0
	if c.has("h") {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	status := 0
	for _, path := range c.args {
		err := unix.UtimesNanoAt(unix.AT_FDCWD, path, times, flags)
		if errors.Is(err, unix.ENOENT) && !c.has("ch") {
			var file *os.File
			if file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666); err == nil {
				file.Close()
				err = unix.UtimesNanoAt(unix.AT_FDCWD, path, times, flags)
			}
		}
		if err != nil && !(c.has("c") && errors.Is(err, unix.ENOENT)) {
			status = c.fail("cannot touch '%s': %s", path, reason(err))
		}
	}
	return status
}

// mktempMain is mktemp [-dqtup DIRECTORY] [TEMPLATE].
func mktempMain(c *command) int {
	if !c.parse("dqtup:", "directory=d", "quiet=q", "dry-run=u", "tmpdir?=p", "suffix:=s") {
		return 1
	}
	template, directory := "tmp.XXXXXXXXXX", ""
	if len(c.args) == 0 || c.has("tp") {
		directory = c.value('p', "")
		if directory == "" {
			directory = os.Getenv("TMPDIR")
		}
		if directory == "" {
			directory = "/tmp"
		}
	}
	if len(c.args) > 0 {
		template = c.args[0]
	}
	suffix := c.value('s', "")
	at := strings.LastIndexByte(template, 'X') + 1
	start := len(strings.TrimRight(template[:at], "X"))
	if at-start < 3 {
		return c.fail("too few X's in template '%s'", template)
	}
	prefix, end := template[:start], template[at:]+suffix
	if directory != "" {
		prefix = join(directory, prefix)
	}
	for range 100 {
		path := prefix + randomLetters(at-start) + end
		err := makeTemporary(c, path)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			if !c.has("q") {
				c.complain("failed to create %s via template '%s': %s", map[bool]string{true: "directory", false: "file"}[c.has("d")], prefix+template[start:]+suffix, reason(err))
			}
			return 1
		}
		fmt.Fprintln(c.out, path)
		return 0
	}
	return c.fail("no name is free for template '%s'", template)
}

func makeTemporary(c *command, path string) error {
	switch {
	case c.has("u"):
		return nil
	case c.has("d"):
		return os.Mkdir(path, 0o700)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

func randomLetters(length int) string {
	return (rand.Text() + rand.Text() + rand.Text())[:min(length, 60)]
}

// readlinkMain is readlink [-fenm].
func readlinkMain(c *command) int {
	if !c.parse("femnqsvz", "canonicalize=f", "canonicalize-existing=e", "canonicalize-missing=m", "no-newline=n", "quiet=q", "silent=s", "verbose=v", "zero=z") {
		return 1
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing operand")
	}
	status := 0
	for i, path := range c.args {
		var result string
		var err error
		if c.has("fem") {
			result, err = canonical(path, c.last("fem"))
		} else {
			result, err = os.Readlink(path)
		}
		if err != nil {
			status = 1
			if c.has("v") {
				c.complain("%s: %s", path, reason(err))
			}
			continue
		}
		c.out.WriteString(result)
		if !c.has("n") || i < len(c.args)-1 {
			c.out.WriteByte('\n')
		}
	}
	return status
}

// realpathMain is realpath [-emsq].
func realpathMain(c *command) int {
	if !c.parse("emsqLPz", "canonicalize-existing=e", "canonicalize-missing=m", "no-symlinks=s", "strip=s", "quiet=q", "relative-to:=r") {
		return 1
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing operand")
	}
	status := 0
	for _, path := range c.args {
		how := c.last("em")
		if how == 0 {
			how = 'f'
		}
		result, err := canonical(path, how)
		if c.has("s") {
			result, err = filepath.Abs(path)
		}
		if base := c.value('r', ""); err == nil && base != "" {
			if base, err = canonical(base, 'm'); err == nil {
				result, err = filepath.Rel(base, result)
			}
		}
		if err != nil {
			status = 1
			if !c.has("q") {
				c.complain("%s: %s", path, reason(err))
			}
			continue
		}
		fmt.Fprintln(c.out, result)
	}
	return status
}

// canonical resolves all links of a path: everything must be there (e), all but the last (f), nothing (m).
func canonical(path string, how rune) (string, error) {
	if path == "" {
		return "", unix.ENOENT
	}
	full, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(path, "/") {
		full = "/"
	}
	rest := strings.Split(path, "/")
	for followed := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			full = filepath.Dir(full)
			continue
		}
		next := filepath.Join(full, part)
		info, err := os.Lstat(next)
		last := strings.Trim(strings.Join(rest, ""), "/") == ""
		switch {
		case err != nil && (how == 'm' || how == 'f' && last && errors.Is(err, os.ErrNotExist)):
			full = next
			continue
		case err != nil:
			return "", err
		case info.Mode()&os.ModeSymlink == 0:
			full = next
			continue
		}
		if followed++; followed > 40 {
			return "", unix.ELOOP
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(target, "/") {
			full = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return full, nil
}

func pwdMain(c *command) int {
	if !c.parse("LP", "logical=L", "physical=P") {
		return 1
	}
	directory, err := unixWd()
	if logical := os.Getenv("PWD"); c.last("LP") == 'L' && filepath.IsAbs(logical) {
		a, problemA := os.Stat(logical)
		b, problemB := os.Stat(".")
		if problemA == nil && problemB == nil && os.SameFile(a, b) {
			directory = logical
		}
	}
	if err != nil {
		return c.fail("%s", reason(err))
	}
	fmt.Fprintln(c.out, directory)
	return 0
}

func unixWd() (string, error) {
	buffer := make([]byte, unix.PathMax)
	length, err := unix.Getcwd(buffer)
	if err != nil || length < 1 {
		return "", err
	}
	return string(buffer[:length-1]), nil
}
