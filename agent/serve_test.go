package agent_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/command"
)

// receiver is an agent that takes the order "good", and does with it what the test says.
type receiver struct {
	run func(ctx context.Context, p agent.Push) (agent.Outcome, error) // nil: one Command was changed

	mu    sync.Mutex
	taken []agent.Push
	hooks []agent.Webhook
}

func (r *receiver) Push(ctx context.Context, p agent.Push) (agent.Outcome, error) {
	r.mu.Lock()
	r.taken = append(r.taken, p)
	r.mu.Unlock()
	for token, err := range map[string]error{"busy": agent.ErrBusy, "away": fmt.Errorf("keys: %w", agent.ErrUnverified), "gone": context.Canceled, "full": errors.New("the disk is full")} {
		if string(p.Token) == token {
			return agent.Outcome{}, err
		}
	}
	switch {
	case string(p.Token) == "old":
		return agent.Outcome{}, &agent.OlderError{Source: p.Source, IssuedAt: time.Unix(10, 0), Newest: time.Unix(20, 0), Clock: time.Unix(30, 0)}
	case string(p.Token) != "good":
		return agent.Outcome{}, fmt.Errorf("%w: signature: it does not hold", agent.ErrRefused)
	case r.run != nil:
		return r.run(ctx, p)
	}
	return changed("a", "hello\n"), nil
}

func (r *receiver) Webhook(_ context.Context, w agent.Webhook) (agent.Reply, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hooks = append(r.hooks, w)
	return agent.Reply{Body: []byte("hooked"), ContentType: "text/html"}, w.Query != "nobody"
}

func (r *receiver) Metrics(w io.Writer) error {
	_, err := io.WriteString(w, "etcha_sources_total 1\n")
	return err
}

func (r *receiver) pushes() []agent.Push {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]agent.Push{}, r.taken...)
}

func (r *receiver) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken, r.hooks = nil, nil
}

// changed is the outcome of one Command that was changed.
func changed(id, output string) agent.Outcome {
	x := command.Execution{Output: command.Output{Head: []byte(output), Size: int64(len(output))}, Duration: time.Second}
	return agent.Outcome{Result: command.Result{Mode: command.Change, Outcomes: []command.Outcome{{Action: command.Change, ID: id, State: command.Changed, Change: &x}}}}
}

// front is a server over TLS with a client that trusts it.
type front struct {
	*agent.Server
	t      testing.TB
	url    string
	client *http.Client
	log    *logged
	config agent.ServerConfig
	tries  int // of what a slow machine does not come to within the bounds; 1: they are long
}

// newFront serves the source web and the webhook /hook, with what the test changes of the configuration.
func newFront(t testing.TB, r agent.Receiver, change ...func(*agent.ServerConfig)) *front {
	t.Helper()
	return newHurriedFront(t, r, patience, patience, change...)
}

