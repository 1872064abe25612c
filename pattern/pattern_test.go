package pattern_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/sysinfo"
)

// patient are limits of a test that is not about time, which a busy machine takes far more of.
var patient = jsonnet.Limits{Time: 5 * time.Minute}

// render renders a text as the Pattern main.jsonnet.
func render(t *testing.T, text string) (pattern.Pattern, error) {
	t.Helper()
	program := jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(map[string]string{"/main.jsonnet": text})}
	return pattern.Render(t.Context(), program, pattern.Environment{Limits: patient, Exec: script.DefaultExec()})
}

func TestProperties(t *testing.T) {
	t.Parallel()
	p, err := render(t, `{
		audience: 'one', id: 'i', issuer: 'me', subject: 's', expiresIn: '7d', notBefore: '10m', buildOutput: 'x.jwt',
		buildExec: { command: 'sh -c' }, runExec: { envInheirt: true }, runVars: { n: 1, o: { x: null } },
		build: [[[{ id: 'b', always: true, change: 'true' }], null]], run: [{ id: 'a', onChange: 'etcha:x', change: 'c', check: 'false' }],
	}`)
	if err != nil {
		t.Fatal(err)
	}
	if p.ExpiresIn != 168*time.Hour || p.NotBefore.After != 10*time.Minute || p.BuildOutput != "x.jwt" || !reflect.DeepEqual(p.Audience, []string{"one"}) ||
		p.ID != "i" || p.Issuer != "me" || p.Subject != "s" || p.BuildExec.Command != "sh -c" || !p.RunExec.EnvInherit ||
		len(p.Build) != 1 || p.Build[0].ID != "b" || len(p.Run) != 1 || p.RunVars["n"] != 1.0 || p.Warnings != nil {
		t.Errorf("%+v", p)
	}
}

func TestOldNames(t *testing.T) {
	t.Parallel()
	p, err := render(t, `{ exec: { command: 'old -c' }, runExec: { command: 'new -c' }, runEnv: { a: 'b' }, expiresInSec: -3600, run: [] }`)
	if err != nil {
		t.Fatal(err)
	}
	if p.BuildExec.Command != "old -c" || p.RunExec.Command != "new -c" || p.RunEnv["a"] != "b" || p.ExpiresIn != -time.Hour {
		t.Errorf("%+v", p)
	}
	if len(p.Warnings) != 2 || !strings.Contains(p.Warnings[0], "buildExec and runExec") || !strings.Contains(p.Warnings[1], "runVars") {
		t.Errorf("%q", p.Warnings)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"not an object":        {"[]", "/main.jsonnet: a Pattern is an object with run, build, ...; this is a list"},
		"unknown property":     {"{\n  run: [],\n  runn: [],\n}", `/main.jsonnet:3: runn: unknown property; did you mean "run"?`},
		"of a Command":         {"{\n  run: [\n    { id: 'a',\n      chnage: 'x' },\n  ],\n}", `/main.jsonnet:4: run[0].chnage: unknown property; did you mean "change"?`},
		"of an exec":           {"{\n  runExec: {\n    comand: 'x' },\n}", `/main.jsonnet:3: runExec.comand: unknown property; did you mean "command"?`},
		"computed":             {"{ ['r' + 'un']: [{ id: 'a', x: 1 }] }", "/main.jsonnet: run[0].x: unknown property"},
		"wrong type":           {"{ run: [\n{ id: 'a', change: 1 }] }", "/main.jsonnet:2: run[0].change: "},
		"no id":                {"{ run: [\n{ change: 'x' }] }", "/main.jsonnet:2: run[0]: id is missing"},
		"two kinds of expiry":  {"{ expiresIn: '1h',\nexpiresInSec: 1 }", "/main.jsonnet:1: expiresIn: expiresInSec is there too; give one"},
		"expiry":               {"{ expiresIn: 'soon' }", `/main.jsonnet:1: expiresIn: "soon" is not a duration like 7d, 36h or 90m`},
		"far expiry":           {"{ expiresInSec: 99999999999 }", "/main.jsonnet:1: expiresInSec: 99999999999 is not a number of seconds"},
		"half a second":        {"{ expiresInSec: 1.5 }", `/main.jsonnet:1: expiresInSec: is a number; want a whole number`},
		"not before":           {"{ notBefore: 'later' }", `/main.jsonnet:1: notBefore: "later" is not a duration like 7d, 36h or 90m, and no time like 2027`},
		"too many audiences":   {"{ audience: ['of %d' % i for i in std.range(0, 256)] }", "/main.jsonnet:1: audience: has 257 elements; at most 256 are verified"},
		"empty audience":       {"{ audience: [''] }", "/main.jsonnet:1: audience: holds an empty text"},
		"itself":               {"{ run: [ { id: 'a', always: true, change: 'x', onChange: 'a' } ] }", "/main.jsonnet:1: run[0].onChange"},
		"in a list of lists":   {"{ run: [[{ id: 'a' },\nnull, [\n{ id: 'b', onChange: 'nobody', change: 'x' }]],\n{ id: 'c' }] }", "/main.jsonnet:3: run[1].onChange[0]: "},
		"in a group of lists":  {"{ build: [[{ id: 'g', commands: [[\n{ id: 'a' }],\n{ change: 'x' }] }]] }", "/main.jsonnet:3: build[0].commands[1]: id is missing"},
		"of a function":        {"local f = function() [{ id: 'a' },\n{ change: 'x' }];\n{ run: [\n{ id: 'c' },\nf()] }", "/main.jsonnet:5: run[2]: id is missing"},
		"a mistake of Jsonnet": {"{\n  run: [x],\n}", "/main.jsonnet:2:9"},
	} {
		_, err := render(t, c.text)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
	_, err := render(t, "{ run: [{}, { id: 'b', onChange: 'nobody', change: 'x' }], audience: [''], expiresIn: 'x' }")
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("not every mistake is named: %v", err)
	}
}

