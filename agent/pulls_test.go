package agent_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/pattern"
)

// place puts an order at a path, whole or not at all.
func (m *machine) place(path string, raw []byte) {
	m.t.Helper()
	must(m.t, os.WriteFile(path+".new", raw, 0o600))
	must(m.t, os.Rename(path+".new", path))
}

// pulledAs waits until the last pull of web had a result.
func (m *machine) pulledAs(result string) agent.SourceStatus {
	m.t.Helper()
	awaitFor(m.t, "a pull: "+result, func() bool { p := m.status("web").Pull; return p != nil && p.Result == result })
	return m.status("web")
}

// TestPullFile: a file is pulled when it is there, and when it is another one; without a runFrequency, too.
func TestPullFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "orders", "web.jwt")
	m := newMachine(t, map[string]*agent.Source{"web": {PullPaths: []string{path}, RunFrequency: time.Hour}})
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	stop := m.run()
	m.pulledAs("missing")
	if strings.Contains(m.log.String(), "level=WARN") || strings.Contains(m.log.String(), "level=ERROR") {
		t.Errorf("a first start is nothing to be warned of:\n%s", m.log)
	}
	now := time.Now()
	m.place(path, m.sign(now.Add(-3*time.Hour), file("a", "1")))
	m.await("a", "1")
	m.place(path, m.sign(now.Add(-2*time.Hour), file("a", "2")))
	m.await("a", "2")
	m.settled("web")
	m.ran("both", "a check, a change, a check, a remove, a check, a change")

	// What is no order does not take its place, nor does an older one.
	m.place(path, []byte("half.a.tok"))
	m.pulledAs("failed")
	m.place(path, m.sign(now.Add(-3*time.Hour), file("old", "1")))
	awaitFor(t, "the older one is refused", func() bool { return m.reasons("web") == "pull malformed, pull older" })
	stop = m.restart(stop)
	m.settled("web")
	m.pulledAs("failed")
	m.ran("after a restart", "a check")

	m.place(path, m.sign(now, file("b", "1")))
	m.await("b", "1")
	m.pulledAs("new")
	s := m.settled("web")
	if s.Pull.Path != path || s.Pull.Error != "" || s.LastRun.Trigger != "pull" {
		t.Errorf("%+v, %+v", s.Pull, s.LastRun)
	}
	must(t, stop())
}

// shop is a web server with one order.
type shop struct {
	*httptest.Server
	mu     sync.Mutex
	raw    []byte
	status int
	sent   atomic.Int64 // bodies
	asked  atomic.Int64
}

func newShop(t *testing.T) *shop {
	s := &shop{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *shop) set(status int, raw []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.raw = status, raw
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	s.mu.Lock()
	raw, status := s.raw, s.status
	s.mu.Unlock()
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	tag := fmt.Sprintf(`"%d-%x"`, len(raw), raw[max(0, len(raw)-8):])
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	s.sent.Add(1)
	_, _ = w.Write(raw)
}

// TestPullWeb: what is not new is not sent again and only repaired; what cannot be had, or is refused, stops no repair.
func TestPullWeb(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	now := time.Now()
	m := newMachine(t, map[string]*agent.Source{"web": {PullPaths: []string{s.URL}, RunFrequency: 20 * time.Millisecond}})
	s.set(0, m.sign(now.Add(-2*time.Hour), file("a", "1"), "{ id: 'count', always: true, change: 'echo >>counted' }"))
	stop := m.run()
	m.await("a", "1")
	m.pulledAs("not modified")
	if text := m.metrics(); !strings.Contains(text, "\n"+`writ_agent_pull_failed{source="web"} 0`+"\n") {
		t.Error(text)
	}
	if sent := s.sent.Load(); sent != 1 {
		t.Errorf("%d bodies were sent", sent)
	}
	m.gone("a")
	m.await("a", "1") // repaired
	s.set(http.StatusInternalServerError, nil)
	if st := m.pulledAs("failed"); !strings.Contains(st.Pull.Error, "status 500") || st.Pull.Next.IsZero() {
		t.Errorf("%+v", st.Pull)
	}
	if text := m.metrics(); !strings.Contains(text, "\n"+`writ_agent_pull_failed{source="web"} 1`+"\n") {
		t.Error(text)
	}
	m.gone("a")
	m.await("a", "1") // repaired all the same
	if n := strings.Count(m.log.String(), "no order could be pulled"); n != 1 {
		t.Errorf("that the server is down is said %d times", n)
	}
	must(t, stop())
}

// TestPullPaths: the first place counts that has an order which is taken.
func TestPullPaths(t *testing.T) {
	t.Parallel()
	first, second := newShop(t), newShop(t)
	third := filepath.Join(t.TempDir(), "web.jwt")
	m := newMachine(t, map[string]*agent.Source{"web": {PullPaths: []string{first.URL, second.URL + "#X-Token:s3cret", third}}})
	now := time.Now()
	first.set(http.StatusNotFound, nil)
	second.set(0, []byte("garbage"))
	m.place(third, m.sign(now.Add(-2*time.Hour), file("a", "3")))
	m.start()
	must(t, m.agent.Once(t.Context()))
	if p := m.status("web").Pull; p != nil {
		t.Errorf("%+v", p)
	}
	m.ran("from the third", "a check, a change")
	second.set(0, m.sign(now.Add(-time.Hour), file("a", "2")))
	must(t, m.agent.Once(t.Context()))
	m.ran("from the second", "a check, a remove, a check, a change")
	second.set(http.StatusNotFound, nil)
	must(t, m.agent.Once(t.Context()))
	m.ran("with nothing new", "a check")
	m.place(third, m.sign(now.Add(-3*time.Hour), file("a", "3")))
	err := m.agent.Once(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "source web: ") || !strings.Contains(err.Error(), "status 404") || !strings.Contains(err.Error(), "the order is of") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("with an older one alone: %v", err)
	}
	m.ran("what there is runs", "a check")
	must(t, m.agent.Close())
}

