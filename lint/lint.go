// Package lint looks at Patterns, and the Jsonnet around them, and runs nothing of theirs.
//
//	file --> jsonnet.Lint: syntax, names, imports
//	  |
//	  +----> evaluated --> a Pattern: properties, ids, targets --> scripts --> ScriptLinters (shellcheck, what is configured)
//	  |      (a library: imported)
//	  +----> formatted --> the difference
//
// Invariant: no command of a Pattern runs and nothing is fetched: a native function that would has no answer, so that the
// Pattern's fallback counts. A Pattern that has none is noted, not found fault with.
package lint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/pattern"
)

// Finding is something that is wrong, or looks so.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitzero"` // from 1; 0: not known, as for Column
	Column  int    `json:"column,omitzero"`
	Linter  string `json:"linter"` // jsonnet, pattern, format, or the name of a ScriptLinter
	Text    string `json:"text"`
	Command string `json:"command,omitzero"` // whose script it is in
	Script  string `json:"script,omitzero"`  // check, change or remove
	Diff    string `json:"diff,omitzero"`    // to the formatted text
}

// The linters that are always there.
const (
	ofJsonnet = "jsonnet"
	ofPattern = "pattern"
	ofFormat  = "format"
)

// String is FILE:LINE:COLUMN: TEXT, as far as the place is known.
func (f Finding) String() string {
	text := f.Text
	if f.Command != "" {
		text = fmt.Sprintf("%q %s: %s", f.Command, f.Script, text)
	}
	return (&jsonnet.Error{File: f.File, Line: f.Line, Column: f.Column, Text: text}).Error()
}

// Report is what came out.
type Report struct {
	Findings []Finding `json:"findings"` // in the order of files and places
	Notes    []string  `json:"notes"`    // what could not be looked at, and why
	Files    int       `json:"files"`
	Scripts  int       `json:"scripts"` // that script linters were given
}

// Linter says how files are looked at.
type Linter struct {
	// Environment is what a Pattern in a directory finds. Of its Access only what reads this machine is used.
	Environment func(directory string) pattern.Environment

	Format  bool           // what is not formatted is a finding
	Scripts []ScriptLinter // may be none
}

// Lint looks at files, *.jsonnet as what may be a Pattern, and all others as libraries. An error says that a linter could
// not do its work, or holds ctx's.
func (l Linter) Lint(ctx context.Context, files []string) (Report, error) {
	r := Report{Findings: []Finding{}, Notes: []string{}, Files: len(files)}
	var scripts []script
	for _, file := range files {
		found, err := l.file(ctx, file, &r)
		if err != nil {
			return r, err
		}
		scripts = append(scripts, found...)
	}
	r.Scripts = len(scripts)
	findings, err := l.lintScripts(ctx, scripts)
	r.Findings = append(r.Findings, findings...)
	order := map[string]int{}
	for i, file := range files {
		order[file] = i + 1
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	seen := map[Finding]bool{}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { // a mistake in a library is one of each Pattern that imports it
		again := seen[f]
		seen[f] = true
		return again
	})
	return r, err
}

// file looks at one file, and returns the scripts in it.
func (l Linter) file(ctx context.Context, file string, r *Report) ([]script, error) {
	program := jsonnet.Program{Entrypoint: file, Import: jsonnet.Disk("")}
	findings, err := jsonnet.Lint(ctx, program)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var broken *jsonnet.Error
	if errors.As(err, &broken) && broken.Line == 0 { // it is the linter that could not: on a cycle of imports, say
		return nil, l.unlinted(ctx, program, broken, r)
	}
	if err != nil {
		r.Findings = append(r.Findings, mistakes(file, err)...)
		return nil, nil // nothing else can be told of it
	}
	for _, f := range findings {
		r.Findings = append(r.Findings, Finding{File: f.File, Line: f.Line, Column: f.Column, Linter: ofJsonnet, Text: f.Text})
	}
	if l.Format {
		r.Findings = append(r.Findings, unformatted(program)...)
	}
	if filepath.Ext(file) == ".jsonnet" {
		return l.pattern(ctx, program, r)
	}
	return nil, l.library(ctx, program, r)
}

