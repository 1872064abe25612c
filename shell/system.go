package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// dateMain is date [-u] [-d TEXT | -r FILE] [-I[KIND]] [-R] [+FORMAT]. It does not set the clock.
func dateMain(c *command) int {
	for i, argument := range c.args {
		if strings.HasPrefix(argument, "-I") {
			c.args[i] = "--iso-8601=" + argument[2:]
		}
	}
	if !c.parse("ud:r:Rf:s:", "utc=u", "universal=u", "date:=d", "reference:=r", "rfc-email=R", "iso-8601?=I", "rfc-3339:=3", "set:=s") {
		return 1
	}
	zone := time.Local
	if c.has("u") {
		zone = time.UTC
	}
	when := time.Now().In(zone)
	if text := c.value('d', "\x00"); text != "\x00" {
		var err error
		if when, err = parseDate(text, when, zone, false); err != nil {
			return c.fail("invalid date '%s'", text)
		}
	}
	if path := c.value('r', ""); path != "" {
		info, err := os.Stat(path)
		if err != nil {
			return c.fail("%s: %s", path, reason(err))
		}
		when = info.ModTime().In(zone)
	}
	format := "%a %b %e %H:%M:%S %Z %Y"
	isoFormats := map[string]string{"": "%F", "date": "%F", "hours": "%FT%H%:z", "minutes": "%FT%H:%M%:z", "seconds": "%FT%T%:z", "ns": "%FT%T,%N%:z"}
	switch {
	case c.has("I"):
		format = isoFormats[c.value('I', "")]
	case c.has("R"):
		format = "%a, %d %b %Y %H:%M:%S %z"
	case c.has("3"):
		format = map[string]string{"date": "%F", "seconds": "%F %T%:z", "ns": "%F %T.%N%:z"}[c.value('3', "")]
	}
	if len(c.args) > 1 {
		return c.misused(1, "extra operand '%s'", c.args[1])
	}
	if len(c.args) == 1 {
		rest, ok := strings.CutPrefix(c.args[0], "+")
		if !ok {
			return c.fail("invalid date '%s'", c.args[0])
		}
		format = rest
	}
	if c.has("s") {
		return c.fail("cannot set date: Operation not permitted")
	}
	fmt.Fprintln(c.out, strftime(format, when))
	return 0
}

// unameMain is uname [-asnrvmpio].
func unameMain(c *command) int {
	if !c.parse("asnrvmpio", "all=a", "kernel-name=s", "nodename=n", "kernel-release=r", "kernel-version=v", "machine=m", "operating-system=o") {
		return 1
	}
	if len(c.args) > 0 {
		return c.misused(1, "extra operand '%s'", c.args[0])
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return c.fail("cannot get system name: %s", reason(err))
	}
	if len(c.options) == 0 {
		c.options = []option{{'s', ""}}
	}
	var words []string
	for _, part := range []struct {
		letter string
		text   string
	}{
		{"s", unix.ByteSliceToString(u.Sysname[:])}, {"n", unix.ByteSliceToString(u.Nodename[:])}, {"r", unix.ByteSliceToString(u.Release[:])},
		{"v", unix.ByteSliceToString(u.Version[:])}, {"m", unix.ByteSliceToString(u.Machine[:])}, {"o", "GNU/Linux"},
	} {
		if c.has(part.letter + "a") {
			words = append(words, part.text)
		}
	}
	for _, letter := range []string{"p", "i"} {
		if c.has(letter) {
			words = append(words, "unknown")
		}
	}
	fmt.Fprintln(c.out, strings.Join(words, " "))
	return 0
}

func hostnameMain(c *command) int {
	if !c.parse("sfidI", "short=s", "fqdn=f", "long=f") {
		return 1
	}
	name, err := os.Hostname()
	if err != nil {
		return c.fail("%s", reason(err))
	}
	if c.has("s") {
		name, _, _ = strings.Cut(name, ".")
	}
	fmt.Fprintln(c.out, name)
	return 0
}

func archMain(c *command) int {
	c.options = []option{{'m', ""}}
	return unameMain(c)
}

// nprocMain is nproc [--all] [--ignore=N].
func nprocMain(c *command) int {
	if !c.parse("", "all=a", "ignore:=i") {
		return 1
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return c.fail("%s", reason(err))
	}
	ignore, err := strconv.Atoi(c.value('i', "0"))
	if err != nil {
		return c.fail("invalid number: '%s'", c.value('i', ""))
	}
	fmt.Fprintln(c.out, max(1, set.Count()-ignore))
	return 0
}

// duMain is du [-sahkmbcxd N].
func duMain(c *command) int {
	if !c.parse("sahkmbcxd:L", "summarize=s", "all=a", "human-readable=h", "bytes=b", "total=c", "max-depth:=d", "apparent-size=A", "one-file-system=x") {
		return 1
	}
	most := -1
	if c.has("s") {
		most = 0
	}
	if c.has("d") {
		var err error
		if most, err = strconv.Atoi(c.value('d', "")); err != nil {
			return c.fail("invalid maximum depth '%s'", c.value('d', ""))
		}
	}
	d := &usage{command: c, most: most, seen: map[[2]uint64]bool{}}
	paths := c.args
	if len(paths) == 0 {
		paths = []string{"."}
	}
	total := int64(0)
	for _, path := range paths {
		total += d.add(path, 0)
	}
	if c.has("c") {
		d.show(total, "total")
	}
	return d.status
}

type usage struct {
	command *command
	most    int
	seen    map[[2]uint64]bool
	status  int
}

