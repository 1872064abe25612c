package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
)

// TestReload: a bad configuration is refused and nothing has changed; a good one counts at once, and the orders are verified
// by it.
func TestReload(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true}, "gone": {AllowPush: true}})
	stop := m.run()
	m.push(m.sign(time.Now(), file("a", "1")))
	m.trace()
	for name, bad := range map[string]func(*agent.Config){
		"a bad source":     func(c *agent.Config) { c.Sources = map[string]*agent.Source{"web": {PullPaths: []string{""}}} },
		"a bad name":       func(c *agent.Config) { c.Sources = map[string]*agent.Source{"a/b": {}} },
		"another stateDir": func(c *agent.Config) { c.Run.StateDir = t.TempDir() },
		"nothing to do":    func(c *agent.Config) { c.Open = nil },
	} {
		c := m.config
		bad(&c)
		if err := m.agent.Reload(c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if len(m.agent.Status()) != 2 {
		t.Errorf("%+v", m.agent.Status())
	}
	c := m.config
	c.Sources = map[string]*agent.Source{
		"web": {AllowPush: true, CheckOnly: true, RunFrequency: time.Millisecond},
		"new": {Commands: command.List{{ID: "n", Check: "test -e n", Change: "touch n"}}},
	}
	must(t, m.agent.Reload(c))
	awaitFor(t, "the new source runs", func() bool { return strings.Contains(m.there(), "n") })
	awaitFor(t, "the other one follows", func() bool { r := m.status("web").LastRun; return r != nil && r.Mode == "check" })
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "gone", Token: m.sign(time.Now(), file("x", "1"))}); !errors.Is(err, agent.ErrRefused) {
		t.Errorf("a source that is gone: %v", err)
	}
	m.trust() // the key is withdrawn
	c.Sources["web"] = &agent.Source{AllowPush: true}
	must(t, m.agent.Reload(c))
	awaitFor(t, "the order is refused", func() bool { s := m.status("web"); return s.Held && s.Order == nil })
	if m.there() != "a n" {
		t.Errorf("there is %s", m.there())
	}
	if text := m.metrics(); !strings.Contains(text, "\nwrit_agent_held{source=\"web\"} 1\n") || strings.Contains(text, "writ_agent_order_age_seconds{source=\"web\"}") {
		t.Errorf("metrics of an order that is refused:\n%s", text)
	}
	m.trust(m.private.Public())
	must(t, m.agent.Reload(c))
	awaitFor(t, "the order is taken again", func() bool { s := m.status("web"); return !s.Held && s.Order != nil })
	must(t, stop())
}

// TestStop: the Command that runs ends by itself, nothing else starts, and the order runs again at the next start.
func TestStop(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-time.Hour), file("old", "1")))
	m.trace()
	slow := "{ id: 'slow', check: 'test -e slow', change: 'touch began; while test ! -e proceed; do sleep 0.01; done; echo slow >>trace; touch slow' }"
	raw := m.sign(now, slow, file("b", "1"))
	done := make(chan agent.Outcome, 1)
	go func() {
		out, err := m.agent.Push(context.Background(), agent.Push{Source: "web", Token: raw})
		if err != nil {
			t.Error(err)
		}
		done <- out
	}()
	m.await("began", "")
	waiting := make(chan error, 1)
	go func() {
		_, err := m.agent.Push(context.Background(), agent.Push{Source: "web", Token: raw})
		waiting <- err
	}()
	awaitFor(t, "another waits", func() bool { return m.status("web").Waiting == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	if err := <-waiting; err == nil {
		t.Error("what waited has run")
	}
	m.touch("proceed")
	out := <-done
	if !errors.Is(out.Err, context.Canceled) || out.Result.Outcomes[2].State != command.Skipped {
		t.Errorf("%+v", out)
	}
	must(t, <-stopped)
	m.ran("until it ended", "old check, old remove, slow")
	stop = m.run()
	s := m.settled("web")
	m.ran("after the start", "old check, b check, b change")
	if s.Interrupted || !strings.Contains(m.log.String(), "the run of an order was interrupted") {
		t.Errorf("%+v", s)
	}
	must(t, stop())
	m.run()
	m.settled("web")
	m.ran("after another", "b check")
}

// TestStartDelay: an agent that waits before it begins ends at once when it is told to.
func TestStartDelay(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"web": {Commands: command.List{{ID: "a", Always: true, Change: "echo a >>trace"}}}})
	m.config.Run.StartDelay = 1000 * time.Hour
	m.config.Ready = func() { t.Error("it has begun") }
	a := m.start()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	awaitFor(t, "it says how it stands", func() bool { _, err := agent.AskStatus(t.Context(), m.state); return err == nil })
	cancel()
	must(t, <-ended)
	m.ran("before it began", "")
	must(t, a.Close())
}

