package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/vars"
)

// parseTask parses a pipeline with one task step and returns it.
func parseTask(t *testing.T, step string) *Task {
	t.Helper()
	p, err := Parse("p.yml", []byte("var_sources: [{name: v, type: dummy}]\njobs:\n- name: j\n  plan:\n  - "+step+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p.Jobs[0].Plan.Do[0].Task
}

// fill fills a template's vars from a map by reference.
func fill(t *testing.T, template *TaskTemplate, values map[string]any) (TaskConfig, error) {
	t.Helper()
	value, err := vars.Interpolate(t.Context(), template.Value(), func(_ context.Context, r vars.Ref) (any, bool, error) {
		value, found := values[r.String()]
		return value, found, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return template.Fill(value)
}

func TestTaskConfig(t *testing.T) {
	t.Parallel()
	task := parseTask(t, `task: t
    params: {STEP: wins, NULL: , INT: 010, FLOAT: 1.10, BIG: 1e30, YES: yes, QUOTED: "yes", DATE: 2020-01-01, LIST: [1, <a>], VAR: ((v:n))}
    config:
      platform: linux
      `+mock+`
      params: {STEP: loses, OWN: stays}
      inputs: [{name: a}, {name: b, path: x/../y/, optional: true}, {name: c, path: .}]
      outputs: [{name: a}, {name: d, path: /abs/./e}]
      run: {path: ((v:cmd)), args: [-c, "echo ((v:secret))\necho $((i + 1))"], dir: ../a/}`)
	c, err := fill(t, task.Config, map[string]any{"v:n": int64(7), "v:cmd": "sh", "v:secret": "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	wantParams := map[string]string{"STEP": "wins", "NULL": "", "INT": "8", "FLOAT": "1.1", "BIG": "1e+30", "YES": "true", "QUOTED": "yes",
		"DATE": "2020-01-01", "LIST": `[1,"\u003ca\u003e"]`, "VAR": "7", "OWN": "stays"}
	if !maps.Equal(c.Params, wantParams) {
		t.Errorf("params: %v", c.Params)
	}
	var places []string
	for _, i := range c.Inputs {
		places = append(places, fmt.Sprint(i.Name, "=", i.Path, " ", i.Optional))
	}
	for _, o := range c.Outputs {
		places = append(places, o.Name+"="+o.Path)
	}
	if want := []string{"a=a false", "b=x/y true", "c=. false", "a=a", "d=/abs/e"}; !slices.Equal(places, want) {
		t.Errorf("artifacts: %q", places)
	}
	if c.Path != "sh" || !slices.Equal(c.Args, []string{"-c", "echo s3cret\necho $((i + 1))"}) || c.Dir != "a" {
		t.Errorf("run: %q %q %q", c.Path, c.Args, c.Dir)
	}
	if c.Command != "((v:cmd)) -c echo ((v:secret)) ..." {
		t.Errorf("command: %q", c.Command)
	}
}

// What a var turns out to be is checked when it is known, at the var's place, and never printed.
func TestFillErrors(t *testing.T) {
	t.Parallel()
	config := func(more string) string {
		return "{task: t, config: {platform: ((v:platform)), image_resource: {type: ((v:image)), source: ((v:source))}, run: {path: x, args: ((v:args))}, inputs: [{name: ((v:name)), path: ((v:path))}]" + more + "}}"
	}
	good := map[string]any{"v:platform": "linux", "v:image": "mock", "v:source": map[string]any{"mirror_self": true},
		"v:args": []any{"s3cret"}, "v:name": "a", "v:path": "b"}
	for _, test := range []struct {
		name, reference string
		value           any
		want            string
	}{
		{"a list for a string", "v:platform", []any{"s3cret"}, "p.yml:5:34: platform must be a string, not a list"},
		{"a number for a string", "v:platform", int64(31337), "p.yml:5:34: platform must be a string; ((v:platform)) is a number"},
		{"an image", "v:image", "s3cret", `p.yml:5:73: image_resource of type "((v:image))": not yet in writ; there are registry-image, and mock with source.mirror_self, which is writ itself as a shell (or, without containers, this machine)`},
		{"a source", "v:source", map[string]any{"mirror_self": true, "s3cret": 1}, `p.yml:5:94: "((v:source))" in source of a mock image: not yet in writ; allowed: mirror_self`},
		{"an argument", "v:args", []any{map[string]any{"s3cret": "s3cret"}}, "p.yml:5:130: an argument of run.args must be a string, not a mapping"},
		{"arguments", "v:args", "s3cret", "p.yml:5:130: run.args must be a list, not a string"},
		{"a name", "v:name", "s3cret\n", `p.yml:5:159: an input's name "((v:name))" holds a control character`},
		{"a path", "v:path", "s3cret\x00", "p.yml:5:177: path of an input must not hold a NUL character"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			task := parseTask(t, config(""))
			values := maps.Clone(good)
			if _, err := fill(t, task.Config, values); err != nil {
				t.Fatal(err)
			}
			values[test.reference] = test.value
			_, err := fill(t, task.Config, values)
			if err == nil || err.Error() != test.want {
				t.Errorf("\n got %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	task := parseTask(t, "{task: t, config: {platform: darwin, run: {path: x}}}")
	if err := task.Config.CheckPlatform("darwin"); err != nil {
		t.Error(err)
	}
	err := task.Config.CheckPlatform("linux")
	if want := `p.yml:5:34: platform "darwin": tasks run on this machine, which is linux`; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	task := parseTask(t, "{task: t, file: ci/unit.yml, vars: {who: ((v:who)), image: mock}, params: {A: step, B: ((v:b))}}")
	template, err := task.ReadFile("ci/unit.yml", []byte("platform: linux\nimage_resource: {type: ((image)), source: {mirror_self: true}}\nparams: {A: file}\nrun: {path: echo, args: [\"hello ((who)), ((static))\"]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"B was defined in pipeline but missing from task file"}; !slices.Equal(template.Warnings, want) {
		t.Errorf("warnings: %q", template.Warnings)
	}
	c, err := fill(t, template, map[string]any{"v:who": "world", "v:b": "bee", "static": "bye"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Args[0] != "hello world, bye" || c.Params["A"] != "step" || c.Params["B"] != "bee" {
		t.Errorf("config: %+v", c)
	}
	for _, test := range []struct{ name, in, want string }{
		{"malformed", "a: b: c", "ci/unit.yml:1: malformed YAML: mapping values are not allowed in this context"},
		{"empty", "", "ci/unit.yml:1: the file is empty"},
		{"a pipeline", "jobs: []\n", "ci/unit.yml:1:1: misplaced field \"jobs\" in a task config: it belongs in a pipeline"},
		{"unknown", "platfrom: linux\n", "ci/unit.yml:1:1: unknown field \"platfrom\" in a task config; did you mean \"platform\"?"},
	} {
		_, err := task.ReadFile("ci/unit.yml", []byte(test.in))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s:\n got %v\nwant %s", test.name, err, test.want)
		}
	}
}

func TestCleanPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a": "a", "a/": "a", "./a//b": "a/b", ".": ".", "..": ".", "../../etc": "etc", "a/../b": "a/b", "a..b": "a..b",
		"/a/../b/": "/b", "/..": "/", "//run/./writ": "/run/writ",
	} {
		if got := cleanPath(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"platform", "params", "run", "inputs", "outputs"}
	for in, want := range map[string]string{"platfrom": "platform", "Params": "params", "rn": "run", "ouputs": "outputs", "input": "inputs", "zebra": "", "": "",
		strings.Repeat("inputs", 20): ""} {
		if got := nearest.Name(in, names); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