func (d *usage) show(bytes int64, path string) {
	c := d.command
	size := strconv.FormatInt((bytes+1023)/1024, 10)
	switch {
	case c.has("h"):
		size = human(bytes)
	case c.has("b"):
		size = strconv.FormatInt(bytes, 10)
	case c.has("m"):
		size = strconv.FormatInt((bytes+1<<20-1)>>20, 10)
	}
	fmt.Fprintf(c.out, "%s\t%s\n", size, path)
}

func (d *usage) add(path string, depth int) int64 {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		d.status = d.command.fail("cannot access '%s': %s", path, reason(err))
		return 0
	}
	key := [2]uint64{uint64(stat.Dev), stat.Ino}
	directory := stat.Mode&unix.S_IFMT == unix.S_IFDIR
	if d.seen[key] && stat.Nlink > 1 {
		return 0
	}
	d.seen[key] = true
	bytes := stat.Blocks * 512
	if d.command.has("bA") {
		bytes = stat.Size
	}
	if directory {
		entries, err := os.ReadDir(path)
		if err != nil {
			d.status = d.command.fail("cannot read directory '%s': %s", path, reason(err))
		}
		for _, entry := range entries {
			bytes += d.add(join(path, entry.Name()), depth+1)
		}
	}
	if (directory || d.command.has("a") || depth == 0) && (d.most < 0 || depth <= d.most) {
		d.show(bytes, path)
	}
	return bytes
}

// mounts are the lines of /proc/mounts, in fields, with the escapes of blanks undone.
func mounts() ([][]string, error) {
	content, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return nil, err
	}
	var list [][]string
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		for i, field := range fields {
			fields[i] = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(field)
		}
		list = append(list, fields)
	}
	return list, nil
}

// mountMain prints what is mounted; it mounts nothing.
func mountMain(c *command) int {
	if !c.parse("lt:") {
		return 1
	}
	if len(c.args) > 0 {
		c.complain("only superuser can use mount here to mount; it only lists")
		return 32
	}
	list, err := mounts()
	if err != nil {
		return c.fail("%s", reason(err))
	}
	for _, m := range list {
		if kind := c.value('t', ""); kind == "" || slices.Contains(strings.Split(kind, ","), m[2]) {
			fmt.Fprintf(c.out, "%s on %s type %s (%s)\n", m[0], m[1], m[2], m[3])
		}
	}
	return 0
}

// dfMain is df [-hkaPT] [FILE...].
func dfMain(c *command) int {
	if !c.parse("hkaPTilm", "human-readable=h", "all=a", "portability=P", "print-type=T", "inodes=i") {
		return 1
	}
	list, err := mounts()
	if err != nil {
		return c.fail("cannot read table of mounted file systems: %s", reason(err))
	}
	status := 0
	if len(c.args) > 0 {
		var chosen [][]string
		for _, path := range c.args {
			found := mountOf(list, path)
			if found == nil {
				status = c.fail("%s: No such file or directory", path)
				continue
			}
			chosen = append(chosen, found)
		}
		if len(chosen) == 0 {
			return status
		}
		list = chosen
	}
	head := "1K-blocks"
	if c.has("h") {
		head = "Size"
	} else if c.has("P") {
		head = "1024-blocks"
	}
	fmt.Fprintf(c.out, "%-15s %10s %10s %10s %4s %s\n", "Filesystem", head, "Used", "Available", "Use%", "Mounted on")
	for _, m := range list {
		var stat unix.Statfs_t
		if unix.Statfs(m[1], &stat) != nil || stat.Blocks == 0 && !c.has("a") && len(c.args) == 0 {
			continue
		}
		size := func(blocks uint64) string {
			bytes := int64(blocks) * stat.Bsize
			if c.has("h") {
				return human(bytes)
			}
			return strconv.FormatInt(bytes/1024, 10)
		}
		used := stat.Blocks - stat.Bfree
		percent := "-"
		if used+stat.Bavail > 0 {
			percent = fmt.Sprintf("%d%%", (used*100+used+stat.Bavail-1)/(used+stat.Bavail))
		}
		fmt.Fprintf(c.out, "%-15s %10s %10s %10s %4s %s\n", m[0], size(stat.Blocks), size(used), size(stat.Bavail), percent, m[1])
	}
	return status
}

// mountOf is the mount on which a path is: the longest that is above it.
func mountOf(list [][]string, path string) []string {
	full, err := filepath.EvalSymlinks(path)
	if err == nil {
		full, err = filepath.Abs(full)
	}
	if err != nil {
		return nil
	}
	var best []string
	for _, m := range list {
		if (full == m[1] || m[1] == "/" || strings.HasPrefix(full, m[1]+"/")) && (best == nil || len(m[1]) >= len(best[1])) {
			best = m
		}
	}
	return best
}

func syncMain(c *command) int {
	if !c.parse("df", "data=d", "file-system=f") {
		return 1
	}
	status := 0
	for _, path := range c.args {
		file, err := os.Open(path)
		if err == nil {
			err = file.Sync()
			file.Close()
		}
		if err != nil {
			status = c.fail("error opening '%s': %s", path, reason(err))
		}
	}
	if len(c.args) == 0 {
		unix.Sync()
	}
	return status
}

// whichMain is which [-a], as Debian's: 1 if any was not found, 2 for an option.
func whichMain(c *command) int {
	if !c.parse("+as") {
		return 2
	}
	status := 0
	if len(c.args) == 0 {
		return 1
	}
	for _, name := range c.args {
		path, problem := find(name)
		if problem != 0 {
			status = 1
			continue
		}
		if !c.has("s") {
			fmt.Fprintln(c.out, path)
		}
	}
	return status
}
