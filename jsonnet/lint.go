package jsonnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/formatter"
	"github.com/google/go-jsonnet/linter"
	"github.com/google/go-jsonnet/toolutils"
)

// Finding is what a linter says of a file.
type Finding struct {
	File         string
	Line, Column int // from 1; 0: not known
	Text         string
}

func (f Finding) String() string {
	return (&Error{File: f.File, Line: f.Line, Column: f.Column, Text: f.Text}).Error()
}

// Lint looks at the entrypoint, and at its imports only for what it uses of them: names that are not used or hide another,
// imports that are not found, expressions that cannot work. Findings are in the order of their places. A text that does not
// parse is an *Error.
func Lint(ctx context.Context, p Program) ([]Finding, error) {
	l := Limits{}.OrDefaults()
	within, cancel := context.WithTimeout(ctx, l.Time)
	type result struct {
		findings []Finding
		err      error
	}
	done := make(chan result, 1)
	go func() {
		defer cancel()
		findings, err := newSession(within, p, Access{}, l).lint()
		done <- result{findings, err}
	}()
	r, finished := await(within, done)
	if !finished || isEnd(r.err) {
		return nil, ended(ctx, p, l)
	}
	return r.findings, r.err
}

func (s *session) lint() (findings []Finding, err error) {
	m := s.machine(s.program.Entrypoint)
	defer func() {
		if problem := recover(); problem != nil { // of the linter: not this program's end
			findings, err = nil, m.problem(fmt.Errorf("the linter broke: %v", problem))
		}
	}()
	text, found, err := s.open("", s.program.Entrypoint)
	if err != nil {
		return nil, m.problem(err)
	}
	tree, err := parse(found, text.Data())
	if err != nil {
		return nil, m.problem(err)
	}
	shadowed(tree, *tree.Loc(), nil, func(name ast.Identifier, at, before ast.LocationRange) {
		findings = append(findings, finding(at, found, fmt.Sprintf("%s hides the %s of line %d", name, name, before.Begin.Line)))
	})
	m.linted = true
	m.prepare(found, tree, nil) // for what it imports
	m.vm.ErrorFormatter = collector(func(err error) {
		var static interface{ Loc() ast.LocationRange }
		if errors.As(err, &static) {
			at := static.Loc()
			findings = append(findings, finding(at, found, strings.TrimPrefix(err.Error(), at.String()+" ")))
		}
	})
	linter.LintSnippet(m.vm, io.Discard, []linter.Snippet{{FileName: found, Code: text.String()}})
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return findings, s.ctx.Err()
}

func finding(at ast.LocationRange, file, text string) Finding {
	return Finding{File: file, Line: at.Begin.Line, Column: at.Begin.Column, Text: cut(oneLine(text))}
}

// collector takes what the linter would have formatted.
type collector func(error)

func (c collector) Format(err error) string                  { c(err); return "" }
func (c collector) SetMaxStackTraceSize(int)                 {}
func (c collector) SetColorFormatter(jsonnet.ColorFormatter) {}

// scope is a name and what is around it.
type scope struct {
	name  ast.Identifier
	at    ast.LocationRange
	outer *scope
}

// shadowed reports the names that hide another of their file. Those with a "$" are the parser's own, and those of
// comprehensions have no place but that of the expression around them, here.
func shadowed(node ast.Node, here ast.LocationRange, in *scope, report func(name ast.Identifier, at, before ast.LocationRange)) {
	if at := node.Loc(); at.IsSet() {
		here = *at
	}
	around := in
	bind := func(name ast.Identifier, at ast.LocationRange) {
		if strings.HasPrefix(string(name), "$") {
			return
		}
		if !at.IsSet() {
			at = here
		}
		for s := around; s != nil; s = s.outer {
			if s.name == name {
				report(name, at, s.at)
				break
			}
		}
		in = &scope{name, at, in}
	}
	switch n := node.(type) {
	case *ast.Local:
		for _, one := range n.Binds {
			bind(one.Variable, one.LocRange)
		}
	case *ast.Function:
		for _, one := range n.Parameters {
			bind(one.Name, one.LocRange)
		}
	case *ast.DesugaredObject:
		for _, one := range n.Locals {
			bind(one.Variable, one.LocRange)
		}
	}
	for _, child := range toolutils.Children(node) {
		shadowed(child, here, in, report)
	}
}

// Format returns a text as Jsonnet's formatter writes it. One that does not parse is an *Error.
func Format(file string, text []byte) (result []byte, err error) {
	if err := tooDeep(file, text); err != nil {
		return nil, err
	}
	m := newSession(context.Background(), Program{Entrypoint: file}, Access{}, Limits{}.OrDefaults()).machine(file)
	defer func() {
		if problem := recover(); problem != nil { // of the formatter: not this program's end
			result, err = nil, m.problem(fmt.Errorf("the formatter broke: %v", problem))
		}
	}()
	node, end, err := formatter.SnippetToRawAST(file, string(text))
	if err != nil {
		return nil, m.problem(err)
	}
	formatted, err := formatter.FormatNode(node, end, formatter.DefaultOptions())
	if err != nil {
		return nil, m.problem(err)
	}
	return []byte(formatted), nil
}