// newHurriedFront has other bounds than the usual.
func newHurriedFront(t testing.TB, r agent.Receiver, bound, beat time.Duration, change ...func(*agent.ServerConfig)) *front {
	t.Helper()
	f := &front{t: t, log: &logged{}, config: agent.ServerConfig{
		HTTP:       agent.HTTPServer{ListenAddress: "127.0.0.1:0", SelfSignedCertificate: true},
		MetricsKey: "m3trics",
		Sources: map[string]*agent.Source{
			"web": {AllowPush: true}, "größe b": {AllowPush: true}, "pulled": {}, "hooked": {WebhookPaths: []string{"/hook", "/a b"}},
		},
		StateDir: filepath.Join(t.TempDir(), "state"),
	}}
	f.tries = 1
	if bound < patience {
		f.tries = 20
	}
	for _, c := range change {
		c(&f.config)
	}
	f.Server = agent.NewServer(r, slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	f.Hurry(bound, beat)
	listening, err := f.Apply(f.config)
	if err != nil {
		t.Fatal(err)
	}
	f.url = "https://" + listening.Address
	if listening.Fingerprint == "" {
		f.url = "http://" + listening.Address
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	f.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return f
}

// do makes a request and reads its whole answer.
func (f *front) do(method, path, body string, header ...string) (*http.Response, string) {
	f.t.Helper()
	request, err := http.NewRequest(method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	answer, err := f.client.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer, string(text)
}

func decode(t testing.TB, text string) (p api.Pushed) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return p
}

func TestHTTPPush(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	f := newFront(t, r)
	answer, text := f.do("POST", "/etcha/v1/push/web", "good")
	const want = `{"changedIDs":["a"],"changedOutputs":["hello\n"],"err":"","exit":false,"removedIDs":[],"removedOutputs":[],` +
		`"mode":"change","commands":[{"action":"change","id":"a","state":"changed","seconds":1}]}`
	if answer.StatusCode != 200 || text != want || answer.ProtoMajor != 2 || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s %s", answer.Proto, answer.Status, text)
	}
	if p := r.pushes()[0]; p.Source != "web" || string(p.Token) != "good" || p.Check || p.Plan || p.Only != "" || p.RemoteAddr != "127.0.0.1" || p.Sink != nil {
		t.Errorf("%+v", p)
	}
	for query, want := range map[string]agent.Push{
		"?check": {Check: true}, "?check=true&plan=1": {Check: true, Plan: true}, "?check=false": {}, "?only=" + url.QueryEscape("a|b"): {Only: "a|b"},
	} {
		if answer, text := f.do("POST", "/etcha/v1/push/gr%C3%B6%C3%9Fe%20b"+query, "good"); answer.StatusCode != 200 {
			t.Errorf("%s: %s %s", query, answer.Status, text)
		}
		all := r.pushes()
		if got := all[len(all)-1]; got.Source != "größe b" || got.Check != want.Check || got.Plan != want.Plan || got.Only != want.Only {
			t.Errorf("%s: %+v", query, got)
		}
	}
}

// TestHTTPPushRefused: what is refused is refused without a word, all but what only who signs orders can see.
func TestHTTPPushRefused(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	f := newFront(t, r)
	for _, test := range []struct {
		method, path, body string
		status             int
		err                string // empty: without a body
		looked             bool   // at the order
	}{
		{"POST", "web", "bad", 404, "", true},
		{"POST", "web", "", 404, "", true},
		{"POST", "web", "\x00\xff", 404, "", true},
		{"POST", "nobody", "good", 404, "", false},
		{"POST", "", "good", 404, "", false},
		{"POST", "web/", "good", 404, "", false},
		{"POST", "web%2f", "good", 404, "", false},
		{"POST", "../push/web", "good", 404, "", false},
		{"POST", "%2e%2e/push/web", "good", 404, "", false},
		{"POST", "./web", "good", 404, "", false},
		{"POST", "/web", "good", 404, "", false},
		{"POST", "web%00", "good", 404, "", false},
		{"POST", "WEB", "good", 404, "", false},
		{"POST", "web;a", "good", 404, "", false},
		{"POST", strings.Repeat("a", 5000), "good", 404, "", false},
		{"POST", "web", "old", 409, "the order is of 1970-01-01T00:00:10Z, and source web has accepted one of 1970-01-01T00:00:20Z; it is 1970-01-01T00:00:30Z here", true},
		{"POST", "web", "busy", 503, "too many runs wait for this source", true},
		{"POST", "web", "away", 503, "keys: it cannot be verified now", true},
		{"POST", "web", "gone", 503, "context canceled", true},
		{"POST", "web", "full", 500, "the disk is full", true},
		{"POST", "web?only=(", "good", 400, "parameter only: \"(\": error parsing regexp: missing closing ): `(`", false},
		{"POST", "nobody?only=(", "good", 400, "parameter only: \"(\": error parsing regexp: missing closing ): `(`", false},
		{"POST", "web?only=" + strings.Repeat("a", 4097), "good", 400, "parameter only has 4097 bytes; at most 4096 are taken", false},
		{"POST", "web?only=a&only=b", "good", 400, `parameter "only" is there twice`, false},
		{"POST", "web?check=no", "good", 400, `parameter check: "no": want nothing, true or false`, false},
		{"POST", "web?filter=a", "good", 400, `unknown parameter "filter"; want check, plan or only`, false},
		{"POST", "web?%zz", "good", 400, "the query cannot be read", false},
		{"GET", "web", "", 405, "", false},
		{"HEAD", "nobody", "", 405, "", false},
		{"PUT", "web", "good", 405, "", false},
		{"BREW", "web", "good", 405, "", false},
	} {
		before := len(r.pushes())
		answer, text := f.do(test.method, "/etcha/v1/push/"+test.path, test.body)
		if answer.StatusCode != test.status {
			t.Errorf("%s %s %q: %s", test.method, test.path, test.body, answer.Status)
		}
		switch {
		case test.err == "" && text != "":
			t.Errorf("%s %s: answered %q", test.method, test.path, text)
		case test.err != "" && decode(t, text).Err != test.err:
			t.Errorf("%s %s: answered %s", test.method, test.path, text)
		}
		if looked := len(r.pushes()) > before; looked != test.looked {
			t.Errorf("%s %s: the order was looked at: %v", test.method, test.path, looked)
		}
		if allow := answer.Header.Get("Allow"); (test.status == 405) != (allow == "POST") {
			t.Errorf("%s: Allow %q", test.path, allow)
		}
	}
}

// TestHTTPPushOff: a source that takes no pushes hears of it, without the order.
func TestHTTPPushOff(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	f := newFront(t, r)
	for _, source := range []string{"pulled", "hooked"} {
		answer, text := f.do("POST", "/etcha/v1/push/"+source, "good")
		pushes := r.pushes()
		if p := pushes[len(pushes)-1]; answer.StatusCode != 404 || text != "" || p.Source != source || p.Token != nil || p.RemoteAddr != "127.0.0.1" {
			t.Errorf("%s: %s %q, %+v", source, answer.Status, text, p)
		}
	}
}

// TestHTTPPushFailed: a Command that failed is 500 with the whole answer; what is long is cut in it.
func TestHTTPPushFailed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100<<10) + "end"
	r := &receiver{run: func(context.Context, agent.Push) (agent.Outcome, error) {
		o := changed("a", long)
		failed := command.Execution{Exit: 3, Output: command.Output{Head: []byte("no\xff"), Size: 3}}
		o.Result.Outcomes = append(o.Result.Outcomes,
			command.Outcome{Action: command.Remove, Parent: "g", ID: "b", State: command.Removed, Remove: &command.Execution{}},
			command.Outcome{Action: command.Change, ID: "c", State: command.Failed, By: "a", Check: &failed, Change: &failed},
			command.Outcome{Action: command.Change, ID: "d", State: command.Skipped},
		)
		o.Exit, o.Err = true, &command.FailedError{Name: "c", Phase: command.Change, Exit: 3, Reason: "why"}
		return o, nil
	}}
	f := newFront(t, r)
	answer, text := f.do("POST", "/etcha/v1/push/web", "good")
	got := decode(t, text)
	if answer.StatusCode != 500 {
		t.Errorf("%s %s", answer.Status, text)
	}
	if out := got.ChangedOutputs[0]; len(out) > 65<<10 || !strings.HasPrefix(out, "xxx") || !strings.HasSuffix(out, "xend") || !strings.Contains(out, "bytes left out") {
		t.Errorf("%d bytes of output: %.20s", len(out), out)
	}
	got.ChangedOutputs = nil
	want := api.Pushed{
		ChangedIDs: []string{"a"}, Err: `command "c": change: why`, Exit: true, RemovedIDs: []string{"b"}, RemovedOutputs: []string{""}, Mode: "change",
		Commands: []api.PushedCommand{
			{Action: "change", ID: "a", State: "changed", Seconds: 1}, {Action: "remove", Parent: "g", ID: "b", State: "removed"},
			{Action: "change", ID: "c", State: "failed", By: "a", Exit: 3, Output: "no\ufffd"}, {Action: "change", ID: "d", State: "skipped"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// TestLargestAnswer: whatever an order does, its answer stays within its bound.
func TestLargestAnswer(t *testing.T) {
	t.Parallel()
	r := &receiver{run: func(context.Context, agent.Push) (agent.Outcome, error) {
		var o agent.Outcome
		x := command.Execution{Output: command.Output{Head: bytes.Repeat([]byte{1}, 70<<10)}}
		for range 20_000 {
			o.Result.Outcomes = append(o.Result.Outcomes, command.Outcome{Action: command.Change, ID: strings.Repeat("\x01", 2000), Parent: "p", State: command.Changed, Change: &x})
			o.Plan.Steps = append(o.Plan.Steps, command.Step{ID: strings.Repeat("\x01", 2000)})
		}
		o.Err = errors.New(strings.Repeat("\x01", 1<<20))
		return o, nil
	}}
	f := newFront(t, r)
	if _, text := f.do("POST", "/etcha/v1/push/web", "good"); len(decode(t, text).Plan) != 0 {
		t.Error("a plan that was not asked for")
	}
	_, text := f.do("POST", "/etcha/v1/push/web?plan", "good")
	got := decode(t, text)
	if len(text) > api.MaxPushed || got.Omitted == 0 || len(got.ChangedIDs) != len(got.ChangedOutputs) || len(got.ChangedIDs) != len(got.Commands) || len(got.Commands) < 100 || len(got.Plan) < 100 {
		t.Errorf("%d bytes, %d Commands, %d ids, %d steps, %d left out", len(text), len(got.Commands), len(got.ChangedIDs), len(got.Plan), got.Omitted)
	}
}

// TestPlanAndCheck are told in the answer.
func TestPlanAndCheck(t *testing.T) {
	t.Parallel()
	plan, err := command.Diff(nil, command.List{{ID: "g", Commands: command.List{{ID: "a", Change: "true"}}}}, command.Change)
	must(t, err)
	r := &receiver{run: func(_ context.Context, p agent.Push) (agent.Outcome, error) {
		if p.Plan {
			return agent.Outcome{Plan: plan}, nil
		}
		return agent.Outcome{Result: command.Result{Mode: command.Check, Outcomes: []command.Outcome{
			{Action: command.Change, ID: "a", State: command.Drifted, Check: &command.Execution{Exit: 1}},
			{Action: command.Remove, ID: "b", State: command.Drifted, Check: &command.Execution{}},
			{Action: command.Change, ID: "c", State: command.Well, Check: &command.Execution{}},
		}}}, nil
	}}
	f := newFront(t, r)
	_, text := f.do("POST", "/etcha/v1/push/web?plan", "good")
	if got := decode(t, text); got.Mode != "change" || !reflect.DeepEqual(got.Plan, []api.PushedStep{{Action: "change", Parent: "g", ID: "a", Why: "new"}}) {
		t.Errorf("%s", text)
	}
	answer, text := f.do("POST", "/etcha/v1/push/web?check", "good")
	if got := decode(t, text); answer.StatusCode != 200 || got.Mode != "check" || !got.Drift || got.ChangedIDs[0] != "a" || got.RemovedIDs[0] != "b" || len(got.Commands) != 3 {
		t.Errorf("%s", text)
	}
}