// TestEtcha renders Patterns that the real Etcha rendered, and holds what both print of their Commands against one another.
func TestEtcha(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob(filepath.Join("testdata", "etcha", "*", "expected.json"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Entrypoint string
				Render     map[string]json.RawMessage
				RenderExit int
			}
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			program := jsonnet.Program{Entrypoint: filepath.Join(filepath.Dir(file), want.Entrypoint), Import: jsonnet.Disk("")}
			p, err := pattern.Render(t.Context(), program, pattern.Environment{Limits: patient, Exec: script.DefaultExec()})
			if want.RenderExit != 0 {
				if err == nil {
					t.Error("it was rendered")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for name, list := range map[string]command.List{"build": p.Build, "run": p.Run} {
				var theirs command.List
				if err := json.Unmarshal(want.Render[name], &theirs); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(list, theirs) {
					t.Errorf("%s: %+v\nwant %+v", name, list, theirs)
				}
			}
			printed, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			again, err := pattern.Parse(printed, func(string) string { return "printed" })
			if err != nil || !reflect.DeepEqual(again, p) {
				t.Errorf("what is printed is another Pattern: %v\n%s", err, printed)
			}
		})
	}
}

// TestRenderIf tells Patterns, also wrong ones, from what is none.
func TestRenderIf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{ run: [] }`:                      "a Pattern",
		`{ build: [{ id: 'a' }] }`:         "a Pattern",
		`{ run: 'x' }`:                     "a wrong Pattern",
		`{ run: [], rnu: 1 }`:              "a wrong Pattern",
		`{ build: 5, run: {} }`:            "a wrong Pattern",
		`{}`:                               "none",
		`[]`:                               "none",
		`{ id: 'a', check: 'true' }`:       "none",
		`{ run: { stateDir: 'x' } }`:       "none",
		`{ run: null, build: null, a: 1 }`: "none",
		`error 'x'`:                        "an error",
		`function(x) x`:                    "an error",
	} {
		program := jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(map[string]string{"/main.jsonnet": text})}
		_, is, err := pattern.RenderIf(t.Context(), program, pattern.Environment{Limits: patient, Exec: script.DefaultExec()})
		got := map[bool]map[bool]string{true: {true: "a Pattern", false: "a wrong Pattern"}, false: {true: "none", false: "an error"}}[is][err == nil]
		if got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestMachine renders for another machine than this one.
func TestMachine(t *testing.T) {
	t.Parallel()
	program := jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(map[string]string{
		"/main.jsonnet": `{ run: [{ id: std.native('getConfig')().vars.sysinfo.osID }] }`,
	})}
	p, err := pattern.Render(t.Context(), program, pattern.Environment{Limits: patient, Machine: &sysinfo.Info{OSID: "elsewhere"}})
	if err != nil || p.Run[0].ID != "elsewhere" {
		t.Errorf("%v, %+v", err, p.Run)
	}
}

func TestWarningPath(t *testing.T) {
	t.Parallel()
	p, err := render(t, "{ runEnv: {}, run: [{ id: 'a', onChange: 'etcha:x', check: 'true' }, { id: 'g: x', check: 'y', commands: [{ id: 'b', onRemove: 'etcha:x' }] }] }")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, warning := range p.Warnings {
		paths = append(paths, pattern.WarningPath(warning))
	}
	if want := []string{"runEnv", "run[0].onChange", "run[1].commands[0].onRemove", "run[1]"}; !slices.Equal(paths, want) {
		t.Errorf("%q of %q", paths, p.Warnings)
	}
}
