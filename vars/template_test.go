package vars_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/writ-run/writ/vars"
)

// look finds in a map by the reference's source and path.
func look(known map[string]any) vars.Lookup {
	return func(_ context.Context, r vars.Ref) (any, bool, error) {
		value, found := known[vars.Ref{Source: r.Source, Path: r.Path, Identity: r.Identity}.String()]
		return value, found, nil
	}
}

func parseYAML(t *testing.T, text string) any {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

var known = map[string]any{
	"name": "world", "n": 7, "big": json.Number("12345678901234567890"), "pi": 3.25, "yes": true, "nothing": nil,
	"list": []any{"a", 1}, "map": map[string]any{"user": "u", "deep": map[string]any{"er": "d"}, "any": map[any]any{"k": "v"}},
	"hvjwt:some_secret":              map[string]any{"username": "hello-im-a-username"},
	`hvjwt:"secret with_spaces.etc"`: map[string]any{"some_key": "some-value"},
	".:local":                        "here",
	".CONCOURSE_CI_JWT":              "e.y.J",
	"nested":                         "((name))",
	"multi":                          "one\ntwo: [\n",
}

func TestInterpolate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, tree, want string }{
		{"whole value takes the type", "{a: ((n)), b: ((yes)), c: ((list)), d: ((map.deep)), e: ((pi)), f: ((nothing))}", "{a: 7, b: true, c: [a, 1], d: {er: d}, e: 3.25, f: null}"},
		{"embedded scalars", "hello-((name))-((n))-((pi))-((yes))-((big))", "hello-world-7-3.25-true-12345678901234567890"},
		{"fields", "((map.user)) ((map.deep.er)) ((map.any.k))", "u d v"},
		{"lists", "[((name)), [((n))]]", "[world, [7]]"},
		{"keys", `{((name)): 1, "x-((n))": 2, ((n)): 3}`, `{world: 1, x-7: 2, "7": 3}`},
		{"the first seed", `test "((hvjwt:some_secret.username))" "((hvjwt:"secret with_spaces.etc".some_key))"`, `test "hello-im-a-username" "some-value"`},
		{"local and identity", "((.:local)) ((.CONCOURSE_CI_JWT))", "here e.y.J"},
		{"values are not looked into", "((nested)) and ((nested))", "((name)) and ((name))"},
		{"values cannot break the YAML", "{a: ((multi))}", `{a: "one\ntwo: [\n"}`},
		{"adjacent", "((name))((n))", "world7"},
		{"three brackets", "(((name)))", "(world)"},
		{"not references", `$((i + 1)) $((i+1)) (( name )) ((  )) (()) ((a)b)) ((unclosed ((`, `$((i + 1)) $((i+1)) (( name )) ((  )) (()) ((a)b)) ((unclosed ((`},
		{"the shell's quotes", `if (( "$a" > "$b" )); then test "((" = "x))"; fi`, `if (( "$a" > "$b" )); then test "((" = "x))"; fi`},
		{"after a false start", `(( ((name))`, `(( world`},
		{"merge", `{"<<": ((map)), user: mine}`, `{user: mine, deep: {er: d}, any: {k: v}}`},
		{"merge of several", `{"<<": [((map)), {x: 1, user: no}]}`, `{user: u, deep: {er: d}, any: {k: v}, x: 1}`},
		{"others stay", "{a: 1, b: null, c: 1.5, d: 2026-01-01}", "{a: 1, b: null, c: 1.5, d: 2026-01-01}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var tree any = test.tree
			if strings.ContainsAny(test.tree[:1], "{[") {
				tree = parseYAML(t, test.tree)
			}
			var want any = test.want
			if strings.ContainsAny(test.tree[:1], "{[") {
				want = parseYAML(t, test.want)
			}
			got, err := vars.Interpolate(t.Context(), tree, look(known))
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got  %#v\nwant %#v", got, want)
			}
		})
	}
}

func TestInterpolateKeepsTypesExactly(t *testing.T) {
	t.Parallel()
	got, err := vars.Interpolate(t.Context(), []any{"((n))", "((yes))", "((map.deep))", "x((n))"}, look(known))
	want := []any{7, true, map[string]any{"er": "d"}, "x7"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v; want %#v", got, err, want)
	}
}

func TestInterpolateRefuses(t *testing.T) {
	t.Parallel()
	deep := any("((name))")
	for range 101 {
		deep = []any{deep}
	}
	for _, test := range []struct {
		name string
		tree any
		want string
	}{
		{"a list inside a string", map[string]any{"params": map[string]any{"A": "x-((list))"}}, "params.A: ((list)) is a list; within a longer string only a string, a number or a boolean fits"},
		{"a map inside a string", []any{"((map)) "}, "[0]: ((map)) is a map"},
		{"null inside a string", "x((nothing))", "((nothing)) is null"},
		{"a list as a key", map[string]any{"((list))": 1}, `key "((list))" is a list`},
		{"a list as a key of any", map[any]any{"((list))": 1, 2: 2}, `key "((list))" is a list`},
		{"one key twice", map[string]any{"((name))": 1, "world": 2}, `key "world" is there twice`},
		{"one key twice of any", map[any]any{"((name))": 1, "world": 2, 3: 3}, `key "world" is there twice`},
		{"malformed", map[string]any{"a": "((a..b))"}, "a: invalid var ((a..b)): empty path or field"},
		{"a leading dot", "((.foo))", "a leading dot is for ((.CONCOURSE_CI_JWT)) alone"},
		{"too deep", deep, "nested deeper than 100"},
		{"no YAML tree", []any{[]string{"((name))"}}, "[0]: a []string is not a value of a YAML tree"},
		{"merge of a scalar", map[string]any{"<<": "((n))"}, "<<: a number cannot be merged"},
	} {
		got, err := vars.Interpolate(t.Context(), test.tree, look(known))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v; want the error %q", test.name, got, err, test.want)
		}
	}
}

