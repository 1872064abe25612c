package command_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/command"
)

// TestCheckFails has a check that cannot be made in Check mode: nothing depends on it, so the rest is looked at, and what its
// failure would set off is not said to be due.
func TestCheckFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	broken := &command.Exec{Command: "/bin/sh -c", User: "nobody-of-this-name"}
	list := command.List{
		{ID: "broken", Check: "true", Change: "@", Exec: broken, OnFail: command.Targets{"rescue", "etcha:failed"}},
		{ID: "rescue", Change: "@"},
		{ID: "drifted", Check: "@", Change: "@", OnChange: command.Targets{"after"}},
		{ID: "after", Change: "@"},
		{ID: "always", Always: true, Change: "@"},
	}
	executed, r, err := m.run(nil, list, command.Check)
	if want := "[drifted check]"; fmt.Sprint(executed) != want {
		t.Errorf("executed %q; want %s", executed, want)
	}
	if got, want := strings.Join(states(r), ", "), "broken failed, rescue idle, drifted drifted, after due by drifted, always due"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var failed *command.FailedError
	if !errors.As(err, &failed) || failed.Name != "broken" || len(r.Events) != 0 {
		t.Errorf("%v, %v", err, r.Events)
	}
}

// TestRemoveFails has a remove that fails: what its onFail names has had its turn in the reversed run, and what it names by
// accident, on the wrong side, is not set off. Its event is.
func TestRemoveFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	list := command.List{
		{ID: "first", Check: "true", Remove: "@; true"},
		{ID: "fails", Check: "true", Remove: "@; exit 3", OnFail: command.Targets{"first|last", "etcha:failed"}},
		{ID: "last", Check: "true", Remove: "@; true"},
	}
	executed, r, err := m.run(nil, list, command.Remove)
	if want := "[last remove fails remove]"; fmt.Sprint(executed) != want {
		t.Errorf("executed %q; want %s", executed, want)
	}
	if got, want := strings.Join(states(r), ", "), "last removed, fails failed, first skipped"; got != want || err == nil {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	if got := fmt.Sprint(events(r)); got != `[failed of fails: ""]` {
		t.Error(got)
	}
}

// TestKill kills a script that was asked to end and has an hour for that.
func TestKill(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	kill, killNow := context.WithCancel(t.Context())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	m.Runtime, m.Kill = newHost(t, time.Hour), kill
	p, err := command.Diff(nil, always(`trap 'echo asked; touch asked' TERM; echo >ready; while :; do sleep 0.05 || :; done`), command.Change)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, step := range []struct {
			file string
			then func()
		}{{"ready", stop}, {"asked", killNow}} {
			for ; ; time.Sleep(time.Millisecond) {
				if _, err := os.Stat(filepath.Join(m.dir, step.file)); err == nil || t.Context().Err() != nil {
					break
				}
			}
			step.then()
		}
	}()
	r, err := m.Run(ctx, p)
	if o := r.Outcomes[0]; !errors.Is(err, context.Canceled) || o.State != command.Aborted || o.Change.Exit != 137 || !strings.Contains(o.Change.Output.String(), "asked\n") {
		t.Errorf("%v, %s, %+v", err, o.State, o.Change)
	}
}
