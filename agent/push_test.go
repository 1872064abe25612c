package agent_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
)

// pushed is a source that orders are pushed to.
func pushed() map[string]*agent.Source {
	return map[string]*agent.Source{"web": {AllowPush: true}}
}

func TestPush(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	first := m.sign(now.Add(-time.Hour), file("a", "1"), file("b", "1"))
	out := m.push(first)
	if out.Err != nil || strings.Join(out.Result.IDs(command.Changed), " ") != "a b" || out.Exit {
		t.Errorf("first: %+v", out)
	}
	m.ran("first", "a check, a change, b check, b change")
	out = m.push(first)
	if out.Err != nil || len(out.Result.IDs(command.Changed)) != 0 {
		t.Errorf("the same again: %+v", out)
	}
	m.ran("the same again", "a check, b check")
	second := m.sign(now.Add(-time.Minute), file("b", "2"), file("c", "1"))
	out = m.push(second)
	if out.Err != nil || strings.Join(out.Result.IDs(command.Removed), " ") != "b a" {
		t.Errorf("second: %+v", out)
	}
	m.ran("second", "b check, b remove, a check, a remove, b check, b change, c check, c change")
	s := m.status("web")
	if o := s.Order; o == nil || o.Key != "first" || o.ID != "order" || !o.IssuedAt.Equal(now.Add(-time.Minute).UTC().Truncate(time.Second)) || o.Since.IsZero() || s.Commands != 2 || s.Left != nil || s.Extra != nil {
		t.Errorf("%+v, %+v", s, s.Order)
	}
	if r := s.LastRun; r == nil || r.Status != "succeeded" || r.Trigger != "push" || strings.Join(r.Changed, " ") != "b c" || strings.Join(r.Removed, " ") != "b a" || r.ID == "" {
		t.Errorf("%+v", s.LastRun)
	}

	var older *agent.OlderError
	_, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: first})
	if !errors.As(err, &older) || !older.IssuedAt.Equal(now.Add(-time.Hour).Truncate(time.Second)) || older.Clock.IsZero() || !strings.Contains(err.Error(), older.Newest.Format(time.RFC3339)) {
		t.Errorf("an older one: %v", err)
	}
	for source, c := range map[string]struct {
		raw    []byte
		reason string
	}{
		"web":  {append([]byte("x"), second...), "push malformed"},
		"none": {second, ""},
	} {
		if out, err := m.agent.Push(t.Context(), agent.Push{Source: source, Token: c.raw}); !errors.Is(err, agent.ErrRefused) || err.Error() != "refused" || out.Result.Outcomes != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
	if got := m.reasons("web"); got != "push older, push malformed" {
		t.Errorf("refusals: %s", got)
	}
	m.ran("what was refused", "")

	m.restart(stop)
	m.settled("web")
	m.ran("after a restart", "b check, c check")
	if m.there() != "b c" {
		t.Errorf("there is %s", m.there())
	}
}

// TestPushRefused: whoever sends learns only that it was refused; status says why.
func TestPushRefused(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true}, "closed": {}})
	m.run()
	now := time.Now()
	m.push(m.sign(now, file("a", "1")))
	m.trace()
	good := m.sign(now, file("b", "1"))
	tampered := []byte(strings.Replace(string(good), ".ey", ".eY", 1))
	for _, c := range []struct {
		source string
		raw    []byte
		want   string
	}{
		{"closed", good, "push push_off"},
		{"web", nil, "push malformed"},
		{"web", []byte("garbage"), "push malformed"},
		{"web", tampered, "push signature"},
		{"web", m.sign(now.Add(time.Hour), file("b", "1")), "push future"},
	} {
		if _, err := m.agent.Push(t.Context(), agent.Push{Source: c.source, Token: c.raw}); !errors.Is(err, agent.ErrRefused) {
			t.Errorf("%s: %v", c.want, err)
		}
		if got := m.reasons(c.source); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: %s", c.want, got)
		}
	}
	m.ran("what was refused", "")
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: good, Only: "("}); !errors.Is(err, agent.ErrFilter) {
		t.Errorf("a bad filter: %v", err)
	}
	m.ran("with a bad filter", "")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.agent.Push(ended, agent.Push{Source: "web", Token: good}); !errors.Is(err, context.Canceled) && err != nil {
		t.Errorf("who sends has gone: %v", err)
	}
}

// TestPushCheck: --check and --plan change nothing that the agent remembers, the mark neither.
func TestPushCheck(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	old := m.sign(now.Add(-time.Hour), file("a", "1"))
	m.push(old)
	m.trace()
	before := m.files()
	next := m.sign(now, file("b", "1"))
	out, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: next, Check: true})
	if err != nil || out.Err != nil || strings.Join(out.Result.IDs(command.Drifted), " ") != "a b" || out.Result.Mode != command.Check {
		t.Errorf("check: %+v, %v", out, err)
	}
	m.ran("check", "a check, b check")
	out, err = m.agent.Push(t.Context(), agent.Push{Source: "web", Token: next, Plan: true})
	if err != nil || out.Err != nil || out.Plan.String() != "remove  a  gone\nchange  b  new\n" {
		t.Errorf("plan: %+v, %v", out, err)
	}
	m.ran("plan", "")
	if after := m.files(); after != before {
		t.Errorf("the state was\n%s\nand is\n%s", before, after)
	}
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: m.sign(now.Add(-2*time.Hour), file("c", "1")), Check: true}); !errors.As(err, new(*agent.OlderError)) {
		t.Errorf("an older one is checked: %v", err)
	}
	m.push(old) // is still the newest
	m.ran("the old one", "a check")
	m.restart(stop)
	m.settled("web")
	m.ran("after a restart", "a check")
}

// TestSamePush: the very token that a source has runs again, and nothing is written of it; where something is yet to be put
// right, it is taken as any other.
func TestSamePush(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	raw := m.sign(time.Now(), file("a", "1"), `{ id: 'say', always: true, change: 'touch said' }`)
	m.push(raw)
	stamps := func() string {
		var all []string
		for _, suffix := range []string{".jwt", ".mark", ".ran"} {
			info, err := os.Stat(filepath.Join(m.state, "web"+suffix))
			must(t, err)
			all = append(all, fmt.Sprint(info.Sys().(*syscall.Stat_t).Ino))
		}
		return strings.Join(all, " ")
	}
	before := stamps()
	must(t, os.Remove(filepath.Join(m.dir, "a")))
	must(t, os.Remove(filepath.Join(m.dir, "said")))
	if out := m.push(raw); out.Err != nil || strings.Join(out.Result.IDs(command.Changed), " ") != "a say" {
		t.Errorf("the same again: %+v", out)
	}
	if after := stamps(); after != before {
		t.Errorf("written anew: %s, before %s", after, before)
	}
	m.restart(stop)
	if out := m.push(raw); out.Err != nil || strings.Join(out.Result.IDs(command.Changed), " ") != "say" {
		t.Errorf("after a start: %+v", out)
	}
	_, err := m.agent.Accept(agent.Accept{Source: "web", To: time.Now().Add(-time.Hour)}, "test")
	must(t, err)
	if out := m.push(raw); out.Err != nil || m.status("web").Mark.Lowered {
		t.Errorf("with a lowered mark: %+v, %+v", out, m.status("web").Mark)
	}
}
