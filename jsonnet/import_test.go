package jsonnet_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/writ-run/writ/jsonnet"
)

// tree writes files under a new directory, and makes it and its parent readable under their real names.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	directory, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		name = filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func TestDisk(t *testing.T) {
	t.Parallel()
	directory := tree(t, map[string]string{
		"root/main.jsonnet":       "the entrypoint",
		"root/lib/a.libsonnet":    "a",
		"root/lib/only.libsonnet": "only in root",
		"library/a.libsonnet":     "a of the library",
		"library/b.libsonnet":     "b of the library",
		"second/b.libsonnet":      "b of the second",
		"second/c.libsonnet":      "c of the second",
		"secret":                  "secret",
		"rooted/x":                "a directory whose name begins alike",
	})
	at := func(name string) string { return filepath.Join(directory, name) }
	for name, target := range map[string]string{
		"root/inside":    "lib/a.libsonnet",
		"root/outside":   "../secret",
		"root/absolute":  at("secret"),
		"root/library":   "../library",
		"root/upwards":   "..",
		"root/circle":    "circle",
		"root/to-fifo":   "fifo",
		"root/shadow":    "/etc/shadow",
		"library/escape": "../secret",
	} {
		if err := os.Symlink(target, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(at("root/fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if file, err := os.Create(at("root/large")); err != nil || file.Truncate(33<<20) != nil || file.Close() != nil {
		t.Fatal(err)
	}
	main := at("root/main.jsonnet")
	for _, c := range []struct{ from, path, want, problem string }{
		{"", main, "the entrypoint", ""},
		{main, "lib/a.libsonnet", "a", ""},
		{main, "./lib/../lib/a.libsonnet", "a", ""},
		{at("root/lib/a.libsonnet"), "../main.jsonnet", "the entrypoint", ""},
		{main, at("root/lib/a.libsonnet"), "a", ""},
		{main, "a.libsonnet", "a of the library", ""},
		{at("root/lib/x"), "a.libsonnet", "a", ""},
		{main, "b.libsonnet", "b of the library", ""},
		{main, "c.libsonnet", "c of the second", ""},
		{main, "inside", "a", ""},
		{main, "library/a.libsonnet", "a of the library", ""},
		{at("library/a.libsonnet"), "b.libsonnet", "b of the library", ""},
		{main, "../second/c.libsonnet", "c of the second", ""},

		{main, "nothing", "", "there is neither " + at("root/nothing") + " nor " + at("library/nothing") + " nor " + at("second/nothing")},
		{main, at("root/nothing"), "", "there is no such file"},
		{main, "main.jsonnet/x", "", "there is neither "},
		{main, "/etc/shadow", "", `"/etc/shadow" lies outside`},
		{main, "/etc/no-such-file", "", `"/etc/no-such-file" lies outside`},
		{main, "../secret", "", "lies outside"},
		{main, "../../x", "", "lies outside"},
		{main, "../rooted/x", "", "lies outside"},
		{main, "outside", "", "lies outside"},
		{main, "absolute", "", "lies outside"},
		{main, "shadow", "", "lies outside"},
		{main, "upwards/secret", "", "lies outside"},
		{main, "library/escape", "", "lies outside"},
		{main, "circle", "", "too many levels of symbolic links"},
		{main, "fifo", "", "it is a named pipe, not a regular file"},
		{main, "to-fifo", "", "it is a named pipe, not a regular file"},
		{main, "lib", "", "it is a directory"},
		{main, "large", "", "it has more than 33554432 bytes"},
		{main, "", "", "it is a directory"},
		{main, "x\x00y", "", "invalid argument"},
	} {
		found, content, err := jsonnet.Disk(at("root"), at("library"), at("second"))(c.from, c.path)
		if c.problem == "" {
			if err != nil || string(content) != c.want || !filepath.IsAbs(found) {
				t.Errorf("%s: got %q, %v; want %q", c.path, content, err, c.want)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.problem) || !strings.HasPrefix(err.Error(), "couldn't open import ") {
			t.Errorf("%s: got %q, %v; want %q", c.path, content, err, c.problem)
		}
	}
}

// TestDiskUnbounded: without a root any regular file may be imported, and still nothing waits.
func TestDiskUnbounded(t *testing.T) {
	t.Parallel()
	directory := tree(t, map[string]string{"a/main.jsonnet": "", "b": "b"})
	if err := syscall.Mkfifo(filepath.Join(directory, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("fifo", filepath.Join(directory, "link")); err != nil {
		t.Fatal(err)
	}
	find := jsonnet.Disk("")
	main := filepath.Join(directory, "a/main.jsonnet")
	if _, content, err := find(main, "../b"); err != nil || string(content) != "b" {
		t.Errorf("got %q, %v", content, err)
	}
	for path, problem := range map[string]string{"../fifo": "named pipe", "../link": "named pipe", "/dev/null": "it is not a regular file", "/dev": "it is a directory", "../a/b/c": "there is no file " + filepath.Join(directory, "a/b/c")} {
		if _, content, err := find(main, path); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: got %q, %v; want %s", path, content, err, problem)
		}
	}
}

// TestDiskRelative: names stay as they were given, and a missing library does no harm.
func TestDiskRelative(t *testing.T) {
	t.Parallel()
	find := jsonnet.Disk("testdata/pattern", "testdata/nothing")
	found, _, err := find("testdata/pattern/web.jsonnet", "lib/file.libsonnet")
	if err != nil || found != "testdata/pattern/lib/file.libsonnet" {
		t.Errorf("found %q, %v", found, err)
	}
	if _, _, err := jsonnet.Disk("testdata/nothing")("", "testdata/nothing/x"); err == nil {
		t.Error("a root that is not there has files")
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	find := jsonnet.Memory(map[string]string{"/a/main.jsonnet": "main", "/a/b": "b", "/lib/b": "b of the library", "/lib/c": "c"}, "/lib")
	for _, c := range []struct{ from, path, found string }{
		{"", "/a/main.jsonnet", "/a/main.jsonnet"},
		{"", "a/main.jsonnet", "/a/main.jsonnet"},
		{"/a/main.jsonnet", "b", "/a/b"},
		{"/a/main.jsonnet", "c", "/lib/c"},
		{"/a/main.jsonnet", "../lib/b", "/lib/b"},
		{"/a/main.jsonnet", "../../../lib/b", "/lib/b"},
		{"/a/main.jsonnet", "/a/b", "/a/b"},
		{"/a/main.jsonnet", "/etc/shadow", ""},
		{"/a/main.jsonnet", "<native>", ""},
		{"", "/a", ""},
	} {
		found, _, err := find(c.from, c.path)
		if found != c.found || (err == nil) != (c.found != "") {
			t.Errorf("%s from %s: found %q, %v; want %q", c.path, c.from, found, err, c.found)
		}
	}
}

// TestNativeIsNoFile: no file is mistaken for the functions of ours, nor they for a file.
func TestNativeIsNoFile(t *testing.T) {
	t.Parallel()
	files := map[string]string{"/main.jsonnet": "[std.native('getOS')() != '', import '<native>', importstr 'x/<native>']", "/<native>": "'mine'", "/x/<native>": "too"}
	if got, err := evaluateFiles(t, jsonnet.Access{}, files); err != nil || got != `[true,"mine","too"]` {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := evaluate(t, jsonnet.Access{}, "import '<native>'"); err == nil || !strings.Contains(err.Error(), "couldn't open import") {
		t.Errorf("got %v", err)
	}
}
