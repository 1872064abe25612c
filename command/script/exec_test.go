package script_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/container"
)

func TestExecValidate(t *testing.T) {
	t.Parallel()
	if err := script.DefaultExec().Validate("runExec"); err != nil {
		t.Error(err)
	}
	if err := (script.Exec{ContainerNetwork: "x"}).Validate("runExec"); err == nil || err.Error() != `runExec.containerNetwork: "x": want host, none, or nothing for the runtime's own` {
		t.Error(err)
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	outer, inner := script.DefaultExec(), script.Exec{Command: "sh -c", Env: map[string]string{"A": "b"}}
	outer.Env = map[string]string{"PAT": "x"}
	if got, allowed := outer.Override(&inner); !allowed || got.Command != "sh -c" || got.EnvInherit || got.AllowOverride || got.Env["PAT"] != "" {
		t.Errorf("%+v, %v; want the inner one and nothing of the outer", got, allowed)
	}
	if got, allowed := inner.Override(&outer); allowed || got.Command != "sh -c" {
		t.Errorf("%+v, %v; want the one that allows no other", got, allowed)
	}
	if got, allowed := inner.Override(nil); !allowed || got.Command != "sh -c" {
		t.Errorf("%+v, %v; want the only one", got, allowed)
	}
}

// TestDecode: an Exec is read strictly, and both spellings of envInherit are.
func TestDecode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]script.Exec{
		`{"command":"sh -c","envInheirt":true}`:              {Command: "sh -c", EnvInherit: true},
		`{"envInherit":true,"envInheirt":true,"user":"web"}`: {EnvInherit: true, User: "web"},
		`{"envInherit":false}`:                               {},
	} {
		var got script.Exec
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		`{"envInherit":false,"envInheirt":true}`: "envInherit and envInheirt are one property, and differ",
		`{"comand":"sh"}`:                        `comand: unknown property; did you mean "command"?`,
		`{"env":["A"]}`:                          "env: is a list; want an object",
	} {
		var got script.Exec
		if err := json.Unmarshal([]byte(text), &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

// TestSpec: what is started on the machine itself, and that a long value is a file until Close.
func TestSpec(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	s := script.Starter{Env: map[string]string{"EVENT": "e"}, Environ: []string{"A=inherited", "B=inherited"}, Dir: directory}
	shell := script.Exec{Command: "sh -e -c", Env: map[string]string{"B": "own"}, EnvInherit: true, WorkDir: "/srv"}
	_, spec, err := s.Spec(t.Context(), shell, "echo $A $B", map[string]string{"OUT": "out", "LONG": strings.Repeat("x", 96<<10+1)})
	if err != nil {
		t.Fatal(err)
	}
	long := spec.Env[len(spec.Env)-2]
	want := container.Spec{Path: "sh", Args: []string{"-e", "-c", "echo $A $B"}, Dir: "/srv", Env: []string{"A=inherited", "B=inherited", "B=own", "EVENT=e", long, "OUT=out"}}
	if !reflect.DeepEqual(spec, want) {
		t.Errorf("got %+v; want %+v", spec, want)
	}
	path, is := strings.CutPrefix(long, "LONG_FILE="+directory+string(filepath.Separator))
	if text, err := os.ReadFile(filepath.Join(directory, path)); !is || err != nil || len(text) != 96<<10+1 {
		t.Errorf("%s: %d bytes, %v", long, len(text), err)
	}
	if _, spec, err := s.Spec(t.Context(), script.Exec{}, "echo $EVENT ${NONE} $OUT", map[string]string{"OUT": "two words"}); err != nil || !reflect.DeepEqual(append([]string{spec.Path}, spec.Args...), []string{"echo", "e", "${NONE}", "two words"}) {
		t.Errorf("%+v, %v", spec, err)
	}
	if _, _, err := s.Spec(t.Context(), script.Exec{ContainerImage: "x"}, "true", nil); err == nil || err.Error() != `containerImage "x": there are no containers here` {
		t.Errorf("a container: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
