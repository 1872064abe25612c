// Package jsonnet evaluates Jsonnet, within bounds, and says where in a file a mistake or a field is.
//
//	text --parse--> tree --evaluate--> JSON
//	          \--> Fields: the lines of the fields that stand in the text itself
package jsonnet

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

// The bounds of an evaluation. Time is bounded for the caller: the evaluation itself cannot be ended from outside, so
// text of strangers belongs into a process of its own.
const (
	maxBytes = 4 << 20
	maxTime  = 10 * time.Second
	maxStack = 500
)

// Error is a mistake in a text.
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

// Evaluate returns the JSON that a text (at most 4 MiB) evaluates to, within ten seconds. Imports are read relative to
// file. A mistake is an *Error.
func Evaluate(ctx context.Context, file string, text []byte) ([]byte, error) {
	if len(text) > maxBytes {
		return nil, &Error{File: file, Text: fmt.Sprintf("%d bytes; at most %d are read", len(text), maxBytes)}
	}
	type result struct {
		json string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if problem := recover(); problem != nil { // of the evaluator: not this program's end
				done <- result{err: fmt.Errorf("RUNTIME ERROR: internal error of the evaluator: %v", problem)}
			}
		}()
		vm := jsonnet.MakeVM()
		vm.MaxStack = maxStack
		vm.ErrorFormatter.SetMaxStackTraceSize(maxTrace)
		vm.Importer(&importer{root: file, text: jsonnet.MakeContents(string(text))})
		json, err := vm.EvaluateFile(file)
		done <- result{json, err}
	}()
	timeout := time.NewTimer(maxTime)
	defer timeout.Stop()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, parseError(file, r.err)
		}
		return []byte(r.json), nil
	case <-timeout.C:
		return nil, &Error{File: file, Text: fmt.Sprintf("not evaluated within %s", maxTime)}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// importer serves the text that is already there, and the rest from disk.
type importer struct {
	root  string
	text  jsonnet.Contents
	files jsonnet.FileImporter
}

func (i *importer) Import(from, path string) (jsonnet.Contents, string, error) {
	if from == "" {
		return i.text, i.root, nil
	}
	text, found, err := i.files.Import(from, path)
	if err == nil && found == i.root {
		return i.text, i.root, nil // one path must have one text
	}
	return text, found, err
}

// maxTrace is how many places of a stack trace are looked at.
const maxTrace = 20

// place is how go-jsonnet writes one: FILE:LINE:COLUMN-COLUMN, or FILE:(LINE:COLUMN)-(LINE:COLUMN).
var place = regexp.MustCompile(`^(.*?):\(?([0-9]+):([0-9]+)\)?-?`)

// parseError makes an Error of what go-jsonnet prints: "FILE:PLACE MESSAGE" for text that does not parse, and "RUNTIME
// ERROR: MESSAGE" with a stack trace.
func parseError(file string, err error) error {
	text := strings.TrimRight(err.Error(), "\n")
	e := &Error{File: file, Text: text}
	if message, isRuntime := strings.CutPrefix(text, "RUNTIME ERROR: "); isRuntime {
		lines := strings.Split(message, "\n")
		e.Text = lines[0]
		for _, line := range lines[1:] {
			if e.locate(strings.TrimSpace(line)) {
				break
			}
		}
		return e
	}
	first, _, _ := strings.Cut(text, "\n")
	if e.locate(first) {
		_, message, _ := strings.Cut(first, " ")
		e.Text = message
	}
	return e
}

// locate reads a place at the start of a line.
func (e *Error) locate(line string) bool {
	found := place.FindStringSubmatch(line)
	if found == nil || strings.HasPrefix(found[1], "<") {
		return false
	}
	var at [2]int
	for i, digits := range found[2:] {
		if _, err := fmt.Sscan(digits, &at[i]); err != nil {
			return false
		}
	}
	e.File, e.Line, e.Column = found[1], at[0], at[1]
	return true
}

// Fields returns the lines of the fields that stand in the text itself, by their dotted path; what is computed or
// imported has none. A text that does not parse has no fields.
func Fields(file string, text []byte) map[string]int {
	lines := map[string]int{}
	root, err := jsonnet.SnippetToAST(file, string(text))
	if err != nil {
		return lines
	}
	collect(root, "", lines)
	return lines
}

func collect(node ast.Node, path string, lines map[string]int) {
	switch n := node.(type) {
	case *ast.Local:
		collect(n.Body, path, lines)
	case *ast.Parens:
		collect(n.Inner, path, lines)
	case *ast.Binary: // a + b
		collect(n.Left, path, lines)
		collect(n.Right, path, lines)
	case *ast.DesugaredObject:
		for _, field := range n.Fields {
			name, isText := field.Name.(*ast.LiteralString)
			if !isText {
				continue
			}
			at := path + name.Value
			lines[at] = field.LocRange.Begin.Line
			collect(field.Body, at+".", lines)
		}
	case *ast.Array:
		for i, element := range n.Elements {
			at := fmt.Sprintf("%s[%d]", strings.TrimSuffix(path, "."), i)
			if begin := element.Expr.Loc().Begin.Line; begin > 0 {
				lines[at] = begin
			}
			collect(element.Expr, at+".", lines)
		}
	}
}

// IsError tells whether err is a mistake in a text.
func IsError(err error) bool {
	var e *Error
	return errors.As(err, &e)
}
