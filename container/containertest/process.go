package containertest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
)

func testExitStatus(t *testing.T, f *fixture) {
	for script, want := range map[string]int{
		"true": 0, "exit 1": 1, "exit 42": 42, "exit 255": 255, "false": 1,
		"kill -s KILL $$": 137, "kill -s TERM $$": 143, "kill -s PIPE $$": 141,
		"no-such-utility": 127,
	} {
		f.run(want, shell(script))
	}
	p := f.start(shell("exit 7"), container.IO{})
	for range 2 { // the second Wait says the same
		if status, err := p.Wait(t.Context()); status != 7 || err != nil {
			t.Errorf("status %d, %v; want 7", status, err)
		}
	}
}

func testSignal(t *testing.T, f *fixture) {
	for script, want := range map[string]int{
		"echo ready; while :; do sleep 1; done":                               143,
		"trap 'exit 9' TERM; echo ready; while :; do sleep 1; done":           9,
		"(trap 'exit 0' TERM; echo ready; while :; do sleep 1; done); exit 5": 143, // the whole group has it
	} {
		var output buffer
		p := f.start(shell(script), container.IO{Stdout: &output})
		output.await(t, "ready")
		if err := p.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if status, err := wait(t, t.Context(), p); status != want || err != nil {
			t.Errorf("%q: status %d, %v; want %d", script, status, err, want)
		}
		if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("signal after the end: %v; want os.ErrProcessDone", err)
		}
	}
}

