package apart_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/jsonnet/apart"
)

// patient are limits of a test that is not about time: on a busy machine the start of a child alone may take seconds.
var patient = jsonnet.Limits{Time: 5 * time.Minute}

func run(t *testing.T, a jsonnet.Access, l jsonnet.Limits, text string) (string, error) {
	t.Helper()
	files := map[string]string{"/main.jsonnet": text, "/self.jsonnet": "import 'self.jsonnet'"}
	result, err := apart.Run(t.Context(), jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(files)}, a, l)
	return strings.Join(strings.Fields(string(result)), ""), err
}

// TestApartIsTheSame: a child gives what Run gives, errors too, and asks for the same.
func TestApartIsTheSame(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"{ a: 1, b: std.thisFile }",
		"import 'self.jsonnet'",
		"import 'nothing.jsonnet'",
		"import '/etc/shadow'",
		"import '../../x'",
		"{ a: }",
		"error 'oh ' + std.native('getEnv')('TOKEN')",
		"std.native('getConfig')()",
		"[std.native('getEnv')(name, 'unset') for name in ['TOKEN', 'EMPTY', 'UNSET']]",
		"[std.native('getFile')(path, 'x') for path in ['/motd', '/nothing', 'https://h/p#a:b', 'https://h/down']]",
		"std.native('getFile')('/nothing')",
		"[std.native('getCmd')(command, 'x') for command in ['ls', 'false']]",
		"[std.native('getRecord')('txt', name, 'x') for name in ['h', 'nowhere']]",
		"[std.native('getPath')(), std.native('getOS')()]",
		"std.native('getEnv')(key='TOKEN', cache=true) + std.native('getEnv')(key='KEPT', cache=true) + std.native('get')({ a: [1] }, '.a')",
		"std.trace('traced', 1)",
	} {
		var told [2]string
		var results [2]string
		for i, evaluate := range []func(context.Context, jsonnet.Program, jsonnet.Access, jsonnet.Limits) ([]byte, error){jsonnet.Run, apart.Run} {
			var brought []string
			var trace strings.Builder
			cache := cache{"getEnv KEPT": "kept value"}
			access := granted()
			access.Brought = func(value string) { brought = append(brought, value) }
			access.Cache, access.Trace = cache, &trace
			files := map[string]string{"/main.jsonnet": text, "/self.jsonnet": "import 'self.jsonnet'"}
			result, err := evaluate(t.Context(), jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(files)}, access, patient)
			results[i] = fmt.Sprintf("%s %v", result, err)
			kept, err := json.Marshal(cache)
			if err != nil {
				t.Fatal(err)
			}
			told[i] = fmt.Sprintf("%q %s %q", brought, kept, trace.String())
		}
		if results[0] != results[1] || told[0] != told[1] {
			t.Errorf("%s:\nhere  %s %s\napart %s %s", text, results[0], told[0], results[1], told[1])
		}
	}
	got, err := run(t, jsonnet.Access{}, patient, "std.native('getEnv')('PATH')")
	if err == nil || !strings.Contains(err.Error(), "getEnv is closed here") {
		t.Errorf("closed: %s, %v", got, err)
	}
}

// cache is a Cache.
type cache map[string]any

func (c cache) Get(key string) (any, bool) { value, found := c[key]; return value, found }

func (c cache) Put(key string, value any) { c[key] = value }

// granted is an Access with something behind each function.
func granted() jsonnet.Access {
	return jsonnet.Access{
		Config: func() (any, error) {
			return map[string]any{"vars": map[string]any{"a": 1, "host": map[string]any{"ip": "10.0.0.1"}}, "exec": struct {
				Command string `json:"command"`
			}{"/bin/bash"}}, nil
		},
		Env: func(name string) (string, bool) {
			value, set := map[string]string{"TOKEN": "hunter2-hunter2", "EMPTY": "", "SHORT": "xyz"}[name]
			return value, set
		},
		File: func(_ context.Context, path string) ([]byte, error) {
			if path == "/motd" {
				return []byte("hello\n"), nil
			}
			return nil, errors.New("no such file")
		},
		Fetch: func(_ context.Context, r jsonnet.Request) ([]byte, error) {
			if strings.Contains(r.URL, "/down") {
				return nil, errors.New("status 503")
			}
			return json.Marshal(r)
		},
		Command: func(_ context.Context, command string) (string, error) {
			if command == "false" {
				return "", errors.New("exit status 1")
			}
			return "ran " + command, nil
		},
		Record: func(_ context.Context, kind, name string) ([]string, error) {
			if name == "nowhere" {
				return nil, errors.New("no such host")
			}
			return []string{name + " 2", name + " 1", kind}, nil
		},
		Dir: "/srv/patterns",
	}
}

