package process_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/process"
	"github.com/writ-run/writ/internal/scratch"
)

func newRuntime(t *testing.T) *process.Runtime {
	t.Helper()
	r, err := process.New(process.Config{BaseDir: filepath.Join(t.TempDir(), "b"), KillGrace: time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func run(t *testing.T, r *process.Runtime, script string, mounts ...container.Mount) (output string, err error) {
	t.Helper()
	var buffer bytes.Buffer
	p, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "sh", Args: []string{"-c", script}, Mounts: mounts}, container.IO{Stdout: &buffer, Stderr: &buffer})
	if err != nil {
		t.Fatal(err)
	}
	status, err := p.Wait(t.Context())
	if status != 0 {
		t.Fatalf("status %d, %v\n%s", status, err, buffer.String())
	}
	return buffer.String(), err
}

func volume(t *testing.T, r *process.Runtime) container.Volume {
	t.Helper()
	v, err := r.Volume(t.Context(), "v")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What is killed when one process ends is its own: the first one's marker once was the beginning of the tenth's.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	start := func() (container.Process, io.Closer) {
		stdin, end := io.Pipe()
		p, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "sh", Args: []string{"-c", "read -r line; true"}}, container.IO{Stdin: stdin})
		if err != nil {
			t.Fatal(err)
		}
		return p, end
	}
	one, end := start()
	var others []container.Process
	var ends []io.Closer
	for range 12 {
		p, end := start()
		others, ends = append(others, p), append(ends, end)
	}
	end.Close()
	if status, err := one.Wait(t.Context()); status != 0 || err != nil {
		t.Fatal(status, err)
	}
	for _, end := range ends {
		end.Close()
	}
	for i, p := range others {
		if status, err := p.Wait(t.Context()); status != 0 || err != nil {
			t.Errorf("process %d after the first has ended with %d, %v", i+1, status, err)
		}
	}
}

// TestEnvironment pins every variable that a process sees.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	output, _ := run(t, r, "exec env -u PWD -u OLDPWD -u _")
	var names []string
	for line := range strings.Lines(output) {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "USER", "_WRIT_PROCESS"}; !slices.Equal(names, want) {
		t.Errorf("variables %q; want %q", names, want)
	}
}

// TestReplacedOutput has tasks do to their mounted directories what no bind mount would let them do.
func TestReplacedOutput(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	for name, c := range map[string]struct {
		script, problem, content string
	}{
		"removed":            {script: "rm -rf out"},
		"renamed":            {script: "mv out elsewhere"},
		"replaced":           {script: "mkdir new; echo >new/file; rm -rf out; mv new out", content: "file"},
		"a link":             {script: "rm -rf out; ln -s " + outside + " out", problem: `the task left a symbolic link at "out"`},
		"a file":             {script: "rm -rf out; echo >out", problem: `the task left a file at "out"`},
		"a pipe":             {script: "rm -rf out; mkfifo out", problem: `the task left a named pipe at "out"`},
		"working dir gone":   {script: "rm -rf ../work"},
		"working dir a link": {script: "mv ../work ../old; ln -s " + outside + " ../work"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t)
			v := volume(t, r)
			_, err := run(t, r, c.script, container.Mount{Path: "out", Volume: v})
			if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
				t.Errorf("error %v; want %q", err, c.problem)
			}
			info, err := os.Lstat(v.Path())
			if err != nil || !info.IsDir() {
				t.Fatalf("the volume: %v, %v", info, err)
			}
			entries, err := os.ReadDir(v.Path())
			if err != nil || (len(entries) == 0) != (c.content == "") {
				t.Errorf("entries %v, %v; want %q", entries, err, c.content)
			}
		})
	}
}

func TestReplacedParent(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	outside := t.TempDir()
	if err := os.MkdirAll(filepath.Join(outside, "out", "precious"), 0o755); err != nil {
		t.Fatal(err)
	}
	in, out := volume(t, r), volume(t, r)
	_, err := run(t, r, "mv in old; ln -s "+outside+" in", container.Mount{Path: "in", Volume: in}, container.Mount{Path: "in/out", Volume: out})
	if err == nil || !strings.Contains(err.Error(), `a symbolic link at "in"`) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(outside, "out", "precious")); err != nil {
		t.Errorf("a directory outside was taken: %v", err)
	}
	_, err = run(t, r, "chmod 500 in", container.Mount{Path: "in", Volume: in}, container.Mount{Path: "in/out", Volume: out})
	if err != nil {
		t.Errorf("a parent that may not be written to: %v", err)
	}
	if info, err := os.Stat(in.Path()); err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("%v, %v; want mode 0500 kept", info, err)
	}
}

func TestMountErrorsHint(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	_, err := r.Start(t.Context(), container.Spec{Name: "unit", Path: "true", Mounts: []container.Mount{{Path: "/cache", Volume: volume(t, r)}}}, container.IO{})
	var hint interface{ Hint() string }
	if err == nil || !strings.Contains(err.Error(), `start "unit": mount "/cache"`) || !errors.As(err, &hint) || hint.Hint() == "" {
		t.Errorf("error %v with hint %v", err, hint)
	}
}

// TestNothingLeft looks for what processes leave in the runtime's directory.
func TestNothingLeft(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), "b")
	r, err := process.New(process.Config{BaseDir: base})
	if err != nil {
		t.Fatal(err)
	}
	run(t, r, `mkdir -p "$HOME/go/pkg" && echo >"$HOME/go/pkg/x" && chmod -R a-w "$HOME/go" && echo >"$TMPDIR/t"; mkfifo p; ln -s / root`)
	if left, err := filepath.Glob(filepath.Join(base, "*", "*")); err != nil || len(left) != 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(base); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestBaseDirRefused(t *testing.T) {
	t.Parallel()
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{open, link, file, "/proc/self/nothing"} {
		if _, err := process.New(process.Config{BaseDir: base}); err == nil || !strings.Contains(err.Error(), base) {
			t.Errorf("base %q: %v; want an error that names it", base, err)
		}
	}
	if _, err := process.New(process.Config{KillGrace: -1}); err == nil {
		t.Error("a negative grace was taken")
	}
}