// TestStubborn: a Command that does not end is ended after the grace.
func TestStubborn(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	m.config.Grace = 10 * time.Millisecond
	stop := m.run()
	done := make(chan agent.Outcome, 1)
	go func() {
		out, err := m.agent.Push(context.Background(), agent.Push{Source: "web", Token: m.sign(time.Now(), "{ id: 'slow', always: true, change: 'touch began; sleep 1000' }")})
		if err != nil {
			t.Error(err)
		}
		done <- out
	}()
	m.await("began", "")
	must(t, stop())
	if out := <-done; out.Result.Outcomes[0].State != command.Aborted {
		t.Errorf("%+v", out.Result)
	}
}

// TestPushTimeout: an order that takes too long fails; it is the source's, and what it did is known.
func TestPushTimeout(t *testing.T) {
	t.Parallel()
	for limit := 500 * time.Millisecond; ; limit *= 4 {
		m := newMachine(t, pushed())
		m.config.Run.PushTimeout = limit
		m.run()
		raw := m.sign(time.Now(), file("a", "1"), "{ id: 'slow', always: true, change: 'touch began; sleep 1000' }", file("b", "1"))
		out, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: raw})
		if _, missing := os.Stat(filepath.Join(m.dir, "began")); missing != nil && limit < patience {
			t.Logf("within %s this machine does not come to the slow Command: %v, %v", limit, err, out.Err)
			continue
		}
		must(t, err)
		if !errors.Is(out.Err, context.DeadlineExceeded) || len(out.Result.Outcomes) != 3 || out.Result.Outcomes[1].State != command.Aborted || out.Result.Outcomes[2].State != command.Skipped {
			t.Errorf("%+v", out)
		}
		if s := m.status("web"); s.LastRun.Status != "aborted" || s.Order == nil || s.Commands != 3 {
			t.Errorf("%+v", s)
		}
		return
	}
}