// TestApartLimits: what a stranger's program may try, each ended at its limit, which the error names.
func TestApartLimits(t *testing.T) {
	limits := jsonnet.Limits{Memory: 128 << 20, Time: patient.Time}
	short := limits
	short.Time = 500 * time.Millisecond
	for name, c := range map[string]struct {
		limits jsonnet.Limits
		text   string
		want   string
	}{
		"loops":                {short, "local r = std.range(1, 1000); [1 for a in r for b in r for c in r for d in r if a < 0]", "not evaluated within 500ms (the limit of time)"},
		"loops without end":    {short, "local f(n) = if n == 0 then 0 else f(n - 1) + f(n - 1); f(100)", "not evaluated within 500ms (the limit of time)"},
		"recurses":             {limits, "local f(x) = 1 + f(x + 1); f(0)", "/main.jsonnet:1:18: more than 500 calls within one another (the limit of stack)"},
		"recurses, allowed to": {jsonnet.Limits{Stack: 1 << 30, Memory: 1 << 30, Time: patient.Time}, "local f(x) = 1 + f(x + 1); f(0)", "more than 67108864 bytes of stack (the limit of stack)"},
		"imports itself":       {limits, "import 'self.jsonnet'", "/self.jsonnet:1:1: more than 500 calls within one another (the limit of stack)"},
		"nested text":          {limits, strings.Repeat("[", 1<<20), "/main.jsonnet: its expressions nest more than 20000 deep (the limit of nesting)"},
		"a text of 1 GB":       {limits, "std.repeat('0123456789abcdef', 67108864)", "more than 134217728 bytes of memory (the limit of memory)"},
		"a text that doubles":  {limits, "std.foldl(function(a, b) a + a, std.range(1, 30), 'x')", "limit of memory)"},
		"a list of 1 GB":       {limits, "std.makeArray(100000000, function(i) i)", "more than 134217728 bytes of memory (the limit of memory)"},
		"a long result":        {jsonnet.Limits{Bytes: 1000, Time: patient.Time}, "std.repeat('x', 2000)", "/main.jsonnet: the result has 2003 bytes; at most 1000 are taken (the limit of bytes)"},
		"a template of 1 GB":   {jsonnet.Limits{Bytes: 1 << 20, Time: patient.Time}, `std.native('renderTemplate')('{{ range 100000000 }}0123456789{{ end }}', {})`, "(the limit of bytes)"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			got, err := run(t, jsonnet.Access{}, c.limits, c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) || !jsonnet.IsError(err) || !strings.HasPrefix(err.Error(), "/main.jsonnet") && !strings.HasPrefix(err.Error(), "/self.jsonnet") {
				t.Errorf("got %.100s, %v; want %s", got, err, c.want)
			}
			if c.limits == short && time.Since(start) > patient.Time { // neither program would ever end by itself
				t.Errorf("it took %s", time.Since(start))
			}
			t.Logf("%s: %v", time.Since(start), err)
		})
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage); err != nil {
		t.Fatal(err)
	}
	if most := int64(128+64+64) << 10; usage.Maxrss > most && !apart.RaceDetector { // the limit, the margin, and what of the binary is in memory
		t.Errorf("a child had %d KiB; want at most %d", usage.Maxrss, most)
	}
}

func TestApartContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	access := jsonnet.Access{Env: func(string) (string, bool) { cancel(); return "", true }}
	program := jsonnet.Program{Entrypoint: "/m", Import: jsonnet.Memory(map[string]string{"/m": "local f(x) = f(x + 1) tailstrict; if std.native('getEnv')('X') == '' then f(0) else 1"})}
	if _, err := apart.Run(ctx, program, access, patient); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestApartFiles: what a stranger's program may import of the disk, and that nothing waits.
