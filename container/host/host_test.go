package host_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/containertest"
	"github.com/writ-run/writ/container/host"
)

var suite = containertest.Suite{Host: true, New: func(_ string, grace time.Duration) (container.Runtime, error) {
	return host.New(host.Config{KillGrace: grace})
}}

// victim names, in the environment, how long the processes sleep that a child of these tests starts before it is killed.
const victim = "WRIT_TEST_HOST_VICTIM"

func TestMain(m *testing.M) {
	if number := os.Getenv(victim); number != "" {
		os.Exit(playVictim(number))
	}
	os.Exit(containertest.Main(m, suite))
}

func TestRuntime(t *testing.T) { containertest.Run(t, suite) }

func newRuntime(t testing.TB) *host.Runtime {
	t.Helper()
	r, err := host.New(host.Config{KillGrace: time.Second})
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

// run runs a Spec and returns what it wrote.
func run(t *testing.T, s container.Spec) string {
	t.Helper()
	var output bytes.Buffer
	p, err := newRuntime(t).Start(t.Context(), s, container.IO{Stdout: &output, Stderr: &output})
	if err != nil {
		t.Fatal(err)
	}
	if status, err := p.Wait(t.Context()); status != 0 || err != nil {
		t.Fatalf("status %d, %v\n%s", status, err, output.String())
	}
	return output.String()
}

func sh(script string) container.Spec {
	return container.Spec{Name: "test", Path: "/bin/sh", Args: []string{"-c", script}}
}

// TestEnvironment pins that there is nothing but what the Spec says.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	s := container.Spec{Name: "test", Path: "env", Env: []string{"ONE=first", "TWO=a b=c", "ONE=second", "EMPTY="}}
	if got, want := run(t, s), "ONE=second\nTWO=a b=c\nEMPTY=\n"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
	if got := run(t, container.Spec{Name: "test", Path: "env"}); got != "" {
		t.Errorf("no variables: %q", got)
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "tool"), []byte("#!/bin/sh\npwd\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(here, directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec container.Spec
		want string
	}{
		{sh("pwd"), here},
		{container.Spec{Path: "./tool", Dir: directory}, directory},
		{container.Spec{Path: "./tool", Dir: relative}, directory},
		{container.Spec{Path: "tool", Dir: relative, Env: []string{"PATH=:/nowhere"}}, directory},
		{container.Spec{Path: relative + "/tool"}, here},
	} {
		if got := run(t, c.spec); got != c.want+"\n" {
			t.Errorf("%+v: %q; want %q", c.spec, got, c.want)
		}
	}
}

// TestNeverStarted has what cannot be started named.
func TestNeverStarted(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for name, content := range map[string]string{"plain": "no program", "script": "#!/no/such/interpreter\n"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(directory, "script"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := newRuntime(t)
	for name, c := range map[string]struct {
		spec    container.Spec
		want    string
		missing bool // the executable is
	}{
		"not in PATH":         {container.Spec{Path: "no-such-program"}, `executable "no-such-program": not found in PATH`, true},
		"not there":           {container.Spec{Path: "/no/such/program"}, "/no/such/program", true},
		"not executable":      {container.Spec{Path: "./plain", Dir: directory}, "permission denied", false},
		"missing interpreter": {container.Spec{Path: "./script", Dir: directory}, "the interpreter that it names is missing", true},
		"no name":             {container.Spec{}, "no executable is named", false},
		"no such dir":         {container.Spec{Path: "true", Dir: "no-such-dir"}, `dir "no-such-dir": there is no such directory`, false},
		"dir is a file":       {container.Spec{Path: "true", Dir: filepath.Join(directory, "plain")}, "is a file, not a directory", false},
		"dir below a file":    {container.Spec{Path: "true", Dir: filepath.Join(directory, "plain", "x")}, "not a directory", false},
		"no such user":        {container.Spec{Path: "true", User: "no-such-user"}, `user "no-such-user": this machine has no such user`, false},
		"no such number":      {container.Spec{Path: "true", User: "2000000000"}, "nobody has that number", false},
		"no such group":       {container.Spec{Path: "true", User: "root:no-such-group"}, `group "no-such-group"`, false},
		"image":               {container.Spec{Path: "true", Image: "x"}, "image: only a container has that", false},
		"privileged":          {container.Spec{Path: "true", Privileged: true}, "privileged: only", false},
		"hermetic":            {container.Spec{Path: "true", Hermetic: true}, "hermetic: only", false},
		"entrypoint":          {container.Spec{Path: "true", Entrypoint: true}, "entrypoint: only", false},
		"image's directory":   {container.Spec{Path: "true", ImageDir: true}, "image's directory: only", false},
		"writ binary":         {container.Spec{Path: "true", Self: true}, "writ binary: only", false},
		"host network":        {container.Spec{Path: "true", HostNetwork: true}, "host network: only", false},
		"limits":              {container.Spec{Path: "true", Limits: container.Limits{Memory: 1}}, "container_limits: only", false},
		"volume":              {container.Spec{Path: "true", Mounts: []container.Mount{{Path: "x", Volume: noVolume{}}}}, "the machine itself has no volumes", false},
		"NUL":                 {container.Spec{Path: "true", Args: []string{"a\x00"}}, "NUL", false},
		"huge argument":       {container.Spec{Path: "true", Args: []string{strings.Repeat("x", 128<<10)}}, "Linux takes 131071", false},
		"huge environment":    {container.Spec{Path: "true", Args: slices.Repeat([]string{strings.Repeat("x", 100<<10)}, 80)}, "argument list too long", false},
	} {
		c.spec.Name = "the name"
		p, err := r.Start(t.Context(), c.spec, container.IO{})
		if err == nil {
			status, err := p.Wait(t.Context())
			t.Errorf("%s: it started; status %d, %v", name, status, err)
			continue
		}
		var start *container.StartError
		if !errors.As(err, &start) || start.Name != "the name" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.300v; want %q", name, err, c.want)
		}
		if errors.Is(err, fs.ErrNotExist) != c.missing {
			t.Errorf("%s: %.300v is fs.ErrNotExist: %v", name, err, !c.missing)
		}
	}
	if _, err := r.Volume(t.Context(), "x"); err == nil {
		t.Error("there is a volume")
	}
	if _, err := host.New(host.Config{KillGrace: -1}); err == nil {
		t.Error("a negative grace was taken")
	}
}

type noVolume struct{ container.Volume }

// TestUser becomes another user, with its groups and no others.
func TestUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		_, err := newRuntime(t).Start(t.Context(), container.Spec{Path: "true", User: "root"}, container.IO{})
		var hint interface{ Hint() string }
		if err == nil || !errors.As(err, &hint) || hint.Hint() == "" {
			t.Errorf("an ordinary user became root: %v", err)
		}
		return
	}
	for user, want := range map[string]string{
		"nobody":        "65534 65534 65534",
		"65534":         "65534 65534 65534",
		"nobody:daemon": "65534 1 1 65534",
		"nobody:12345":  "65534 12345 12345 65534",
		"12345:54321":   "12345 54321 54321",
		"root":          "0 0 0",
	} {
		s := sh("echo $(id -u) $(id -g) $(id -G)")
		s.User = user
		if got := run(t, s); got != want+"\n" {
			t.Errorf("%s: %q; want %q", user, got, want)
		}
	}
	s := sh("id -u; id -g")
	s.User = ":daemon"
	if got := run(t, s); got != "0\n1\n" {
		t.Errorf("a group alone: %q", got)
	}
}

