package containertest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/container"
)

func testMounts(t *testing.T, f *fixture) {
	in := f.filled("in", map[string]string{"file": "input"})
	out := f.volume("out")
	f.run(0, shell("cat in/file >out/copy; echo more >>in/file; mkdir out/d; chmod 500 out",
		container.Mount{Path: "in", Volume: in}, container.Mount{Path: "./out/", Volume: out}))
	if got := f.content(out, "copy"); got != "input" {
		t.Errorf("output %q", got)
	}
	if got := f.content(in, "file"); got != "inputmore\n" {
		t.Errorf("the input after the process: %q", got)
	}
	// The output is the next one's input, and a failed process's output is there too.
	f.run(6, shell("cat was/copy; test -d was/d; chmod 700 was; echo >was/failed; exit 6", container.Mount{Path: "was", Volume: out}))
	f.content(out, "failed")
	f.run(0, shell("rm -rf * && ls -A", container.Mount{Path: ".", Volume: out}))
	if entries, err := os.ReadDir(f.files(out)); err != nil || len(entries) != 0 {
		t.Errorf("entries %v, %v; want none", entries, err)
	}
	if f.suite.ReadOnly {
		f.run(1, shell("echo >in/file || exit 1", container.Mount{Path: "in", Volume: in, ReadOnly: true}))
	}
}

func testMountsNested(t *testing.T, f *fixture) {
	outer := f.filled("outer", map[string]string{"file": "outer", "in/hidden": "hidden", "a/b/file": "deep"})
	inner := f.filled("inner", map[string]string{"file": "inner"})
	deep := f.volume("deep")
	// Inner ones are named first: the order is the runtime's business.
	f.run(0, shell("test ! -e in/hidden && cat in/file file a/b/file && echo new >in/new && echo new >a/b/new/place/new && echo seen >seen",
		container.Mount{Path: "a/b/new/place", Volume: deep}, container.Mount{Path: "in", Volume: inner}, container.Mount{Path: ".", Volume: outer}))
	for file, v := range map[string]container.Volume{"new": inner, "file": inner, "seen": outer, "in/hidden": outer, "a/b/file": outer} {
		f.content(v, file)
	}
	f.content(deep, "new")
	for _, file := range []string{"in/new", "in/file", "a/b/new/place/new"} {
		if _, err := os.Lstat(filepath.Join(f.files(outer), file)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of the inner volume is in the outer one: %v", file, err)
		}
	}
}

func testMountsWrong(t *testing.T, f *fixture) {
	v, other := f.filled("v", map[string]string{"file": "f", "dir/kept": "k"}), f.volume("other")
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(v.Path(), "link")); err != nil {
		t.Fatal(err)
	}
	for name, mounts := range map[string][]container.Mount{
		"outside":         {{Path: "../x", Volume: v}},
		"far outside":     {{Path: "a/../../../x", Volume: v}},
		"empty":           {{Path: "", Volume: v}},
		"NUL":             {{Path: "a\x00b", Volume: v}},
		"nothing":         {{Path: "x"}},
		"both":            {{Path: "x", Volume: v, Host: "/"}},
		"no such host":    {{Path: "/x", Host: "/no/such/directory"}},
		"one path":        {{Path: "x", Volume: v}, {Path: "./x/", Volume: other}},
		"one volume":      {{Path: "x", Volume: v}, {Path: "y", Volume: v}},
		"over a file":     {{Path: ".", Volume: v}, {Path: "file", Volume: other}},
		"below a file":    {{Path: ".", Volume: v}, {Path: "file/x", Volume: other}},
		"through a link":  {{Path: ".", Volume: v}, {Path: "link/x", Volume: other}},
		"in place of one": {{Path: "in", Volume: v}, {Path: "in/link", Volume: other}},
		"very long":       {{Path: strings.Repeat("x", 300), Volume: v}},
	} {
		if p, err := f.Start(t.Context(), shell("true", mounts...), container.IO{}); err == nil {
			_, err := p.Wait(t.Context())
			t.Errorf("%s: it started; Wait: %v", name, err)
		}
		if f.content(v, "file") != "f" || f.content(v, "dir/kept") != "k" {
			t.Fatalf("%s: the volume is not as it was", name)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Errorf("outside: %v, %v; want nothing", entries, err)
	}

	var output buffer
	p := f.start(shell("echo ready; read -r wait", container.Mount{Path: "v", Volume: v}), container.IO{Stdin: forever{t.Context()}, Stdout: &output})
	output.await(t, "ready")
	if _, err := f.Start(t.Context(), shell("true", container.Mount{Path: "v", Volume: v}), container.IO{}); err == nil {
		t.Error("two processes have one volume")
	}
	if _, err := v.Fork(t.Context()); err == nil {
		t.Error("a volume in use was forked")
	}
	if err := v.Close(); err == nil {
		t.Error("a volume in use was closed")
	}
	if err := p.Signal(os.Kill); err != nil {
		t.Fatal(err)
	}
	if status, err := wait(t, t.Context(), p); status != 137 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	f.run(0, shell("cat v/dir/kept", container.Mount{Path: "v", Volume: v}))
}

