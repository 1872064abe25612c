package shell

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary play every command, as writ does.
func TestMain(m *testing.M) {
	if Is(os.Args[0]) {
		os.Exit(Main(os.Args))
	}
	// Where the tests were started without a terminal SIGHUP may be ignored, and what they start would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

// links makes a directory of links NAME -> this test binary.
func links(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	for _, name := range Names() {
		if err := os.Symlink(self, filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func TestNames(t *testing.T) {
	t.Parallel()
	names := Names()
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %q", names)
	}
	for _, want := range []string{"sh", "bash", "cat", "["} {
		if !slices.Contains(names, want) || !Is(want) || !Is("/bin/"+want) {
			t.Errorf("%q is no name", want)
		}
	}
	for _, none := range []string{"", "writ", "/bin/", "cat/x", "-cat"} {
		if Is(none) {
			t.Errorf("Is(%q)", none)
		}
	}
	if !Is("-sh") {
		t.Error("a login shell is none")
	}
}

// TestBusyFile starts a program whose file somebody has open for writing, as a process does that was just started while the file was
// written: it is tried again, whoever starts it.
func TestBusyFile(t *testing.T) {
	t.Parallel()
	ours := links(t)
	for _, line := range []string{"./x", "exec ./x", "env ./x", "timeout 100 ./x", "echo | xargs ./x", `find x -exec ./x \;`} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			file, err := os.OpenFile(filepath.Join(directory, "x"), os.O_CREATE|os.O_WRONLY, 0o700)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := file.WriteString("#!" + ours + "/sh\necho it runs\n"); err != nil {
				t.Fatal(err)
			}
			process := exec.Command(filepath.Join(ours, "sh"), "-c", "echo begun; "+line)
			process.Dir, process.Env = directory, []string{"PATH=" + ours}
			out, err := process.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := process.Start(); err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(out)
			if text, err := reader.ReadString('\n'); text != "begun\n" {
				t.Errorf("%q, %v", text, err)
			}
			time.AfterFunc(20*time.Millisecond, func() { file.Close() }) // where it takes longer to start nothing is tried again
			text, err := io.ReadAll(reader)
			if string(text) != "it runs\n" || err != nil {
				t.Errorf("%q, %v", text, err)
			}
			if err := process.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNotThroughPath: a utility that PATH does not have is not found, and a utility does not look for itself there:
// with one link only, that one runs and no other.
func TestNotThroughPath(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	for _, name := range []string{"sh", "ls"} {
		if err := os.Symlink(self, filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	process := exec.Command(filepath.Join(directory, "sh"), "-c", `cat /dev/null; echo $?; ls "$PATH"`)
	process.Env = []string{"PATH=" + directory}
	output, err := process.Output()
	if err != nil || string(output) != "127\nls\nsh\n" {
		t.Errorf("%v, %q", err, output)
	}
	for _, name := range []string{"env", "xargs", "timeout", "find"} {
		if !Is(name) {
			continue
		}
		process := exec.Command(self, map[string][]string{
			"env": {"cat"}, "xargs": {"cat"}, "timeout": {"5", "cat"}, "find": {directory, "-exec", "cat", "{}", ";"},
		}[name]...)
		process.Args[0] = name
		process.Env = []string{"PATH=" + directory}
		process.Stdin = strings.NewReader("x\n")
		if output, err := process.CombinedOutput(); err == nil && name != "find" || !strings.Contains(string(output), "No such file") {
			t.Errorf("%s found what PATH does not have: %v, %q", name, err, output)
		}
	}
}