// unlinted has the evaluator say what is wrong with a file, where it does.
func (l Linter) unlinted(ctx context.Context, program jsonnet.Program, broken *jsonnet.Error, r *Report) error {
	before := len(r.Findings)
	if err := l.library(ctx, program, r); err != nil {
		return err
	}
	if len(r.Findings) == before {
		r.Findings = append(r.Findings, mistakes(program.Entrypoint, broken)...)
	}
	return nil
}

// mistakes makes findings of errors of an evaluation, and of a Pattern.
func mistakes(file string, err error) (findings []Finding) {
	if joined, is := err.(interface{ Unwrap() []error }); is {
		for _, one := range joined.Unwrap() {
			findings = append(findings, mistakes(file, one)...)
		}
		return findings
	}
	var text *jsonnet.Error
	var wrong *pattern.Mistake
	switch {
	case err == nil:
		return nil
	case errors.As(err, &text):
		return []Finding{{File: text.File, Line: text.Line, Column: text.Column, Linter: ofJsonnet, Text: text.Text}}
	case errors.As(err, &wrong):
		return []Finding{ofMistake(file, wrong)}
	}
	return []Finding{{File: file, Linter: ofJsonnet, Text: err.Error()}}
}

// ofMistake is a Pattern's mistake as a finding.
func ofMistake(file string, m *pattern.Mistake) Finding {
	f := Finding{File: file, Line: lineOf(file, m.Place), Linter: ofPattern, Text: m.Text}
	if m.Path != "" {
		f.Text = m.Path + ": " + m.Text
	}
	return f
}

// lineOf reads the line of a place, FILE:LINE; 0: it has none.
func lineOf(file, place string) (line int) {
	if _, err := fmt.Sscanf(place[min(len(file), len(place)):], ":%d", &line); err != nil {
		return 0
	}
	return line
}

// pattern looks at what may be a Pattern.
func (l Linter) pattern(ctx context.Context, program jsonnet.Program, r *Report) ([]script, error) {
	environment, unasked := l.environment(program.Entrypoint)
	text, err := pattern.Evaluate(ctx, program, environment)
	if err != nil {
		return nil, unasked.judge(ctx, program.Entrypoint, err, r)
	}
	if !pattern.Is(text) {
		r.note("%s is no Pattern: neither its run nor its build is a list", program.Entrypoint)
		return nil, nil
	}
	lines := pattern.Lines(program)
	origin := pattern.Origins(text)
	p, err := pattern.Parse(text, func(path string) string { return fmt.Sprintf("%s:%d", program.Entrypoint, lines(path)) })
	if err != nil {
		r.Findings = append(r.Findings, mistakes(program.Entrypoint, err)...)
	}
	for _, warning := range p.Warnings {
		path := pattern.WarningPath(warning)
		r.Findings = append(r.Findings, Finding{File: program.Entrypoint, Line: lines(origin(path)), Linter: ofPattern, Text: warning})
	}
	at := func(path string) int { return lines(origin(path)) }
	exec := func(own *command.Exec) command.Exec { // one that is not allowed is said where it runs
		counts, _ := environment.Exec.Override(own)
		return counts
	}
	scripts := scriptsOf(program.Entrypoint, p.Build, "build", exec(p.BuildExec), at)
	return append(scripts, scriptsOf(program.Entrypoint, p.Run, "run", exec(p.RunExec), at)...), nil
}

// library imports a file that need not evaluate by itself: what it holds may be functions.
func (l Linter) library(ctx context.Context, program jsonnet.Program, r *Report) error {
	name := filepath.Join(filepath.Dir(program.Entrypoint), "("+filepath.Base(program.Entrypoint)+")") // no file's
	text := fmt.Sprintf("std.type(import %s)", quote(filepath.Base(program.Entrypoint)))
	environment, unasked := l.environment(program.Entrypoint)
	_, err := pattern.Evaluate(ctx, jsonnet.Program{Entrypoint: name, Import: jsonnet.Text(name, []byte(text), program.Import)}, environment)
	if err == nil {
		return nil
	}
	var mistake *jsonnet.Error
	if errors.As(err, &mistake) && mistake.File == name {
		err = &jsonnet.Error{File: program.Entrypoint, Text: mistake.Text}
	}
	return unasked.judge(ctx, program.Entrypoint, err, r)
}

func (r *Report) note(format string, arguments ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, arguments...))
}
