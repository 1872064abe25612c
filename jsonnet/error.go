package jsonnet

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

// Error is a mistake in a text, or a limit that an evaluation met.
type Error struct {
	File         string
	Line, Column int // from 1; 0: not known
	Text         string
}

func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return e.File + ": " + e.Text
	case e.Column == 0:
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// IsError tells whether err is a mistake in a text.
func IsError(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

// Broken is the error of an evaluation that ended without one, with a reason that may be a stranger's.
func Broken(p Program, reason string) error {
	return &Error{File: p.Entrypoint, Text: cut(oneLine(reason))}
}

// problem makes an Error, without values from outside, of what the evaluator returns.
func (m *machine) problem(err error) error {
	if m.ctx.Err() != nil {
		return m.ctx.Err() // whatever it led to
	}
	e := &Error{File: m.name, Text: err.Error()}
	var runtime jsonnet.RuntimeError
	var static interface{ Loc() ast.LocationRange }
	var known *Error
	switch {
	case errors.As(err, &known):
		*e = *known
	case errors.As(err, &runtime):
		e.Text = m.explain(runtime.Msg)
		for i := len(runtime.StackTrace) - 1; i >= 0; i-- { // from within
			if e.locate(runtime.StackTrace[i].Loc) {
				break
			}
		}
		m.relocate(e)
	case errors.As(err, &static):
		at := static.Loc()
		if e.locate(at) {
			e.Text = strings.TrimPrefix(e.Text, at.String()+" ")
			if again := place().FindStringSubmatch(e.Text); again != nil && again[1] == e.File { // as for escape sequences
				e.Text = e.Text[len(again[0]):]
			}
		}
	case strings.HasPrefix(e.Text, "(CRASH)"): // with a stack of Go's, which helps nobody here
		e.Text, _, _ = strings.Cut(strings.TrimPrefix(e.Text, "(CRASH) "), "\n")
		e.Text = "the evaluator broke: " + e.Text
	}
	e.Text = cut(oneLine(m.mask(e.Text)))
	e.File = oneLine(e.File)
	return e
}

// explain says of a limit what it is.
func (s *session) explain(message string) string {
	if message == "max stack frames exceeded." {
		return fmt.Sprintf("more than %d calls within one another (the limit of stack): something calls or imports itself without end", s.limits.Stack)
	}
	return message
}

// locate takes a place, unless it is in no file: the standard library's and the native functions' begin with "<".
func (e *Error) locate(at ast.LocationRange) bool {
	name := at.FileName
	if name == "" && at.File != nil {
		name = string(at.File.DiagnosticFileName)
	}
	if at.Begin.Line == 0 || name == "" || strings.HasPrefix(name, "<") && name != renderedFile {
		return false
	}
	e.File, e.Line, e.Column = name, at.Begin.Line, at.Begin.Column
	return true
}

// place is how the evaluator writes one: FILE:LINE:COLUMN-COLUMN, or FILE:(LINE:COLUMN)-(LINE:COLUMN).
var place = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.*?):\(?([0-9]+):([0-9]+)\)?(?:-\(?[0-9:]+\)?)? `) })

// relocate moves an error to the imported file whose text does not parse: the evaluator places it at the import.
func (s *session) relocate(e *Error) {
	found := place().FindStringSubmatch(e.Text)
	if found == nil {
		return
	}
	if _, imported := s.files[found[1]]; !imported {
		return
	}
	line, err := strconv.Atoi(found[2])
	column, err2 := strconv.Atoi(found[3])
	if err == nil && err2 == nil {
		e.File, e.Line, e.Column, e.Text = found[1], line, column, e.Text[len(found[0]):]
	}
}

// oneLine joins the lines of a message, and shows control characters as spaces: a message may be a stranger's.
func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.Join(lines, "; "))
}

// maxMessage is how much of a message is shown.
const maxMessage = 2000

func cut(text string) string {
	if len(text) > maxMessage {
		return strings.ToValidUTF8(text[:maxMessage], "") + "..."
	}
	return text
}