// TestAccept: an older order is let in by who runs the machine, deliberately, over the socket.
func TestAccept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "web.jwt")
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true, PullPaths: []string{path}}})
	m.state = filepath.Join(m.state, strings.Repeat("long/", 40)) // longer than the path of a socket
	m.config.Run.StateDir = m.state
	ask := func(q agent.Accept) (agent.Mark, error) { return agent.AskAccept(t.Context(), m.state, q) }
	if _, err := agent.AskStatus(t.Context(), m.state); err == nil || !strings.Contains(err.Error(), "no agent runs") || hint(err) == "" {
		t.Errorf("without an agent: %v", err)
	}
	stop := m.run()
	now := time.Now()
	if _, err := ask(agent.Accept{Source: "web", To: now.Add(-time.Hour)}); err == nil || !strings.Contains(err.Error(), "has not accepted any order") {
		t.Errorf("before the first order: %v", err)
	}
	m.push(m.sign(now.Add(-time.Hour), file("a", "1")))
	if _, err := ask(agent.Accept{Source: "web"}); err == nil || !strings.Contains(err.Error(), "has refused no order") || !strings.Contains(hint(err), "--to") {
		t.Errorf("nothing was refused: %v", err)
	}
	old := now.Add(-2 * time.Hour)
	m.place(path, m.sign(old, file("b", "1")))
	awaitFor(t, "it is refused", func() bool { return m.reasons("web") == "pull older" })
	for _, c := range []struct {
		q    agent.Accept
		want string
	}{
		{agent.Accept{Source: "none"}, `no source "none"`},
		{agent.Accept{Source: "web", To: now}, "takes orders issued at"},
		{agent.Accept{Source: "web", To: now.Add(-time.Hour)}, "takes orders issued at"},
	} {
		if _, err := ask(c.q); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want %s", c.q, err, c.want)
		}
	}
	mark, err := ask(agent.Accept{Source: "web"})
	if err != nil || mark.IssuedAt != old.Unix() || !mark.Lowered {
		t.Fatalf("%+v, %v", mark, err)
	}
	m.await("b", "1") // it was pulled again
	m.settled("web")
	r, err := agent.AskStatus(t.Context(), m.state)
	if err != nil || r.Process != os.Getpid() || len(r.Sources) != 1 || !r.Sources[0].Order.IssuedAt.Equal(old.UTC().Truncate(time.Second)) {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: m.sign(old.Add(-time.Hour), file("c", "1"))}); !errors.As(err, new(*agent.OlderError)) {
		t.Errorf("one that is older still: %v", err)
	}
	info, err := os.Stat(filepath.Join(m.state, "agent.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if !strings.Contains(m.log.String(), fmt.Sprintf(`by="user %d"`, os.Geteuid())) {
		t.Error("who has let it in is not in the log")
	}
	must(t, stop())
	if _, err := os.Stat(filepath.Join(m.state, "agent.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
}

func hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// TestMetrics: Etcha's names and ours; what comes from outside is bounded and cannot break a line.
func TestMetrics(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true}, "closed": {}})
	m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-time.Hour), file("a", "1"), `{ id: "x\ny\"z", always: true, change: 'true' }`))
	m.push(m.sign(now.Add(-time.Minute), file("b", "1")))
	for _, source := range []string{"closed", "none\"\n", "web"} {
		_, _ = m.agent.Push(t.Context(), agent.Push{Source: source, Token: []byte("x")})
	}
	text := m.metrics()
	most := time.Since(now).Seconds() + 61 // an order's time is a whole second
	for _, line := range []string{
		`etcha_commands_total{error="1",id="a",mode="check",parent_id="",public_key="first",remote_addr="192.0.2.7",source="web"} 1`,
		`etcha_commands_total{error="0",id="a",mode="change",parent_id="",public_key="first",remote_addr="192.0.2.7",source="web"} 1`,
		`etcha_commands_total{error="0",id="a",mode="remove",parent_id="",public_key="first",remote_addr="192.0.2.7",source="web"} 1`,
		`etcha_commands_total{error="0",id="x\ny\"z",mode="change",parent_id="",public_key="first",remote_addr="192.0.2.7",source="web"} 1`,
		`etcha_sources_commands{mode="change",name="web",public_key="first",remote_addr="192.0.2.7",trigger="push"} 1`,
		`etcha_sources_commands{mode="remove",name="web",public_key="first",remote_addr="192.0.2.7",trigger="push"} 1`,
		`etcha_sources_total{error="0",name="web",public_key="first",remote_addr="192.0.2.7",trigger="push"} 2`,
		`writ_agent_refused_total{source="closed",reason="push_off"} 1`, `writ_agent_refused_total{source="web",reason="malformed"} 1`,
		`writ_agent_refused_total{source="",reason="source"} 1`, `writ_agent_run_seconds_count{source="web"} 2`, `writ_agent_run_seconds_bucket{source="web",le="+Inf"} 2`,
		`writ_agent_waiting_runs{source="web"} 0`, `writ_agent_troubles{source="web"} 0`, `writ_agent_held{source="web"} 0`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	var age, last float64
	for line := range strings.Lines(text) {
		_, _ = fmt.Sscanf(line, `writ_agent_order_age_seconds{source="web"} %g`, &age)
		_, _ = fmt.Sscanf(line, `writ_agent_last_success_timestamp_seconds{source="web"} %g`, &last)
	}
	if age < 60 || age > most || last < float64(now.Unix()) {
		t.Errorf("age %v, last success %v", age, last)
	}
	many := make([]string, 1100)
	for i := range many {
		many[i] = fmt.Sprintf("{ id: 'c%d%s', check: 'true' }", i, strings.Repeat("x", 300))
	}
	m.config.Sources["web"].Exec = nil
	m.push(m.sign(now, "{ id: 'fast', commands: ["+strings.Join(many, ",")+"] }"))
	text = m.metrics()
	if n := strings.Count(text, "\netcha_commands_total{"); n > 1001 || !strings.Contains(text, `id="(other)"`) {
		t.Errorf("%d series of Commands", n)
	}
	if strings.Contains(text, strings.Repeat("x", 200)) {
		t.Error("a label is not cut")
	}
}