func testMountsHost(t *testing.T, f *fixture) {
	host := t.TempDir()
	if err := os.WriteFile(filepath.Join(host, "file"), []byte("from the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	mount := container.Mount{Path: "/run/containertest", Host: host, ReadOnly: true}
	spec := shell("cat \"$AT/file\"", mount)
	spec.Env = []string{"AT=" + f.See(mount)}
	if output := f.run(0, spec); output != "from the host" {
		t.Errorf("output %q", output)
	}
	if f.suite.ReadOnly {
		spec.Args[1] = "echo >\"$AT/file\" || exit 9"
		f.run(9, spec)
	}
	if data, err := os.ReadFile(filepath.Join(host, "file")); err != nil || string(data) != "from the host" {
		t.Errorf("the host's file: %q, %v", data, err)
	}
}

func testNames(t *testing.T, f *fixture) {
	for _, name := range []string{"ünï cödé", "日本語/☃", "new\nline", "quote'\"$(x)`y`", "-rf", "…/.hidden", strings.Repeat("é", 120)} {
		v := f.volume(name)
		spec := shell("cd \"$AT\" && echo content >\"$FILE\"", container.Mount{Path: name, Volume: v})
		spec.Name, spec.Env = name, []string{"AT=./" + name, "FILE=./" + filepath.Base(name)}
		f.run(0, spec)
		if got := f.content(v, filepath.Base(name)); got != "content\n" {
			t.Errorf("%q: %q", name, got)
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
}

func testFork(t *testing.T, f *fixture) {
	v := f.filled("v", map[string]string{"file": "original", "d/x": "x", "gone": "soon"})
	f.run(0, shell("chmod 751 d; chmod 640 file; ln -s /etc/passwd link; ln -s nowhere dangling; ln d/x d/same; mkdir shut; chmod 500 shut",
		container.Mount{Path: ".", Volume: v}))
	fork, err := v.Fork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	script := `set -e
		test "$(ls -ld d file | cut -c1-10 | tr '\n' ' ')" = "drwxr-x--x -rw-r----- "
		test "$(ls -ld shut | cut -c1-10)" = "dr-x------"
		test "$(readlink link) $(readlink dangling)" = "/etc/passwd nowhere"
		echo changed >file; rm gone; echo new >new
		echo y >>d/same`
	if f.suite.Links == nil || f.suite.Links() {
		script += `; test "$(cat d/x)" = "xy" # still one file`
	}
	f.run(0, shell(script, container.Mount{Path: ".", Volume: fork}))
	if got := f.content(v, "file") + f.content(v, "gone") + f.content(v, "d/x"); got != "originalsoonx" {
		t.Errorf("the original after a change to the fork: %q", got)
	}
	if _, err := os.Lstat(filepath.Join(f.files(v), "new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the original has the fork's file: %v", err)
	}
	f.run(0, shell("echo later >file", container.Mount{Path: ".", Volume: v}))
	if got := f.content(fork, "file"); got != "changed\n" {
		t.Errorf("the fork after a change to the original: %q", got)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	f.content(fork, "new")
}

func testClose(t *testing.T, f *fixture) {
	v := f.filled("v", map[string]string{"d/x": "x"})
	f.run(0, shell("mkdir -p a/b; echo >a/b/c; chmod 500 a/b a; mkdir none; chmod 0 none", container.Mount{Path: ".", Volume: v}))
	for range 2 {
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(v.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a closed volume is still there: %v", err)
	}
	if _, err := f.Start(t.Context(), shell("true", container.Mount{Path: ".", Volume: v}), container.IO{}); err == nil {
		t.Error("a closed volume was mounted")
	}
	if _, err := v.Fork(t.Context()); err == nil {
		t.Error("a closed volume was forked")
	}
}
