package trial_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/container/host"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/trial"
)

// newRunner has a Runner whose Commands run in a new directory.
func newRunner(t testing.TB) command.Runner {
	t.Helper()
	runtime, err := host.New(host.Config{KillGrace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runtime.Close(); err != nil {
			t.Error(err)
		}
	})
	exec := script.DefaultExec()
	exec.WorkDir = t.TempDir()
	return command.Runner{Runtime: runtime, Exec: exec, Dir: t.TempDir(), Source: "test"}
}

// file is a Command that is as it should be.
func file(name string) command.Command {
	return command.Command{ID: name, Check: "test -e " + name, Change: "touch " + name, Remove: "rm " + name}
}

func with(c command.Command, edit func(*command.Command)) command.Command {
	edit(&c)
	return c
}

// verdicts are a report in short: ID VERDICT, and of a failure also PHASE SCRIPT.
func verdicts(r trial.Report) (all []string) {
	for _, c := range r.Cases {
		text := c.Name() + " " + string(c.Verdict)
		if c.Verdict == trial.Failed {
			text += fmt.Sprintf(" %d %s", c.Phase, c.Script)
		}
		all = append(all, text)
	}
	return all
}

// TestVerdicts has a list for each thing that can be told of a Command, and for how a trial ends.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	group := command.Command{ID: "g", Commands: command.List{file("a"), file("b")}}
	for name, test := range map[string]struct {
		list   command.List
		only   string
		want   []string
		reason string // of the first that has one
		output string // of the first that has one
	}{
		"good":        {list: command.List{file("a"), file("b")}, want: []string{"a tested", "b tested"}},
		"groups":      {list: command.List{file("c"), group, file("d")}, want: []string{"c tested", "g > a tested", "g > b tested", "d tested"}},
		"only":        {list: command.List{file("c"), group, file("d")}, only: "b|d", want: []string{"g > b tested", "d tested"}},
		"only groups": {list: command.List{file("c"), group, file("d")}, only: "g", want: []string{"g > a tested", "g > b tested"}},
		"change fails": {list: command.List{file("a"), with(file("b"), func(c *command.Command) { c.Change = "echo broken; exit 3" }), file("c")},
			want: []string{"a unknown", "b failed 1 change", "c unknown"}, reason: "the trial ended", output: "broken\n"},
		"change does nothing": {list: command.List{file("a"), with(file("b"), func(c *command.Command) { c.Check, c.Change = "echo no b; test -e b", "true" })},
			want: []string{"a tested", "b failed 2 check"}, reason: "not idempotent: after its change", output: "no b\n"},
		"another one undoes it": {list: command.List{{ID: "a", Check: "test ! -e b", Change: "rm b", Remove: "true"}, with(file("b"), func(c *command.Command) { c.OnChange = command.Targets{"touch"} }), {ID: "touch", Change: "touch b"}},
			want: []string{"a failed 2 check", "b tested", "touch untested"}, reason: "not idempotent: its check found nothing"},
		"remove fails": {list: command.List{file("a"), with(file("b"), func(c *command.Command) { c.Remove = "echo stuck >&2; exit 1" }), file("c")},
			want: []string{"a unknown", "b failed 3 remove", "c unknown"}, reason: "the trial ended", output: "stuck\n"},
		"remove does nothing": {list: command.List{file("a"), with(file("b"), func(c *command.Command) { c.Remove = "echo done" })},
			want: []string{"a tested", "b failed 4 remove"}, reason: "not undone", output: "done\n"},
		"no remove": {list: command.List{file("a"), with(file("b"), func(c *command.Command) { c.Remove = "" })},
			want: []string{"a tested", "b partly"}, reason: "it has no remove, and what it changed stays"},
		"no remove, undone": {list: command.List{{ID: "d", Check: "test -d d", Change: "mkdir d", Remove: "rm -r d"}, {ID: "f", Check: "test -e d/f", Change: "touch d/f"}},
			want: []string{"d tested", "f partly"}, reason: "it has no remove: that of another"},
		"undone by a later one": {list: command.List{file("a"), {ID: "b", Check: "test -e b", Change: "touch b", Remove: "rm a b"}},
			want: []string{"a partly", "b tested"}, reason: "its remove never ran"},
		"as it should be":        {list: command.List{{ID: "a", Check: "true", Change: "exit 1", Remove: "true"}}, want: []string{"a untested"}, reason: "it was as it should be before: its change never ran"},
		"as it should be, ran":   {list: command.List{with(file("a"), func(c *command.Command) { c.OnChange = command.Targets{"b"} }), {ID: "b", Check: "true", Change: "true"}}, want: []string{"a tested", "b untested"}, reason: "it was as it should be before: its change only ran since a set it off"},
		"always":                 {list: command.List{{ID: "a", Always: true, Check: "exit 9", Change: "true", Remove: "true"}}, want: []string{"a untested"}, reason: "it always changes"},
		"always fails":           {list: command.List{{ID: "a", Always: true, Change: "exit 9"}}, want: []string{"a failed 1 change"}, reason: "exit status 9"},
		"always is not removed":  {list: command.List{{ID: "a", Always: true, Change: "true", Remove: "exit 9"}}, want: []string{"a failed 3 remove"}, reason: "exit status 9"},
		"no check":               {list: command.List{with(file("a"), func(c *command.Command) { c.OnChange = command.Targets{"b"} }), {ID: "b", Change: "true"}, {ID: "c", Change: "exit 1"}}, want: []string{"a tested", "b untested", "c untested"}, reason: "it has no check: it only ran since a set it off"},
		"no change":              {list: command.List{{ID: "a", Check: "exit 1", EnvPrefix: "A"}}, want: []string{"a untested"}, reason: "it has no change"},
		"twice the same id":      {list: command.List{file("a"), {ID: "a", Check: "test -e z", Change: "true"}}, want: []string{"a tested", "a failed 2 check"}, reason: "not idempotent"},
		"check cannot be made":   {list: command.List{{ID: "a", Check: "true", Change: "true", Exec: &command.Exec{Command: "/no/such/shell -c"}}}, want: []string{"a failed 1 check"}, reason: "no such file"},
		"nothing":                {want: nil},
		"nothing runs after it":  {list: command.List{{ID: "a", Check: "test -e a", Change: "exit 1"}, {ID: "b", Always: true, Change: "touch b"}}, want: []string{"a failed 1 change", "b untested"}, reason: "exit status 1"},
		"a rescue is no success": {list: command.List{{ID: "a", Check: "test -e a", Change: "exit 1", OnFail: command.Targets{"b"}}, {ID: "b", Change: "touch a"}}, want: []string{"a failed 1 change", "b untested"}, reason: "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := trial.Trial{Runner: newRunner(t), Only: test.only}.Run(t.Context(), test.list)
			if err != nil {
				t.Fatal(err)
			}
			if got := verdicts(report); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			reason, output := "", ""
			for _, c := range slices.Backward(report.Cases) {
				if (c.Verdict == trial.Tested) != (c.Reason == "") {
					t.Errorf("%s is %s, and its reason %q", c.ID, c.Verdict, c.Reason)
				}
				if c.Reason != "" {
					reason = c.Reason
				}
				if c.Output != "" {
					output = c.Output
				}
			}
			if !strings.Contains(reason, test.reason) || test.reason == "" && reason != "" {
				t.Errorf("reason %q, want %q", reason, test.reason)
			}
			if output != test.output {
				t.Errorf("output %q, want %q", output, test.output)
			}
			if want := strings.Contains(strings.Join(test.want, "\n"), " failed "); report.Failed() != want {
				t.Errorf("failed: %v, want %v", report.Failed(), want)
			}
		})
	}
}

