// Package containertest is the one suite that every container.Runtime passes.
//
// A runtime's test package calls Main from TestMain (a part of the suite kills a process of its own) and Run from a test:
//
//	var suite = containertest.Suite{New: func(base string, grace time.Duration) (container.Runtime, error) { ... }}
//
//	func TestMain(m *testing.M)         { os.Exit(containertest.Main(m, suite)) }
//	func TestRuntime(t *testing.T)      { containertest.Run(t, suite) }
//
// It needs sh, cat, sleep and other plain POSIX utilities where the runtime's processes run.
package containertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
)

// patience bounds every wait for a condition: far more than any machine needs.
const patience = 3 * time.Minute

// Grace is the grace of a runtime that no test has wait for the end of one.
const Grace = time.Second

// secret is a variable of the caller's that no process may see.
const secret = "CONTAINERTEST_SECRET"

// Suite says which runtime is tested.
type Suite struct {
	New      func(base string, grace time.Duration) (container.Runtime, error) // with its files in base, which is missing or empty
	ReadOnly bool                                                              // it keeps Mount.ReadOnly
	Links    func() bool                                                       // a file with several names stays one in a changed fork; nil: it does
	Host     bool                                                              // it starts processes of the machine itself: no volumes, no environment of its own, nothing to sweep
}