func TestInterpolateReportsAllMissing(t *testing.T) {
	t.Parallel()
	tree := parseYAML(t, `{z: ((zz)), a: ["((b:c))", "((name))", "((b:c))"], m: "((map.nope)) ((name.field)) ((map.deep.er.x))"}`)
	_, err := vars.Interpolate(t.Context(), tree, look(known))
	var undefined *vars.UndefinedError
	if !errors.As(err, &undefined) {
		t.Fatalf("%v, want an UndefinedError", err)
	}
	if want := "undefined vars: b:c, map.deep.er.x, map.nope, name.field, zz"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if want := "((map)) has no field \"nope\"\n((map.deep.er)) is a string and has no fields\n((name)) is a string and has no fields"; undefined.Hint() != want {
		t.Errorf("hint %q, want %q", undefined.Hint(), want)
	}
}

func TestInterpolateAsksOnceAndStopsAtAnError(t *testing.T) {
	t.Parallel()
	var asked []string
	denied := &vars.DeniedError{Server: "https://v", Path: "p", Reason: "no"}
	look := func(_ context.Context, r vars.Ref) (any, bool, error) {
		asked = append(asked, r.String())
		if r.Path == "no" {
			return nil, false, denied
		}
		return "x", true, nil
	}
	_, err := vars.Interpolate(t.Context(), []any{"((a))((a))", "((b))", "((s:no))", "((c))"}, look)
	if !errors.Is(err, denied) || err.Error() != "[2]: ((s:no)): https://v: denied: read p: no" {
		t.Errorf("error %v", err)
	}
	if want := []string{"a", "b", "s:no"}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

func TestInterpolateLeavesTheInputAlone(t *testing.T) {
	t.Parallel()
	tree := map[string]any{"((name))": []any{"((n))"}, "<<": "((map))"}
	before := fmt.Sprintf("%#v", tree)
	if _, err := vars.Interpolate(t.Context(), tree, look(known)); err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprintf("%#v", tree); after != before {
		t.Errorf("the input became %s, was %s", after, before)
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	static := map[string]any{"a": "A", "n": 2, "l": []any{1}, "later": "((vault:x))", "m": map[string]any{"f": "F"}, "CONCOURSE_CI_JWT": "no"}
	tree := map[string]any{
		"whole": "((n))", "mixed": "((a))-((unknown))-((s:a))-((.:a))-((.CONCOURSE_CI_JWT))", "later": "((later))",
		"field": "((m.f)) ((m.g))", "key-((a))": "((l))", "<<": "((unknown))",
	}
	got, err := vars.Replace(tree, static)
	want := map[string]any{
		"whole": 2, "mixed": "A-((unknown))-((s:a))-((.:a))-((.CONCOURSE_CI_JWT))", "later": "((vault:x))",
		"field": "F ((m.g))", "key-A": []any{1}, "<<": "((unknown))",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %#v, %v\nwant %#v", got, err, want)
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	refs, err := vars.References(parseYAML(t, `{b: "((x)) ((s:y.z))", a: [((x)), ((.CONCOURSE_CI_JWT))], "((k))": 1}`))
	var names []string
	for _, r := range refs {
		names = append(names, r.String())
	}
	if want := "k x .CONCOURSE_CI_JWT s:y.z"; err != nil || strings.Join(names, " ") != want {
		t.Errorf("got %q, %v; want %q", strings.Join(names, " "), err, want)
	}
	if _, err := vars.References([]any{"((:x))"}); err == nil || err.Error() != "[0]: invalid var ((:x)): no source name before the colon" {
		t.Errorf("a malformed one: %v", err)
	}
}

func TestAssign(t *testing.T) {
	t.Parallel()
	static := map[string]any{}
	for _, name := range []string{"a", `"github.com".key`, `"github.com".user.name`} {
		if err := vars.Assign(static, name, "v"); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]any{"a": "v", "github.com": map[string]any{"key": "v", "user": map[string]any{"name": "v"}}}
	if !reflect.DeepEqual(static, want) {
		t.Errorf("got %#v, want %#v", static, want)
	}
	for name, want := range map[string]string{
		"a.b": `var "a.b": a is a string already and has no field "b"`, "s:a": "only a var without a source", ".CONCOURSE_CI_JWT": "only a var without a source", "a..": "empty",
	} {
		if err := vars.Assign(static, name, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Assign(%q): %v, want %q", name, err, want)
		}
	}
}

func FuzzInterpolate(f *testing.F) {
	for _, seed := range []string{"((name))", "x((n))y", `((a"b"))`, "$((i+1))", `{((name)): [((list))]}`, "((name", "(((name)))", `{"<<": ((map))}`, `"((\"a b\"))"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var tree any
		if yaml.Unmarshal([]byte(text), &tree) != nil {
			tree = text
		}
		refs, refsErr := vars.References(tree)
		done, err := vars.Interpolate(t.Context(), tree, func(context.Context, vars.Ref) (any, bool, error) { return "((name))", true, nil })
		if refsErr != nil && err == nil {
			t.Fatalf("%q: references: %v, yet it interpolates", text, refsErr)
		}
		if err != nil {
			return
		}
		if len(refs) == 0 && fmt.Sprint(done) != fmt.Sprint(tree) {
			t.Fatalf("%q has no references, yet %v became %v", text, tree, done)
		}
		missing, err := vars.Interpolate(t.Context(), tree, look(nil))
		if (err == nil) != (len(refs) == 0) {
			t.Fatalf("%q: %d references, all missing: %v, %v", text, len(refs), missing, err)
		}
	})
}
