package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/pattern"
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
