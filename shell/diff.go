package shell

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// diffMain is diff [-qsuibwBrNaU N] A B: 0 the same, 1 different, 2 something was wrong.
func diffMain(c *command) int {
	if !c.parse("qsuU:ibwBrNaL:x:", "brief=q", "report-identical-files=s", "unified?=u", "ignore-case=i", "ignore-space-change=b", "ignore-all-space=w",
		"ignore-blank-lines=B", "recursive=r", "new-file=N", "text=a", "label:=L", "exclude:=x", "color?=k", "strip-trailing-cr=Z") {
		return 2
	}
	if len(c.args) != 2 {
		if len(c.args) < 2 {
			return c.misused(2, "missing operand after '%s'", append(c.args, "diff")[0])
		}
		return c.misused(2, "extra operand '%s'", c.args[2])
	}
	d := &differ{command: c, context: -1}
	if c.has("u") {
		d.context = 3
	}
	if text := c.value('U', ""); text != "" {
		var err error
		if d.context, err = strconv.Atoi(text); err != nil || d.context < 0 {
			c.complain("invalid context length '%s'", text)
			return 2
		}
	}
	d.paths(c.args[0], c.args[1], false)
	return d.status
}

type differ struct {
	command *command
	context int // of -u, -1 without
	status  int
}

func (d *differ) wrong(path string, err error) {
	d.command.complain("%s: %s", path, reason(err))
	d.status = 2
}

func (d *differ) paths(a, b string, below bool) {
	infoA, problemA := statOr(a)
	infoB, problemB := statOr(b)
	for path, err := range map[string]error{a: problemA, b: problemB} {
		if err != nil && !(d.command.has("N") && errors.Is(err, os.ErrNotExist) && (problemA == nil || problemB == nil)) {
			d.wrong(path, err)
			return
		}
	}
	directoryA, directoryB := infoA != nil && infoA.IsDir(), infoB != nil && infoB.IsDir()
	switch {
	case directoryA && directoryB:
		d.directories(a, b)
		return
	case directoryA && !below && infoB != nil:
		a = join(a, b[strings.LastIndexByte(b, '/')+1:])
	case directoryB && !below && infoA != nil:
		b = join(b, a[strings.LastIndexByte(a, '/')+1:])
	}
	d.files(a, b, below)
}

func statOr(path string) (os.FileInfo, error) {
	if path == "-" {
		return nil, nil
	}
	return os.Stat(path)
}

func (d *differ) directories(a, b string) {
	names := map[string]int{}
	for bit, path := range []string{a, b} {
		entries, err := os.ReadDir(path)
		if err != nil {
			d.wrong(path, err)
			return
		}
		for _, entry := range entries {
			if !matchesAny(d.command.values('x'), entry.Name()) {
				names[entry.Name()] |= 1 << bit
			}
		}
	}
	for _, name := range sortedKeys(names) {
		left, right := join(a, name), join(b, name)
		infoA, _ := os.Stat(left)
		infoB, _ := os.Stat(right)
		switch {
		case names[name] != 3 && !d.command.has("N"):
			fmt.Fprintf(d.command.out, "Only in %s: %s\n", map[int]string{1: a, 2: b}[names[name]], name)
			d.status = max(d.status, 1)
		case infoA != nil && infoB != nil && infoA.IsDir() != infoB.IsDir():
			kind := func(info os.FileInfo) string {
				if info.IsDir() {
					return "directory"
				}
				return "regular file"
			}
			fmt.Fprintf(d.command.out, "File %s is a %s while file %s is a %s\n", left, kind(infoA), right, kind(infoB))
			d.status = max(d.status, 1)
		case infoA != nil && infoA.IsDir() && infoB != nil:
			if os.SameFile(infoA, infoB) {
				continue
			}
			if d.command.has("r") {
				d.directories(left, right)
			} else {
				fmt.Fprintf(d.command.out, "Common subdirectories: %s and %s\n", left, right)
			}
		default:
			d.files(left, right, true)
		}
	}
}

func (d *differ) lines(path string) ([]string, error) {
	file, err := d.command.open(path)
	if d.command.has("N") && errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := readAll(file)
	if err != nil || len(content) == 0 {
		return nil, err
	}
	return strings.SplitAfter(strings.TrimSuffix(string(content), "\n"), "\n"), lastLine(string(content))
}

// noNewline marks content whose last line lacks its newline.
var errNoNewline = errors.New("no newline at end of file")

func lastLine(content string) error {
	if strings.HasSuffix(content, "\n") {
		return nil
	}
	return errNoNewline
}