// TestEvents has what build Commands found out, once.
func TestEvents(t *testing.T) {
	t.Parallel()
	c := file("a")
	c.Change += "; echo 1.2"
	c.OnChange, c.OnRemove = command.Targets{"etcha:runVar_version"}, command.Targets{"etcha:gone"}
	report, err := trial.Trial{Runner: newRunner(t)}.Run(t.Context(), command.List{c})
	if err != nil || len(report.Events) != 1 || report.Events[0].Name != "runVar_version" || report.Events[0].Output != "1.2" {
		t.Errorf("%v, %+v", err, report.Events)
	}
}

// TestLongOutput keeps the beginning and the end of what a failing script says.
func TestLongOutput(t *testing.T) {
	t.Parallel()
	report, err := trial.Trial{Runner: newRunner(t)}.Run(t.Context(), command.List{{ID: "a", Always: true, Change: "echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last; exit 1"}})
	if err != nil {
		t.Fatal(err)
	}
	output := report.Cases[0].Output
	if len(output) > 65<<10 || !strings.HasPrefix(output, "first\n") || !strings.HasSuffix(output, "\nlast\n") || !strings.Contains(output, "bytes left out") {
		t.Errorf("%d bytes, %.20q ... %q", len(output), output, output[max(0, len(output)-20):])
	}
}

// TestWrong refuses what cannot be tried before anything runs.
func TestWrong(t *testing.T) {
	t.Parallel()
	runner := newRunner(t)
	for name, test := range map[string]struct {
		list command.List
		only string
		want string
	}{
		"list": {list: command.List{{ID: "a", Always: true, Change: "touch ran", OnChange: command.Targets{"b"}}}, want: `onChange[0]: (of "a") "b": no Command after`},
		"only": {list: command.List{{ID: "a", Always: true, Change: "touch ran"}}, only: "(", want: "missing closing )"},
	} {
		if _, err := (trial.Trial{Runner: runner, Only: test.only}).Run(t.Context(), test.list); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(runner.Exec.WorkDir, "ran")); err == nil {
		t.Error("something ran")
	}
}

// TestAbort ends a trial in the middle: what came before is in the report, and no phase starts any more.
func TestAbort(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	runner := newRunner(t)
	runner.Sink = sink(func(e journal.Entry) error {
		if e.Kind == journal.Output && e.Text == "now" {
			cancel()
		}
		return nil
	})
	list := command.List{file("a"), {ID: "b", Always: true, Change: "echo now; sleep 600"}, file("c")}
	report, err := trial.Trial{Runner: runner}.Run(ctx, list)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if got, want := verdicts(report), []string{"a unknown", "b unknown", "c unknown"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// sink is a journal.Sink.
type sink func(journal.Entry) error

func (s sink) Append(e journal.Entry) error { return s(e) }

// TestJournal tells the phases, and an error of the journal.
func TestJournal(t *testing.T) {
	t.Parallel()
	var notes []string
	runner := newRunner(t)
	runner.Sink = sink(func(e journal.Entry) error {
		if e.Kind == journal.Note {
			notes = append(notes, e.Text)
		}
		return nil
	})
	if _, err := (trial.Trial{Runner: runner}).Run(t.Context(), command.List{file("a")}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"phase 1 of 4: change", "phase 2 of 4: check", "phase 3 of 4: remove", "phase 4 of 4: check"}; !slices.Equal(notes, want) {
		t.Errorf("%q", notes)
	}
	full := errors.New("no space left")
	runner.Sink = sink(func(journal.Entry) error { return full })
	if _, err := (trial.Trial{Runner: runner}).Run(t.Context(), command.List{file("a")}); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}
