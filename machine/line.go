package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// MaxText bounds what is edited, and what is taken as contents, in memory.
const MaxText = 64 << 20

// Line is a line of a file, which must exist. Every line that Match finds something in becomes Text as a whole; where
// there is none, Text is appended, unless such a line is there already. Of two who edit one file at the same moment, one may
// lose what it set, until its next Change.
type Line struct {
	Path  string
	Match string // regular expression (RE2), tried on each line without its end
	// Text may hold groups of Match, ${1} or ${name}. What is no group of Match, as ${HOME}, stands for itself.
	Text string
}

// editor is a Line with its expression compiled.
type editor struct {
	match *regexp.Regexp
	text  string
}

var groupPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\{(\w+)\}`) })

func (l Line) editor() (editor, error) {
	if l.Match == "" {
		return editor{}, mistake("a line needs an expression that finds it")
	}
	match, err := regexp.Compile(l.Match)
	if err != nil {
		return editor{}, mistake("regular expression: %v", err)
	}
	if strings.ContainsAny(l.Text, "\n\r") {
		return editor{}, mistake("a line holds no line ends")
	}
	for _, found := range groupPattern().FindAllStringSubmatch(l.Text, -1) {
		if number, err := strconv.Atoi(found[1]); err == nil && number > match.NumSubexp() {
			return editor{}, mistake("the line uses group %d; the expression has %d", number, match.NumSubexp())
		}
	}
	return editor{match, l.Text}, nil
}

// group returns the number of the group that a ${name} stands for.
func (e editor) group(name string) (int, bool) {
	if number, err := strconv.Atoi(name); err == nil {
		return number, number <= e.match.NumSubexp()
	}
	number := e.match.SubexpIndex(name)
	return number, number >= 0
}

// become returns what a line becomes; false: it is none of those.
func (e editor) become(line string) (string, bool) {
	found := e.match.FindStringSubmatch(line)
	if found == nil {
		return "", false
	}
	return groupPattern().ReplaceAllStringFunc(e.text, func(reference string) string {
		if number, is := e.group(reference[2 : len(reference)-1]); is {
			return found[number]
		}
		return reference
	}), true
}

// hasGroups tells whether the text depends on the line that is found.
func (e editor) hasGroups() bool {
	for _, found := range groupPattern().FindAllStringSubmatch(e.text, -1) {
		if _, is := e.group(found[1]); is {
			return true
		}
	}
	return false
}

// is tells whether a line is as described.
func (e editor) is(line string) bool {
	if line == e.text && !e.hasGroups() {
		return true
	}
	want, found := e.become(line)
	return found && want == line
}

// ending splits a line from its end, \n or \r\n.
func ending(line string) (string, string) {
	body, ended := strings.CutSuffix(line, "\n")
	if ended {
		body = strings.TrimSuffix(body, "\r")
	}
	return body, line[len(body):]
}

// edit returns the text as it should be, and what differed.
func (e editor) edit(before string) (string, Differences, error) {
	var after strings.Builder
	var wrong []string // numbers of lines
	found, number, end := false, 0, ""
	for line := range strings.Lines(before) {
		number++
		var body string
		body, end = ending(line)
		want, matches := e.become(body)
		found = found || matches || body == e.text && !e.hasGroups()
		if matches && want != body {
			if again, matches := e.become(want); matches && again != want || !matches && e.hasGroups() {
				return "", nil, fmt.Errorf("line %d does not settle: what it becomes would be changed again, or not be found again", number)
			}
			wrong = append(wrong, strconv.Itoa(number))
			if want == "" && end == "" {
				end = "\n" // an empty line is nothing but its end
			}
			line = want + end
		}
		after.WriteString(line)
	}
	if len(wrong) > 0 {
		what := "line " + wrong[0] + " differs"
		if len(wrong) > 1 {
			what += fmt.Sprintf(" (and %d more)", len(wrong)-1)
		}
		return after.String(), Differences{{What: what}}, nil
	}
	if found {
		return before, nil, nil
	}
	return e.add(before, end)
}

// add appends the line, with the end that the last one has.
func (e editor) add(before, end string) (string, Differences, error) {
	differences := Differences{{What: "the line is absent"}}
	if e.hasGroups() {
		return "", differences, errors.New("no line is found, and one with groups of the expression cannot be appended")
	}
	if before != "" && end == "" {
		before += "\n"
	}
	if end == "" {
		end = "\n"
	}
	return before + e.text + end, differences, nil
}

// drop returns the text without the lines that are as described, and how many those were.
func (e editor) drop(before string) (string, int) {
	var after strings.Builder
	dropped := 0
	for line := range strings.Lines(before) {
		if body, _ := ending(line); e.is(body) {
			dropped++
			continue
		}
		after.WriteString(line)
	}
	return after.String(), dropped
}

// Edit returns a text as it should be, and what differed.
func (l Line) Edit(text string) (string, Differences, error) {
	e, err := l.editor()
	if err != nil {
		return "", nil, err
	}
	return e.edit(text)
}

// Drop returns a text without the lines that are as described, and how many those were.
func (l Line) Drop(text string) (string, int, error) {
	e, err := l.editor()
	if err != nil {
		return "", 0, err
	}
	after, dropped := e.drop(text)
	return after, dropped, nil
}

// edited are the contents of a file after an edit of what it holds.
type edited struct {
	edit  func(before string) (string, Differences, error)
	after string
	found Differences
}

func (e *edited) differ(ctx context.Context, file io.Reader, size int64) (*Difference, error) {
	before, err := io.ReadAll(io.LimitReader(reader{ctx, file}, MaxText+1))
	if err != nil {
		return nil, err
	}
	if len(before) > MaxText {
		return nil, fmt.Errorf("%d bytes; at most %d are edited", size, MaxText)
	}
	if e.after, e.found, err = e.edit(string(before)); err != nil {
		return nil, err
	}
	if len(e.found) == 0 {
		return nil, nil
	}
	return &e.found[0], nil
}

func (e *edited) write(_ context.Context, to io.Writer) error {
	_, err := io.WriteString(to, e.after)
	return err
}

// Check looks for it. A line that is absent and cannot be appended is a difference, no error.
func (l Line) Check(ctx context.Context) (Differences, error) {
	e, err := l.editor()
	if err != nil {
		return nil, err
	}
	r := regular{path: l.Path, contents: &edited{edit: func(before string) (string, Differences, error) {
		after, differences, err := e.edit(before)
		if len(differences) > 0 {
			err = nil
		}
		return after, differences, err
	}}}
	return r.check(ctx)
}

// Change sets or appends it.
func (l Line) Change(ctx context.Context) (Differences, error) {
	e, err := l.editor()
	if err != nil {
		return nil, err
	}
	r := regular{path: l.Path, contents: &edited{edit: e.edit}}
	if err := l.mustExist(ctx); err != nil {
		return nil, err
	}
	return r.change(ctx)
}

// mustExist is the error of a file that does not exist: it is not for a line to say what else should be in it.
func (l Line) mustExist(ctx context.Context) error {
	differences, err := regular{path: l.Path}.check(ctx)
	if err == nil && differences.Absent() {
		return hinted{fmt.Errorf("%s: %s", Show(l.Path), differences), "make it with `writ file change`"}
	}
	return err
}

// Remove removes every line that is as described.
func (l Line) Remove(ctx context.Context) (bool, error) {
	e, err := l.editor()
	if err != nil {
		return false, err
	}
	differences, err := regular{path: l.Path}.check(ctx)
	if err != nil || differences.Absent() {
		return false, err
	}
	r := regular{path: l.Path, contents: &edited{edit: func(before string) (string, Differences, error) {
		after, dropped := e.drop(before)
		if dropped == 0 {
			return before, nil, nil
		}
		return after, Differences{{What: "the line is there"}}, nil
	}}}
	removed, err := r.change(ctx)
	return len(removed) > 0, err
}
