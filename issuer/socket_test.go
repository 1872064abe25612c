package issuer_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/workload"
)

// listen serves the issuer's socket to a server whose own uid is own, and returns its path.
func (w *world) listen(t *testing.T, own uint32, allow ...issuer.Allow) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "writ-socket") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	path := filepath.Join(directory, "writ.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	socket := issuer.NewSocket(w.Issuer, own, allow)
	server := &http.Server{Handler: socket, ConnContext: issuer.PeerContext}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		socket.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-done
	})
	return path
}

func dial(t *testing.T, path string) *api.Client {
	t.Helper()
	client, err := api.Dial("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func ownUID() uint32 { return uint32(os.Geteuid()) }

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for start := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("not after a minute: %s", what)
		}
	}
}

// TestSocket registers, mints and ends as `writ run --server` does.
func TestSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	client := dial(t, w.listen(t, ownUID()))
	if err := client.Health(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := subject()
	s.InstanceVars = map[string]any{"branch": "main", "n": 1}
	build, err := workload.Open(t.Context(), client, s, workload.Limits{Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if run := build.Run(); run.Issuer != issuerURL || run.Build != "1" || run.IDs.BuildID != 1 || !run.Grant.Enabled || run.Grant.Audiences[0] != issuerURL {
		t.Errorf("run %+v", run)
	}
	task, err := build.Task(t.Context(), workload.Task{Name: "compile", Step: "compile", Attempt: 1, Runtime: "process"}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	minted, err := task.Mint(t.Context(), workload.Request{Audience: []string{"vault"}, Life: 10 * time.Minute, Scope: workload.ScopeInstance, Algorithm: "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	if got := payload(t, minted.Token); got["sub"] != "infra/deploy/branch:main,n:1" || got["task"] != "compile" || minted.Claims.Subject != got["sub"] {
		t.Errorf("claims %v", got)
	}
	if answer := w.introspect(t, minted.Token); answer["active"] != true {
		t.Errorf("answer %v", answer)
	}
	if err := task.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if answer := w.introspect(t, minted.Token); answer["reason"] != "run_ended" {
		t.Errorf("after the task: %v", answer)
	}
	if _, err := client.Mint(t.Context(), task.Run().ID, workload.Request{}); !errors.Is(err, workload.ErrRefused) {
		t.Errorf("mint for an ended run: %v", err)
	}
	if _, err := client.Mint(t.Context(), build.Run().ID, workload.Request{Audience: []string{""}}); !errors.Is(err, workload.ErrRefused) || !strings.Contains(err.Error(), "an audience is empty") {
		t.Errorf("an empty audience: %v", err)
	}
}

// TestSocketRunsLiveWithTheirConnection: a client that is killed leaves no run behind, and one cannot act on another's.
func TestSocketRunsLiveWithTheirConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *issuer.Config) { c.Rate = 1e9 }) // for it is asked again and again, and its clock stands still
	path := w.listen(t, ownUID())
	first, second := dial(t, path), dial(t, path)
	session, err := workload.Open(t.Context(), first, subject(), workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	minted, err := session.Mint(t.Context(), workload.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Mint(t.Context(), "made-up", workload.Request{}); !errors.Is(err, workload.ErrRefused) {
		t.Errorf("mint for a made-up run: %v", err)
	}
	if err := second.End(t.Context(), "made-up"); err != nil {
		t.Errorf("end of a made-up run: %v", err)
	}
	if answer := w.introspect(t, minted.Token); answer["active"] != true {
		t.Errorf("answer %v", answer)
	}
	first.Close() // as the kernel does for a killed process
	eventually(t, "the run has ended", func() bool { return w.introspect(t, minted.Token)["reason"] == "run_ended" })
}

// TestSocketPeers: the peer's uid says who may claim which team.
func TestSocketPeers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	stranger := ownUID() + 1 // the server's own uid, which this process does not have
	begin := func(client *api.Client, team string) error {
		session, err := workload.Open(t.Context(), client, workload.Subject{Team: team}, workload.Limits{})
		if err == nil {
			err = session.Close(t.Context())
		}
		return err
	}
	closed := dial(t, w.listen(t, stranger))
	if err := begin(closed, "infra"); !errors.Is(err, workload.ErrRefused) || !strings.Contains(err.Error(), "may not register runs here") {
		t.Errorf("a stranger: %v", err)
	}
	if err := closed.Health(t.Context()); !errors.Is(err, workload.ErrRefused) {
		t.Errorf("a stranger's health: %v", err)
	}
	narrow := dial(t, w.listen(t, stranger, issuer.Allow{UID: ownUID(), Teams: []string{"infra"}}))
	if err := begin(narrow, "infra"); err != nil {
		t.Errorf("an allowed team: %v", err)
	}
	if err := begin(narrow, "other"); !errors.Is(err, workload.ErrRefused) || !strings.Contains(err.Error(), `may not claim team "other"`) {
		t.Errorf("another team: %v", err)
	}
	open := dial(t, w.listen(t, stranger, issuer.Allow{UID: ownUID()}))
	if err := begin(open, "anything"); err != nil {
		t.Errorf("every team: %v", err)
	}
}

// TestSocketRefuses what is malformed or too large.
func TestSocketRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	path := w.listen(t, ownUID())
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	for _, test := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/runs", "", 400},
		{"POST", "/v1/runs", "[]", 400},
		{"POST", "/v1/runs", `{"subject":{"team":"a"},"lief":"1h"}`, 400},
		{"POST", "/v1/runs", `{"subject":{"team":"a"},"life":"-1h"}`, 400},
		{"POST", "/v1/runs", `{"subject":{"team":"a"},"life":"soon"}`, 400},
		{"POST", "/v1/runs", `{"subject":{}}`, 403},
		{"POST", "/v1/runs", `{"subject":{"team":"a","team":"b"}}`, 400},
		{"POST", "/v1/runs", `{"subject":{"team":"a","parent":"made-up","task":"t"}}`, 403},
		{"POST", "/v1/runs", `{"subject":{"team":"` + strings.Repeat("a", 1<<20) + `"}}`, 413},
		{"POST", "/v1/runs/x/tokens", `{}`, 403},
		{"POST", "/v1/runs/x/tokens", `{"audience":1}`, 400},
		{"DELETE", "/v1/runs/x", "", 204},
		{"GET", "/v1/runs", "", 404},
		{"GET", "/introspect", "", 404},
		{"GET", "/v1/health", "", 204},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, "http://writ"+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != test.status {
			t.Errorf("%s %s %.60s: status %d, want %d", test.method, test.path, test.body, answer.StatusCode, test.status)
		}
	}
}

// TestSocketNeedsAPeer: a connection whose other end is not known registers nothing.
func TestSocketNeedsAPeer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.handler = issuer.NewSocket(w.Issuer, ownUID(), nil)
	if answer := w.ask("POST", "/v1/runs", jsonType, `{"subject":{"team":"a"}}`); answer.Code != http.StatusForbidden {
		t.Errorf("status %d: %s", answer.Code, answer.Body)
	}
}
