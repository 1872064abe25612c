package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/fleet"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/test/program"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// machine is an agent's whole HTTP side, with what stands behind it played by the test.
type machine struct {
	push func(ctx context.Context, p agent.Push) (agent.Outcome, error)
}

func (m machine) Push(ctx context.Context, p agent.Push) (agent.Outcome, error) {
	return m.push(ctx, p)
}
func (m machine) Webhook(context.Context, agent.Webhook) (agent.Reply, bool) {
	return agent.Reply{}, false
}
func (m machine) Metrics(io.Writer) error { return nil }

// changes is a machine that one Command of the order changes.
var changes = machine{func(_ context.Context, p agent.Push) (agent.Outcome, error) {
	switch string(p.Token) {
	case "good":
		x := command.Execution{Output: command.Output{Head: []byte("hello")}}
		return agent.Outcome{Result: command.Result{Mode: command.Change, Outcomes: []command.Outcome{{Action: command.Change, ID: "a", State: command.Changed, Change: &x}}}}, nil
	case "failing":
		return agent.Outcome{Err: errors.New("it failed")}, nil
	case "old":
		return agent.Outcome{}, &agent.OlderError{}
	}
	return agent.Outcome{}, agent.ErrRefused
}}

// start starts a machine that takes pushes to the source web, and returns it as a target with its certificate's fingerprint.
func start(t testing.TB, name string, m machine, change ...func(*agent.ServerConfig)) (fleet.Target, [32]byte) {
	t.Helper()
	c := agent.ServerConfig{
		HTTP:    agent.HTTPServer{ListenAddress: "127.0.0.1:0", SelfSignedCertificate: true},
		Sources: map[string]*agent.Source{"web": {AllowPush: true}, "a b/c": {AllowPush: true}}, StateDir: filepath.Join(t.TempDir(), "state"),
	}
	for _, f := range change {
		f(&c)
	}
	s := agent.NewServer(m, slog.New(slog.DiscardHandler))
	at, err := s.Apply(c)
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), program.Patience)
		defer cancel()
		must(t, s.Close(ctx))
	})
	if at.Fingerprint == "" {
		return fleet.Target{Name: name, URL: "http://" + at.Address + "/etcha/v1/push"}, [32]byte{}
	}
	pin, err := agent.ParseFingerprint(at.Fingerprint)
	must(t, err)
	return fleet.Target{Name: name, URL: "https://" + at.Address + "/etcha/v1/push"}, pin
}

// web is a target that is no agent.
func web(t testing.TB, name string, handler http.HandlerFunc) fleet.Target {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return fleet.Target{Name: name, URL: s.URL + "/etcha/v1/push"}
}

// sender is one that does not wait long.
func sender(t testing.TB, c fleet.Config) *fleet.Sender {
	t.Helper()
	s := fleet.New(c)
	s.Hurry()
	t.Cleanup(s.Close)
	return s
}

func order(text string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(text), nil }
}