// TestKilledWrit kills this test's own child as the suite's Sweep does, and sees the group end without any sweep.
func TestKilledWrit(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(tempDir(t), "b")
	number := "85" + time.Now().Format("150405.000000")
	command := exec.Command(self)
	command.Env = append(os.Environ(), "CONTAINERTEST_VICTIM_BASE="+base, "CONTAINERTEST_VICTIM_BASE_SLEEP="+number)
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the victim says %q, %v", line, err)
	}
	await(t, func() bool { return sleeping(number+"1") && sleeping(number+"2") && sleeping(number+"3") })
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = command.Process.Wait()
	await(t, func() bool { return !sleeping(number+"1") && !sleeping(number+"3") })
	for _, pid := range sleepers(number + "2") { // it has left the session: a sweep's work, and here ours
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}

func TestStartContextEndsNothing(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	ctx, cancel := context.WithCancel(t.Context())
	p, err := r.Start(ctx, container.Spec{Path: "sh", Args: []string{"-c", "read -r line; test \"$line\" = go"}}, container.IO{Stdin: &afterCancel{cancel, strings.NewReader("go\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if status, err := p.Wait(t.Context()); status != 0 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
}

// afterCancel cancels a context before it gives anything.
type afterCancel struct {
	cancel func()
	from   *strings.Reader
}

func (a *afterCancel) Read(p []byte) (int, error) {
	a.cancel()
	return a.from.Read(p)
}

func await(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within three minutes")
		}
	}
}

func sleeping(number string) bool { return len(sleepers(number)) > 0 }

func sleepers(number string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if data, _ := os.ReadFile(file); bytes.Contains(data, []byte("sleep\x00"+number)) {
			pid := 0
			for _, digit := range filepath.Base(filepath.Dir(file)) {
				pid = 10*pid + int(digit-'0')
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestCopyTree(t *testing.T) {
	t.Parallel()
	src, dst, outside := tempDir(t), filepath.Join(tempDir(t), "new"), t.TempDir()
	secret := filepath.Join(outside, "secret")
	shell(t, src, "mkdir -p a/b; echo one >a/b/f; chmod 640 a/b/f; ln a/b/f hard; ln -s "+outside+" out; mkfifo p; chmod 555 a/b; touch -d 2001-02-03 hard; : >empty")
	if err := container.CopyTree(t.Context(), dst, src); err != nil {
		t.Fatal(err)
	}
	shell(t, dst, `set -e; test "$(cat hard)" = one; test hard -ef a/b/f; test "$(readlink out)" = "`+outside+`"; test -p p; test ! -s empty
		test "$(stat -c %a a/b/f) $(stat -c %a a/b) $(stat -c %y hard | cut -c1-10)" = "640 555 2001-02-03"`)

	// Into a directory whose links lead out: they are replaced, not followed.
	into := tempDir(t)
	if err := os.WriteFile(secret, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	shell(t, into, "ln -s "+outside+" a; ln -s "+secret+" hard; echo old >empty; echo mine >mine")
	if err := container.CopyTree(t.Context(), into, src); err != nil {
		t.Fatal(err)
	}
	shell(t, into, "set -e; test ! -L a; test \"$(cat a/b/f hard mine)\" = \"$(printf 'one\\none\\nmine')\"; test ! -s empty")
	if data, err := os.ReadFile(secret); err != nil || string(data) != "precious" {
		t.Errorf("the file outside: %q, %v", data, err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside: %v, %v", entries, err)
	}
}

func TestCopyTreeRefuses(t *testing.T) {
	t.Parallel()
	deep := t.TempDir()
	shell(t, deep, "i=0; while [ $i -lt 250 ]; do mkdir d; cd d; i=$((i+1)); done")
	full := t.TempDir()
	shell(t, full, "mkdir -p name/inner")
	file := t.TempDir()
	shell(t, file, "echo >name")
	for name, c := range map[string]struct{ dst, src, want string }{
		"too deep":             {filepath.Join(t.TempDir(), "d"), deep, "200 directories"},
		"into itself":          {filepath.Join(full, "name", "inner"), full, "within the source"},
		"onto itself":          {full, full, "within the source"},
		"no source":            {filepath.Join(t.TempDir(), "d"), "/no/such/directory", "/no/such/directory"},
		"a file":               {filepath.Join(t.TempDir(), "d"), filepath.Join(file, "name"), "name"},
		"a file over a full d": {full, file, "not empty"},
		"a device":             {filepath.Join(t.TempDir(), "d"), "/dev", "is a device"},
	} {
		if err := container.CopyTree(t.Context(), c.dst, c.src); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := container.CopyTree(ctx, filepath.Join(t.TempDir(), "d"), full); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(full, "name", "inner", "name")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it copied into itself: %v", err)
	}
}

// tempDir is t.TempDir for trees with directories that may not be written to.
func tempDir(t *testing.T) string {
	directory := t.TempDir()
	t.Cleanup(func() {
		if err := scratch.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	return directory
}

func shell(t *testing.T, directory, script string) {
	t.Helper()
	command := exec.Command("sh", "-c", script)
	command.Dir = directory
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, output)
	}
}
