package library_test

import (
	"bytes"

	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-jsonnet/formatter"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/test/program"
)

// patient are limits of a test that is not about time, which a busy machine takes far more of.
var patient = jsonnet.Limits{Time: 5 * time.Minute}

// evaluate evaluates a text that lies beside the test Patterns.
func evaluate(t testing.TB, text string, access jsonnet.Access) []byte {
	t.Helper()
	out, err := attempt(t, text, access)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return out
}

func attempt(t testing.TB, text string, access jsonnet.Access) ([]byte, error) {
	t.Helper()
	file := filepath.Join("testdata", "text.jsonnet")
	return jsonnet.Run(t.Context(), jsonnet.Program{Entrypoint: file, Import: jsonnet.Text(file, []byte(text), jsonnet.Disk(""))}, access, patient)
}

// commands evaluates a text that gives a Command or a list of them.
func commands(t testing.TB, text string) command.List {
	t.Helper()
	var list command.List
	if err := json.Unmarshal(evaluate(t, "["+text+"]", jsonnet.Access{}), &list); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return list
}

// scripts are those of Commands, by what they are.
func scripts(list command.List) map[string]string {
	all := map[string]string{}
	for _, c := range list {
		for kind, script := range map[string]string{"check": c.Check, "change": c.Change, "remove": c.Remove} {
			if script != "" {
				all[c.ID+": "+kind] = script
			}
		}
	}
	return all
}

// TestFormatted: each file is as the formatter leaves it, and says first what it is for.
func TestFormatted(t *testing.T) {
	t.Parallel()
	var files []string
	for _, pattern := range []string{"writ/*", "skeleton/*sonnet", "testdata/*sonnet"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 20 {
		t.Fatalf("only %q", files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		formatted, err := formatter.Format(file, string(text), formatter.DefaultOptions())
		if err != nil {
			t.Error(err)
		}
		if string(text) != formatted {
			if os.Getenv("WRIT_UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, []byte(formatted), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			t.Errorf("%s is not formatted; with WRIT_UPDATE_GOLDEN=1 this test formats it", file)
		}
		if !bytes.HasPrefix(text, []byte("// ")) {
			t.Errorf("%s does not begin with a comment", file)
		}
		if head, _, _ := strings.Cut(string(text), "\nlocal "); strings.HasPrefix(file, "writ/") && !strings.Contains(head, "\n// Limits: ") {
			t.Errorf("%s does not say its limits", file)
		}
	}
}

// TestShellcheck: every script of every test Pattern is clean, for a plain shell as for bash.
func TestShellcheck(t *testing.T) {
	t.Parallel()
	shellcheck := program.Find(t, "shellcheck")
	checked := 0
	for _, example := range examples {
		for name, script := range scripts(commands(t, strings.ReplaceAll(example, "MARK", "mark"))) {
			for _, dialect := range []string{"sh", "bash"} {
				check := exec.CommandContext(t.Context(), shellcheck, "--shell", dialect, "--norc", "-")
				check.Stdin = strings.NewReader(script)
				if output, err := check.CombinedOutput(); err != nil {
					t.Errorf("%s for %s: %v\n%s", name, dialect, err, output)
				}
				checked++
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d scripts", checked)
	}
}
