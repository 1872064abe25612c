package command_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/container/host"
)

// patience bounds every wait for a condition: far more than any machine needs.
const patience = 3 * time.Minute

// machine is a directory with what Commands do to it.
type machine struct {
	t   testing.TB
	dir string
	command.Runner
}

// newHost starts processes of this machine, which have the grace to end when they are asked to.
func newHost(t testing.TB, grace time.Duration) *host.Runtime {
	t.Helper()
	runtime, err := host.New(host.Config{KillGrace: grace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runtime.Close(); err != nil {
			t.Error(err)
		}
	})
	return runtime
}

// newMachine has a Runner whose Commands run in a new directory.
func newMachine(t testing.TB) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir()}
	m.Runner = command.Runner{Runtime: newHost(t, patience), Exec: script.DefaultExec(), Dir: t.TempDir()}
	m.Exec.WorkDir = m.dir
	return m
}

// traced writes out @ in the scripts of a list: it notes in the file trace what runs, and, where nothing follows it, is a
// Command whose state is a file.
func traced(list command.List) command.List {
	list = slices.Clone(list)
	for i := range list {
		c := &list[i]
		c.Commands = func() command.List {
			if c.Commands == nil {
				return nil
			}
			return traced(c.Commands)
		}()
		file := strings.ReplaceAll(c.ID, " ", "_")
		for mode, script := range map[string]*string{"check": &c.Check, "change": &c.Change, "remove": &c.Remove} {
			rest, is := strings.CutPrefix(*script, "@")
			if !is {
				continue
			}
			if rest == "" {
				rest = map[string]string{"check": "; test -e " + file, "change": "; touch " + file, "remove": "; rm -f " + file}[mode]
			}
			*script = fmt.Sprintf("echo '%s %s' >>trace%s", c.ID, mode, rest)
		}
	}
	return list
}

// run runs what two lists differ in and returns what was executed.
func (m *machine) run(old, list command.List, mode command.Mode) ([]string, command.Result, error) {
	m.t.Helper()
	p, err := command.Diff(traced(old), traced(list), mode)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.plan(p)
}

func (m *machine) plan(p command.Plan) ([]string, command.Result, error) {
	m.t.Helper()
	trace := filepath.Join(m.dir, "trace")
	os.Remove(trace)
	result, err := m.Run(m.t.Context(), p)
	data, _ := os.ReadFile(trace)
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), result, err
}

// states are a result's as text.
func states(r command.Result) (all []string) {
	for _, o := range r.Outcomes {
		text := o.Name() + " " + string(o.State)
		if o.By != "" {
			text += " by " + o.By
		}
		all = append(all, text)
	}
	return all
}

// events are a result's as text.
func events(r command.Result) (all []string) {
	for _, e := range r.Events {
		all = append(all, fmt.Sprintf("%s of %s: %q", e.Name, e.Command, e.Output))
	}
	return all
}

// phase is what a mode is expected to do.
type phase struct {
	mode     command.Mode
	executed string // comma-separated
	states   string
	events   string
	fails    string // in the error; empty: there is none
}

