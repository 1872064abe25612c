package lint_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/lint"
	"github.com/writ-run/writ/pattern"
)

// write makes files in a new directory.
func write(t *testing.T, files map[string]string) (directory string) {
	t.Helper()
	directory = t.TempDir()
	for name, text := range files {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

// environment grants what a Pattern that is applied could reach, of which a linter must not use what runs or fetches.
func environment(t *testing.T) func(string) pattern.Environment {
	return func(directory string) pattern.Environment {
		return pattern.Environment{Exec: script.DefaultExec(), Source: "test", Vars: map[string]any{"known": "x"}, Access: jsonnet.Access{
			Dir: directory, File: jsonnet.LocalFile,
			Env: func(name string) (string, bool) { return "of the environment", name == "SET" },
			Fetch: func(context.Context, jsonnet.Request) ([]byte, error) {
				t.Error("a linter fetches")
				return nil, nil
			},
			Command: func(context.Context, string) (string, error) {
				t.Error("a linter runs a command")
				return "", nil
			},
			Record: func(context.Context, string, string) ([]string, error) {
				t.Error("a linter asks a name server")
				return nil, nil
			},
		}}
	}
}

// run lints files of a directory, and returns the findings with the directory left out.
func run(t *testing.T, l lint.Linter, directory string, names ...string) (findings []string, r lint.Report) {
	t.Helper()
	l.Environment = environment(t)
	var files []string
	for _, name := range names {
		files = append(files, filepath.Join(directory, name))
	}
	r, err := l.Lint(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		findings = append(findings, strings.ReplaceAll(f.String(), directory+"/", ""))
	}
	return findings, r
}

// TestFindings has a Pattern for each thing that is found, with its place.
func TestFindings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"good":             {"{ run: [{ id: 'a', check: 'x', change: 'y' }] }", nil},
		"syntax":           {"{ run: [\n}", []string{`p.jsonnet:2:1: Unexpected: "}" while parsing terminal`}},
		"unused":           {"local x = 1;\n{ run: [] }", []string{"p.jsonnet:1:7: Unused variable: x"}},
		"hidden":           {"local x = 1;\n{ run: [local x = 2; { id: 'a' + x }], id: '' + x }", []string{"p.jsonnet:2:15: x hides the x of line 1"}},
		"import":           {"{ run: [], id: import 'nowhere' }", []string{`p.jsonnet:1:16: couldn't open import "nowhere": there is no file nowhere`}},
		"property":         {"{\n  run: [],\n  runn: [],\n}", []string{`p.jsonnet:3: runn: unknown property; did you mean "run"?`}},
		"of a Command":     {"{ run: [\n{ id: 'a', chek: 'x' }] }", []string{`p.jsonnet:2: run[0].chek: unknown property; did you mean "check"?`}},
		"target":           {"{ run: [\n{ id: 'a', change: 'x', onChange: ['b', '('] }] }", []string{`p.jsonnet:2: run[0].onChange[0]: (of "a") "b": no Command after this one has that id, or an id that it matches as a regular expression`, "p.jsonnet:2: run[0].onChange[1]: (of \"a\") \"(\": error parsing regexp: missing closing ): `(`"}},
		"ids":              {"{ run: [{ id: 'a', change: 'x', onChange: 'b' },\n{ id: 'b' }, { id: 'b' }] }", []string{`p.jsonnet:1: run[0].onChange[0]: (of "a") "b": 2 Commands of this list have that id; give the one that is meant its own`}},
		"warning":          {"{ run: [null, [[\n{ id: 'a', onChange: 'etcha:x' }]]], exec: {} }", []string{"p.jsonnet:2: exec is an old name: use buildExec and runExec", `p.jsonnet:2: run[0].onChange: (of "a") never happens: there is no change`}},
		"evaluation":       {"{ run: [\nerror 'no'] }", []string{"p.jsonnet:2:1: no"}},
		"needs vars":       {"{ run: [{ id: std.native('getConfig')().vars.unknown }] }", []string{"p.jsonnet:1:15: Field does not exist: unknown"}},
		"test, and vars":   {"local v = std.native('getConfig')().vars;\nassert v.test && v.source == 'test' && v.known == 'x';\n{ run: [] }", nil},
		"environment":      {"assert std.native('getEnv')('SET') == 'of the environment';\n{ run: [] }", nil},
		"arch, os":         {"{ run: [{ id: std.native('getArch')() + std.native('getOS')() }] }", nil},
		"fallbacks":        {"local n = std.native;\n{ run: [{ id: n('getCmd')('id', 'a') + n('getFile')('http://localhost:1/#x:y', 'b') + n('getRecord')('a', 'b', ['c'])[0] + n('getFile')('/no/such/file', 'd') }] }", nil},
		"a wrong fallback": {"{ run: [{ id: std.native('getCmd')('id', 5) }] }", []string{"p.jsonnet:1: run[0].id: is a number; want a string"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, r := run(t, lint.Linter{}, write(t, map[string]string{"p.jsonnet": test.text}), "p.jsonnet")
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if len(r.Notes) > 0 || r.Files != 1 {
				t.Errorf("notes %q, %d files", r.Notes, r.Files)
			}
		})
	}
}

