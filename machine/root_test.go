package machine_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/machine"
)

// TestOwners: as root, names and numbers.
func TestOwners(t *testing.T) {
	t.Parallel()
	needRoot(t)
	directory := t.TempDir()
	path := filepath.Join(directory, "file")
	file := machine.File{Path: path, Contents: contents("x"), Attributes: machine.Attributes{Mode: "4750", Owner: "daemon", Group: "23456"}}
	changed, err := file.Change(t.Context())
	if err != nil || len(changed) != 1 {
		t.Fatal(changed, err)
	}
	if got := stat(t, path); got.Uid != 1 || got.Gid != 23456 || got.Mode&0o7777 != 0o4750 {
		t.Errorf("%+v", got)
	}
	must(t, os.Chown(path, 23456, 1))
	must(t, os.Chmod(path, 0o777))
	differences, err := file.Check(t.Context())
	if want := "mode is 0777, want 4750; owner is 23456, want daemon; group is daemon, want 23456"; err != nil || differences.String() != want {
		t.Errorf("%s, %v; want %s", differences, err, want)
	}
	if _, err := file.Change(t.Context()); err != nil {
		t.Error(err)
	}
	dir := machine.Dir{Path: filepath.Join(directory, "a/b"), Parents: true, Attributes: machine.Attributes{Mode: "2770", Owner: "1", Group: "daemon"}}
	if _, err := dir.Change(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stat(t, dir.Path); got.Uid != 1 || got.Gid != 1 || got.Mode&0o7777 != 0o2770 {
		t.Errorf("%+v", got)
	}
	if got := stat(t, filepath.Dir(dir.Path)); got.Uid != 0 || got.Mode&0o7777 != 0o755 {
		t.Errorf("the parent: %+v", got)
	}
	below := machine.Dir{Path: filepath.Join(dir.Path, "c")} // takes the group of a directory with the group's bit
	if _, err := below.Change(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stat(t, below.Path); got.Uid != 0 || got.Gid != 1 || got.Mode&0o7777 != 0o2755 {
		t.Errorf("below: %+v", got)
	}
}

// TestFull: a full disk leaves the old file, and nothing else.
func TestFull(t *testing.T) {
	t.Parallel()
	needRoot(t)
	directory := t.TempDir()
	must(t, syscall.Mount("tmpfs", directory, "tmpfs", 0, "size=64k"))
	defer syscall.Unmount(directory, syscall.MNT_DETACH)
	path := write(t, filepath.Join(directory, "file"), "old")
	must(t, os.MkdirAll(filepath.Join(directory, "inner"), 0o755))
	source := write(t, filepath.Join(t.TempDir(), "source"), strings.Repeat("x", 1<<20))
	for _, thing := range []machine.Thing{machine.File{Path: path, Contents: contents(strings.Repeat("x", 1<<20))}, machine.Copy{Path: path, From: source}} {
		_, err := thing.Change(t.Context())
		if err == nil || err.Error() != "write "+path+": no space left on device" {
			t.Errorf("got %v", err)
		}
	}
	if read(t, path) != "old" || len(names(t, directory)) != 2 {
		t.Errorf("%q, %q", read(t, path), names(t, directory))
	}
	// Neither is another file system removed, nor a place where one is mounted replaced.
	must(t, syscall.Mount("tmpfs", filepath.Join(directory, "inner"), "tmpfs", 0, "size=64k"))
	write(t, filepath.Join(directory, "inner/precious"), "")
	removed, err := machine.Dir{Path: directory + "/", Recursive: true}.Remove(t.Context())
	if removed || err == nil || !strings.Contains(err.Error(), "another file system; nothing is removed") {
		t.Errorf("%v, %v", removed, err)
	}
	if len(names(t, filepath.Join(directory, "inner"))) != 1 || read(t, path) != "old" {
		t.Error("something is gone")
	}
	must(t, syscall.Unmount(filepath.Join(directory, "inner"), syscall.MNT_DETACH)) // a process that another test is starting may hold it
	must(t, syscall.Mount(source, path, "", syscall.MS_BIND, ""))
	defer syscall.Unmount(path, syscall.MNT_DETACH)
	if _, err := (machine.File{Path: path, Contents: contents("new")}).Change(t.Context()); err == nil || !strings.Contains(err.Error(), "something is mounted there") {
		t.Errorf("got %v", err)
	}
}

// TestOrdinary runs as an ordinary user: what it may not do is named.
func TestOrdinary(t *testing.T) {
	if name := os.Getenv("WRIT_MACHINE_TEST"); name != "" { // this is the ordinary user
		ordinary(context.Background(), name)
		return
	}
	t.Parallel()
	needRoot(t)
	directory, err := os.MkdirTemp("", "writ-machine-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(directory) })
	must(t, os.Chmod(directory, 0o755))
	self, err := os.Executable()
	must(t, err)
	program := filepath.Join(directory, "test")
	text, err := os.ReadFile(self)
	must(t, err)
	must(t, container.WriteExecutable(program, text))
	must(t, os.Mkdir(filepath.Join(directory, "hers"), 0o755))
	must(t, os.Chown(filepath.Join(directory, "hers"), stranger, stranger))
	write(t, filepath.Join(directory, "hers/roots"), "root's")
	must(t, os.Mkdir(filepath.Join(directory, "closed"), 0o700))
	must(t, os.Mkdir(filepath.Join(directory, "through"), 0o711))
	must(t, os.Mkdir(filepath.Join(directory, "through/hers"), 0o755))
	must(t, os.Chown(filepath.Join(directory, "through/hers"), stranger, stranger))
	command := exec.CommandContext(t.Context(), program, "-test.run=^TestOrdinary$", "-test.v")
	command.Env = []string{"WRIT_MACHINE_TEST=" + directory}
	command.Dir = directory
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	output, err := command.CombinedOutput()
	must(t, err)
	for _, want := range []string{
		"new: write " + directory + "/new: permission denied",
		"closed: " + directory + "/closed/x: permission denied",
		"owner: give " + directory + "/hers/x to root:nogroup: operation not permitted",
		"kept owner: give " + directory + "/hers/roots to root:root: operation not permitted",
		"mode of root's: set mode 0600 of " + directory + "/hers/roots: operation not permitted",
		"hers: <nil>",
		"a directory that she may pass but not read: <nil>",
	} {
		if !strings.Contains(string(output), want+"\n") {
			t.Errorf("no %q in\n%s", want, output)
		}
	}
	if got := names(t, filepath.Join(directory, "hers")); !slices.Equal(got, []string{"roots", "y"}) {
		t.Errorf("left: %q", got)
	}
}

func ordinary(ctx context.Context, directory string) {
	x := "x"
	for name, file := range map[string]machine.File{
		"new":            {Path: directory + "/new", Contents: &x},
		"closed":         {Path: directory + "/closed/x", Contents: &x},
		"owner":          {Path: directory + "/hers/x", Contents: &x, Attributes: machine.Attributes{Owner: "root"}},
		"kept owner":     {Path: directory + "/hers/roots", Contents: &x},
		"mode of root's": {Path: directory + "/hers/roots", Attributes: machine.Attributes{Mode: "0600"}},
		"hers":           {Path: directory + "/hers/y", Contents: &x, Attributes: machine.Attributes{Mode: "0600"}},
		"a directory that she may pass but not read": {Path: directory + "/through/hers/x", Contents: &x},
	} {
		_, err := file.Change(ctx)
		fmt.Printf("%s: %v\n", name, err)
	}
}