// TestSameOrder: an order that says the same in another token is not run again, but kept: it is of a new key, say, and the old
// key is trusted no more.
func TestSameOrder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "web.jwt")
	m := newMachine(t, map[string]*agent.Source{"web": {PullPaths: []string{path}, PullIgnoreVersion: true}})
	now := time.Now()
	order := func(version string, issued time.Time) pattern.Order {
		files := map[string]string{"/main.jsonnet": "{ run: [" + file("a", "1") + "] }"}
		return pattern.NewOrder(pattern.Pattern{}, pattern.Bundle{Entrypoint: "/main.jsonnet", Files: files}, "", nil, version, issued)
	}
	second, err := key.Generate(key.EdDSA, "second")
	must(t, err)
	m.place(path, m.signBy(m.private, order("v1", now.Add(-time.Hour))))
	stop := m.run()
	m.await("a", "1")
	m.trust(m.private.Public(), second.Public())
	m.place(path, m.signBy(second, order("v2", now)))
	if s := m.pulledAs("same"); s.Order.Key != "second" || s.Mark.IssuedAt != now.Unix() {
		t.Errorf("%+v, %+v", s.Order, s.Mark)
	}
	m.ran("the same of another key", "a check, a change")
	m.trust(second.Public())
	before := m.status("web").Pull.Time
	must(t, m.agent.Reload(m.config))
	awaitFor(t, "it pulls again", func() bool { return !m.status("web").Pull.Time.Equal(before) }) // after what it ran
	m.ran("without the old key", "")
	stop = m.restart(stop)
	s := m.settled("web")
	if s.Order == nil || s.Interrupted || s.Refusals != nil {
		t.Errorf("%+v", s)
	}
	m.ran("after a restart", "a check")
	must(t, stop())
}

// TestUnverified: where keys cannot be reached nothing is refused for good, and what is remembered runs once they are there.
func TestUnverified(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	m.push(m.sign(time.Now(), file("a", "1")))
	m.trace()
	must(t, stop())
	m.mu.Lock()
	m.away = true
	m.mu.Unlock()
	stop = m.run()
	awaitFor(t, "it is seen", func() bool { return m.status("web").Held })
	if s := m.status("web"); m.reasons("web") != "restore unverified" || s.Order != nil {
		t.Errorf("%+v", s)
	}
	m.ran("without keys", "")
	m.mu.Lock()
	m.away = false
	m.mu.Unlock()
	must(t, m.agent.Reload(m.config))
	m.settled("web")
	m.ran("with keys", "a check")
	if s := m.status("web"); s.Held || s.Order == nil {
		t.Errorf("%+v", s)
	}
	must(t, stop())
}

// TestOnce: each source is pulled and run once; the error says which failed.
func TestOnce(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "good.jwt")
	always := command.List{{ID: "fails", Always: true, Change: "echo fails >>trace; false"}}
	m := newMachine(t, map[string]*agent.Source{
		"a": {Commands: always}, "b": {PullPaths: []string{good}}, "c": {PullPaths: []string{good + ".missing"}, Commands: command.List{{ID: "c", Always: true, Change: "echo c >>trace"}}},
		"d": {TriggerOnly: true, Commands: always}, "e": {},
	})
	o := pattern.NewOrder(pattern.Pattern{Audience: []string{"b"}}, pattern.Bundle{Entrypoint: "/m", Files: map[string]string{"/m": "{ run: [" + file("b", "1") + "] }"}}, "", nil, "", time.Now())
	m.place(good, m.signBy(m.private, o))
	m.start()
	err := m.agent.Once(t.Context())
	if err == nil || !strings.Contains(err.Error(), `source a: command "fails": change: exit status 1`) || !strings.Contains(err.Error(), "source c: ") || strings.Contains(err.Error(), "source b") {
		t.Errorf("error %v", err)
	}
	m.ran("each", "fails, b check, b change, c")
	must(t, m.agent.Close())
}
