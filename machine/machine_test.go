package machine_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/machine"
)

// stranger is an ordinary user whom these tests have nothing against.
const stranger = 65534

// hers is what an attacker makes.
const mallory = 54321

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func stat(t *testing.T, path string) unix.Stat_t {
	t.Helper()
	var s unix.Stat_t
	must(t, unix.Lstat(path, &s))
	return s
}

// names are those in a directory, so that no temporary file is left.
func names(t *testing.T, directory string) []string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	must(t, err)
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func contents(text string) *string { return &text }

// TestRoundTrip: what holds for everything. It differs, it is made, then it is well and is not touched again; it is
// removed, once.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	at := func(name string) string { return filepath.Join(directory, name) }
	source := write(t, at("source"), "copied\n")
	write(t, at("lines"), "one\ntwo=2\n")
	for name, thing := range map[string]machine.Thing{
		"file":         machine.File{Path: at("file")},
		"file text":    machine.File{Path: at("file text"), Contents: contents("text")},
		"empty":        machine.File{Path: at("empty"), Contents: contents("")},
		"private":      machine.File{Path: at("private"), Contents: contents("text"), Attributes: machine.Attributes{Mode: "0600", Owner: fmt.Sprint(os.Getuid()), Group: fmt.Sprint(os.Getgid())}},
		"no mode":      machine.File{Path: at("no mode"), Attributes: machine.Attributes{Mode: "0"}},
		"setuid":       machine.File{Path: at("setuid"), Attributes: machine.Attributes{Mode: "4755"}},
		"-\n'$(x)":     machine.File{Path: at("-\n'$(x)"), Contents: contents("x")},
		"directory":    machine.Dir{Path: at("directory")},
		"slash":        machine.Dir{Path: at("slash") + "//"},
		"sticky":       machine.Dir{Path: at("sticky"), Attributes: machine.Attributes{Mode: "1777"}},
		"below":        machine.Dir{Path: at("below/a/b"), Parents: true},
		"recursive":    machine.Dir{Path: at("recursive/a"), Parents: true, Recursive: true},
		"link":         machine.Link{Path: at("link"), To: "nowhere"},
		"copy":         machine.Copy{Path: at("copy"), From: source},
		"checked copy": machine.Copy{Path: at("checked copy"), From: source, Checksum: "sha256:2C2D8fc70c2b08d2dd0ab96c0ef1e73c75a9f83e0d4a21ccd9d9ea1c5a7b5d5a"},
		"line":         machine.Line{Path: at("lines"), Match: "^three", Text: "three"},
		"line groups":  machine.Line{Path: at("lines"), Match: "^(two)=", Text: "${1}=22"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "checked copy" {
				c := thing.(machine.Copy)
				c.Checksum = "sha256:" + strings.ToUpper(sha256Text("copied\n"))
				thing = c
			}
			ctx := t.Context()
			before, err := thing.Check(ctx)
			if err != nil || len(before) == 0 {
				t.Fatalf("at first: %v, %v", before, err)
			}
			if strings.Contains(before.String(), "\n") {
				t.Errorf("more than one line: %s", before)
			}
			changed, err := thing.Change(ctx)
			if err != nil || !slices.Equal(changed, before) {
				t.Fatalf("change: %v, %v; check had said %v", changed, err, before)
			}
			if after, err := thing.Check(ctx); err != nil || len(after) > 0 {
				t.Fatalf("afterwards: %v, %v", after, err)
			}
			made := stat(t, directory)
			if changed, err := thing.Change(ctx); err != nil || len(changed) > 0 {
				t.Errorf("again: %v, %v", changed, err)
			}
			if stat(t, directory).Mtim != made.Mtim {
				t.Error("it was touched again")
			}
			if removed, err := thing.Remove(ctx); err != nil || !removed {
				t.Errorf("remove: %v, %v", removed, err)
			}
			if after, err := thing.Check(ctx); err != nil || len(after) == 0 {
				t.Errorf("removed: %v, %v", after, err)
			}
			if removed, err := thing.Remove(ctx); err != nil || removed {
				t.Errorf("remove again: %v, %v", removed, err)
			}
		})
	}
	if got := names(t, directory); !slices.Equal(got, []string{"below", "lines", "recursive", "source"}) {
		t.Errorf("left: %q", got)
	}
	if got := read(t, at("lines")); got != "one\n" {
		t.Errorf("lines: %q", got)
	}
}