func (m *machine) metrics() string {
	m.t.Helper()
	var out bytes.Buffer
	must(m.t, m.agent.Metrics(&out))
	return out.String()
}

// TestAlerts: every metric of ours that the example's alerts ask for is there, with the labels that they ask for.
func TestAlerts(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile(filepath.Join("..", "examples", "agent", "alerts.yml"))
	must(t, err)
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true, PullPaths: []string{filepath.Join(t.TempDir(), "none.jwt")}}})
	m.run()
	m.push(m.sign(time.Now(), file("a", "1")))
	m.pulledAs("missing")
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: []byte("x")}); !errors.Is(err, agent.ErrRefused) {
		t.Error(err)
	}
	text, asked := m.metrics(), 0
	for _, found := range regexp.MustCompile(`((?:writ|etcha)_[a-z_]+)(\{[^}]*\})?`).FindAllStringSubmatch(string(rules), -1) {
		asked++
		var line string
		for candidate := range strings.Lines(text) {
			if strings.HasPrefix(candidate, found[1]+"{") {
				line = candidate
			}
		}
		if line == "" {
			t.Errorf("there is no %s", found[1])
		}
		for _, label := range regexp.MustCompile(`([a-z_]+)[=!]`).FindAllStringSubmatch(found[2], -1) {
			if !strings.Contains(line, label[1]+`="`) {
				t.Errorf("%s has no label %s: %s", found[1], label[1], line)
			}
		}
	}
	if asked < 8 {
		t.Errorf("%d metrics are asked for", asked)
	}
}

// TestGoneWhileItWaits: of a source that the configuration has no more, what runs runs on, and what waits for its turn does not run.
func TestGoneWhileItWaits(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true, RunFrequency: 5 * time.Millisecond}, "other": {AllowPush: true}})
	m.run()
	now := time.Now()
	slow := "{ id: 'slow', always: true, change: 'echo 1 >begun; until test -e go; do sleep 0.02; done' }"
	first := m.pushing(m.sign(now, file("a", "1"), slow))
	m.await("begun", "1")
	second := m.pushing(m.sign(now, file("b", "1")))
	awaitFor(t, "the second waits, and a repair", func() bool { return strings.Contains(m.metrics(), "\nwrit_agent_waiting_runs{source=\"web\"} 2\n") })
	c := m.config
	c.Sources = map[string]*agent.Source{"other": m.config.Sources["other"]}
	must(t, m.agent.Reload(c))
	m.touch("go")
	must(t, <-first)
	if err := <-second; !errors.Is(err, agent.ErrRefused) {
		t.Error(err)
	}
	must(t, m.agent.Reload(m.config)) // it is back, and goes on with what it had
	awaitFor(t, "it is back", func() bool { s := m.status("web"); return s.Order != nil })
	if got := m.trace(); !strings.HasPrefix(got, "a check, a change") || strings.Contains(got, "b check") {
		t.Error(got)
	}
}
