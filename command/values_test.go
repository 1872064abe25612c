package command_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/command/script"
)

// TestLongValue puts 200 KiB into a private file for whoever is to read it, which is gone after the run.
func TestLongValue(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	read := `test -z "${P+x}$P_CHECK_OUT" && test "$(wc -c <"$P_FILE")" = 204800 && cmp "$P_FILE" "$P_CHECK_OUT_FILE" && stat -c '%U %a' "$P_FILE" "$(dirname "$P_FILE")" && echo "$P_FILE" && echo "$ETCHA_EVENT_OUTPUT_FILE"`
	m.Env = map[string]string{"ETCHA_EVENT_OUTPUT": strings.Repeat("y", 100<<10)}
	list := command.List{
		{ID: "long", EnvPrefix: "P", Check: "head -c 204800 /dev/zero | tr '\\0' x; echo"},
		{ID: "reader", Always: true, Change: read},
		{ID: "again", Always: true, Change: read},
		{ID: "short", EnvPrefix: "P", Check: "echo short"},
		{ID: "last", Always: true, Change: `test "$P" = short && test -z "${P_FILE+x}"`},
	}
	user := "root"
	if os.Geteuid() == 0 {
		user = "nobody"
		list[1].Exec = &command.Exec{Command: "/bin/sh -e -c", EnvInherit: true, User: user}
	}
	if err := os.Chmod(m.Dir, 0o711); err != nil {
		t.Fatal(err)
	}
	for parent := filepath.Dir(m.Dir); parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	_, r, err := m.run(nil, list, command.Change)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.Outcomes[1].Change.Output.String())
	}
	lines := strings.Split(r.Outcomes[1].Change.Output.String(), "\n")
	if os.Geteuid() == 0 && (lines[0] != user+" 400" || lines[1] != "root 711") {
		t.Errorf("%q", lines)
	}
	for _, o := range r.Outcomes[1:3] {
		for _, path := range strings.Split(strings.TrimSpace(o.Change.Output.String()), "\n")[2:] {
			if _, err := os.Stat(path); !filepath.IsAbs(path) || !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%q outlives the run: %v", path, err)
			}
		}
	}
	if left, err := os.ReadDir(m.Dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestLongValueOfRoots has another user's script wait with a link where root is about to write that user's next long value.
func TestLongValueOfRoots(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root writes for others")
	}
	m := newMachine(t)
	for parent := m.Dir; parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	victim := filepath.Join(m.Dir, "victim")
	if err := os.WriteFile(victim, []byte("root's"), 0o600); err != nil {
		t.Fatal(err)
	}
	nobody := &command.Exec{Command: "/bin/sh -e -c", EnvInherit: true, User: "nobody"}
	const long = "head -c 102400 /dev/zero | tr '\\0' x"
	list := command.List{
		{ID: "one", EnvPrefix: "A", Always: true, Change: long},
		{ID: "link", Always: true, Exec: nobody, Change: `cd "$(dirname "$A_CHANGE_OUT_FILE")"; for i in 0 1 2 3 4; do ln -s ` + victim + ` B_CHANGE_OUT.$i || echo refused; done`},
		{ID: "two", EnvPrefix: "B", Always: true, Change: long + "; printf yyy"},
		{ID: "three", EnvPrefix: "C", Always: true, Exec: nobody, Change: `tail -c 3 "$B_CHANGE_OUT_FILE"`},
	}
	_, r, err := m.run(nil, list, command.Change)
	if err != nil {
		t.Error(err)
	}
	info, err := os.Stat(victim)
	if text, wrong := os.ReadFile(victim); err != nil || wrong != nil || string(text) != "root's" || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("root wrote through the link: %.20q, %v, %v", text, wrong, err)
	}
	if got := r.Outcomes[3].Change.Output.String(); got != "yyy" {
		t.Errorf("the value: %q", got)
	}
}

// TestSweep removes what a killed run left, and nothing of one that lives.
func TestSweep(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	left := filepath.Join(m.Dir, "writ-values-1", "own")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "P.0"), []byte("secret"), 0o400); err != nil {
		t.Fatal(err)
	}
	m.Done = func(o command.Outcome) {
		if o.ID == "first" {
			if err := script.Sweep(m.Dir); err != nil {
				t.Error(err)
			}
		}
	}
	list := command.List{
		{ID: "long", EnvPrefix: "P", Always: true, Change: "head -c 102400 /dev/zero | tr '\\0' x"},
		{ID: "first", Always: true, Change: `wc -c <"$P_CHANGE_OUT_FILE"`},
		{ID: "second", Always: true, Change: `wc -c <"$P_CHANGE_OUT_FILE"`},
	}
	_, r, err := m.run(nil, list, command.Change)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Outcomes[2].Change.Output.String(); got != "102400\n" {
		t.Errorf("%q", got)
	}
	if left, err := os.ReadDir(m.Dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
