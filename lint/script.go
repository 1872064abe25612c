package lint

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/writ-run/writ/command"
)

// Script is what a Command would have executed.
type Script struct {
	Shell string // sh, bash, dash or ksh; empty: no shell executes it
	Ends  bool   // the shell ends with the first command that fails, as with -e
	Text  string
}

// Remark is what a ScriptLinter says of a script.
type Remark struct {
	Line, Column int // in the script, from 1; 0: not known
	Text         string
}

// ScriptLinter looks at one script. It is safe for concurrent use. An error says that it could not.
type ScriptLinter interface {
	Name() string
	Lint(ctx context.Context, s Script) ([]Remark, error)
}

// script is one in its place.
type script struct {
	Script
	file    string
	line    int
	command string
	kind    string // check, change or remove
}

// scriptsOf are those of a list of Commands. exec is what counts where they have none of their own.
func scriptsOf(file string, list command.List, path string, exec command.Exec, line func(path string) int) (scripts []script) {
	for i, c := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if c.Commands != nil {
			inner := scriptsOf(file, c.Commands, at+".commands", exec, line)
			for j := range inner {
				inner[j].command = c.ID + " > " + inner[j].command
			}
			scripts = append(scripts, inner...)
			continue
		}
		counts, _ := exec.Override(c.Exec)
		if strings.TrimSpace(counts.Command) == "" {
			continue // it is split into words, and executed
		}
		shell, ends := shellOf(counts)
		for _, s := range []struct{ kind, text string }{{"check", c.Check}, {"change", c.Change}, {"remove", c.Remove}} {
			if s.text != "" {
				scripts = append(scripts, script{Script{shell, ends, s.text}, file, line(at + "." + s.kind), c.ID, s.kind})
			}
		}
	}
	return scripts
}

// shells are those that linters know.
var shells = []string{"sh", "bash", "dash", "ksh"}

// options are words of a shell's command line behind -o.
var options = []string{"errexit", "nounset", "pipefail"}

// shellOf is the shell that an exec ends in: bash -e -c, env bash -c, sudo -u x sh -c.
func shellOf(e command.Exec) (shell string, ends bool) {
	for _, word := range slices.Backward(strings.Fields(e.ContainerEntrypoint + " " + e.Command)) {
		name := path.Base(word)
		short, is := strings.CutPrefix(word, "-")
		switch {
		case is:
			ends = ends || strings.Contains(short, "e") && !strings.HasPrefix(short, "-")
		case slices.Contains(options, word):
			ends = ends || word == "errexit"
		case slices.Contains(shells, name):
			return name, ends
		case name == "ash":
			return "dash", ends // what is said of one holds for the other
		default:
			return "", false
		}
	}
	return "", false
}

// lintScripts gives each script to each linter, the same one once.
func (l Linter) lintScripts(ctx context.Context, scripts []script) ([]Finding, error) {
	type given struct {
		linter int
		script Script
	}
	var order []given
	remarks := map[given]*[]Remark{}
	for linter := range l.Scripts {
		for _, s := range scripts {
			g := given{linter, s.Script}
			if remarks[g] == nil {
				remarks[g] = new([]Remark)
				order = append(order, g)
			}
		}
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, g := range order {
		group.Go(func() (err error) {
			linter := l.Scripts[g.linter]
			if *remarks[g], err = linter.Lint(within, g.script); err != nil {
				err = fmt.Errorf("linter %s: %w", linter.Name(), err)
			}
			return err
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var findings []Finding
	for _, s := range scripts {
		for i, linter := range l.Scripts {
			for _, remark := range *remarks[given{i, s.Script}] {
				findings = append(findings, s.finding(linter.Name(), remark))
			}
		}
	}
	return findings, err
}

// finding puts a remark in its place: the script's in the file, and its own in the script.
func (s script) finding(linter string, r Remark) Finding {
	f := Finding{File: s.file, Line: s.line, Linter: linter, Text: r.Text, Command: s.command, Script: s.kind}
	if r.Line > 0 {
		f.Text = fmt.Sprintf("line %d:%d: %s", r.Line, r.Column, r.Text)
	}
	return f
}
