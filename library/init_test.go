package library_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/library"
)

// initialise calls Init, and returns what it did, by state.
func initialise(t *testing.T, directory, version string, force bool) map[library.State][]string {
	t.Helper()
	laid, err := library.Init(t.Context(), directory, version, force)
	if err != nil {
		t.Fatal(err)
	}
	states := map[library.State][]string{}
	for _, file := range laid {
		states[file.State] = append(states[file.State], file.Path)
	}
	return states
}

func edit(t *testing.T, path string, change func(string) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(change(string(text))), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestInit: nothing that somebody wrote is lost; what writ wrote becomes the new version's.
func TestInit(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "a", "b")
	at := func(name string) string { return filepath.Join(directory, name) }
	files, err := library.Files()
	if err != nil {
		t.Fatal(err)
	}
	if states := initialise(t, directory, "1.0", false); len(states) != 1 || len(states[library.Made]) != len(files)+4 {
		t.Fatalf("%v", states)
	}
	for _, name := range []string{".gitignore", "README.md", "patterns/hello.jsonnet", "writ.jsonnet", "lib/writ/file.libsonnet"} {
		if _, err := os.Stat(at(name)); err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(at("lib/writ/file.libsonnet"))
	if err != nil {
		t.Fatal(err)
	}
	if head := fmt.Sprintf("// Written by writ 1.0 (sha256:%x)", sha256.Sum256([]byte(files["file.libsonnet"]))); !strings.HasPrefix(string(text), head) || !strings.HasSuffix(string(text), files["file.libsonnet"]) {
		t.Errorf("%.200s", text)
	}
	if readme, err := os.ReadFile(at("README.md")); err != nil || strings.Count(string(readme), "\n") != 5 {
		t.Errorf("%v, %s", err, readme)
	}

	// The same text of another version: nothing to do.
	if states := initialise(t, directory, "1.1", false); len(states) != 1 || len(states[library.Kept]) != len(files)+4 {
		t.Errorf("%v", states)
	}

	// One that an old version wrote, one that somebody edited, one without a header, one that is gone; and her own files.
	old := "// what file.libsonnet was once\n{}\n"
	edit(t, at("lib/writ/file.libsonnet"), func(string) string {
		return fmt.Sprintf("// Written by writ 0.1 (sha256:%x)\n%s", sha256.Sum256([]byte(old)), old)
	})
	edit(t, at("lib/writ/dir.libsonnet"), func(text string) string { return text + "// hers\n" })
	edit(t, at("lib/writ/link.libsonnet"), func(string) string { return "{}\n" })
	edit(t, at("patterns/hello.jsonnet"), func(string) string { return "{ hers: true }\n" })
	edit(t, at("writ.jsonnet"), func(string) string { return "" })
	if err := os.Remove(at("lib/writ/copy.libsonnet")); err != nil {
		t.Fatal(err)
	}
	hers, err := os.ReadFile(at("lib/writ/dir.libsonnet"))
	if err != nil {
		t.Fatal(err)
	}
	states := initialise(t, directory, "2.0", false)
	if !slices.Equal(states[library.Updated], []string{"lib/writ/file.libsonnet"}) || !slices.Equal(states[library.Made], []string{"lib/writ/copy.libsonnet"}) ||
		!slices.Equal(states[library.Edited], []string{"lib/writ/dir.libsonnet", "lib/writ/link.libsonnet"}) {
		t.Errorf("%v", states)
	}
	if now, err := os.ReadFile(at("lib/writ/dir.libsonnet")); err != nil || string(now) != string(hers) {
		t.Errorf("what she wrote is gone: %v", err)
	}
	if states := initialise(t, directory, "2.0", true); !slices.Equal(states[library.Updated], []string{"lib/writ/dir.libsonnet", "lib/writ/link.libsonnet"}) || len(states[library.Edited]) > 0 {
		t.Errorf("%v", states)
	}
	if now, err := os.ReadFile(at("patterns/hello.jsonnet")); err != nil || string(now) != "{ hers: true }\n" {
		t.Errorf("%q, %v", now, err)
	}
}

// TestInitWorks: what is laid out renders, each file of it.
func TestInitWorks(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	initialise(t, directory, "dev", false)
	out, err := jsonnet.Run(t.Context(), jsonnet.Program{Entrypoint: filepath.Join(directory, "patterns/hello.jsonnet"), Import: jsonnet.Disk(directory)}, jsonnet.Access{}, patient)
	if err != nil {
		t.Fatal(err)
	}
	var pattern struct {
		Run []struct{ ID string }
	}
	if err := json.Unmarshal(out, &pattern); err != nil || len(pattern.Run) != 2 || pattern.Run[0].ID != "file hello.txt" {
		t.Errorf("%v, %s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(directory, "lib/writ/*"))
	if err != nil || len(files) < 12 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		name, _ := json.Marshal(file)
		if _, err := attempt(t, "std.type(import "+string(name)+")", jsonnet.Access{}); err != nil {
			t.Error(err)
		}
	}
	if out, err := jsonnet.Run(t.Context(), jsonnet.Program{Entrypoint: filepath.Join(directory, "writ.jsonnet"), Import: jsonnet.Disk("")}, jsonnet.Access{}, patient); err != nil || !strings.Contains(string(out), `"signingKeyPath": "signing.key"`) {
		t.Errorf("%s, %v", out, err)
	}
}

// TestInitWrong: something else where a file or a directory should be.
func TestInitWrong(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if err := os.MkdirAll(filepath.Join(directory, "lib/writ/file.libsonnet"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := library.Init(t.Context(), directory, "dev", true); err == nil || !strings.Contains(err.Error(), "lib/writ/file.libsonnet: is a directory, want a file") {
		t.Errorf("got %v", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "lib"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := library.Init(t.Context(), other, "dev", false); err == nil || !strings.Contains(err.Error(), "/lib is not a directory") {
		t.Errorf("got %v", err)
	}
}
