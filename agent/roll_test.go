package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

// TestStolenKey: what docs/key-roll.md says of a key that somebody else has too: once it is taken out his orders are refused and
// ours of it is held; he can have put our next order off by half a minute, which accept makes good; and what he has put on the
// machine goes with his own scripts, unless what is remembered of it goes first.
func TestStolenKey(t *testing.T) {
	t.Parallel()
	for mend, want := range map[string]string{
		"wait":   "evil check, evil remove, a check, a change",
		"accept": "evil check, evil remove, a check, a change",
		"forget": "a check, a change",
	} {
		t.Run(mend, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, pushed())
			ours, err := key.Generate(key.EdDSA, "second")
			must(t, err)
			m.trust(m.private.Public(), ours.Public())
			now := time.Now().Truncate(time.Second)
			m.setClock(now)
			stop := m.run()
			m.push(m.sign(now, file("b", "1")))
			refused := func(what string, raw []byte, reason string) {
				t.Helper()
				_, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: raw})
				if all := m.reasons("web"); err == nil || !strings.HasSuffix(all, reason) {
					t.Errorf("%s: %v, refused: %s; want %s", what, err, all, reason)
				}
			}
			refused("his, far ahead", m.sign(now.Add(31*time.Second), file("evil", "1")), "push future")
			if s := m.status("web"); s.Mark.IssuedAt != now.Unix() {
				t.Errorf("an order that is refused has moved the mark: %+v", s.Mark)
			}
			m.push(m.sign(now.Add(30*time.Second), file("evil", "1")))
			m.ran("his", "b check, b change, b check, b remove, evil check, evil change")

			m.trust(ours.Public())
			must(t, m.agent.Reload(m.config))
			awaitFor(t, "it is held", func() bool { return m.status("web").Held })
			refused("his, without the key", m.sign(now.Add(30*time.Second), file("evil", "2")), "push signature")
			o := func(issued time.Time) []byte {
				files := map[string]string{"/main.jsonnet": "{ run: [" + file("a", "1") + "] }"}
				return m.signBy(ours, pattern.NewOrder(pattern.Pattern{}, pattern.Bundle{Entrypoint: "/main.jsonnet", Files: files}, "", nil, "", issued))
			}
			refused("ours, too early", o(now), "push older")
			m.ran("what is held runs nothing", "")
			switch mend {
			case "accept":
				mark, err := m.agent.Accept(agent.Accept{Source: "web"}, "a test")
				if err != nil || mark.IssuedAt != now.Unix() {
					t.Fatalf("%+v, %v", mark, err)
				}
				refused("his, after accept", m.sign(now.Add(time.Second), file("evil", "3")), "push signature")
			case "forget":
				must(t, stop())
				must(t, os.Remove(filepath.Join(m.state, "web.ran")))
				m.run()
				awaitFor(t, "it is held at the start too", func() bool { return m.status("web").Held && m.reasons("web") == "restore signature" })
				fallthrough
			default:
				now = now.Add(30 * time.Second)
				m.setClock(now)
			}
			m.push(o(now))
			m.ran("ours", want)
			if s := m.status("web"); s.Held || s.Order == nil || s.Order.Key != "second" || len(s.Trouble) > 0 {
				t.Errorf("%+v", s)
			}
			if _, err := os.Stat(filepath.Join(m.dir, "evil")); errors.Is(err, os.ErrNotExist) == (mend == "forget") {
				t.Errorf("what he has put there: %v", err)
			}
		})
	}
}

// TestStolenKeyWaits: an order that waits for its source's turn is refused, too, once its key is taken out.
func TestStolenKeyWaits(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	ours, err := key.Generate(key.EdDSA, "second")
	must(t, err)
	m.trust(m.private.Public(), ours.Public())
	var opened atomic.Int64
	m.config.Open = func(ctx context.Context, source string, raw []byte) (pattern.Opened, token.Report, error) {
		defer opened.Add(1)
		return m.open(ctx, source, raw)
	}
	m.run()
	now := time.Now()
	first := m.pushing(m.sign(now, "{ id: 'slow', always: true, change: 'echo 1 >begun; until test -e go; do sleep 0.02; done' }"))
	m.await("begun", "1")
	his := m.pushing(m.sign(now, file("evil", "1")))
	awaitFor(t, "his order is verified", func() bool { return opened.Load() >= 2 })
	m.trust(ours.Public())
	must(t, m.agent.Reload(m.config))
	m.touch("go")
	must(t, <-first)
	if err := <-his; !errors.Is(err, agent.ErrRefused) {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "evil")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what he has put there: %v", err)
	}
	if got := m.reasons("web"); !strings.HasSuffix(got, "push signature") {
		t.Error(got)
	}
}

// TestStolenKeyBegins: an order that has begun to run while its key is taken out is held after it.
func TestStolenKeyBegins(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	ours, err := key.Generate(key.EdDSA, "second")
	must(t, err)
	m.trust(m.private.Public(), ours.Public())
	var opened atomic.Int64
	m.config.Open = func(ctx context.Context, source string, raw []byte) (pattern.Opened, token.Report, error) {
		defer opened.Add(1)
		return m.open(ctx, source, raw)
	}
	var begins atomic.Bool
	m.config.Work = func(source string, sink journal.Sink) (agent.Work, error) {
		if begins.CompareAndSwap(true, false) {
			before := opened.Load()
			m.trust(ours.Public())
			must(t, m.agent.Reload(m.config))
			awaitFor(t, "what runs is verified again", func() bool { return opened.Load() > before })
		}
		return m.work(source, sink)
	}
	m.run()
	now := time.Now()
	files := map[string]string{"/main.jsonnet": "{ run: [" + file("a", "1") + "] }"}
	m.push(m.signBy(ours, pattern.NewOrder(pattern.Pattern{}, pattern.Bundle{Entrypoint: "/main.jsonnet", Files: files}, "", nil, "", now)))
	begins.Store(true)
	m.push(m.sign(now, file("b", "1")))
	awaitFor(t, "it is held", func() bool { return m.status("web").Held })
}

// TestStolenKeyRepairs: an order is not repaired any more once its key is taken out, also where the repair has waited for the
// order's own run.
func TestStolenKeyRepairs(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true, RunFrequency: 5 * time.Millisecond}})
	ours, err := key.Generate(key.EdDSA, "second")
	must(t, err)
	m.trust(m.private.Public(), ours.Public())
	m.run()
	ended := make(chan error, 1)
	go func() {
		slow := "{ id: 'slow', always: true, change: 'echo 1 >begun; until test -e go; do sleep 0.02; done' }"
		_, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: m.sign(time.Now(), file("evil", "1"), slow)})
		ended <- err
	}()
	m.await("begun", "1")
	awaitFor(t, "a repair waits", func() bool { return strings.Contains(m.metrics(), "\nwrit_agent_waiting_runs{source=\"web\"} 1\n") })
	m.trust(ours.Public())
	must(t, m.agent.Reload(m.config))
	m.touch("go")
	must(t, <-ended)
	awaitFor(t, "it is held", func() bool { return m.status("web").Held })
	m.ran("once, and no repair", "evil check, evil change")
}
