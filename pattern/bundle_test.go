package pattern_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/pattern"
)

// TestPack packs the files that Etcha packed, and gets its names and texts.
func TestPack(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"01-basic-file/main.jsonnet":           {"/main.jsonnet"},
		"06-imports/patterns/web/main.jsonnet": {"/files/motd.txt", "/lib/const.libsonnet", "/lib/file.libsonnet", "/patterns/shared.libsonnet", "/patterns/web/main.jsonnet"},
	} {
		path := filepath.Join("testdata", "etcha", filepath.FromSlash(name))
		b, err := pattern.Pack(t.Context(), jsonnet.Program{Entrypoint: path, Import: jsonnet.Disk("")}, patient)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(b.Files)); !slices.Equal(got, want) || b.Entrypoint != want[len(want)-1] {
			t.Errorf("%s: %q with the entrypoint %q; want %q", name, got, b.Entrypoint, want)
		}
		if err := b.Validate(); err != nil {
			t.Error(err)
		}
		e := pattern.Environment{Limits: patient, Exec: script.DefaultExec()}
		local, err := pattern.Render(t.Context(), jsonnet.Program{Entrypoint: path, Import: jsonnet.Disk("")}, e)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := pattern.Render(t.Context(), b.Program(), e)
		if err != nil || len(packed.Run) != len(local.Run) || packed.Run[0].Change != local.Run[0].Change {
			t.Errorf("%s: packed, it renders to %+v, %v; want %+v", name, packed, err, local)
		}
	}
}

// TestPackNames: directories that share the beginning of a name do not share a directory.
func TestPackNames(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{"web/main.jsonnet": "import '../website/a.libsonnet'", "website/a.libsonnet": "{}"} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := pattern.Pack(t.Context(), jsonnet.Program{Entrypoint: filepath.Join(root, "web", "main.jsonnet"), Import: jsonnet.Disk(root)}, patient)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(b.Files)); !slices.Equal(got, []string{"/web/main.jsonnet", "/website/a.libsonnet"}) {
		t.Errorf("%q", got)
	}
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(outside, "secret")
	write(secret, "hunter2")
	write(filepath.Join(root, "binary"), "\xff\xfe")
	if err := os.Symlink(secret, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"importstr 'link'":                  "outside",
		"importstr '" + secret + "'":        "outside",
		"importstr '../x'":                  "outside",
		"importstr 'binary'":                "not UTF-8",
		"importbin 'binary'":                "not UTF-8",
		"import 'missing.libsonnet'":        "missing.libsonnet",
		"if false then importstr 'missing'": "missing", // what is not reached is packed too, so that every machine has it
	} {
		write(filepath.Join(root, "main.jsonnet"), text)
		_, err := pattern.Pack(t.Context(), jsonnet.Program{Entrypoint: filepath.Join(root, "main.jsonnet"), Import: jsonnet.Disk(root)}, patient)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

// tree writes files and returns their directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestPackLibrary: what a library has is where the bundle looks for it, and so on from there.
func TestPackLibrary(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"patterns/web.jsonnet":   "local a = import 'a/a.libsonnet'; local b = import '../shared.libsonnet'; { run: [a, b] }",
		"shared.libsonnet":       "import 'a/a.libsonnet'", // the same file from another directory
		"vendor/a/a.libsonnet":   "import './b.libsonnet'",
		"vendor/a/b.libsonnet":   "local c = import '../c.libsonnet'; local d = import 'd/d.libsonnet'; { id: c + d }",
		"vendor/c.libsonnet":     "'c'",
		"other/d/d.libsonnet":    "importstr 'text'",
		"other/d/text":           "d",
		"vendor/never.libsonnet": "error 'never'",
	})
	libraries := []string{filepath.Join(root, "vendor"), filepath.Join(root, "other")}
	b, err := pattern.Pack(t.Context(), jsonnet.Program{Entrypoint: filepath.Join(root, "patterns", "web.jsonnet"), Import: jsonnet.Disk(root, libraries...)}, patient)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/a/a.libsonnet", "/a/b.libsonnet", "/a/d/d.libsonnet", "/a/d/text", "/c.libsonnet",
		"/patterns/a/a.libsonnet", "/patterns/a/b.libsonnet", "/patterns/a/d/d.libsonnet", "/patterns/a/d/text", "/patterns/c.libsonnet",
		"/patterns/web.jsonnet", "/shared.libsonnet",
	}
	if got := slices.Sorted(maps.Keys(b.Files)); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	p, err := pattern.Render(t.Context(), b.Program(), pattern.Environment{Limits: patient, Exec: script.DefaultExec()})
	if err != nil || len(p.Run) != 2 || p.Run[0].ID != "cd" || p.Run[1].ID != "cd" {
		t.Errorf("%+v, %v", p.Run, err)
	}
}

