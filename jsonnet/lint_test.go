package jsonnet_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/jsonnet"
)

func TestDependencies(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"/p/main.jsonnet":        "local n = import '../lib/native.libsonnet'; if false then import 'unreached.libsonnet' else { a: importstr 'motd', b: importbin 'image' }",
		"/p/unreached.libsonnet": "{ a: import 'main.jsonnet', b: importstr '../lib/native.libsonnet' }",
		"/p/motd":                "import 'nothing' native [[[",
		"/p/image":               "\x00\xff",
		"/lib/native.libsonnet":  "function(x) [std.native('getEnv')(x), importstr '../p/main.jsonnet']",
		"/p/not.imported":        "",
	}
	program := jsonnet.Program{Entrypoint: "/p/main.jsonnet", Import: jsonnet.Memory(files)}
	got, err := jsonnet.Dependencies(t.Context(), program, patient)
	if err != nil {
		t.Fatal(err)
	}
	delete(files, "/p/not.imported")
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, slices.Sorted(maps.Keys(files))) {
		t.Errorf("got %q", names)
	}
	for name, content := range got {
		if string(content) != files[name] {
			t.Errorf("%s: %q", name, content)
		}
	}
	for text, want := range map[string]string{
		"{ a: 1,\n b: if false then import 'x' }": `/p/main.jsonnet:2:19: couldn't open import "x": there is no file /p/x`,
		"{ a: }":                         "/p/main.jsonnet:1:6: ",
		"import 'bad.jsonnet'":           "/p/bad.jsonnet:1:2: ",
		"{ a: importstr '/etc/shadow' }": "/p/main.jsonnet:1:6: couldn't open import",
		strings.Repeat("[", 30000):       "/p/main.jsonnet: its expressions nest more than 20000 deep (the limit of nesting)",
	} {
		program.Import = jsonnet.Memory(map[string]string{"/p/main.jsonnet": text, "/p/bad.jsonnet": "{"})
		if _, err := jsonnet.Dependencies(t.Context(), program, patient); err == nil || !strings.HasPrefix(err.Error(), want) || !jsonnet.IsError(err) {
			t.Errorf("%.60s: got %v; want %s", text, err, want)
		}
	}
	program.Import = jsonnet.Memory(files)
	if _, err := jsonnet.Dependencies(t.Context(), program, jsonnet.Limits{Bytes: 200}); err == nil || !strings.Contains(err.Error(), "more than 200 bytes together (the limit of bytes)") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := jsonnet.Dependencies(ctx, program, patient); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func lint(t *testing.T, files map[string]string) []string {
	t.Helper()
	findings, err := jsonnet.Lint(t.Context(), jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(files)})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range findings {
		lines = append(lines, f.String())
	}
	return lines
}

func TestLint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"{ a: 1 }":              nil,
		"local x = 1; { a: 1 }": {"/main.jsonnet:1:7: Unused variable: x"},
		"{ a: std.native('getEnv')(key='X', cache=true), b: (import 'lib').c }": nil,
		"{ a: import 'nothing' }": {`/main.jsonnet:1:6: couldn't open import "nothing": there is no file /nothing`},
		"local x = 1;\nlocal f(x) = x;\n{ a: f(x), b: [x for x in [1]] }": {"/main.jsonnet:2:9: x hides the x of line 1", "/main.jsonnet:3:15: x hides the x of line 1"},
		"{ local x = 1, a: { local x = 2, b: x }, c: x }":                 {"/main.jsonnet:1:27: x hides the x of line 1"},
		"{ a(x): x, b(x): x, c: [y for y in [1]], d: [y for y in [2]] }":  nil,
		"{ a: 1 + {}.b, c: 'x'.y }":                                       {"/main.jsonnet:1:10: Indexed object has no field \"b\"", "/main.jsonnet:1:19: Indexed value is assumed to be a string, but index is not a number"},
	} {
		got := lint(t, map[string]string{"/main.jsonnet": text, "/lib": "{ c: 1, local unused = 1 }"})
		if len(got) != len(want) {
			t.Errorf("%s: got %q; want %q", text, got, want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: got %q; want %q", text, got[i], want[i])
			}
		}
	}
	program := jsonnet.Program{Entrypoint: "/m", Import: jsonnet.Memory(map[string]string{"/m": "{\n a: b }"})}
	if _, err := jsonnet.Lint(t.Context(), program); err == nil || err.Error() != "/m:2:5: Unknown variable: b" {
		t.Errorf("got %v", err)
	}
	program.Entrypoint = "/nothing"
	if _, err := jsonnet.Lint(t.Context(), program); !jsonnet.IsError(err) {
		t.Errorf("got %v", err)
	}
	pattern := jsonnet.Program{Entrypoint: "testdata/pattern/web.jsonnet", Import: jsonnet.Disk("testdata/pattern")}
	if findings, err := jsonnet.Lint(t.Context(), pattern); err != nil || len(findings) > 0 {
		t.Errorf("the test's Pattern: %v, %v", findings, err)
	}
}

// TestLintDeepImport: an import that is too deep to parse is a finding, and not the end of this process, however often it is looked at.
func TestLintDeepImport(t *testing.T) {
	t.Parallel()
	const levels = 1 << 19 // of more than a stack of Go's holds
	got := lint(t, map[string]string{"/main.jsonnet": "(import 'deep')[0]", "/deep": strings.Repeat("[", levels) + strings.Repeat("]", levels)})
	want := "/main.jsonnet:1:2: /deep: its expressions nest more than 20000 deep (the limit of nesting)"
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %.300q; want %s", got, want)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	got, err := jsonnet.Format("f.jsonnet", []byte("{a:1, # why\n\"b\": [ 2 ]}"))
	if want := "{\n  a: 1,  // why\n  b: [2],\n}\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for text, want := range map[string]string{"{\n a: }": "f.jsonnet:2:5: ", strings.Repeat("!", 30000): "f.jsonnet: its expressions nest"} {
		if _, err := jsonnet.Format("f.jsonnet", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) || !jsonnet.IsError(err) {
			t.Errorf("%.20s: got %v; want %s", text, err, want)
		}
	}
}
