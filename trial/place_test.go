package trial_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/host"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/sysinfo"
	"github.com/writ-run/writ/trial"
)

// played says, in the environment, what a process of these tests is: what calls Inside, or what only says it does.
const played = "WRIT_TEST_TRIAL"

func TestMain(m *testing.M) {
	switch part := os.Getenv(played); part {
	case "":
		os.Exit(m.Run())
	case "inside":
		os.Unsetenv(played)
		rt, err := host.New(host.Config{KillGrace: time.Second})
		if err == nil {
			err = trial.Inside(context.Background(), rt, os.Stdin, os.Stdout)
			rt.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	default:
		fmt.Print(part)
		fmt.Fprint(os.Stderr, strings.Repeat("x", 5000)+" broken\n")
		os.Exit(7)
	}
}

// newPlace has no container, but a process of these tests.
func newPlace(t *testing.T, part string) (trial.Place, command.Exec) {
	t.Helper()
	runner := newRunner(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return trial.Place{Runtime: runner.Runtime, Spec: container.Spec{
		Name: "place", Path: self, Env: []string{played + "=" + part, "PATH=" + os.Getenv("PATH"), "MARK=of the place"},
	}}, runner.Exec
}

// TestPlace makes a trial in another process: rendered for what it is, with its environment, and heard while it goes on.
func TestPlace(t *testing.T) {
	t.Parallel()
	place, exec := newPlace(t, "inside")
	var printed []string
	report, err := place.Try(t.Context(), func(facts sysinfo.Info) (trial.Task, error) {
		if facts.KernelRelease == "" || facts.RuntimeArch == "" {
			t.Errorf("facts %+v", facts)
		}
		stay := with(file("b"), func(c *command.Command) { c.Remove = `printf '\377\n'` })
		first := with(file("a"), func(c *command.Command) {
			c.Change += `; echo "$MARK $TASK"`
			c.OnChange = command.Targets{"etcha:runVar_mark"}
		})
		return trial.Task{Name: "web", Exec: exec, List: command.List{first, {ID: "g", Commands: command.List{stay}}, file("c")}, Only: "a|g", Env: map[string]string{"TASK": "and the task"}, Timeout: int64(time.Minute)}, nil
	}, sink(func(e journal.Entry) error {
		if e.Kind == journal.Output {
			printed = append(printed, e.Job+"/"+e.Step+" "+e.Text)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := verdicts(report), []string{"a tested", "g > b failed 4 remove"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := report.Cases[1].Output; got != "\ufffd\n" {
		t.Errorf("output %q", got)
	}
	if want := []string{"web/a of the place and the task", "web/g > b \ufffd"}; !slices.Equal(printed, want) {
		t.Errorf("printed %q", printed)
	}
	if len(report.Events) != 1 || report.Events[0].Output != "of the place and the task" {
		t.Errorf("events %+v", report.Events)
	}
}

// TestPlaceRefused hands on why there is nothing to try, at once, and whatever is wrong on the way.
func TestPlaceRefused(t *testing.T) {
	t.Parallel()
	wrong := errors.New("it does not evaluate")
	good := func(exec command.Exec) func(sysinfo.Info) (trial.Task, error) {
		return func(sysinfo.Info) (trial.Task, error) {
			return trial.Task{Exec: exec, List: command.List{file("a")}}, nil
		}
	}
	place, exec := newPlace(t, "inside")
	if _, err := place.Try(t.Context(), func(sysinfo.Info) (trial.Task, error) { return trial.Task{}, wrong }, nil); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
	if _, err := place.Try(t.Context(), good(exec), sink(func(journal.Entry) error { return wrong })); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
	_, err := place.Try(t.Context(), func(sysinfo.Info) (trial.Task, error) {
		return trial.Task{Exec: exec, List: command.List{{ID: "a", Always: true, Change: "true", OnChange: command.Targets{"b"}}}}, nil
	}, nil)
	if err == nil || !strings.Contains(err.Error(), "status 2 and no report: ") || !strings.Contains(err.Error(), "no Command after") {
		t.Errorf("a list that is wrong: %v", err)
	}
	missing := place
	missing.Spec.Path = "/no/such/file"
	if _, err := missing.Try(t.Context(), good(exec), nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v", err)
	}
	for said, want := range map[string]string{
		"\n":                                   "not understood",
		"{":                                    "not understood",
		`{"report":{}}` + "\n":                 "out of order",
		`{"facts":{}}` + "\n":                  "ended with status 7 and no report: xxx",
		`{"facts":{}}` + "\n" + `{"facts":{}}`: "out of order",
		`{"facts":{}}` + "\n" + `{}`:           "out of order",
	} {
		place, exec := newPlace(t, said)
		if _, err := place.Try(t.Context(), good(exec), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", said, err, want)
		} else if len(err.Error()) > 5000 {
			t.Errorf("%q: an error of %d bytes", said, len(err.Error()))
		}
	}
}

// TestPlaceAbort ends the process in the middle.
func TestPlaceAbort(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	place, exec := newPlace(t, "inside")
	_, err := place.Try(ctx, func(sysinfo.Info) (trial.Task, error) {
		return trial.Task{Exec: exec, List: command.List{{ID: "a", Always: true, Change: "echo now; sleep 600"}}}, nil
	}, sink(func(e journal.Entry) error {
		if e.Text == "now" {
			cancel()
		}
		return nil
	}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
