package pattern_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/command"
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
		b, err := pattern.Pack(t.Context(), jsonnet.Program{Entrypoint: path, Import: jsonnet.Disk("")}, jsonnet.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(b.Files)); !slices.Equal(got, want) || b.Entrypoint != want[len(want)-1] {
			t.Errorf("%s: %q with the entrypoint %q; want %q", name, got, b.Entrypoint, want)
		}
		if err := b.Validate(); err != nil {
			t.Error(err)
		}
		e := pattern.Environment{Exec: command.DefaultExec()}
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
	b, err := pattern.Pack(t.Context(), jsonnet.Program{Entrypoint: filepath.Join(root, "web", "main.jsonnet"), Import: jsonnet.Disk(root)}, jsonnet.Limits{})
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
		_, err := pattern.Pack(t.Context(), jsonnet.Program{Entrypoint: filepath.Join(root, "main.jsonnet"), Import: jsonnet.Disk(root)}, jsonnet.Limits{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}