func testNeverStarted(t *testing.T, f *fixture) {
	v := f.filled("volume", map[string]string{
		"plain": "no program", "script": "#!/no/such/interpreter\n", "kept": "kept",
	})
	if err := os.Chmod(filepath.Join(v.Path(), "script"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spec container.Spec
		want string // in the error
	}{
		"not in PATH":         {container.Spec{Path: "no-such-program"}, "no-such-program"},
		"no such file":        {container.Spec{Path: "/no/such/program"}, "/no/such/program"},
		"not executable":      {container.Spec{Path: "./plain"}, "plain"},
		"missing interpreter": {container.Spec{Path: "./script"}, "script"},
		"empty path":          {container.Spec{}, "executable"},
		"a directory":         {container.Spec{Path: "/"}, "/"},
		"no such dir":         {container.Spec{Path: "true", Dir: "no-such-dir"}, "no-such-dir"},
		"dir outside":         {container.Spec{Path: "true", Dir: "../.."}, "../.."},
		"NUL in a variable":   {container.Spec{Path: "true", Env: []string{"NAME=a\x00b"}}, "NAME"},
		"NUL in an argument":  {container.Spec{Path: "true", Args: []string{"a\x00b"}}, "NUL"},
		"no name":             {container.Spec{Path: "true", Env: []string{"=value"}}, "NAME=value"},
		"no value":            {container.Spec{Path: "true", Env: []string{"VALUE"}}, "NAME=value"},
		"huge variable":       {container.Spec{Path: "true", Env: []string{"HUGE=" + strings.Repeat("x", 128<<10)}}, "HUGE"},
		"huge environment":    {container.Spec{Path: "true", Env: manyVariables()}, "argument list too long"},
	} {
		c.spec.Name = "the name"
		c.spec.Mounts = []container.Mount{{Path: ".", Volume: v}}
		p, err := f.Start(t.Context(), c.spec, container.IO{})
		if err == nil {
			status, err := p.Wait(t.Context())
			t.Errorf("%s: it started; status %d, %v", name, status, err)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "the name") || len(err.Error()) > 1000 {
			t.Errorf("%s: error %.1000q; want one that names %q", name, err, c.want)
		}
		if f.content(v, "kept") != "kept" {
			t.Errorf("%s: the volume is not as it was", name)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Start(ended, shell("true"), container.IO{}); !errors.Is(err, context.Canceled) {
		t.Errorf("start with an ended context: %v", err)
	}
}

// manyVariables are more than Linux takes in all (a quarter of the stack, at most 6 MiB), each of them well within bounds.
func manyVariables() (variables []string) {
	for i := range 80 {
		variables = append(variables, "V"+strconv.Itoa(i)+"="+strings.Repeat("x", 100<<10))
	}
	return variables
}

func testEnvironment(t *testing.T, f *fixture) {
	f.run(0, shell("test -d \"$HOME\" && test -w \"$HOME\" && test -d \"${TMPDIR:-/tmp}\" && test -w \"${TMPDIR:-/tmp}\""))
	spec := container.Spec{Path: "env"}
	spec.Env = []string{"ONE=first", "TWO=a b=c \"'$x", "ONE=second", "EMPTY=", "ÜNÏ=☃"}
	lines := strings.Split(f.run(0, spec), "\n")
	for _, want := range []string{"ONE=second", "TWO=a b=c \"'$x", "EMPTY=", "ÜNÏ=☃"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %s in %q", want, lines)
		}
	}
	for _, line := range lines {
		if strings.HasPrefix(line, secret) || line == "ONE=first" {
			t.Errorf("the process sees %s", line)
		}
	}
	own := container.Spec{Name: "own PATH", Path: "tool", Env: []string{"PATH=" + f.t.TempDir()}}
	if _, err := f.Start(t.Context(), own, container.IO{}); err == nil {
		t.Error("an executable was found outside the run's own PATH")
	}
	if output := f.run(0, container.Spec{Path: "sh", Args: []string{"-c", "yes | head -n 1"}}); output != "y\n" {
		t.Errorf("output %q: is SIGPIPE ignored?", output)
	}
}

func testDir(t *testing.T, f *fixture) {
	v := f.filled("in", map[string]string{"deep/er/tool": "#!/bin/sh\npwd\n"})
	if err := os.Chmod(filepath.Join(v.Path(), "deep/er/tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	spec := container.Spec{Path: "./er/tool", Dir: "in/deep", Mounts: []container.Mount{{Path: "in", Volume: v}}}
	if output := f.run(0, spec); !strings.HasSuffix(output, "/in/deep\n") {
		t.Errorf("the working directory is %q", output)
	}
	f.run(0, shell("test -z \"$(ls -A)\"")) // an empty one
}

func testStdin(t *testing.T, f *fixture) {
	if output := f.run(0, shell("cat; echo end")); output != "end\n" {
		t.Errorf("an empty input: %q", output)
	}
	var output buffer
	big := strings.Repeat("0123456789abcdef", 1<<16)
	p := f.start(shell("cat"), container.IO{Stdin: strings.NewReader(big), Stdout: &output})
	if status, err := wait(t, t.Context(), p); status != 0 || err != nil || output.String() != big {
		t.Errorf("status %d, %v, %d bytes of %d", status, err, len(output.String()), len(big))
	}
	p = f.start(shell("exit 3"), container.IO{Stdin: strings.NewReader(big)}) // does not read it
	if status, err := wait(t, t.Context(), p); status != 3 || err != nil {
		t.Errorf("unread input: status %d, %v", status, err)
	}
	p = f.start(shell("exit 4"), container.IO{Stdin: forever{t.Context()}})
	if status, err := wait(t, t.Context(), p); status != 4 || err != nil {
		t.Errorf("an input that never comes: status %d, %v", status, err)
	}
}

// forever is an input that does not come before the test ends.
type forever struct{ ctx context.Context }

func (f forever) Read([]byte) (int, error) {
	<-f.ctx.Done()
	return 0, f.ctx.Err()
}

func testBigOutput(t *testing.T, f *fixture) {
	var stdout, stderr buffer
	const size = 5 << 20
	p := f.start(shell("head -c 5242880 /dev/zero & head -c 5242880 /dev/zero >&2; wait; printf last"), container.IO{Stdout: &stdout, Stderr: &stderr})
	if status, err := wait(t, t.Context(), p); status != 0 || err != nil {
		t.Fatalf("status %d, %v", status, err)
	}
	if got := stdout.String(); len(got) != size+4 || !strings.HasSuffix(got, "last") {
		t.Errorf("%d bytes of standard output; want %d and the last ones", len(got), size+4)
	}
	if got := len(stderr.String()); got != size {
		t.Errorf("%d bytes of standard error; want %d", got, size)
	}
}

// testSlowReader has the process end long before its output is taken.
func testSlowReader(t *testing.T, f *fixture) {
	slow := &slowWriter{}
	p := f.start(shell("head -c 60000 /dev/zero; printf last"), container.IO{Stdout: slow})
	if status, err := wait(t, t.Context(), p); status != 0 || err != nil {
		t.Fatalf("status %d, %v", status, err)
	}
	if got := slow.data.Len(); got != 60004 {
		t.Errorf("%d bytes; want 60004", got)
	}
}

// slowWriter takes its time: this is what it is for, not waiting for a condition.
type slowWriter struct{ data bytes.Buffer }

func (s *slowWriter) Write(p []byte) (int, error) {
	time.Sleep(250 * time.Millisecond)
	return s.data.Write(p)
}

func testOneWriter(t *testing.T, f *fixture) {
	var output buffer
	p := f.start(shell("for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done"), container.IO{Stdout: &output, Stderr: &output})
	if status, err := wait(t, t.Context(), p); status != 0 || err != nil {
		t.Fatalf("status %d, %v", status, err)
	}
	if want := "out1\nerr1\nout2\nerr2\nout3\nerr3\nout4\nerr4\nout5\nerr5\n"; output.String() != want {
		t.Errorf("%q; want it in the order in which it was written", output.String())
	}
}

func testFailingWriter(t *testing.T, f *fixture) {
	broken := errors.New("the disk is full")
	p := f.start(shell("while :; do echo more; done"), container.IO{Stdout: failing{broken}})
	if _, err := wait(t, t.Context(), p); !errors.Is(err, broken) {
		t.Errorf("error %v; want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
