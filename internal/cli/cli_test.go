package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/writ-run/writ/jsonnet/apart"
	"github.com/writ-run/writ/key/idle"
	"github.com/writ-run/writ/shell"
)

func TestMain(m *testing.M) {
	if shell.Is(os.Args[0]) {
		os.Exit(Main())
	}
	if status, played := apart.Main(os.Args); played {
		os.Exit(status)
	}
	if status, played := idle.Main(os.Args); played {
		os.Exit(status)
	}
	testscript.Main(tests{m}, map[string]func(){
		"writ": func() { os.Exit(Main()) },
	})
}

// tests are all tests, and what is removed after them.
type tests struct{ *testing.M }

func (t tests) Run() int {
	status := t.M.Run()
	if staticDirectory != "" {
		os.RemoveAll(staticDirectory)
	}
	return status
}

// TestScripts runs testdata/script/VERB_CASE.txtar. WRIT_UPDATE_GOLDEN=1 rewrites what the program printed.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		UpdateScripts:      os.Getenv("WRIT_UPDATE_GOLDEN") != "",
		RequireUniqueNames: true,
		Setup:              setup,
		Cmds:               commands(),
		Condition:          condition,
	})
}

// condition is need:PROGRAM, which holds where the program is there; where it has to be, that it is not fails.
func condition(name string) (bool, error) {
	tool, is := strings.CutPrefix(name, "need:")
	if !is {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	_, err := exec.LookPath(tool)
	if err != nil && os.Getenv("WRIT_TEST_REQUIRE") == "all" {
		return false, err
	}
	return err == nil, nil
}

// TestShell: under the name of a command the binary is that command, before it looks at anything of writ's.
func TestShell(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	for _, name := range []string{"sh", "wc"} {
		if err := os.Symlink(self, filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	process := exec.Command(filepath.Join(directory, "sh"), "-ec", `echo version | wc -c; exit 4`)
	process.Env = []string{"PATH=" + directory}
	output, err := process.CombinedOutput()
	if string(output) != "8\n" || process.ProcessState.ExitCode() != 4 {
		t.Errorf("%v, %q", err, output)
	}
}

// TestVerbs: each is found under the name that it has.
func TestVerbs(t *testing.T) {
	t.Parallel()
	a := &app{}
	for _, one := range a.verbs() {
		if name := one.make().Name(); name != one.name {
			t.Errorf("%s is called %s", one.name, name)
		}
		if found := a.wanted([]string{one.name, "x"}); len(found) != 1 || found[0].name != one.name {
			t.Errorf("%s is not found", one.name)
		}
	}
	for _, arguments := range [][]string{nil, {"--help"}, {"-x", "a=b", "build"}, {"bulid"}} {
		if found := a.wanted(arguments); len(found) != len(a.verbs()) {
			t.Errorf("%q finds %d verbs", arguments, len(found))
		}
	}
}

// setup keeps the developer's own configuration and data out.
func setup(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
	env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, "share"))
	env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
	env.Setenv("TERM", "dumb")
	etcha, err := filepath.Abs(filepath.Join("..", "..", "token", "testdata", "etcha"))
	if err != nil {
		return err
	}
	env.Setenv("ETCHA", etcha)                      // tokens of the real one
	env.Setenv("WRIT_CONTAINER_RUNTIME", "process") // what needs no container is tested without
	return os.MkdirAll(filepath.Join(env.WorkDir, "tmp"), 0o700)
}

// patience bounds every wait for a condition: far more than any machine needs.
const patience = 3 * time.Minute

func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"waitfile":  waitFile,
		"setfile":   setFile,
		"tamper":    tamper,
		"mode":      mode,
		"status":    status,
		"loadimage": loadImage,
		"forge":     forge,
	}
}

// waitFile FILE [TEXT] waits until the file is there and not empty, or holds the text.
func waitFile(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) == 0 || len(arguments) > 2 {
		ts.Fatalf("usage: waitfile FILE [TEXT]")
	}
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(arguments[0]))
		if err == nil && len(text) > 0 && (len(arguments) == 1 || bytes.Contains(text, []byte(arguments[1]))) {
			return
		}
		if time.Since(start) > patience {
			ts.Fatalf("waitfile %s: not there after %s; it holds %q", arguments[0], patience, text)
		}
	}
}

// setFile NAME FILE sets a variable to the first line of a file.
func setFile(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) != 2 {
		ts.Fatalf("usage: setfile NAME FILE")
	}
	line, _, _ := strings.Cut(ts.ReadFile(arguments[1]), "\n")
	ts.Setenv(arguments[0], line)
}

// tamper FROM TO writes a token with one character of its payload changed.
func tamper(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) != 2 {
		ts.Fatalf("usage: tamper FROM TO")
	}
	parts := strings.Split(strings.TrimSpace(ts.ReadFile(arguments[0])), ".")
	if len(parts) != 3 {
		ts.Fatalf("tamper: %s holds no token", arguments[0])
	}
	payload := []byte(parts[1])
	middle := len(payload) / 2
	if payload[middle] == 'A' {
		payload[middle] = 'B'
	} else {
		payload[middle] = 'A'
	}
	parts[1] = string(payload)
	ts.Check(os.WriteFile(ts.MkAbs(arguments[1]), []byte(strings.Join(parts, ".")), 0o600))
}

// status STATUS PROGRAM ARGUMENT... executes, and compares the exit status.
func status(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) < 2 {
		ts.Fatalf("usage: status STATUS PROGRAM ARGUMENT...")
	}
	got := 0
	if err := ts.Exec(arguments[1], arguments[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if want := arguments[0]; strconv.Itoa(got) != want {
		ts.Fatalf("exit status %d, want %s", got, want)
	}
}

// mode PERMISSIONS FILE... compares permissions.
func mode(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) < 2 {
		ts.Fatalf("usage: mode PERMISSIONS FILE...")
	}
	for _, name := range arguments[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := info.Mode().Perm().String(); got != arguments[0] {
			ts.Fatalf("%s is %s, want %s", name, got, arguments[0])
		}
	}
}
