package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
)

// stuck is a file as file makes one, whose remove fails as long as there is a file stuck.
func stuck(id, text string) string {
	return strings.Replace(file(id, text), "; rm -f", "; test ! -e stuck; rm -f", 1)
}

func (m *machine) touch(name string) {
	m.t.Helper()
	must(m.t, os.WriteFile(filepath.Join(m.dir, name), nil, 0o600))
}

func (m *machine) gone(name string) {
	m.t.Helper()
	must(m.t, os.Remove(filepath.Join(m.dir, name)))
}

// TestFailedRemoval: what an order could not remove is removed by the runs that follow, also after a restart.
func TestFailedRemoval(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-3*time.Hour), stuck("a", "1"), file("b", "1")))
	m.touch("stuck")
	m.trace()
	out := m.push(m.sign(now.Add(-2*time.Hour), file("c", "1")))
	if !errors.As(out.Err, new(*command.FailedError)) {
		t.Errorf("error %v", out.Err)
	}
	m.ran("a removal fails", "b check, b remove, a check, a remove")
	if s := m.status("web"); strings.Join(s.Left, " ") != "a" || s.LastRun.Status != "failed" || strings.Join(s.LastRun.Failed, " ") != "a" {
		t.Errorf("%+v", s)
	}
	stop = m.restart(stop)
	m.settled("web")
	m.ran("after a restart", "a check, a remove")
	m.gone("stuck")
	m.push(m.sign(now.Add(-time.Hour), file("d", "1")))
	m.ran("with the next order", "c check, a check, a remove, d check, d change") // c was never reached
	if s := m.status("web"); s.Left != nil || m.there() != "d" {
		t.Errorf("there is %s, left %q", m.there(), s.Left)
	}
	m.restart(stop)
	m.settled("web")
	m.ran("after another restart", "d check")
}

// TestFailedCommand: an order that fails in the middle is the source's all the same, and what it did is known.
func TestFailedCommand(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-2*time.Hour), file("old", "1")))
	m.trace()
	fails := "{ id: 'fails', check: 'test -e healed', change: 'echo hunter2; exit 7' }"
	out := m.push(m.sign(now.Add(-time.Hour), file("a", "1"), fails, file("b", "1")))
	var failed *command.FailedError
	if !errors.As(out.Err, &failed) || failed.Name != "fails" || failed.Exit != 7 {
		t.Errorf("error %v", out.Err)
	}
	if got := string(out.Result.Outcomes[2].Change.Output.Head); got != "((redacted))\n" {
		t.Errorf("what it printed is %q", got)
	}
	m.ran("it fails", "old check, old remove, a check, a change")
	m.touch("healed")
	m.restart(stop)
	m.settled("web")
	m.ran("after a restart", "a check, b check, b change")
	out = m.push(m.sign(now, file("c", "1")))
	if out.Err != nil || m.there() != "c healed" {
		t.Errorf("%v; there is %s", out.Err, m.there())
	}
}

// TestRenderFails: an order that is no Pattern here takes nobody's place, now and after a restart, but nothing older than it
// is taken any more.
func TestRenderFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-3*time.Hour), file("a", "1")))
	m.trace()
	broken := m.signPattern(now.Add(-time.Hour), "{ run: [{ id: 'a', chnage: 'x' }] }")
	for range 2 {
		out := m.push(broken)
		if !errors.As(out.Err, new(*agent.RenderError)) || !strings.Contains(out.Err.Error(), "chnage: unknown property") || out.Result.Outcomes != nil {
			t.Errorf("%+v", out)
		}
	}
	m.ran("a broken one", "")
	if got := m.reasons("web"); got != "push render" {
		t.Errorf("refusals: %s", got)
	}
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: m.sign(now.Add(-2*time.Hour), file("b", "1"))}); !errors.As(err, new(*agent.OlderError)) {
		t.Errorf("one that is older than the broken one: %v", err)
	}
	for range 2 {
		stop = m.restart(stop)
		m.settled("web")
		m.ran("after a restart", "a check")
		if s := m.status("web"); s.Interrupted || s.Held || s.Refusals != nil || s.Order == nil {
			t.Errorf("%+v", s)
		}
	}
	m.push(m.sign(now, file("b", "1")))
	m.ran("a good one", "a check, a remove, b check, b change")
}