// TestPackLibraryRefuses what has no place in a bundle.
func TestPackLibraryRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a circle": {map[string]string{
			"main.jsonnet": "import 'x/a.libsonnet'", "lib/x/a.libsonnet": "local b = import 'x/b.libsonnet'; {}", "lib/x/b.libsonnet": "local a = import 'x/a.libsonnet'; {}",
		}, "over and over"},
		"two in one place": {map[string]string{
			"main.jsonnet":      "[import 'x/a.libsonnet', import 'x/b.libsonnet']",
			"lib/x/a.libsonnet": "import './b.libsonnet'", "lib/x/b.libsonnet": "1", "x/b.libsonnet": "2",
		}, "would be one file of the bundle"},
		"an absolute import": {map[string]string{"main.jsonnet": "import 'ROOT/b.libsonnet'", "b.libsonnet": "{}"}, "an absolute path, holds on this machine alone"},
	} {
		root := tree(t, c.files)
		main := filepath.Join(root, "main.jsonnet")
		text, err := os.ReadFile(main)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(main, []byte(strings.ReplaceAll(string(text), "ROOT", root)), 0o600); err != nil {
			t.Fatal(err)
		}
		program := jsonnet.Program{Entrypoint: main, Import: jsonnet.Disk(root, filepath.Join(root, "lib"))}
		if _, err := pattern.Pack(t.Context(), program, patient); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// TestSameBytes: the same tree gives the same bytes, wherever it lies.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	files := map[string]string{"p/main.jsonnet": "local l = import '../l.libsonnet'; { a:: importstr 't', run: [] }", "l.libsonnet": "{}", "p/t": "\x01\x7f\u2028<>&\"\\\t\r\n\U0001F600"}
	var first []byte
	for range 3 {
		root := tree(t, files)
		b, err := pattern.Pack(t.Context(), jsonnet.Program{Entrypoint: filepath.Join(root, "p", "main.jsonnet"), Import: jsonnet.Disk(root)}, patient)
		if err != nil {
			t.Fatal(err)
		}
		p := pattern.Pattern{RunVars: map[string]any{"b": map[string]any{"y": 1, "x": 2}, "a": []any{1}}}
		payload, err := pattern.NewOrder(p, b, "m\n", map[string]any{"c": "d"}, "v", time.Unix(1795441584, 0)).Payload()
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = payload
		}
		if string(payload) != string(first) {
			t.Errorf("%s\nwant %s", payload, first)
		}
	}
}

// TestSnapshot: files are read once, and a change is seen.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{"main.jsonnet": "(import 'a.libsonnet') + (import 'lib.libsonnet')", "a.libsonnet": "{ run: [{ id: 'old' }] }", "lib/lib.libsonnet": "{}"})
	disk := jsonnet.Disk(root, filepath.Join(root, "lib"))
	s := pattern.NewSnapshot(disk)
	program := jsonnet.Program{Entrypoint: filepath.Join(root, "main.jsonnet"), Import: s.Import}
	render := func() pattern.Pattern {
		t.Helper()
		p, err := pattern.Render(t.Context(), program, pattern.Environment{Limits: patient, Exec: script.DefaultExec()})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	render()
	if err := s.Unchanged(); err != nil {
		t.Error(err)
	}
	change := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change("a.libsonnet", "{ run: [{ id: 'new' }] }")
	if p := render(); p.Run[0].ID != "old" {
		t.Errorf("%+v", p.Run)
	}
	if err := s.Unchanged(); err == nil || !strings.HasSuffix(err.Error(), "a.libsonnet changed meanwhile") {
		t.Error(err)
	}
	change("a.libsonnet", "{ run: [{ id: 'old' }] }")
	change("lib.libsonnet", "{}") // before the library's
	if err := s.Unchanged(); err == nil || !strings.Contains(err.Error(), "lib.libsonnet is there now") {
		t.Error(err)
	}
}