// load reads lines, each with its newline but for a last one that has none.
func (d *differ) load(path string) ([]string, bool) {
	lines, err := d.lines(path)
	if err == nil && len(lines) > 0 {
		lines[len(lines)-1] += "\n"
	}
	if err != nil && !errors.Is(err, errNoNewline) {
		d.wrong(path, err)
		return nil, false
	}
	return lines, true
}

func (d *differ) files(a, b string, below bool) {
	left, okA := d.load(a)
	right, okB := d.load(b)
	if !okA || !okB {
		return
	}
	out := d.command.out
	edits := compareLines(d.normal(left), d.normal(right))
	if d.command.has("B") {
		edits = slices.DeleteFunc(edits, func(e edit) bool { return blank(left[e.a:e.aEnd]) && blank(right[e.b:e.bEnd]) })
	}
	if len(edits) == 0 {
		if d.command.has("s") {
			fmt.Fprintf(out, "Files %s and %s are identical\n", a, b)
		}
		return
	}
	d.status = max(d.status, 1)
	switch {
	case d.command.has("q"):
		fmt.Fprintf(out, "Files %s and %s differ\n", a, b)
		return
	case !d.command.has("a") && (binary(left) || binary(right)):
		fmt.Fprintf(out, "Binary files %s and %s differ\n", a, b)
		return
	}
	if below {
		words := []string{"diff"}
		for _, o := range d.command.options {
			words = append(words, "-"+string(o.letter)+o.value)
		}
		fmt.Fprintf(out, "%s %s %s\n", strings.Join(words, " "), a, b)
	}
	if d.context >= 0 {
		d.unified(a, b, left, right, edits)
		return
	}
	for _, e := range edits {
		letter := "c"
		switch {
		case e.a == e.aEnd:
			letter = "a"
		case e.b == e.bEnd:
			letter = "d"
		}
		fmt.Fprintf(out, "%s%s%s\n", lineRange(e.a, e.aEnd), letter, lineRange(e.b, e.bEnd))
		d.print("< ", left[e.a:e.aEnd])
		if letter == "c" {
			out.WriteString("---\n")
		}
		d.print("> ", right[e.b:e.bEnd])
	}
}

func (d *differ) print(prefix string, lines []string) {
	for _, line := range lines {
		d.command.out.WriteString(prefix + line)
		if !strings.HasSuffix(line, "\n") {
			d.command.out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func lineRange(from, to int) string {
	switch to - from {
	case 0:
		return strconv.Itoa(from)
	case 1:
		return strconv.Itoa(to)
	}
	return fmt.Sprintf("%d,%d", from+1, to)
}

func blank(lines []string) bool {
	return !slices.ContainsFunc(lines, func(line string) bool { return line != "\n" })
}

func binary(lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "\x00") })
}

// normal is what is compared of each line.
func (d *differ) normal(lines []string) []string {
	c := d.command
	if !c.has("ibw") {
		return lines
	}
	changed := make([]string, len(lines))
	for i, line := range lines {
		if c.has("w") {
			line = strings.Join(strings.Fields(line), "")
		} else if c.has("b") {
			indented := len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
			if line = strings.Join(strings.Fields(line), " "); indented && line != "" {
				line = " " + line
			}
		}
		if c.has("i") {
			line = strings.ToLower(line)
		}
		changed[i] = line
	}
	return changed
}

func (d *differ) unified(a, b string, left, right []string, edits []edit) {
	out := d.command.out
	labels := d.command.values('L')
	for i, path := range []string{a, b} {
		label := ""
		if i < len(labels) {
			label = labels[i]
		} else {
			when := time.Now()
			if info, err := statOr(path); err == nil && info != nil {
				when = info.ModTime()
			}
			label = path + when.Format("\t2006-01-02 15:04:05.000000000 -0700")
		}
		out.WriteString([]string{"--- ", "+++ "}[i] + label + "\n")
	}
	for len(edits) > 0 {
		count := 1
		for count < len(edits) && edits[count].a-edits[count-1].aEnd <= 2*d.context {
			count++
		}
		hunk := edits[:count]
		edits = edits[count:]
		first, last := hunk[0], hunk[count-1]
		before := min(d.context, first.a)
		after := min(d.context, len(left)-last.aEnd)
		fmt.Fprintf(out, "@@ -%s +%s @@\n", hunkRange(first.a-before, last.aEnd+after), hunkRange(first.b-before, last.bEnd+after))
		at := first.a - before
		for _, e := range hunk {
			d.print(" ", left[at:e.a])
			d.print("-", left[e.a:e.aEnd])
			d.print("+", right[e.b:e.bEnd])
			at = e.aEnd
		}
		d.print(" ", left[at:at+after])
	}
}

func hunkRange(from, to int) string {
	switch to - from {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return strconv.Itoa(to)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}