// TestFilteredPush: it runs a part of an order, and does not take the place of the one that the source has; what it has put on
// the machine goes with the next whole order that does not have it.
func TestFilteredPush(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	old := m.sign(now.Add(-2*time.Hour), file("a", "1"), file("b", "1"), file("c", "1"))
	m.push(old)
	m.trace()
	next := m.sign(now.Add(-time.Hour), file("b", "2"), file("d", "1"), "{ id: 'g', commands: ["+file("e", "1")+"] }")
	out, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: next, Only: "[abd]|g"})
	if err != nil || out.Err != nil {
		t.Fatalf("%v, %v", err, out.Err)
	}
	m.ran("a part", "b check, b remove, a check, a remove, b check, b change, d check, d change, e check, e change")
	s := m.status("web")
	if strings.Join(s.Extra, " ") != "b d e" || s.Mark.IssuedAt != now.Add(-2*time.Hour).Unix() {
		t.Errorf("extra %q, mark %+v", s.Extra, s.Mark)
	}
	stop = m.restart(stop)
	m.settled("web")
	m.ran("the order that the source has, after a restart", "a check, a change, b check, b change, c check")
	if s := m.status("web"); strings.Join(s.Extra, " ") != "b d e" {
		t.Errorf("extra %q", s.Extra)
	}
	m.push(m.sign(now, file("d", "1")))
	m.ran("the next whole order", "c check, c remove, b check, b remove, a check, a remove, e check, e remove, b check, d check")
	if s := m.status("web"); s.Extra != nil || s.Left != nil || m.there() != "d" {
		t.Errorf("extra %q, left %q, there is %s", s.Extra, s.Left, m.there())
	}
	m.restart(stop)
	m.settled("web")
	m.ran("after another restart", "d check")
}

// TestNoRemove: what an order no longer has stays, for good.
func TestNoRemove(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true, NoRemove: true}})
	m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-time.Hour), file("a", "1"), file("b", "1")))
	m.push(m.sign(now, file("b", "2")))
	m.ran("both", "a check, a change, b check, b change, b check, b change")
	if s := m.status("web"); s.Left != nil || m.there() != "a b" {
		t.Errorf("left %q, there is %s", s.Left, m.there())
	}
}

// TestNoRestore: nothing but the mark is kept for the next start.
func TestNoRestore(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true, NoRestore: true}})
	stop := m.run()
	now := time.Now()
	old := m.sign(now.Add(-time.Hour), file("a", "1"))
	m.push(old)
	m.push(m.sign(now, file("b", "1")))
	m.ran("compared with what ran before", "a check, a change, a check, a remove, b check, b change")
	if got := m.files(); strings.Contains(got, "web.jwt") || strings.Contains(got, "web.next") || strings.Contains(got, "web.ran") || !strings.Contains(got, "web.mark") {
		t.Errorf("kept: %s", got)
	}
	m.restart(stop)
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: old}); !errors.As(err, new(*agent.OlderError)) {
		t.Errorf("an older one: %v", err)
	}
	awaitFor(t, "the mark is read", func() bool { return m.status("web").Mark != nil })
	if s := m.status("web"); s.Order != nil || s.LastRun != nil {
		t.Errorf("%+v", s)
	}
	m.ran("after a restart", "")
}