// TestModes runs lists in one mode after another: as observed on Etcha where it does the same, and as decided where Etcha
// fires nothing (onRemove) or leaves it open.
func TestModes(t *testing.T) {
	t.Parallel()
	const change, check, remove = command.Change, command.Check, command.Remove
	for name, c := range map[string]struct {
		list   string
		phases []phase
	}{
		"a Command": {`[{"id":"a","check":"@","change":"@","remove":"@"}]`, []phase{
			{mode: change, executed: "a check,a change", states: "a changed"},
			{mode: change, executed: "a check", states: "a well"},
			{mode: check, executed: "a check", states: "a well"},
			{mode: remove, executed: "a check,a remove", states: "a removed"},
			{mode: remove, executed: "a check", states: "a well"},
			{mode: check, executed: "a check", states: "a drifted"}}},
		"set off by a regular expression, in turn": {`[{"id":"first","check":"@","change":"@","remove":"@","onChange":["svc .*","etcha:done"]},{"id":"second","check":"@","change":"@","remove":"@"},{"id":"svc a","change":"@"},{"id":"svc b","change":"@","onChange":"last"},{"id":"untouched","change":"@"},{"id":"last","change":"@; echo out"}]`, []phase{
			{mode: check, executed: "first check,second check", states: "first drifted,second drifted,svc a due by first,svc b due by first,untouched idle,last due by svc b"},
			{mode: change, executed: "first check,first change,second check,second change,svc a change,svc b change,last change", states: "first changed,second changed,svc a changed by first,svc b changed by first,untouched idle,last changed by svc b", events: `done of first: ""`},
			{mode: change, executed: "first check,second check", states: "first well,second well,svc a idle,svc b idle,untouched idle,last idle"},
			{mode: check, executed: "first check,second check", states: "first well,second well,svc a idle,svc b idle,untouched idle,last idle"},
			{mode: remove, executed: "second check,second remove,first check,first remove", states: "last idle,untouched idle,svc b idle,svc a idle,second removed,first removed"}}},
		"always": {`[{"id":"a","always":true,"check":"@","change":"@","remove":"@","onChange":"b"},{"id":"b","change":"@"}]`, []phase{
			{mode: check, executed: "", states: "a due,b due by a"},
			{mode: change, executed: "a change,b change", states: "a changed,b changed by a"},
			{mode: change, executed: "a change,b change", states: "a changed,b changed by a"},
			{mode: remove, executed: "a remove", states: "b idle,a removed"}}},
		"always, with nothing to remove": {`[{"id":"a","always":true,"change":"@"}]`, []phase{
			{mode: remove, executed: "", states: "a idle"}}},
		"set off although its check passes": {`[{"id":"a","check":"@; false","change":"@","onChange":"b"},{"id":"b","check":"@; true","change":"@"},{"id":"c","check":"@; true","change":"@"}]`, []phase{
			{mode: check, executed: "a check,b check,c check", states: "a drifted,b due by a,c well"},
			{mode: change, executed: "a check,a change,b check,b change,c check", states: "a changed,b changed by a,c well"}}},
		"no change": {`[{"id":"a","check":"@; false","onChange":["b","etcha:x"]},{"id":"b","change":"@"},{"id":"c","always":true}]`, []phase{
			{mode: change, executed: "a check", states: "a drifted,b idle,c idle"},
			{mode: check, executed: "a check", states: "a drifted,b idle,c idle"},
			{mode: remove, executed: "a check", states: "c idle,b idle,a well"}}},
		"no remove": {`[{"id":"a","check":"@; true","onRemove":"etcha:x"}]`, []phase{
			{mode: remove, executed: "a check", states: "a idle"}}},
		"a failure skips the rest": {`[{"id":"a","check":"@; false","change":"@; echo why >&2; exit 3","onChange":"b","onFail":["d|c","etcha:failed"]},{"id":"b","change":"@"},{"id":"c","change":"@","onChange":"e"},{"id":"d","check":"@; true","change":"@"},{"id":"e","check":"@; false","change":"@"},{"id":"f","always":true,"change":"@","onChange":"g"},{"id":"g","change":"@"}]`, []phase{
			{mode: change, executed: "a check,a change,c change,d check,d change,f change", states: "a failed,b skipped,c changed by a,d changed by a,e skipped by c,f changed,g skipped by f", events: `failed of a: "why"`, fails: `command "a": change: exit status 3`},
			{mode: check, executed: "a check,d check,e check", states: "a drifted,b due by a,c idle,d well,e drifted,f due,g due by f"}}},
		"a failure of what a failure set off": {`[{"id":"a","always":true,"change":"@; false","onFail":"b"},{"id":"b","change":"@; false","onFail":"c"},{"id":"c","change":"@"},{"id":"d","change":"@"}]`, []phase{
			{mode: change, executed: "a change,b change,c change", states: "a failed,b failed by a,c changed by b,d skipped", fails: "command \"a\": change: exit status 1\ncommand \"b\": change: exit status 1"}}},
		"a failing remove": {`[{"id":"a","check":"@","change":"@","remove":"@"},{"id":"b","check":"@","change":"@","remove":"@; exit 4","onRemove":"a","onFail":["c","etcha:f"]},{"id":"c","check":"@","change":"@","remove":"@"}]`, []phase{
			{mode: change, executed: "a check,a change,b check,b change,c check,c change", states: "a changed,b changed,c changed"},
			{mode: remove, executed: "c check,c remove,b check,b remove", states: "c removed,b failed,a skipped", events: `f of b: ""`, fails: `command "b": remove: exit status 4`}}},
		"onRemove": {`[{"id":"reload","remove":"@; echo reloaded"},{"id":"kept","check":"@; false","remove":"@"},{"id":"a","check":"@","change":"@","remove":"@; echo bye","onRemove":["reload","kep.","etcha:gone"]}]`, []phase{
			{mode: remove, executed: "a check,kept check", states: "a well,kept well,reload idle"},
			{mode: change, executed: "kept check,a check,a change", states: "reload idle,kept drifted,a changed"},
			{mode: remove, executed: "a check,a remove,kept check,kept remove,reload remove", states: "a removed,kept removed by a,reload removed by a", events: `gone of a: "bye"`}}},
		"groups": {`[{"id":"a","check":"@; false","change":"@","onChange":".*"},{"id":"g","commands":[{"id":"b","check":"@; false","change":"@","onChange":".*"},{"id":"c","change":"@"}]},{"id":"h","commands":[{"id":"d","change":"@"},{"id":"i","commands":[{"id":"e","always":true,"change":"@; false","onFail":"f"},{"id":"f","change":"@"}]},{"id":"j","change":"@"},{"id":"k","always":true,"change":"@"}]},{"id":"l","change":"@"},{"id":"m","commands":[{"id":"n","always":true,"change":"@"}]}]`, []phase{
			{mode: change, executed: "a check,a change,b check,b change,c change,e change,f change,k change,n change", states: "a changed,g > b changed,g > c changed by b,h > d idle,h > i > e failed,h > i > f changed by e,h > j skipped,h > k changed,l skipped by a,m > n changed", fails: `command "h > i > e": change: exit status 1`},
			{mode: remove, executed: "b check,a check", states: "m > n idle,l idle,h > k idle,h > j idle,h > i > f idle,h > i > e idle,h > d idle,g > c idle,g > b well,a well"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, list := newMachine(t), read(t, c.list)
			for i, want := range c.phases {
				m.expect(fmt.Sprintf("%d, %s", i, want.mode), nil, list, want)
			}
		})
	}
}

// TestDiffRuns runs the difference of two lists on a machine on which the first one ran.
func TestDiffRuns(t *testing.T) {
	t.Parallel()
	const change, check = command.Change, command.Check
	for name, c := range map[string]struct {
		old, list string
		look, run phase
	}{
		"gone and edited": {
			`[{"id":"a","check":"@","change":"@","remove":"@"},{"id":"b","check":"@","change":"@","remove":"@"},{"id":"c","check":"@","change":"@","remove":"@"}]`,
			`[{"id":"c","check":"@","change":"@","remove":"@"},{"id":"b","check":"@","change":"@ ; touch b","remove":"@"}]`,
			phase{executed: "b check,a check,c check,b check", states: "b drifted,a drifted,c well,b well"},
			phase{executed: "b check,b remove,a check,a remove,c check,b check,b change", states: "b removed,a removed,c well,b changed"}},
		"an old check that fails keeps its remove from running": {
			`[{"id":"a","check":"@; false","change":"@","remove":"@"}]`, `[{"id":"a","check":"@","change":"@ ; touch a","remove":"@"}]`,
			phase{executed: "a check,a check", states: "a well,a well"}, phase{executed: "a check,a check", states: "a well,a well"}},
		"removed after": {
			`[{"id":"a","check":"@","change":"@","remove":"@"},{"id":"b","check":"@","change":"@","remove":"@","removeAfter":true}]`, `[{"id":"c","check":"@","change":"@"}]`,
			phase{executed: "a check,c check,b check", states: "a drifted,c drifted,b drifted"},
			phase{executed: "a check,a remove,c check,c change,b check,b remove", states: "a removed,c changed,b removed"}},
		"ignored": {
			`[{"id":"a","check":"@","change":"@","remove":"@"}]`, `[{"id":"a","check":"@","change":"@ ; touch a","changeIgnore":true}]`,
			phase{executed: "a check", states: "a well"}, phase{executed: "a check", states: "a well"}},
		"what stays is set off where it holds nothing": {
			`[{"id":"reload","remove":"@"},{"id":"state","check":"@","change":"@","remove":"@"},{"id":"unit","check":"@","change":"@","remove":"@","onRemove":".*"}]`,
			`[{"id":"reload","remove":"@"},{"id":"state","check":"@","change":"@","remove":"@"}]`,
			phase{executed: "unit check,state check", states: "unit drifted,reload due by unit,reload idle,state well"},
			phase{executed: "unit check,unit remove,reload remove,state check", states: "unit removed,reload removed by unit,reload idle,state well"}},
		"and once by each removal": {
			`[{"id":"reload","remove":"@"},{"id":"late","check":"@; false","remove":"@","removeAfter":true,"onRemove":"reload"},{"id":"unit","check":"@","change":"@","remove":"@","onRemove":"reload"}]`,
			`[{"id":"reload","remove":"@"}]`,
			phase{executed: "unit check,late check", states: "unit drifted,reload due by unit,reload idle,late well"},
			phase{executed: "unit check,unit remove,reload remove,late check", states: "unit removed,reload removed by unit,reload idle,late well"}},
		"and not where nothing was removed": {
			`[{"id":"reload","remove":"@"},{"id":"unit","check":"@; false","remove":"@","onRemove":".*"}]`, `[{"id":"reload","remove":"@"}]`,
			phase{executed: "unit check", states: "unit well,reload idle"}, phase{executed: "unit check", states: "unit well,reload idle"}},
		"a removal that fails": {
			`[{"id":"a","check":"@","change":"@","remove":"@; exit 2"}]`, `[{"id":"b","check":"@","change":"@"},{"id":"c","always":true,"change":"@"}]`,
			phase{executed: "a check,b check", states: "a drifted,b drifted,c due"},
			phase{executed: "a check,a remove,c change", states: "a failed,b skipped,c changed", fails: `command "a": remove: exit status 2`}},
		"variables do not leave the removals": {
			`[{"id":"a","always":true,"change":"@","remove":"@; echo x"}]`, `[{"id":"b","always":true,"change":"@; test -z \"${_REMOVE_OUT:-}\""}]`,
			phase{executed: "", states: "a due,b due"}, phase{executed: "a remove,b change", states: "a removed,b changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			old, list := read(t, c.old), read(t, c.list)
			if _, _, err := m.run(nil, old, change); err != nil {
				t.Fatal(err)
			}
			c.look.mode, c.run.mode = check, change
			m.expect("check", old, list, c.look)
			m.expect("change", old, list, c.run)
		})
	}
}

// expect runs one phase.
func (m *machine) expect(what string, old, list command.List, want phase) {
	m.t.Helper()
	executed, result, err := m.run(old, list, want.mode)
	if got := strings.Join(executed, ","); got != want.executed {
		m.t.Errorf("%s: executed\n got %s\nwant %s", what, got, want.executed)
	}
	if got := strings.Join(states(result), ","); got != want.states {
		m.t.Errorf("%s: states\n got %s\nwant %s", what, got, want.states)
	}
	if got := strings.Join(events(result), ","); got != want.events {
		m.t.Errorf("%s: events\n got %s\nwant %s", what, got, want.events)
	}
	if (err != nil) != (want.fails != "") || err != nil && err.Error() != want.fails {
		m.t.Errorf("%s: error %v; want %q", what, err, want.fails)
	}
}

func TestRunOnly(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	p, err := command.Diff(nil, traced(read(t, `[{"id":"a","always":true,"change":"@; false"},{"id":"b","always":true,"change":"@","onChange":".*"},{"id":"c","change":"@"},{"id":"d","change":"@"}]`)), command.Change)
	if err == nil {
		p, err = p.Only("b|d")
	}
	if err != nil {
		t.Fatal(err)
	}
	executed, result, err := m.plan(p)
	if err != nil || strings.Join(executed, ",") != "b change,d change" || strings.Join(states(result), ",") != "b changed,d changed by b" {
		t.Errorf("%q, %q, %v", executed, states(result), err)
	}
}

// TestFailedError is what a caller can tell failures apart by.
func TestFailedError(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	_, result, err := m.run(nil, read(t, `[{"id":"g","commands":[{"id":"a","check":"exit 9","change":"exit 7"}]}]`), command.Change)
	var failed *command.FailedError
	if !errors.As(err, &failed) || *failed != (command.FailedError{Name: "g > a", Phase: command.Change, Exit: 7}) {
		t.Errorf("%+v of %v", failed, err)
	}
	if ids := result.IDs(command.Failed); !slices.Equal(ids, []string{"a"}) || result.Drifted() {
		t.Errorf("%q", ids)
	}
	o := result.Outcomes[0]
	if o.Check.Exit != 9 || o.Change.Exit != 7 || o.Check.Started.IsZero() || o.Change.Duration <= 0 || o.Change.Started.Before(o.Check.Started) {
		t.Errorf("%+v, %+v", o.Check, o.Change)
	}
}

// TestResultJSON pins what is shown and recorded.
func TestResultJSON(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m.Now = func() time.Time {
		clock = clock.Add(500 * time.Millisecond)
		return clock
	}
	_, r, err := m.run(nil, read(t, `[{"id":"g","commands":[{"id":"a","check":"exit 3","change":"printf x","onChange":["b","etcha:e"]},{"id":"b","change":"true"},{"id":"c"}]}]`), command.Change)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	want := `{"mode":"change","outcomes":[` +
		`{"action":"change","parent":"g","id":"a","state":"changed","check":{"exit":3,"output":{"text":"","size":0},"started":"2026-01-02T03:04:05.5Z","seconds":0.5},` +
		`"change":{"exit":0,"output":{"text":"x","size":1,"digest":"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"},"started":"2026-01-02T03:04:06.5Z","seconds":0.5}},` +
		`{"action":"change","parent":"g","id":"b","state":"changed","by":"a","change":{"exit":0,"output":{"text":"","size":0},"started":"2026-01-02T03:04:07.5Z","seconds":0.5}},` +
		`{"action":"change","parent":"g","id":"c","state":"idle"}],"events":[{"name":"e","parent":"g","command":"a","output":"x"}]}`
	if err != nil || string(text) != want {
		t.Errorf("%v\n got %s\nwant %s", err, text, want)
	}
}

// TestConcurrent runs one plan twice at a time.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	p, err := command.Diff(nil, read(t, `[{"id":"a","always":true,"change":"true","onChange":["b.*","c.*"]},{"id":"b1","change":"true"},{"id":"c1","change":"true"}]`), command.Change)
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if r, err := m.Run(t.Context(), p); err != nil || strings.Join(states(r), ",") != "a changed,b1 changed by a,c1 changed by a" {
				t.Errorf("%v, %q", err, states(r))
			}
		})
	}
	group.Wait()
}

// TestDone is told each outcome in turn, also of a run that is ended.
func TestDone(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	var told []string
	m.Done = func(o command.Outcome) { told = append(told, o.Name()+" "+string(o.State)) }
	_, r, err := m.run(nil, read(t, `[{"id":"a","always":true,"change":"exit 1"},{"id":"b","always":true,"change":"true"},{"id":"c"}]`), command.Change)
	if err == nil || !slices.Equal(told, states(r)) || len(told) != 3 {
		t.Errorf("%v, %q", err, told)
	}
}
