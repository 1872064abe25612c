//lint:file-ignore ST1005 the messages are those of the programs that are played
package shell

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// grepMain is grep, egrep and fgrep: 0 a line was selected, 1 none, 2 something was wrong.
func grepMain(c *command) int {
	if !c.parse("EFGPqsvinoclLrRwxhHe:f:m:A:B:C:abzU", "extended-regexp=E", "fixed-strings=F", "basic-regexp=G", "perl-regexp=P", "quiet=q", "silent=q",
		"no-messages=s", "invert-match=v", "ignore-case=i", "line-number=n", "only-matching=o", "count=c", "files-with-matches=l",
		"files-without-match=L", "recursive=r", "dereference-recursive=R", "word-regexp=w", "line-regexp=x", "no-filename=h",
		"with-filename=H", "regexp:=e", "file:=f", "max-count:=m", "after-context:=A", "before-context:=B", "context:=C",
		"text=a", "byte-offset=b", "color?=K", "colour?=K", "include:=I", "exclude:=X", "exclude-dir:=D", "binary-files:=Y", "line-buffered=Z") {
		return 2
	}
	g := &grep{command: c, status: 1, most: -1}
	patterns, ok := g.patterns()
	if !ok {
		return 2
	}
	kind := c.last("EFGP")
	if kind == 0 {
		kind = map[string]rune{"egrep": 'E', "fgrep": 'F'}[c.name]
	}
	matcher, err := compile(patterns, kind, c.has("i"), c.has("w"), c.has("x"))
	if err != nil {
		c.complain("%v", err)
		return 2
	}
	g.matcher = matcher
	for _, o := range c.options {
		value, err := strconv.Atoi(o.value)
		if !strings.ContainsRune("mABC", o.letter) {
			continue
		}
		if err != nil || value < 0 && o.letter != 'm' {
			c.complain("%s: invalid argument", o.value)
			return 2
		}
		switch o.letter {
		case 'm':
			g.most = value
		case 'A':
			g.after = value
		case 'B':
			g.before = value
		case 'C':
			g.after, g.before = value, value
		}
	}
	g.inputs()
	if g.failed && !(c.has("q") && g.status == 0) {
		return 2
	}
	return g.status
}

type grep struct {
	command       *command
	matcher       *matcher
	named         bool
	most          int
	before, after int
	printed       bool // something, so that "--" goes between contexts
	status        int
	failed        bool
}

func (g *grep) patterns() ([]string, bool) {
	c := g.command
	given := false
	var patterns []string
	for _, o := range c.options {
		switch o.letter {
		case 'e':
			given, patterns = true, append(patterns, strings.Split(o.value, "\n")...)
		case 'f':
			given = true
			file, err := c.open(o.value)
			if err == nil {
				err = eachLine(file, func(line string, _ bool) bool {
					patterns = append(patterns, line)
					return true
				})
				file.Close()
			}
			if err != nil {
				c.complain("%s: %s", o.value, reason(err))
				return nil, false
			}
		}
	}
	if given {
		return patterns, true
	}
	if len(c.args) == 0 {
		fmt.Fprintf(c.err, "Usage: %s [OPTION]... PATTERNS [FILE]...\n", c.name)
		return nil, false
	}
	patterns, c.args = strings.Split(c.args[0], "\n"), c.args[1:]
	return patterns, true
}

func (g *grep) inputs() {
	c := g.command
	paths := c.args
	recursive := c.has("rR")
	if len(paths) == 0 {
		paths = []string{"-"}
		if recursive {
			paths = []string{"."}
		}
	}
	g.named = (len(paths) > 1 || recursive && !(len(c.args) == 1 && regularFile(paths[0]))) && c.last("hH") != 'h' || c.last("hH") == 'H'
	for _, path := range paths {
		if g.status == 0 && c.has("q") {
			return
		}
		if !recursive || path == "-" {
			g.input(path)
			continue
		}
		filepath.WalkDir(path, func(found string, entry fs.DirEntry, err error) error {
			if err != nil {
				g.problem(found, err)
				return nil
			}
			if path == "." && len(c.args) > 0 && found != "." { // without operands names are without "./"
				found = "./" + found
			}
			if entry.IsDir() {
				if found != path && matchesAny(c.values('D'), entry.Name()) {
					return filepath.SkipDir
				}
				return nil
			}
			if include := c.values('I'); len(include) > 0 && !matchesAny(include, entry.Name()) || matchesAny(c.values('X'), entry.Name()) {
				return nil
			}
			if entry.Type().IsRegular() || entry.Type()&fs.ModeSymlink != 0 && (c.has("R") || found == path) {
				g.input(found)
			}
			return nil
		})
	}
}

func regularFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func matchesAny(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if ok, _ := filepath.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

func (g *grep) problem(path string, err error) {
	g.failed = true
	if !g.command.has("s") {
		g.command.complain("%s: %s", path, reason(err))
	}
}

func (g *grep) input(path string) {
	file, err := g.command.open(path)
	if err != nil {
		g.problem(path, err)
		return
	}
	defer file.Close()
	if real, ok := file.(stated); ok {
		if info, err := real.Stat(); err == nil && info.IsDir() {
			g.command.complain("%s: Is a directory", path)
			g.failed = true
			return
		}
	}
	name := path
	if path == "-" {
		name = "(standard input)"
	}
	if err := g.search(name, file); err != nil {
		g.problem(path, err)
	}
}

// search prints what one input has, as the options say.
func (g *grep) search(name string, content io.Reader) error {
	c := g.command
	selected, number, last := 0, 0, 0
	var held []string
	binary := false
	quiet := c.has("qclL")
	err := eachLine(content, func(line string, _ bool) bool {
		number++
		if g.most >= 0 && selected >= g.most {
			if last == 0 || number-last > g.after || quiet {
				return false
			}
		} else if g.matcher.match(line) != c.has("v") {
			selected++
			g.status = 0
			if c.has("q") || c.has("lL") {
				return false
			}
			if quiet {
				return true
			}
			if !c.has("a") && strings.Contains(line, "\x00") || binary {
				binary = true
				return false
			}
			if g.before+g.after > 0 && g.printed && (last == 0 || number-len(held) > last+1) {
				c.out.WriteString("--\n")
			}
			for i, before := range held {
				g.line(name, before, number-len(held)+i, '-')
			}
			held = nil
			last = number
			g.selected(name, line, number)
			return true
		}
		switch {
		case quiet:
		case last > 0 && number-last <= g.after && !c.has("o"):
			g.line(name, line, number, '-')
		case g.before > 0:
			if held = append(held, line); len(held) > g.before {
				held = held[1:]
			}
		}
		return true
	})
	switch {
	case c.has("q"):
	case c.has("l") && selected > 0, c.has("L") && selected == 0:
		fmt.Fprintln(c.out, name)
		if c.has("L") {
			g.status = 0
		}
	case c.has("lL"):
	case c.has("c"):
		if g.named {
			fmt.Fprintf(c.out, "%s:", name)
		}
		fmt.Fprintln(c.out, selected)
	case binary:
		c.complain("%s: binary file matches", name)
	}
	return err
}

func (g *grep) selected(name, line string, number int) {
	if !g.command.has("o") {
		g.line(name, line, number, ':')
		return
	}
	if g.command.has("v") {
		return
	}
	for _, at := range g.matcher.all(line) {
		if at[1] > at[0] {
			g.line(name, line[at[0]:at[1]], number, ':')
		}
	}
}

func (g *grep) line(name, line string, number int, mark byte) {
	out := g.command.out
	if g.named {
		out.WriteString(name)
		out.WriteByte(mark)
	}
	if g.command.has("n") {
		out.WriteString(strconv.Itoa(number))
		out.WriteByte(mark)
	}
	out.WriteString(line)
	out.WriteByte('\n')
	g.printed = true
}

// A matcher finds any of some patterns.
type matcher struct {
	expression *regexp.Regexp
	word       bool
}

// compile reads patterns: basic ('G' or 0), extended, fixed or (nearly) Perl's.
func compile(patterns []string, kind rune, fold, word, line bool) (*matcher, error) {
	var all []string
	for _, pattern := range patterns {
		translated, err := translate(pattern, kind)
		if err != nil {
			return nil, err
		}
		all = append(all, "(?:"+translated+")")
	}
	if len(all) == 0 {
		all = []string{`[^\x{0}-\x{10FFFF}]`}
	}
	text := strings.Join(all, "|")
	if line {
		text = "^(?:" + text + ")$"
	}
	if fold {
		text = "(?i)" + text
	}
	expression, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("invalid regular expression: %v", err)
	}
	if kind != 'P' {
		expression.Longest()
	}
	return &matcher{expression, word && !line}, nil
}

func translate(pattern string, kind rune) (string, error) {
	switch kind {
	case 'F':
		return regexp.QuoteMeta(pattern), nil
	case 'P':
		return pattern, nil
	}
	return posix(pattern, kind == 'E')
}

func (m *matcher) match(line string) bool {
	if !m.word {
		return m.expression.MatchString(line)
	}
	return len(m.all(line)) > 0
}

// all finds every match, with -w only those that are whole words: it tries shorter and later ones too.
func (m *matcher) all(line string) [][]int {
	if !m.word {
		return m.expression.FindAllStringIndex(line, -1)
	}
	var found [][]int
	for from := 0; from <= len(line); {
		at := m.expression.FindStringIndex(line[from:])
		if at == nil {
			break
		}
		start, end := from+at[0], from+at[1]
		if end > start && !wordAt(line, start-1) && !wordAt(line, end) {
			found = append(found, []int{start, end})
			from = end
			continue
		}
		from = start + 1
	}
	return found
}

func wordAt(line string, at int) bool {
	return at >= 0 && at < len(line) && (line[at] == '_' || bytes.ContainsRune([]byte("0123456789"), rune(line[at])) ||
		line[at]|0x20 >= 'a' && line[at]|0x20 <= 'z' || line[at] >= 0x80)
}