func TestStates(t *testing.T) {
	t.Parallel()
	good, pin := start(t, "good", changes)
	closed := program.Unused(t)
	answers := func(status int, text string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, text)
		}
	}
	var pushes []fleet.Push
	want := map[string]struct {
		state fleet.State
		err   string
	}{}
	add := func(target fleet.Target, name, token string, state fleet.State, err string, change ...func(*fleet.Push)) {
		target.Name = name
		p := fleet.Push{Target: target, Source: "web", Order: order(token)}
		for _, f := range change {
			f(&p)
		}
		pushes = append(pushes, p)
		want[name] = struct {
			state fleet.State
			err   string
		}{state, err}
	}
	add(good, "done", "good", fleet.Done, "")
	add(good, "failed", "failing", fleet.Failed, "it failed")
	add(good, "older", "old", fleet.Older, "the order is of ")
	add(good, "forged", "bad", fleet.Refused, "there is no such source, or it takes no pushes, or the order was not verified")
	add(good, "another source", "good", fleet.Refused, "there is no such source", func(p *fleet.Push) { p.Source = "../push/web" })
	add(good, "large, to nobody", strings.Repeat("x", 30<<20), fleet.Refused, "there is no such source", func(p *fleet.Push) { p.Source = "nobody" })
	add(good, "too large", strings.Repeat("x", 33<<20), fleet.Failed, "an order has at most 33554432 bytes")
	add(good, "a bad filter", "good", fleet.Failed, `parameter only: "("`, func(p *fleet.Push) { p.Only = "(" })
	add(good, "a source that is none", "good", fleet.Refused, "", func(p *fleet.Push) { p.Source = "" })
	add(good, "a plan", "good", fleet.Done, "", func(p *fleet.Push) { p.Plan = true })
	add(good, "a part", "good", fleet.Done, "", func(p *fleet.Push) { p.Only = "a" })
	add(good, "a plan for nobody", "good", fleet.Refused, "there is no such source", func(p *fleet.Push) { p.Plan, p.Source = true, "nobody" })
	for name, status := range map[string]int{"Etcha's plan": 404, "another's plan": 200, "a third's plan": 405} {
		add(web(t, "", answers(status, "")), name, "good", fleet.Unfit, "it does not know --plan and --only", func(p *fleet.Push) { p.Plan = true })
	}
	add(web(t, "", answers(429, "")), "a limited plan", "good", fleet.Limited, "it answers 429", func(p *fleet.Push) { p.Plan = true })
	add(good, "no order", "", fleet.Unmade, "the Pattern is wrong", func(p *fleet.Push) {
		p.Order = func(context.Context) ([]byte, error) { return nil, errors.New("the Pattern is wrong") }
	})
	add(fleet.Target{URL: "https://" + closed}, "closed", "good", fleet.Unreachable, "dial tcp "+closed+": connect: connection refused")
	add(fleet.Target{URL: "https://writ-test.invalid:4000/"}, "no such name", "good", fleet.Unreachable, "dial tcp: lookup writ-test.invalid")
	add(fleet.Target{URL: "::"}, "no URL", "good", fleet.Unreachable, "")
	add(fleet.Target{URL: strings.Replace(good.URL, "https", "http", 1)}, "http to https", "good", fleet.Odd, "it answers 400 Bad Request, as no agent does")
	add(web(t, "", answers(404, "<html>")), "a web server", "good", fleet.Odd, "it answers 404 with a page")
	add(web(t, "", answers(502, "<html>")), "a proxy", "good", fleet.Odd, "it answers 502 Bad Gateway, as no agent does")
	add(web(t, "", answers(200, "<html>")), "a page", "good", fleet.Odd, "it answers 200 OK, as no agent does")
	add(web(t, "", answers(200, "[]")), "a list", "good", fleet.Odd, "it answers 200 OK")
	add(web(t, "", answers(500, "")), "nothing", "good", fleet.Odd, "it answers 500")
	add(web(t, "", answers(302, "", "Location", good.URL+"/web")), "elsewhere", "good", fleet.Odd, "it answers 302 Found")
	add(web(t, "", answers(429, "", "Retry-After", "7")), "limited", "good", fleet.Limited, "it answers 429 Too Many Requests: nothing ran; in 7 s it may")
	add(web(t, "", answers(503, "", "Retry-After", "Tue")), "busy", "good", fleet.Limited, "it answers 503 Service Unavailable: nothing ran")
	add(web(t, "", answers(500, `{"err":"old","changedIDs":null}`)), "failed Etcha", "good", fleet.Failed, "old")
	add(web(t, "", answers(500, `{}`)), "silent", "good", fleet.Failed, "it says that it failed, and not why")
	add(web(t, "", answers(200, `{"changedIDs":["x"],"changedOutputs":["y"],"err":"","exit":false,"removedIDs":null,"removedOutputs":null}`)), "Etcha", "good", fleet.Done, "")
	add(web(t, "", answers(200, `{"changed":["x"],"removed":[],"exit":true}`)), "old Etcha", "good", fleet.Done, "")
	add(web(t, "", answers(200, `{"changedIDs":["x"]}`)), "Etcha's drift", "good", fleet.Drifted, "", func(p *fleet.Push) { p.Check = true })
	add(web(t, "", answers(200, `{"changedIDs":["x"],"mode":"check"}`)), "always", "good", fleet.Done, "", func(p *fleet.Push) { p.Check = true })
	add(web(t, "", answers(200, `{"mode":"check","drift":true}`)), "drift", "good", fleet.Drifted, "", func(p *fleet.Push) { p.Check = true })
	add(web(t, "", answers(200, `{"mode":"check","drift":true}`)), "drift of a source that is checkOnly", "good", fleet.Drifted, "")
	add(web(t, "", answers(200, `{"mode":"check"}`)), "checkOnly, and all well", "good", fleet.Done, "")
	add(web(t, "", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"changedIDs":`)
	}), "half an answer", "good", fleet.Lost, "its answer broke off: unexpected EOF")
	add(web(t, "", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "no answer", "good", fleet.Lost, "no answer came: EOF")
	s := sender(t, fleet.Config{Pins: [][32]byte{pin}})
	results := map[string]fleet.Result{}
	s.All(t.Context(), pushes, 4, func(r fleet.Result) { results[r.Target] = r })
	for name, w := range want {
		r, there := results[name]
		if !there || r.State != w.state || !strings.HasPrefix(r.Err, w.err) || (w.err == "") != (r.Err == "") && name != "no URL" && w.state != fleet.Refused {
			t.Errorf("%s: %s %q, want %s %q", name, r.State, r.Err, w.state, w.err)
		}
		if sent := r.State.Sent(); sent == (r.State == fleet.Unreachable || r.State == fleet.Unmade || r.State == fleet.Unfit) {
			t.Errorf("%s: sent %v", name, sent)
		}
	}
	if a := results["done"].Answer; !reflect.DeepEqual(a.ChangedIDs, []string{"a"}) || a.ChangedOutputs[0] != "hello" || a.Commands[0].State != "changed" {
		t.Errorf("%+v", a)
	}
	if a := results["old Etcha"].Answer; a.ChangedIDs[0] != "x" || !a.Exit || a.RemovedOutputs == nil {
		t.Errorf("%+v", a)
	}
	if r := results["done"]; r.Took <= 0 {
		t.Errorf("it took %s", r.Took)
	}
}

// TestLive: what a machine tells while it runs comes under its own name, whatever it says.
func TestLive(t *testing.T) {
	t.Parallel()
	shown := make(chan string, 1)
	var screen bytes.Buffer
	text := journal.NewText(&screen)
	sink := sinkFunc(func(e journal.Entry) error {
		if err := text.Append(e); err != nil {
			return err
		}
		if e.Text == "last" {
			shown <- screen.String()
		}
		return nil
	})
	seen := make(chan struct{})
	target, pin := start(t, "web1", machine{func(_ context.Context, p agent.Push) (agent.Outcome, error) {
		for _, e := range []journal.Entry{
			{Kind: journal.Output, Job: "web2", Build: "x", Step: "a", Text: "one\x1b[2J\x07\nweb2/a | forged"},
			{Kind: "nonsense", Text: "nonsense"},
			{Kind: journal.Output, Step: "a\nb", Text: "last"},
		} {
			if err := p.Sink.Append(e); err != nil {
				return agent.Outcome{}, err
			}
		}
		<-seen
		return changes.push(context.Background(), p)
	}})
	results := make(chan fleet.Result)
	go func() {
		results <- sender(t, fleet.Config{Pins: [][32]byte{pin}}).Push(t.Context(), fleet.Push{Target: target, Source: "web", Order: order("good"), Sink: sink})
	}()
	got := <-shown
	close(seen)
	if r := <-results; r.State != fleet.Done || r.Answer.ChangedIDs[0] != "a" || r.Answer.Status != 200 {
		t.Errorf("%+v", r)
	}
	if want := "web1/a | oneweb2/a | forged\nweb1/ab | last\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

type sinkFunc func(journal.Entry) error

func (f sinkFunc) Append(e journal.Entry) error { return f(e) }

// TestWorkers: so many machines are worked on at once, and no more.
func TestWorkers(t *testing.T) {
	t.Parallel()
	const workers = 7
	var now, most atomic.Int64
	var once sync.Once
	full := make(chan struct{})
	target := web(t, "", func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == workers {
			once.Do(func() { close(full) })
		}
		<-full
		defer now.Add(-1)
		io.WriteString(w, `{}`)
	})
	var pushes []fleet.Push
	for i := range 50 {
		target.Name = fmt.Sprint(i)
		pushes = append(pushes, fleet.Push{Target: target, Source: "web", Order: order("good")})
	}
	seen := map[string]int{}
	sender(t, fleet.Config{}).All(t.Context(), pushes, workers, func(r fleet.Result) { seen[r.Target]++ })
	if most.Load() != workers || len(seen) != 50 {
		t.Errorf("%d at once, %d results", most.Load(), len(seen))
	}
}

// TestAborted: when the caller has enough, what was not sent stays here, and what was goes on there.
func TestAborted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	began, end := make(chan struct{}), make(chan struct{})
	target, pin := start(t, "first", machine{func(ctx context.Context, p agent.Push) (agent.Outcome, error) {
		close(began)
		<-end
		return agent.Outcome{}, nil
	}})
	second := target
	second.Name = "second"
	go func() {
		<-began
		cancel()
	}()
	results := map[string]fleet.Result{}
	sender(t, fleet.Config{Pins: [][32]byte{pin}}).All(ctx, []fleet.Push{
		{Target: target, Source: "web", Order: order("good")}, {Target: second, Source: "web", Order: order("good")},
	}, 1, func(r fleet.Result) { results[r.Target] = r })
	if r := results["first"]; r.State != fleet.Aborted || r.Err != "it was sent, and if it runs there it does so to its end" {
		t.Errorf("%+v", r)
	}
	if r := results["second"]; r.State != fleet.Aborted || r.Err != "nothing was sent" {
		t.Errorf("%+v", r)
	}
	close(end)
}

// TestJudge goes through what an agent's result at the end of its events may say.
func TestJudge(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fleet.State{200: fleet.Done, 500: fleet.Failed, 404: fleet.Refused, 409: fleet.Older, 429: fleet.Limited, 503: fleet.Limited} {
		if r := fleet.Judge(fleet.Push{}, status, api.Pushed{}); r.State != want {
			t.Errorf("%d: %s, want %s", status, r.State, want)
		}
	}
	text, err := json.Marshal(api.Pushed{ChangedIDs: []string{"a"}, Drift: true})
	must(t, err)
	if r := fleet.ReadAnswer(200, text); r.State != fleet.Drifted {
		t.Errorf("%+v", r)
	}
}