// Main runs the tests of a runtime's package, or, in the child that Run starts, the part of a Writ that gets killed.
func Main(m *testing.M, s Suite) int {
	os.Setenv(secret, "the caller's own")
	if base := os.Getenv(victimBase); base != "" {
		return victim(s, base)
	}
	return m.Run()
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	for _, part := range []struct {
		name string
		test func(*testing.T, *fixture)
		host bool // it fits the machine itself too
	}{
		{"ExitStatus", testExitStatus, true},
		{"Signal", testSignal, true},
		{"NeverStarted", testNeverStarted, false},
		{"Environment", testEnvironment, false},
		{"Dir", testDir, false},
		{"Input", testStdin, true},
		{"BigOutput", testBigOutput, true},
		{"SlowReader", testSlowReader, true},
		{"OneWriter", testOneWriter, true},
		{"FailingWriter", testFailingWriter, true},
		{"Mounts", testMounts, false},
		{"MountsNested", testMountsNested, false},
		{"MountsWrong", testMountsWrong, false},
		{"MountsHost", testMountsHost, true},
		{"Names", testNames, false},
		{"Fork", testFork, false},
		{"Close", testClose, false},
		{"Abort", testAbort, true},
		{"AbortStubborn", testAbortStubborn, true},
		{"AbortGrace", testAbortGrace, true},
		{"Background", testBackground, true},
		{"Sweep", testSweep, false},
	} {
		if s.Host && !part.host {
			continue
		}
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			base, grace := filepath.Join(t.TempDir(), "base"), Grace
			if part.name == "AbortGrace" { // a slow machine needs more
				grace = patience
			}
			runtime, err := s.New(base, grace)
			if err != nil {
				t.Fatal(err)
			}
			if closer, ok := runtime.(io.Closer); ok { // what it has is not all in base
				t.Cleanup(func() {
					if err := closer.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			part.test(t, &fixture{t: t, Runtime: runtime, suite: s, base: base})
		})
	}
}

// fixture is a runtime with what every test does with it.
type fixture struct {
	t *testing.T
	container.Runtime
	suite Suite
	base  string
}

// shell is a script to start.
func shell(script string, mounts ...container.Mount) container.Spec {
	return container.Spec{Name: "test", Path: "sh", Args: []string{"-c", script}, Mounts: mounts}
}

func (f *fixture) volume(name string) container.Volume {
	f.t.Helper()
	v, err := f.Volume(f.t.Context(), name)
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

// filled is a volume with files; a name may have directories.
func (f *fixture) filled(name string, files map[string]string) container.Volume {
	f.t.Helper()
	v := f.volume(name)
	for file, content := range files {
		path := filepath.Join(v.Path(), file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
	return v
}

// output gives a process a directory, out, whose files are read with the function.
func (f *fixture) output(s container.Spec) (container.Spec, func(file string) string) {
	f.t.Helper()
	if !f.suite.Host {
		v := f.volume("out")
		s.Mounts = append(s.Mounts, container.Mount{Path: "out", Volume: v})
		return s, func(file string) string { return f.content(v, file) }
	}
	s.Dir = f.t.TempDir()
	if err := os.Mkdir(filepath.Join(s.Dir, "out"), 0o755); err != nil {
		f.t.Fatal(err)
	}
	return s, func(file string) string {
		f.t.Helper()
		data, err := os.ReadFile(filepath.Join(s.Dir, "out", file))
		if err != nil {
			f.t.Fatal(err)
		}
		return string(data)
	}
}

func (f *fixture) start(s container.Spec, io container.IO) container.Process {
	f.t.Helper()
	p, err := f.Start(f.t.Context(), s, io)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// run starts s, waits for it and returns what it wrote to either stream. Any other status than the wanted one is fatal.
func (f *fixture) run(want int, s container.Spec) string {
	f.t.Helper()
	var output buffer
	p := f.start(s, container.IO{Stdout: &output, Stderr: &output})
	status, err := p.Wait(f.t.Context())
	if err != nil || status != want {
		f.t.Fatalf("%q: status %d, error %v; want %d; output:\n%s", s.Args, status, err, want, output.String())
	}
	return output.String()
}

// files is where a volume's files can be read.
func (f *fixture) files(v container.Volume) string {
	f.t.Helper()
	path, err := v.Files(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return path
}

// content is a file of a volume's.
func (f *fixture) content(v container.Volume, file string) string {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.files(v), file))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(data)
}

// buffer is a writer that can be waited upon.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// await returns once the writer has seen text.
func (b *buffer) await(t *testing.T, text string) {
	t.Helper()
	await(t, fmt.Sprintf("%q in the output", text), func() bool { return strings.Contains(b.String(), text) })
}

// await waits for a condition.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s after %v", what, patience)
		}
	}
}

// sleeper is a number of seconds that no other process sleeps for: by it a process is found on this machine, whatever
// its number is where it runs.
func sleeper() string { return fmt.Sprintf("86%09d", rand.IntN(1e9)) }

// sleeps says whether a process with this argument lives. On the machine itself one that was killed does not, even if the kernel
// has not come to it yet, as on a busy machine: nobody waits for it there. Other runtimes put back what it had, so that it has to
// have ended.
func (f *fixture) sleeps(number string) bool {
	directories, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range directories {
		data, _ := os.ReadFile(path) // empty for a zombie
		if bytes.Contains(data, []byte("sleep\x00"+number)) && !(f.suite.Host && killed(filepath.Dir(path))) {
			return true
		}
	}
	return false
}

// killed says whether a process has a SIGKILL before it (proc_pid_status(5), SigPnd and ShdPnd), or is exiting, or has (PF_EXITING
// and PF_SIGNALED in the flags of proc_pid_stat(5)).
func killed(directory string) bool {
	status, _ := os.ReadFile(filepath.Join(directory, "status"))
	for line := range strings.Lines(string(status)) {
		var name string
		var pending uint64
		if _, err := fmt.Sscanf(line, "%s %x", &name, &pending); err == nil && (name == "SigPnd:" || name == "ShdPnd:") && pending>>(syscall.SIGKILL-1)&1 == 1 {
			return true
		}
	}
	stat, _ := os.ReadFile(filepath.Join(directory, "stat"))
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on
	if len(fields) < 7 {
		return true // it is no more
	}
	flags, _ := strconv.ParseUint(fields[6], 10, 64)
	const exiting, signaled = 0x4, 0x400
	return flags&(exiting|signaled) != 0
}

// wait is Wait with a limit, so that a runtime that hangs fails instead.
func wait(t *testing.T, ctx context.Context, p container.Process) (status int, err error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		status, err = p.Wait(ctx)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("Wait has not returned after %v", patience)
	}
	return status, err
}