// TestCheckOnly: nothing is changed, but the order is the source's: nothing older is taken, and once the source may change
// things, it is compared with what is on the machine.
func TestCheckOnly(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-2*time.Hour), file("a", "1")))
	m.trace()
	must(t, stop())
	m.config.Sources["web"] = &agent.Source{AllowPush: true, CheckOnly: true}
	stop = m.run()
	m.settled("web")
	m.ran("at the start", "a check")
	out := m.push(m.signPattern(now.Add(-time.Hour), "local cmd = std.native('getCmd'); { run: [{ id: 'x', always: true, change: cmd('touch x') }] }"))
	if !errors.As(out.Err, new(*agent.RenderError)) || !strings.Contains(out.Err.Error(), "getCmd") {
		t.Errorf("getCmd: %v", out.Err)
	}
	out = m.push(m.sign(now, file("b", "1")))
	if out.Err != nil || strings.Join(out.Result.IDs(command.Drifted), " ") != "a b" {
		t.Errorf("%+v", out)
	}
	m.ran("another order", "a check, b check")
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: m.sign(now.Add(-time.Minute), file("c", "1"))}); !errors.As(err, new(*agent.OlderError)) {
		t.Errorf("an older one: %v", err)
	}
	stop = m.restart(stop)
	if s := m.settled("web"); s.Interrupted || s.Order == nil || !s.Order.IssuedAt.Equal(now.UTC().Truncate(time.Second)) {
		t.Errorf("%+v", s)
	}
	m.ran("after a restart", "a check, b check")
	must(t, stop())
	m.config.Sources["web"] = &agent.Source{AllowPush: true}
	m.run()
	m.settled("web")
	m.ran("once it may change things", "a check, a remove, b check, b change")
}

// TestTriggerOnly: an order runs, and the one before it is removed, when something sets it off.
func TestTriggerOnly(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true, TriggerOnly: true, WebhookPaths: []string{"/go"}, RunFrequency: 10 * time.Millisecond}})
	stop := m.run()
	now := time.Now()
	trigger := func() { m.agent.Webhook(t.Context(), agent.Webhook{Path: "/go"}) }
	trigger() // there is nothing yet
	m.push(m.sign(now.Add(-time.Hour), file("a", "1")))
	m.ran("pushed", "")
	stop = m.restart(stop)
	trigger()
	m.ran("set off", "a check, a change")
	m.push(m.sign(now, file("b", "1")))
	stop = m.restart(stop)
	m.ran("another one, restarted", "")
	trigger()
	trigger()
	m.ran("set off twice", "a check, a remove, b check, b change, b check")
	must(t, stop())
}

// TestStaticCommands: those of the configuration run until an order has come, which removes them.
func TestStaticCommands(t *testing.T) {
	t.Parallel()
	c := func(id string) command.Command {
		return command.Command{ID: id, Check: "echo " + id + " check >>trace; test -e " + id, Change: "touch " + id, Remove: "echo " + id + " remove >>trace; rm " + id}
	}
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true, Commands: command.List{c("a"), c("b")}}})
	stop := m.run()
	m.settled("web")
	m.ran("at the start", "a check, b check")
	must(t, stop())
	m.config.Sources["web"].Commands = command.List{c("b")}
	stop = m.run()
	m.settled("web")
	m.ran("of another configuration", "a check, a remove, b check")
	m.push(m.sign(time.Now(), file("c", "1")))
	m.ran("an order", "b check, b remove, c check, c change")
	stop = m.restart(stop)
	m.settled("web")
	m.ran("after a restart", "c check")
	must(t, stop())
}

// TestMulti: runs that need not wait for one another do not; the newest order is the source's, and what the others have put on
// the machine is still known.
func TestMulti(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true, RunMulti: true}})
	stop := m.run()
	now := time.Now()
	slow := "{ id: 'slow', check: 'test -e slow', change: 'touch began; while test ! -e proceed; do sleep 0.01; done; touch slow', remove: 'rm slow' }"
	done := make(chan agent.Outcome)
	go func() {
		out, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: m.sign(now.Add(-time.Hour), slow)})
		if err != nil {
			t.Error(err)
		}
		done <- out
	}()
	awaitFor(t, "the slow one has begun", func() bool { _, err := os.Stat(filepath.Join(m.dir, "began")); return err == nil })
	m.push(m.sign(now.Add(-time.Minute), file("a", "1")))
	m.ran("beside it", "a check, a change")
	m.touch("proceed")
	if out := <-done; out.Err != nil {
		t.Error(out.Err)
	}
	if s := m.status("web"); !s.Order.IssuedAt.Equal(now.Add(-time.Minute).UTC().Truncate(time.Second)) || strings.Join(s.Left, " ") != "slow" {
		t.Errorf("%+v, left %q", s.Order, s.Left)
	}
	m.restart(stop)
	m.settled("web")
	m.ran("after a restart", "a check")
	if m.there() != "a began proceed" {
		t.Errorf("there is %s", m.there())
	}
}