// TestNoTerminal starts processes without one, so that nothing waits for somebody to type.
func TestNoTerminal(t *testing.T) {
	t.Parallel()
	if got := run(t, sh(`(: </dev/tty) 2>/dev/null && echo terminal || echo none; test "$(cut -d' ' -f5,6 /proc/$$/stat)" = "$$ $$" && echo leads`)); !strings.HasSuffix(got, "none\nleads\n") {
		t.Errorf("%q", got)
	}
}

// TestDaemon has one that made its own session keep the pipe: the output is complete, nothing waits for it, and it lives.
func TestDaemon(t *testing.T) {
	t.Parallel()
	number := sleeper()
	var output bytes.Buffer
	p, err := newRuntime(t).Start(t.Context(), sh("setsid sleep "+number+" & until head -c 5 /proc/$!/cmdline | grep -aq sleep; do :; done; printf last"), container.IO{Stdout: &output})
	if err != nil {
		t.Fatal(err)
	}
	status, err := p.Wait(t.Context())
	if status != 0 || err != nil || output.String() != "last" {
		t.Errorf("status %d, %v, output %q", status, err, output.String())
	}
	daemons := sleepers(number)
	if len(daemons) != 1 {
		t.Errorf("daemons %v; want the one", daemons)
	}
	for _, pid := range daemons {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}

// TestSuicide has a process kill its own group, and its parent's, which is its own too.
func TestSuicide(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{
		"kill -s KILL 0": 137,
		"kill -s TERM 0": 143,
		"sh -c 'kill -s KILL -- -$PPID'; sleep 1": 137,
	} {
		p, err := newRuntime(t).Start(t.Context(), sh(script), container.IO{})
		if err != nil {
			t.Fatal(err)
		}
		if status, err := p.Wait(t.Context()); status != want || err != nil {
			t.Errorf("%s: status %d, %v; want %d", script, status, err, want)
		}
	}
}

// TestNothingLeft counts what hundreds of processes leave open in this one. It runs alone.
func TestNothingLeft(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before, goroutines := count(), runtime.NumGoroutine()
	r, err := host.New(host.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		s := sh("cat; exit 3")
		if i%3 == 0 {
			s.Path = "/no/such/program"
		}
		p, err := r.Start(t.Context(), s, container.IO{Stdin: strings.NewReader("x"), Stdout: io.Discard, Stderr: io.Discard})
		if err != nil {
			continue
		}
		if status, err := p.Wait(t.Context()); status != 3 || err != nil {
			t.Fatalf("status %d, %v", status, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return count() <= before && runtime.NumGoroutine() <= goroutines })
}

func await(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within three minutes")
		}
	}
}

// sleeper is a number of seconds that nobody else sleeps for.
func sleeper() string { return fmt.Sprintf("84%09d", rand.IntN(1e9)) }

func sleepers(number string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if data, _ := os.ReadFile(file); bytes.HasPrefix(data, []byte("sleep\x00"+number+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, pid)
		}
	}
	return pids
}
