package machine_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/machine"
)

// scene is a directory that anyone may write to, as /tmp is, one of hers, and what she is after.
type scene struct{ shared, hers, precious string }

func stage(t *testing.T) scene {
	t.Helper()
	needRoot(t)
	root := t.TempDir()
	s := scene{filepath.Join(root, "tmp"), filepath.Join(root, "home"), filepath.Join(root, "etc")}
	for _, directory := range []string{s.shared, s.hers, s.precious} {
		must(t, os.Mkdir(directory, 0o755))
	}
	must(t, os.Chmod(s.shared, 0o777|os.ModeSticky))
	must(t, os.Chown(s.hers, mallory, mallory))
	write(t, filepath.Join(s.precious, "shadow"), "precious")
	must(t, os.Chmod(filepath.Join(s.precious, "shadow"), 0o600))
	return s
}

// hers makes a symbolic link that is mallory's.
func hers(t *testing.T, target, path string) {
	t.Helper()
	must(t, os.Symlink(target, path))
	must(t, os.Lchown(path, mallory, mallory))
}

// TestLinksOfOthers: root is not led elsewhere by a link of somebody else.
func TestLinksOfOthers(t *testing.T) {
	t.Parallel()
	s := stage(t)
	hers(t, s.precious+"/shadow", s.shared+"/last")
	hers(t, s.precious, s.shared+"/middle")
	hers(t, s.hers, s.shared+"/own")
	hers(t, s.precious+"/shadow", s.hers+"/last")
	hers(t, s.precious, s.hers+"/middle")
	hers(t, s.precious+"/new", s.hers+"/dangling")
	hers(t, "middle/shadow", s.hers+"/twice")
	must(t, os.Symlink(s.hers+"/last", s.precious+"/ours")) // root's link to a link of hers
	open := filepath.Join(filepath.Dir(s.shared), "open")
	must(t, os.Mkdir(open, 0o755))
	must(t, os.Chmod(open, 0o777)) // not sticky: anyone may rename root's links there
	must(t, os.Symlink(s.precious+"/shadow", open+"/roots"))
	for path, want := range map[string]string{
		s.shared + "/last":          "symbolic link of 54321 in a directory that anyone may write to",
		s.shared + "/middle/shadow": "symbolic link of 54321 in a directory that anyone may write to",
		s.shared + "/middle/new":    "symbolic link of 54321 in a directory that anyone may write to",
		s.shared + "/own/x":         "symbolic link of 54321 in a directory that anyone may write to",
		s.hers + "/last":            "symbolic link of 54321 to what belongs to root: not followed",
		s.hers + "/middle/shadow":   "symbolic link of 54321 to what belongs to root: not followed",
		s.hers + "/middle/new":      "symbolic link of 54321 to what belongs to root: not followed",
		s.hers + "/dangling":        "symbolic link of 54321 to what belongs to root: not followed",
		s.hers + "/twice":           "symbolic link of 54321 to what belongs to root: not followed",
		s.precious + "/ours":        "symbolic link of 54321 to what belongs to root: not followed",
		open + "/roots":             "in a directory where anyone may put one",
	} {
		for _, thing := range []machine.Thing{
			machine.File{Path: path, Contents: contents("x")},
			machine.File{Path: path, Attributes: machine.Attributes{Owner: "54321"}},
			machine.Line{Path: path, Match: "x", Text: "x"},
			machine.Dir{Path: path, Attributes: machine.Attributes{Mode: "0777"}},
			machine.Copy{Path: path, From: s.precious + "/shadow"},
			machine.Copy{Path: s.shared + "/published", From: path},
		} {
			if _, err := thing.Change(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: got %v, want %s", thing, err, want)
			}
		}
		if removed, err := (machine.File{Path: path}).Remove(t.Context()); removed || err == nil {
			t.Errorf("remove %s: %v, %v", path, removed, err)
		}
	}
	if got := stat(t, s.precious+"/shadow"); got.Uid != 0 || got.Mode&0o777 != 0o600 || read(t, s.precious+"/shadow") != "precious" || len(names(t, s.precious)) != 2 {
		t.Errorf("%+v, %q", got, names(t, s.precious))
	}
}