// TestNotes: what a native function would have to run or fetch is noted, and what is no Pattern.
func TestNotes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{ run: [{ id: std.native('getCmd')('id') }] }":                              "p.jsonnet is not evaluated, and its Commands are not looked at: p.jsonnet:1:15: getCmd: a linter runs no commands",
		"{ run: [{ id: std.native('getFile')('http://localhost:1/x#token:abc') }] }": "p.jsonnet is not evaluated, and its Commands are not looked at: p.jsonnet:1:15: getFile: http://localhost:1/x: a linter asks no network",
		"{ run: [{ id: std.native('getFile')('http://u:pw@localhost:1/x') }] }":      "p.jsonnet is not evaluated, and its Commands are not looked at: p.jsonnet:1:15: getFile: http://u:xxxxx@localhost:1/x: a linter asks no network",
		"{ run: [{ id: std.native('getRecord')('txt', 'x.example')[0] }] }":          "p.jsonnet is not evaluated, and its Commands are not looked at: p.jsonnet:1:15: getRecord: txt of x.example: a linter asks no network",
		"{ run: [{ id: std.native('getFile')('/no/such/file') }] }":                  "p.jsonnet is not evaluated, and its Commands are not looked at: p.jsonnet:1:15: getFile: /no/such/file: no such file or directory",
		"[]":            "p.jsonnet is no Pattern: neither its run nor its build is a list",
		"{ run: {} }":   "p.jsonnet is no Pattern: neither its run nor its build is a list",
		"{ id: 'one' }": "p.jsonnet is no Pattern: neither its run nor its build is a list",
	} {
		directory := write(t, map[string]string{"p.jsonnet": text})
		findings, r := run(t, lint.Linter{}, directory, "p.jsonnet")
		notes := strings.ReplaceAll(strings.Join(r.Notes, "\n"), directory+"/", "")
		if notes != want || len(findings) > 0 {
			t.Errorf("%s: notes %q, findings %q\nwant %q", text, notes, findings, want)
		}
	}
}

// TestLibraries are imported, not evaluated to their last; one mistake in them is one finding.
func TestLibraries(t *testing.T) {
	t.Parallel()
	directory := write(t, map[string]string{
		"lib/function.libsonnet":   "function(x) { id: x }",
		"lib/lazy.libsonnet":       "{ must: error 'give one' }",
		"lib/broken.libsonnet":     "local x = 5;\nif x > 4 then\n  error 'broken' else {}",
		"lib/odd '$(x)'.libsonnet": "local a = 1;\n{}",
		"lib/asks.libsonnet":       "local who = std.native('getCmd')('whoami');\nif who == 'x' then {} else []",
		"one.jsonnet":              "local b = import 'lib/broken.libsonnet';\n{ run: [b] }",
		"two.jsonnet":              "{ run: [import 'lib/broken.libsonnet'] }",
		"three.jsonnet":            "{ run: [(import 'lib/function.libsonnet')('x'), (import 'lib/lazy.libsonnet') + { must:: 1, id: 'l' }] }",
	})
	got, r := run(t, lint.Linter{}, directory, "lib/asks.libsonnet", "lib/broken.libsonnet", "lib/function.libsonnet", "lib/lazy.libsonnet", "lib/odd '$(x)'.libsonnet", "one.jsonnet", "three.jsonnet", "two.jsonnet")
	if want := []string{"lib/broken.libsonnet:3:3: broken", "lib/odd '$(x)'.libsonnet:1:7: Unused variable: a"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "asks.libsonnet is not evaluated") {
		t.Errorf("notes %q", r.Notes)
	}
}

// TestFormat shows the difference, and where it begins.
func TestFormat(t *testing.T) {
	t.Parallel()
	directory := write(t, map[string]string{"p.jsonnet": "{\n  run: [],\n  id:'a'\n}\n", "good.libsonnet": "{ a: 'x' }\n"})
	got, r := run(t, lint.Linter{Format: true}, directory, "good.libsonnet", "p.jsonnet")
	if !slices.Equal(got, []string{"p.jsonnet:3: not formatted"}) {
		t.Fatalf("%q", got)
	}
	if diff := r.Findings[0].Diff; !strings.Contains(diff, "\n-  id:'a'\n+  id: 'a',\n") {
		t.Errorf("diff %q", diff)
	}
	if got, _ := run(t, lint.Linter{}, directory, "p.jsonnet"); len(got) > 0 {
		t.Errorf("without Format: %q", got)
	}
	text, formatted, err := lint.Formatted(filepath.Join(directory, "p.jsonnet"))
	if err != nil || string(text) == string(formatted) || string(formatted) != "{\n  run: [],\n  id: 'a',\n}\n" {
		t.Errorf("%v, %q", err, formatted)
	}
	if _, _, err := lint.Formatted(filepath.Join(directory, "missing.jsonnet")); err == nil {
		t.Error("a file that is not there is formatted")
	}
}

