package lint_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/host"
	"github.com/writ-run/writ/lint"
	"github.com/writ-run/writ/test/program"
)

// remarks are what a linter says of a script, in one line each.
func remarks(t *testing.T, l lint.ScriptLinter, s lint.Script) (all []lint.Remark) {
	t.Helper()
	all, err := l.Lint(t.Context(), s)
	if err != nil {
		t.Fatalf("%q: %v", s.Text, err)
	}
	return all
}

// TestShellcheck is the real one.
func TestShellcheck(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	l := lint.Shellcheck{Path: program.Find(t, "shellcheck"), Dir: directory}
	unquoted := lint.Script{Shell: "bash", Text: "x=$1\nrm $x\n"}
	for name, test := range map[string]struct {
		script lint.Script
		want   []lint.Remark
	}{
		"good":           {lint.Script{Shell: "bash", Text: "[[ -e /x ]]"}, nil},
		"in its place":   {unquoted, []lint.Remark{{Line: 2, Column: 4, Text: "SC2086 (info): Double quote to prevent globbing and word splitting."}}},
		"cd":             {lint.Script{Shell: "bash", Text: "cd /x\nls"}, []lint.Remark{{Line: 1, Column: 1, Text: "SC2164 (warning): Use 'cd ... || exit' or 'cd ... || return' in case cd fails."}}},
		"cd, with -e":    {lint.Script{Shell: "bash", Ends: true, Text: "cd /x\nls"}, nil},
		"of others":      {lint.Script{Shell: "bash", Text: `echo "$of_another_command"`}, nil},
		"its own":        {lint.Script{Shell: "bash", Text: "# shellcheck disable=SC2086\nrm $1"}, nil},
		"negated":        {lint.Script{Shell: "bash", Text: "! rm $1"}, []lint.Remark{{Line: 1, Column: 6, Text: "SC2086 (info): Double quote to prevent globbing and word splitting."}}},
		"of no shell":    {lint.Script{Text: "import os"}, nil},
		"empty":          {lint.Script{Shell: "sh", Text: " "}, nil},
		"a NUL, and odd": {lint.Script{Shell: "sh", Text: "echo '\x00\xff'"}, nil},
	} {
		if name == "a NUL, and odd" {
			if _, err := l.Lint(t.Context(), test.script); err != nil && len(err.Error()) > 500 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			continue
		}
		if got := remarks(t, l, test.script); !slices.Equal(got, test.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	sh := lint.Script{Shell: "sh", Text: "[[ -e /x ]]"}
	if got := remarks(t, l, sh); len(got) != 1 || !strings.HasPrefix(got[0].Text, "SC3010 (warning): ") {
		t.Errorf("%+v", got)
	}
	if err := os.WriteFile(filepath.Join(directory, ".shellcheckrc"), []byte("disable=SC2086\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := remarks(t, l, unquoted); len(got) > 0 {
		t.Errorf("its configuration is not read: %+v", got)
	}
	for name, path := range map[string]string{"missing": "/no/such/shellcheck", "no shellcheck": "/bin/true", "one that fails": "/bin/false"} {
		if got, err := (lint.Shellcheck{Path: path}).Lint(t.Context(), unquoted); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestExternal gives a program of the user's each script as it is.
func TestExternal(t *testing.T) {
	t.Parallel()
	rt, err := host.New(host.Config{KillGrace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close() })
	directory := t.TempDir()
	linter := filepath.Join(directory, "linter")
	script := "#!/bin/sh\ntest \"$*\" = 'a b' || exit 99\ntext=$(cat)\ncase $text in *bad*) echo \"$WORD: $text\"; echo >&2; echo second line >&2; exit 3;; *silent*) exit 4;; *missing*) exit 127;; *) echo all is well;; esac\n"
	if err := container.WriteExecutable(linter, []byte(script)); err != nil {
		t.Fatal(err)
	}
	l := lint.External{Called: "mine", Exec: command.Exec{Command: linter + " a  b", Env: map[string]string{"WORD": "said", "PATH": os.Getenv("PATH")}}, Runner: command.Runner{Runtime: rt}}
	for text, want := range map[string][]lint.Remark{
		"good":             nil,
		"bad $(x) \"y\" `": {{Text: "said: bad $(x) \"y\" `"}, {Text: "second line"}},
		"silent":           {{Text: "exit status 4"}},
	} {
		if got := remarks(t, l, lint.Script{Shell: "bash", Text: text}); !slices.Equal(got, want) {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if got := remarks(t, l, lint.Script{Text: "bad"}); len(got) != 2 {
		t.Errorf("of no shell: %+v", got)
	}
	shells := l
	shells.Shells = true
	if got := remarks(t, shells, lint.Script{Text: "bad"}); len(got) != 0 {
		t.Errorf("of no shell, to one that knows shells alone: %+v", got)
	}
	missing, empty := l, l
	missing.Exec.Command, empty.Exec.Command = "/no/such/linter -", " "
	for name, test := range map[string]struct {
		linter lint.External
		text   string
		want   string
	}{
		"missing":          {missing, "good", `"/no/such/linter": no such file or directory`},
		"misses something": {l, "missing", "it ended with status 127: "},
		"no command":       {empty, "good", "its exec has no command"},
	} {
		if _, err := test.linter.Lint(t.Context(), lint.Script{Shell: "bash", Text: test.text}); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