// TestWrong: each error names the path, what was wanted and what was found; the text never.
func TestWrong(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	directory := t.TempDir()
	at := func(name string) string { return filepath.Join(directory, name) }
	must(t, os.Mkdir(at("dir"), 0o755))
	write(t, at("dir/in it"), "")
	write(t, at("file"), secret)
	must(t, syscall.Mkfifo(at("fifo"), 0o644))
	must(t, os.Symlink("loop", at("loop")))
	must(t, os.Symlink("nowhere/x", at("dangling")))
	socket, err := net.Listen("unix", at("socket"))
	must(t, err)
	defer socket.Close()
	file := func(name string) machine.File { return machine.File{Path: at(name), Contents: contents(secret)} }
	with := func(a machine.Attributes) machine.File { return machine.File{Path: at("new"), Attributes: a} }
	for _, test := range []struct {
		thing machine.Thing
		want  string
	}{
		{file("dir"), at("dir") + ": is a directory, want a file"},
		{file("fifo"), at("fifo") + ": is a FIFO, want a file"},
		{file("socket"), "is a socket"},
		{machine.File{Path: "/dev/null", Contents: contents(secret)}, "/dev/null: is a device, want a file"},
		{file("missing/x"), at("missing/x") + ": no directory " + at("missing")},
		{file("dangling"), ": no directory " + at("nowhere")},
		{file("loop"), "more than 40 symbolic links"},
		{file("file/x"), at("file") + " is not a directory"},
		{machine.File{Path: at("new") + "/"}, "ends in /"},
		{file(strings.Repeat("n", 300)), "file name too long"},
		{machine.File{}, `path "": not a path`},
		{machine.File{Path: "a\x00b"}, "not a path"},
		{with(machine.Attributes{Mode: "99999"}), at("new") + `: mode "99999": want octal digits, 0 to 7777`},
		{with(machine.Attributes{Mode: "10000"}), "want octal"},
		{with(machine.Attributes{Mode: "-1"}), "want octal"},
		{with(machine.Attributes{Mode: "u+x"}), "want octal"},
		{with(machine.Attributes{Owner: "nobody-of-that-name"}), at("new") + `: owner "nobody-of-that-name": no such name`},
		{with(machine.Attributes{Owner: "4294967295"}), "no such name on this machine, and not a number below 4294967295"},
		{with(machine.Attributes{Group: "no-group-of-that-name"}), `group "no-group-of-that-name": no such name`},
		{machine.Dir{Path: at("file")}, at("file") + ": is a file, want a directory"},
		{machine.Dir{Path: at("missing/x")}, "no directory " + at("missing")},
		{machine.Dir{Path: at("file/x"), Parents: true}, at("file") + " is not a directory"},
		{machine.Link{Path: at("file"), To: "x"}, at("file") + ": is a file, want a symbolic link to x"},
		{machine.Link{Path: at("dir"), To: "x"}, "is a directory, want a symbolic link to x"},
		{machine.Link{Path: at("dir"), To: "x", Force: true}, "directory not empty"},
		{machine.Link{Path: at("new")}, "needs a target"},
		{machine.Link{Path: "/", To: "x"}, "does not end in a name"},
		{machine.Link{Path: at(".") + "/..", To: "x"}, "does not end in a name"},
		{machine.Link{Path: at("missing/x"), To: "x"}, "no directory " + at("missing")},
		{machine.Line{Path: at("file"), Match: "[", Text: secret}, "regular expression"},
		{machine.Line{Path: at("file"), Text: secret}, "needs an expression"},
		{machine.Line{Path: at("file"), Match: "x", Text: secret + "\n"}, "holds no line ends"},
		{machine.Line{Path: at("file"), Match: "(x)", Text: "${2}"}, "uses group 2; the expression has 1"},
		{machine.Line{Path: at("file"), Match: "(.*)", Text: "${1}x"}, "line 1 does not settle"},
		{machine.Line{Path: at("file"), Match: "^(h).*", Text: "x${1}"}, "line 1 does not settle"},
		{machine.Line{Path: at("file"), Match: "^h", Text: "x${HOME}"}, ""},
		{machine.Line{Path: at("file"), Match: "^(zzz)", Text: "${1}"}, "cannot be appended"},
		{machine.Line{Path: at("new"), Match: "x", Text: "x"}, at("new") + ": is absent, want a file"},
		{machine.Line{Path: at("fifo"), Match: "x", Text: "x"}, "is a FIFO"},
		{machine.Copy{Path: at("new"), From: at("missing")}, at("missing") + ": file does not exist"},
		{machine.Copy{Path: at("new"), From: at("dir")}, at("dir") + ": is a directory, want a file"},
		{machine.Copy{Path: at("new"), From: at("fifo")}, at("fifo") + ": is a FIFO, want a file"},
		{machine.Copy{Path: at("new")}, "needs what it is copied from"},
		{machine.Copy{Path: at("new"), From: at("file"), Checksum: "md5:00"}, `checksum "md5:00": want sha256:HEX or sha512:HEX`},
		{machine.Copy{Path: at("new"), From: at("file"), Checksum: "sha256:00"}, "sha256 has 64 hexadecimal digits"},
		{machine.Copy{Path: at("new"), From: at("file"), Checksum: "sha256:" + strings.Repeat("0", 64)}, "sha256 of " + at("file") + " is " + sha256Text(secret) + ", want " + strings.Repeat("0", 64)},
	} {
		before := names(t, directory)
		changed, err := test.thing.Change(t.Context())
		if test.want == "" {
			if err != nil {
				t.Errorf("%+v: %v", test.thing, err)
			}
			must(t, os.WriteFile(at("file"), []byte(secret), 0o644))
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, %v, want %s", test.thing, changed, err, test.want)
		}
		if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%+v: shows what it must not: %v", test.thing, err)
		}
		if after := names(t, directory); !slices.Equal(before, after) {
			t.Errorf("%+v: left %q", test.thing, after)
		}
	}
	if got := read(t, at("file")); got != secret {
		t.Errorf("file: %q", got)
	}
	if got := stat(t, at("fifo")); got.Mode&unix.S_IFMT != unix.S_IFIFO {
		t.Error("the FIFO is gone")
	}
}