// recorder is a ScriptLinter that has something to say of what holds "bad".
type recorder struct {
	given atomic.Int64
	err   error
}

func (r *recorder) Name() string { return "recorder" }
func (r *recorder) Lint(_ context.Context, s lint.Script) ([]lint.Remark, error) {
	r.given.Add(1)
	if strings.Contains(s.Text, "bad") {
		return []lint.Remark{{Line: 2, Column: 3, Text: "bad for " + s.Shell}, {Text: "anywhere"}}, r.err
	}
	return nil, r.err
}

// TestScripts gives each script of a Pattern once to each linter, with the shell that it is for, and puts the remarks in place.
func TestScripts(t *testing.T) {
	t.Parallel()
	directory := write(t, map[string]string{"p.jsonnet": `{
  buildExec: { command: 'env dash -e -c' },
  build: [{ id: 'b', change: 'bad' }],
  run: [
    [{ id: 'a', check: 'bad', change: 'good', remove: 'bad' }],
    { id: 'g', commands: [
      { id: 'in', check: 'bad', exec: { command: 'python3 -c' } },
      { id: 'words', check: 'bad', exec: {} },
    ] },
    { id: 'same', change: 'good' },
  ],
}`})
	one := &recorder{}
	got, r := run(t, lint.Linter{Scripts: []lint.ScriptLinter{one}}, directory, "p.jsonnet")
	want := []string{
		`p.jsonnet:3: "b" change: line 2:3: bad for dash`, `p.jsonnet:3: "b" change: anywhere`,
		`p.jsonnet:5: "a" check: line 2:3: bad for bash`, `p.jsonnet:5: "a" check: anywhere`,
		`p.jsonnet:5: "a" remove: line 2:3: bad for bash`, `p.jsonnet:5: "a" remove: anywhere`,
		`p.jsonnet:7: "g > in" check: line 2:3: bad for `, `p.jsonnet:7: "g > in" check: anywhere`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if n := one.given.Load(); n != 4 || r.Scripts != 6 {
		t.Errorf("%d scripts were given, of %d", n, r.Scripts)
	}
	l := lint.Linter{Environment: environment(t), Scripts: []lint.ScriptLinter{&recorder{}, &recorder{err: errors.New("it is broken")}}}
	if _, err := l.Lint(t.Context(), []string{filepath.Join(directory, "p.jsonnet")}); err == nil || err.Error() != "linter recorder: it is broken" {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Lint(ctx, []string{filepath.Join(directory, "p.jsonnet")}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestNested keeps the places of Commands that stand in lists of lists.
func TestNested(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("local two(id) = [{ id: id + 1, check: 'bad' }, { id: id + 2, check: 'bad' }];\n{ run: [\n")
	for i := range 3 {
		fmt.Fprintf(&text, "two('f%d'),\n", i)
	}
	text.WriteString("] }")
	got, _ := run(t, lint.Linter{Scripts: []lint.ScriptLinter{&recorder{}}}, write(t, map[string]string{"p.jsonnet": text.String()}), "p.jsonnet")
	if len(got) != 12 || !strings.HasPrefix(got[11], `p.jsonnet:5: "f22" check`) || !strings.HasPrefix(got[4], `p.jsonnet:4: "f11" check`) {
		t.Errorf("%q", got)
	}
}

// TestShells finds the shell of an exec.
func TestShells(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"/usr/bin/bash -e -o pipefail -c": "bash ends", "sh -c": "sh", "env ash -euc": "dash ends", "sudo -u x /bin/dash -o errexit -c": "dash ends",
		"ssh host bash -o pipefail -c": "bash", "python3 -e": "", "bash --noprofile -c": "bash", "su app -c": "", "-c": "",
	} {
		given := &asks{}
		text := fmt.Sprintf("{ runExec: { command: '%s' }, run: [{ id: 'a', check: 'x' }] }", command)
		run(t, lint.Linter{Scripts: []lint.ScriptLinter{given}}, write(t, map[string]string{"p.jsonnet": text}), "p.jsonnet")
		if given.got != want {
			t.Errorf("%s: %q, want %q", command, given.got, want)
		}
	}
}

// asks is a ScriptLinter that keeps what it was given.
type asks struct{ got string }

func (a *asks) Name() string { return "asks" }
func (a *asks) Lint(_ context.Context, s lint.Script) ([]lint.Remark, error) {
	a.got = s.Shell
	if s.Ends {
		a.got += " ends"
	}
	return nil, nil
}