// TestLinksThatAreFine: links of root's, ours, and hers among her own things.
func TestLinksThatAreFine(t *testing.T) {
	t.Parallel()
	s := stage(t)
	must(t, os.Mkdir(s.hers+"/dotfiles", 0o755))
	must(t, os.Chown(s.hers+"/dotfiles", mallory, mallory))
	hers(t, "dotfiles/rc", s.hers+"/.rc")
	hers(t, "dotfiles", s.hers+"/.config")
	must(t, os.Symlink(s.precious, s.shared+"/roots"))
	for _, path := range []string{s.hers + "/.rc", s.hers + "/.config/other", s.shared + "/roots/new", s.shared + "/../tmp/./roots/../etc/again"} {
		if _, err := (machine.File{Path: path, Contents: contents("x")}).Change(t.Context()); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{s.hers + "/dotfiles/rc", s.hers + "/dotfiles/other", s.precious + "/new", s.precious + "/again"} {
		if got := read(t, path); got != "x" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// TestSquatted: what she has put where root's file will be does not get what root writes.
func TestSquatted(t *testing.T) {
	t.Parallel()
	s := stage(t)
	file, directory, link := s.shared+"/file", s.shared+"/dir", s.shared+"/link"
	write(t, file, "hers")
	must(t, os.Chmod(file, 0o666))
	must(t, os.Chown(file, mallory, mallory))
	must(t, os.Mkdir(directory, 0o777))
	must(t, os.Chown(directory, mallory, mallory))
	hers(t, "target", link)
	open, err := os.OpenFile(file, os.O_RDWR, 0)
	must(t, err)
	defer open.Close()
	for _, thing := range []machine.Thing{
		machine.File{Path: file, Contents: contents("secret")},
		machine.File{Path: file, Contents: contents("hers")}, // it may be well now; she can change that
		machine.File{Path: file, Contents: contents("secret"), Attributes: machine.Attributes{Mode: "0600"}},
		machine.Line{Path: file, Match: "x", Text: "secret"},
		machine.Dir{Path: directory},
		machine.Dir{Path: directory, Attributes: machine.Attributes{Owner: "root", Mode: "0700"}},
		machine.Link{Path: link, To: "target"},
	} {
		if changed, err := thing.Change(t.Context()); err == nil || !strings.Contains(err.Error(), "belongs to 54321, in a directory that anyone may write to: not touched") {
			t.Errorf("%+v: %v, %v", thing, changed, err)
		}
		if _, err := thing.Check(t.Context()); err == nil {
			t.Errorf("%+v: checked as if it were ours", thing)
		}
	}
	// Taken from her by name, it is another file, with nothing of hers.
	taken := machine.File{Path: file, Attributes: machine.Attributes{Owner: "root"}}
	if _, err := taken.Change(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = open.WriteString("HERS")
	must(t, err)
	if got := stat(t, file); got.Uid != 0 || got.Gid != 0 || got.Mode&0o777 != 0o644 || read(t, file) != "hers" {
		t.Errorf("%+v, %q", got, read(t, file))
	}
	// What is meant to be hers may be hers.
	if _, err := (machine.Dir{Path: directory, Attributes: machine.Attributes{Owner: "54321", Mode: "0700"}}).Change(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestHardLinks: a hard link of hers to a file of root's does not make root give that away. (Linux's
// fs.protected_hardlinks keeps her from making one where it is on.)
func TestHardLinks(t *testing.T) {
	t.Parallel()
	s := stage(t)
	precious := s.precious + "/shadow"
	for _, path := range []string{s.hers + "/mine", s.shared + "/mine"} {
		must(t, os.Link(precious, path))
		for _, thing := range []machine.Thing{
			machine.File{Path: path, Attributes: machine.Attributes{Owner: "54321"}},
			machine.File{Path: path, Attributes: machine.Attributes{Mode: "0644"}},
			machine.Copy{Path: s.precious + "/copy", From: path, Attributes: machine.Attributes{Owner: "54321"}},
		} {
			if _, err := thing.Change(t.Context()); err == nil || !strings.Contains(err.Error(), "has other names too, and may be the file of somebody else: not touched") {
				t.Errorf("%+v: got %v", thing, err)
			}
		}
		if _, err := (machine.File{Path: path, Contents: contents("x"), Attributes: machine.Attributes{Owner: "54321"}}).Change(t.Context()); err != nil || read(t, path) != "x" {
			t.Errorf("%s: %v, %q", path, err, read(t, path))
		}
	}
	if got := stat(t, precious); got.Uid != 0 || got.Mode&0o777 != 0o600 || got.Nlink != 1 || read(t, precious) != "precious" || len(names(t, s.precious)) != 1 {
		t.Errorf("%+v, %q", got, names(t, s.precious))
	}
}

// TestSwaps: while root writes below a directory of hers, she exchanges it for a link, again and again.
func TestSwaps(t *testing.T) {
	t.Parallel()
	s := stage(t)
	must(t, os.Mkdir(s.hers+"/app", 0o755))
	hers(t, s.precious, s.hers+"/trap")
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := unix.Renameat2(unix.AT_FDCWD, s.hers+"/app", unix.AT_FDCWD, s.hers+"/trap", unix.RENAME_EXCHANGE); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	done, refused := 0, 0
	for done+refused < 3000 {
		_, err := machine.File{Path: s.hers + "/app/shadow", Contents: contents(strings.Repeat("x", done%7)), Attributes: machine.Attributes{Mode: "0644", Owner: "54321"}}.Change(t.Context())
		if err != nil {
			refused++
		} else {
			done++
		}
		if _, err := (machine.Dir{Path: s.hers + "/app/sub"}).Change(t.Context()); err == nil {
			machine.Dir{Path: s.hers + "/app/sub", Recursive: true}.Remove(t.Context())
		}
	}
	close(stop)
	swapping.Wait()
	if done == 0 || refused == 0 {
		t.Logf("written %d times, refused %d times: she was too slow to be seen", done, refused)
	}
	if got := stat(t, s.precious+"/shadow"); got.Uid != 0 || got.Mode&0o777 != 0o600 || read(t, s.precious+"/shadow") != "precious" || len(names(t, s.precious)) != 1 {
		t.Errorf("%+v, %q", got, names(t, s.precious))
	}
}

// TestReaders: who reads while it is written reads the old or the new, whole.
func TestReaders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	texts := []string{strings.Repeat("a", 200_000), strings.Repeat("b", 100_000)}
	write(t, path, texts[1])
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if got, err := os.ReadFile(path); err != nil || string(got) != texts[0] && string(got) != texts[1] {
					t.Errorf("%v, %d bytes", err, len(got))
					return
				}
			}
		}
	})
	for i := range 50 {
		if changed, err := (machine.File{Path: path, Contents: &texts[i%2]}).Change(t.Context()); err != nil || len(changed) != 1 {
			t.Error(changed, err)
		}
	}
	close(stop)
	reading.Wait()
}