// TestRemoveOnly: what is not as described stays.
func TestRemoveOnly(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	at := func(name string) string { return filepath.Join(directory, name) }
	write(t, at("file"), "theirs")
	must(t, os.MkdirAll(at("dir/sub"), 0o755))
	must(t, os.Symlink("dir", at("link")))
	for _, test := range []struct {
		thing machine.Thing
		want  string
	}{
		{machine.File{Path: at("file"), Contents: contents("ours")}, "contents differ (6 bytes, want 4): not as described, so it is not removed"},
		{machine.File{Path: at("file"), Attributes: machine.Attributes{Mode: "0600"}}, "mode is 0644, want 0600: not as described"},
		{machine.File{Path: at("dir")}, "is a directory, want a file: not as described"},
		{machine.File{Path: at("link")}, "is a directory, want a file: not as described"},
		{machine.Dir{Path: at("file")}, "is a file, want a directory: not as described"},
		{machine.Dir{Path: at("dir")}, "not empty, so it is not removed"},
		{machine.Dir{Path: at("link"), Recursive: true}, "is a symbolic link; nothing is removed through one"},
		{machine.Dir{Path: at("link") + "/", Recursive: true}, "is a symbolic link; nothing is removed through one"},
		{machine.Dir{Path: "/", Recursive: true}, "does not end in a name"},
		{machine.Dir{Path: at("dir") + "/..", Recursive: true}, "does not end in a name"},
		{machine.Link{Path: at("link"), To: "elsewhere"}, "target is dir, want elsewhere: not as described"},
		{machine.Link{Path: at("file")}, "is a file, want a symbolic link: not as described"},
		{machine.Copy{Path: at("file"), Checksum: "sha256:" + strings.Repeat("0", 64)}, "not as described"},
	} {
		removed, err := test.thing.Remove(t.Context())
		if removed || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, %v, want %s", test.thing, removed, err, test.want)
		}
	}
	if got := names(t, directory); !slices.Equal(got, []string{"dir", "file", "link"}) || len(names(t, at("dir"))) != 1 {
		t.Errorf("left: %q", got)
	}
	write(t, at("dir/sub/file"), "")
	must(t, os.Symlink("/etc", at("dir/etc")))
	if removed, err := (machine.Dir{Path: at("dir"), Recursive: true}).Remove(t.Context()); !removed || err != nil {
		t.Errorf("recursive: %v, %v", removed, err)
	}
	if _, err := os.Stat("/etc/passwd"); err != nil {
		t.Fatal(err)
	}
}

