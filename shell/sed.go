package shell

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sedMain is sed [-nEris] [-e SCRIPT] [-f FILE] [SCRIPT] [FILE...], without references back in patterns and without w.
func sedMain(c *command) int {
	for i, argument := range c.args { // -i may carry a suffix
		if argument == "--" {
			break
		}
		if strings.HasPrefix(argument, "-i") && len(argument) > 2 {
			c.args[i] = "--in-place=" + argument[2:]
		}
	}
	if !c.parse("nEriszue:f:l:", "quiet=n", "silent=n", "regexp-extended=E", "in-place?=i", "expression:=e", "file:=f", "separate=s", "null-data=z", "posix=p", "unbuffered=u") {
		return 1
	}
	var scripts []string
	for _, o := range c.options {
		switch o.letter {
		case 'e':
			scripts = append(scripts, o.value)
		case 'f':
			content, err := os.ReadFile(o.value)
			if err != nil {
				return c.fail("couldn't open file %s: %s", o.value, reason(err))
			}
			scripts = append(scripts, strings.TrimSuffix(string(content), "\n"))
		}
	}
	if scripts == nil {
		if len(c.args) == 0 {
			fmt.Fprintln(c.err, "Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...")
			return 1
		}
		scripts, c.args = c.args[:1], c.args[1:]
	}
	p := &sedParser{text: strings.Join(scripts, "\n"), extended: c.has("Er")}
	commands := p.block(0)
	if p.problem != "" {
		return c.fail("-e expression #1, char %d: %s", p.at, p.problem)
	}
	s := &sed{command: c, commands: commands, quiet: c.has("n") || strings.HasPrefix(p.text, "#n\n"), out: c.out}
	return s.files()
}

// A sedCommand is one command with its addresses.
type sedCommand struct {
	first, second *sedAddress
	negated       bool
	letter        byte
	text          string // of a, i, c; a label; a file
	pattern       *regexp.Regexp
	replacement   string
	global, print bool
	number        int
	table         map[rune]rune // of y
	block         []*sedCommand
	active        bool // inside a range
	until         int  // the line on which the range ends, if it is known
}

type sedAddress struct {
	line, step int
	last, plus bool
	pattern    *regexp.Regexp
}

// sed is one run.
type sed struct {
	command  *command
	commands []*sedCommand
	quiet    bool
	out      io.StringWriter

	lines       []string // what is still to be read of the input
	missing     bool     // the last line has no newline
	line        int
	last        bool
	space, hold string
	appended    []string
	substituted bool
	quit        bool
	status      int
}

// files runs the script over the inputs as one stream, or, with -i and -s, over each.
func (s *sed) files() int {
	c := s.command
	paths := c.args
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	separate := c.has("is")
	var all []string
	missing := false
	for _, path := range paths {
		lines, lacks, err := s.read(path)
		if err != nil {
			c.complain("can't read %s: %s", path, reason(err))
			s.status = 2
			continue
		}
		if !separate {
			all, missing = append(all, lines...), lacks
			continue
		}
		s.line = 0
		if err := s.rewrite(path, lines, lacks); err != nil {
			return c.fail("couldn't edit %s: %s", path, reason(err))
		}
		if s.quit {
			break
		}
	}
	if !separate {
		s.run(all, missing)
	}
	return s.status
}

func (s *sed) read(path string) (lines []string, missing bool, err error) {
	file, err := s.command.open(path)
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	end := byte('\n')
	if s.command.has("z") {
		end = 0
	}
	err = eachRecord(file, end, func(line string, newline bool) bool {
		lines, missing = append(lines, line), !newline
		return true
	})
	return lines, missing, err
}

// rewrite runs the script over one file, in place with -i: what it prints replaces the file, with its mode.
func (s *sed) rewrite(path string, lines []string, missing bool) error {
	if !s.command.has("i") {
		s.run(lines, missing)
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	var text strings.Builder
	s.out = &text
	s.run(lines, missing)
	s.out = s.command.out
	if suffix := s.command.value('i', ""); suffix != "" {
		content, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path+suffix, content, info.Mode().Perm())
		}
		if err != nil {
			return err
		}
	}
	temporary := path + ".sed" + randomLetters(6)
	if err := os.WriteFile(temporary, []byte(text.String()), info.Mode().Perm()); err != nil {
		return err
	}
	os.Chmod(temporary, info.Mode().Perm())
	return os.Rename(temporary, path)
}

func (s *sed) run(lines []string, missing bool) {
	s.lines, s.missing = lines, missing
	for !s.quit && s.next() {
		s.cycle()
	}
}

func (s *sed) next() bool {
	if len(s.lines) == 0 {
		return false
	}
	s.space, s.lines = s.lines[0], s.lines[1:]
	s.line++
	s.last = len(s.lines) == 0
	return true
}

func (s *sed) print(text string) {
	s.out.WriteString(text)
	if !(s.missing && s.last) {
		end := "\n"
		if s.command.has("z") {
			end = "\x00"
		}
		s.out.WriteString(end)
	}
}