func TestApartFiles(t *testing.T) {
	t.Parallel()
	directory, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(directory, "a/root")
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{filepath.Join(directory, "x"): "outside", filepath.Join(root, "lib"): "'inside'"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"out": "../../x", "in": "lib"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(root, "main.jsonnet")
	for text, want := range map[string]string{
		"import 'in'":               "",
		"import '/etc/shadow'":      `couldn't open import "/etc/shadow": "/etc/shadow" lies outside the directory of the program and its libraries`,
		"importstr '../../x'":       `couldn't open import "../../x": "` + directory + `/x" lies outside the directory of the program and its libraries`,
		"importstr 'out'":           `couldn't open import "out": "` + root + `/out" lies outside the directory of the program and its libraries`,
		"importbin 'fifo'":          `couldn't open import "fifo": it is a named pipe, not a regular file`,
		"importstr '.'":             `couldn't open import ".": it is a directory`,
		"importstr '/proc/self/fd'": `couldn't open import "/proc/self/fd": "/proc/self/fd" lies outside the directory of the program and its libraries`,
	} {
		if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := apart.Run(t.Context(), jsonnet.Program{Entrypoint: main, Import: jsonnet.Disk(root)}, jsonnet.Access{}, patient)
		if want == "" {
			if err != nil || string(got) != "\"inside\"\n" {
				t.Errorf("%s: got %s, %v", text, got, err)
			}
			continue
		}
		if err == nil || err.Error() != main+":1:1: "+want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
}

// victim is a process that evaluates without end, in a child, and says when that has begun.
func victim() {
	access := jsonnet.Access{Env: func(string) (string, bool) { fmt.Println("ready"); return "", true }}
	program := jsonnet.Program{Entrypoint: "/m", Import: jsonnet.Memory(map[string]string{"/m": "local f(n) = if n == 0 then 0 else f(n - 1) + f(n - 1); if std.native('getEnv')('X') == '' then f(100) else 1"})}
	_, err := apart.Run(context.Background(), program, access, jsonnet.Limits{Time: time.Hour})
	fmt.Println(err)
}

// TestApartDiesWithItsParent kills a process that waits for its child, and sees the child end.
func TestApartDiesWithItsParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command("/proc/self/exe")
	parent.Env = append(os.Environ(), victimVariable+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the victim says %q, %v", line, err)
	}
	child := childOf(t, parent.Process.Pid)
	handle, err := unix.PidfdOpen(child, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(handle)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = parent.Process.Wait()
	n, err := 0, error(unix.EINTR)
	for err == unix.EINTR { // as Go's scheduler does
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, int(patient.Time.Milliseconds()))
	}
	if n != 1 {
		_ = unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0)
		t.Errorf("the child lives on: %v", err)
	}
}

// childOf is the only child of a process, which is named and has nothing to inherit.
func childOf(t *testing.T, parent int) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stats {
		stat, _ := os.ReadFile(name)
		_, rest, _ := strings.Cut(string(stat), ") ")
		var state string
		var pid, of int
		if _, err := fmt.Sscan(rest, &state, &of); err != nil || of != parent {
			continue
		}
		if _, err := fmt.Sscan(string(stat), &pid); err != nil {
			t.Fatal(err)
		}
		directory := filepath.Dir(name)
		command, err := os.ReadFile(filepath.Join(directory, "cmdline"))
		if err != nil || string(command) != "writ-jsonnet\x00" {
			t.Errorf("the child is %q, %v", command, err)
		}
		environ, err := os.ReadFile(filepath.Join(directory, "environ"))
		if err != nil || string(environ) != "GOTRACEBACK=none\x00" {
			t.Errorf("the child's environment is %q, %v", environ, err)
		}
		return pid
	}
	t.Fatal("there is no child")
	return 0
}

func TestMainPlaysOnlyTheChild(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"writ"}, {"/usr/bin/writ", "writ-jsonnet"}, {""}} {
		if status, played := apart.Main(args); played || status != 0 {
			t.Errorf("%q was played", args)
		}
	}
}