// TestKept: what is not described stays as it was, also where the contents change.
func TestKept(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := write(t, filepath.Join(directory, "file"), "old")
	must(t, os.Chmod(path, 0o640))
	if os.Geteuid() == 0 {
		must(t, os.Chown(path, 12, 34))
		must(t, os.Chmod(path, 0o640))
	}
	noted := unix.Lsetxattr(path, "user.note", []byte("kept"), 0) == nil
	before := stat(t, path)
	must(t, os.Symlink("file", filepath.Join(directory, "link")))
	must(t, os.Symlink(directory+"/new", filepath.Join(directory, "dangling")))
	for name, text := range map[string]string{"link": "new", "dangling": "made"} {
		if _, err := (machine.File{Path: filepath.Join(directory, name), Contents: &text}).Change(t.Context()); err != nil {
			t.Error(err)
		}
	}
	after := stat(t, path)
	if read(t, path) != "new" || after.Mode != before.Mode || after.Uid != before.Uid || after.Gid != before.Gid || after.Ino == before.Ino {
		t.Errorf("%q, %+v, was %+v", read(t, path), after, before)
	}
	value := make([]byte, 16)
	if n, err := unix.Lgetxattr(path, "user.note", value); noted && (err != nil || string(value[:n]) != "kept") {
		t.Errorf("the note: %v, %q", err, value[:max(n, 0)])
	}
	if got := read(t, filepath.Join(directory, "new")); got != "made" {
		t.Errorf("through the dangling link: %q", got)
	}
	if got := names(t, directory); !slices.Equal(got, []string{"dangling", "file", "link", "new"}) {
		t.Errorf("left: %q", got)
	}
	if removed, err := (machine.File{Path: filepath.Join(directory, "dangling")}).Remove(t.Context()); !removed || err != nil {
		t.Errorf("%v, %v", removed, err)
	}
	if got := names(t, directory); !slices.Equal(got, []string{"dangling", "file", "link"}) {
		t.Errorf("the link stays, what was made goes: %q", got)
	}
}

// TestInPlace: a mode alone does not give the file another body, which somebody may have open; unless it has a second
// name.
func TestInPlace(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path, other := write(t, filepath.Join(directory, "file"), "text"), filepath.Join(directory, "other")
	before := stat(t, path).Ino
	private := machine.File{Path: path, Attributes: machine.Attributes{Mode: "0600"}}
	if _, err := private.Change(t.Context()); err != nil || stat(t, path).Ino != before {
		t.Errorf("replaced, or %v", err)
	}
	must(t, os.Chmod(path, 0o644))
	must(t, os.Link(path, other))
	if _, err := private.Change(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stat(t, path); got.Mode&0o777 != 0o600 || got.Ino == before || read(t, path) != "text" {
		t.Errorf("%+v", got)
	}
	if got := stat(t, other); got.Mode&0o777 != 0o644 || got.Ino != before {
		t.Errorf("the other name has changed: %+v", got)
	}
}

// TestMistake: an error of the description can be told from one of the machine.
func TestMistake(t *testing.T) {
	t.Parallel()
	for thing, want := range map[machine.Thing]bool{
		machine.File{Path: "x", Attributes: machine.Attributes{Mode: "9"}}: true,
		machine.Line{Path: "x", Match: "["}:                                true,
		machine.Link{Path: "/nowhere/x", To: "x"}:                          false,
	} {
		_, err := thing.Change(t.Context())
		var wrong *machine.Mistake
		if err == nil || errors.As(err, &wrong) != want {
			t.Errorf("%+v: %v", thing, err)
		}
	}
}