// outcomes of running a list of commands.
const (
	sedOn      = iota
	sedEnd     // of the cycle, with its printing
	sedDelete  // of the cycle, without
	sedRestart // the cycle, without reading a line
)

func (s *sed) cycle() {
	for {
		s.substituted = false
		outcome, _ := s.execute(s.commands, false)
		if outcome != sedDelete && outcome != sedRestart && !s.quiet {
			s.print(s.space)
		}
		for _, text := range s.appended {
			s.out.WriteString(text)
		}
		s.appended = nil
		if outcome != sedRestart {
			return
		}
	}
}

// maxSteps bounds the jumps of one cycle.
const maxSteps = 1 << 24

// execute runs commands. A jump out of a block returns its label: labels are those of the whole script.
func (s *sed) execute(commands []*sedCommand, inner bool) (outcome int, label string) {
	for i, steps := 0, 0; i < len(commands); i++ {
		k := commands[i]
		if s.selects(k) == k.negated {
			continue
		}
		outcome, label = s.one(k)
		if outcome != sedOn || label != "" && inner {
			return outcome, label
		}
		if label == "" {
			continue
		}
		if steps++; steps > maxSteps {
			return sedEnd, ""
		}
		i = slices.IndexFunc(commands, func(other *sedCommand) bool { return other.letter == ':' && other.text == label })
		if i < 0 {
			return sedEnd, ""
		}
	}
	return sedOn, ""
}

// one runs a command: what becomes of the cycle, and the label to go to.
func (s *sed) one(k *sedCommand) (outcome int, label string) {
	switch k.letter {
	case '{':
		return s.execute(k.block, true)
	case 's':
		s.substitute(k)
	case 'p':
		s.print(s.space)
	case 'd':
		return sedDelete, ""
	case 'D':
		_, rest, more := strings.Cut(s.space, "\n")
		if !more {
			return sedDelete, ""
		}
		s.space = rest
		return sedRestart, ""
	case 'P':
		first, _, _ := strings.Cut(s.space, "\n")
		s.print(first)
	case 'n':
		if len(s.lines) == 0 {
			s.quit = true
			return sedEnd, ""
		}
		if !s.quiet {
			s.print(s.space)
		}
		s.next()
	case 'N':
		if len(s.lines) == 0 {
			s.quit = true
			return sedEnd, ""
		}
		before := s.space
		s.next()
		s.space = before + "\n" + s.space
	case 'q', 'Q':
		s.quit, s.status = true, k.number
		return map[byte]int{'q': sedEnd, 'Q': sedDelete}[k.letter], ""
	case '=':
		s.out.WriteString(strconv.Itoa(s.line) + "\n")
	case 'y':
		s.space = strings.Map(func(r rune) rune {
			if to, ok := k.table[r]; ok {
				return to
			}
			return r
		}, s.space)
	case 'a':
		s.appended = append(s.appended, k.text+"\n")
	case 'r':
		content, err := os.ReadFile(k.text)
		if err == nil {
			s.appended = append(s.appended, string(content))
		}
	case 'i':
		s.out.WriteString(k.text + "\n")
	case 'c':
		if k.second == nil || !k.active || k.negated {
			s.out.WriteString(k.text + "\n")
		}
		return sedDelete, ""
	case 'h':
		s.hold = s.space
	case 'H':
		s.hold += "\n" + s.space
	case 'g':
		s.space = s.hold
	case 'G':
		s.space += "\n" + s.hold
	case 'x':
		s.space, s.hold = s.hold, s.space
	case 'b':
		if k.text == "" {
			return sedEnd, ""
		}
		return sedOn, k.text
	case 't':
		if s.substituted {
			s.substituted = false
			if k.text == "" {
				return sedEnd, ""
			}
			return sedOn, k.text
		}
	}
	return sedOn, ""
}

func (s *sed) selects(k *sedCommand) bool {
	if k.first == nil {
		return true
	}
	if k.second == nil {
		return s.at(k.first)
	}
	if k.active {
		switch {
		case k.until > 0:
			k.active = s.line < k.until
			return s.line <= k.until
		case s.at(k.second):
			k.active = false
		}
		return true
	}
	if !s.at(k.first) {
		return false
	}
	k.active, k.until = true, 0
	switch {
	case k.second.plus:
		k.until = s.line + k.second.line
	case k.second.pattern == nil && !k.second.last:
		k.until = k.second.line
	}
	if k.until > 0 && k.until <= s.line || k.second.plus && k.second.line == 0 || k.second.last && s.last {
		k.active = false
	}
	return true
}

func (s *sed) at(a *sedAddress) bool {
	switch {
	case a.last:
		return s.last
	case a.pattern != nil:
		return a.pattern.MatchString(s.space)
	case a.step > 0:
		return s.line >= a.line && (s.line-a.line)%a.step == 0
	}
	return s.line == a.line
}
