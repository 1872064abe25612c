package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/workload"
)

// ask sends one request to a handler.
func ask(h http.Handler, method, path, body string) (*httptest.ResponseRecorder, map[string]string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	var answer map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		answer = map[string]string{"not JSON": w.Body.String()}
	}
	return w, answer
}

func testHandler(t *testing.T, g workload.Grant, c Config) (*handler, *fakeMinter) {
	t.Helper()
	m := newMinter(t, g)
	session, err := workload.Open(t.Context(), m, workload.Subject{Team: "main", Pipeline: "p"}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return newHandler(session, g, c.withDefaults()), m
}

func TestIdentityRequest(t *testing.T) {
	t.Parallel()
	g := usual
	g.Files = []workload.File{{Path: "aws", Audience: awsAudience}}
	many := strings.TrimSuffix(strings.Repeat(`"second",`, maxAudiences+1), ",")
	for _, c := range []struct {
		method, path, body string
		status             int
		code, names        string        // of an error
		life               time.Duration // of a token
		audience           []string
	}{
		{"POST", "/identity", `{"audience":["second"],"expires_in":"10m"}`, 200, "", "", 10 * time.Minute, []string{"second"}},
		{"POST", "/identity", `{"audience":["` + issuerURL + `","second"]}`, 200, "", "", 0, []string{issuerURL, "second"}},
		{"POST", "/identity", `{"audience":["sts.amazonaws.com"],"expires_in":"24h"}`, 200, "", "", 24 * time.Hour, []string{awsAudience}},
		{"POST", "/identity", `{"expires_in":"1s"}`, 200, "", "", time.Second, []string{issuerURL}},
		{"POST", "/identity", ``, 200, "", "", 0, []string{issuerURL}},
		{"POST", "/identity", `{}`, 200, "", "", 0, []string{issuerURL}},
		{"POST", "/identity", `{"audience":["third"]}`, 403, "access_denied", `"third"`, 0, nil},
		{"POST", "/identity", `{"audience":["second","third"]}`, 403, "access_denied", `"sts.amazonaws.com"`, 0, nil},
		{"POST", "/identity", `{"audience":[""]}`, 403, "access_denied", `""`, 0, nil},
		{"POST", "/identity", `{"audience":["SECOND"]}`, 403, "access_denied", `"SECOND"`, 0, nil},
		{"POST", "/identity", `{"audience":["second\n"]}`, 403, "access_denied", `\n`, 0, nil},
		{"POST", "/identity", `{"audience":[` + many + `]}`, 400, "invalid_request", "at most 32", 0, nil},
		{"POST", "/identity", `{"audience":"second"}`, 400, "invalid_request", "audience", 0, nil},
		{"POST", "/identity", `{"expires_in":"25h"}`, 400, "invalid_request", `"25h"`, 0, nil},
		{"POST", "/identity", `{"expires_in":"0"}`, 400, "invalid_request", `"0"`, 0, nil},
		{"POST", "/identity", `{"expires_in":"-1h"}`, 400, "invalid_request", `"-1h"`, 0, nil},
		{"POST", "/identity", `{"expires_in":" "}`, 400, "invalid_request", `" "`, 0, nil},
		{"POST", "/identity", `{"expires_in":"1ns"}`, 400, "invalid_request", `"1ns"`, 0, nil},
		{"POST", "/identity", `{"expires_in":"9999999h"}`, 400, "invalid_request", "9999999h", 0, nil},
		{"POST", "/identity", `{"expires_in":600}`, 400, "invalid_request", "expires_in", 0, nil},
		{"POST", "/identity", `{"Audience":["second"]}`, 400, "invalid_request", "Audience", 0, nil},
		{"POST", "/identity", `{"scope":"team"}`, 400, "invalid_request", "scope", 0, nil},
		{"POST", "/identity", `{"audience":["second"],"audience":["third"]}`, 400, "invalid_request", "duplicate", 0, nil},
		{"POST", "/identity", `{} {}`, 400, "invalid_request", "body", 0, nil},
		{"POST", "/identity", `audience=second`, 400, "invalid_request", "body", 0, nil},
		{"POST", "/identity", "{\"audience\":[\"\xff\"]}", 400, "invalid_request", "UTF-8", 0, nil},
		{"POST", "/identity", strings.Repeat("[", 10000), 400, "invalid_request", "body", 0, nil},
		{"POST", "/identity", strings.Repeat(" ", maxBody+1), 413, "invalid_request", "16384", 0, nil},
		{"GET", "/identity", "", 405, "method_not_allowed", "POST", 0, nil},
		{"PUT", "/identity", "", 405, "method_not_allowed", "POST", 0, nil},
		{"POST", "/", "", 404, "not_found", "/identity", 0, nil},
		{"POST", "/identity/", "", 404, "not_found", "/identity", 0, nil},
		{"GET", "/v1/runs", "", 404, "not_found", "/identity", 0, nil},
	} {
		name := fmt.Sprintf("%s %s %.60q", c.method, c.path, c.body)
		h, m := testHandler(t, g, Config{})
		w, answer := ask(h, c.method, c.path, c.body)
		if w.Code != c.status || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %v; want %d\n%s", name, w.Code, w.Header(), c.status, w.Body)
			continue
		}
		if (w.Header().Get("Allow") == "POST") != (c.status == 405) {
			t.Errorf("%s: Allow: %q", name, w.Header().Get("Allow"))
		}
		if c.status != 200 {
			if len(answer) != 2 || answer["error"] != c.code || !strings.Contains(answer["error_description"], c.names) || w.Body.Len() > 2000 {
				t.Errorf("%s: %q; want %s that names %s", name, answer, c.code, c.names)
			}
			if len(m.tokens()) != 0 {
				t.Errorf("%s: a token was minted", name)
			}
			continue
		}
		if len(answer) != 2 || answer["token"] != m.tokens()[0] || m.request.Life != c.life {
			t.Errorf("%s: %q, life %v", name, answer, m.request.Life)
		}
		if expires, err := time.Parse(time.RFC3339, answer["expires_at"]); err != nil || expires.Location() != time.UTC {
			t.Errorf("%s: expires_at %q: %v", name, answer["expires_at"], err)
		}
		if got := claimsOf(t, answer["token"]).Audience; !slices.Equal(got, c.audience) {
			t.Errorf("%s: audience %q; want %q", name, got, c.audience)
		}
	}
}

func TestIdentityErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   string
		inside string // in the description
		logged bool
	}{
		{fmt.Errorf("%w: the run has ended", workload.ErrRefused), 403, "access_denied", "the run has ended", false},
		{fmt.Errorf("%w: dial unix /secret/path", workload.ErrUnreachable), 503, "temporarily_unavailable", "cannot be reached", false},
		{context.DeadlineExceeded, 503, "temporarily_unavailable", "cannot be reached", false},
		{errors.New("open /secret/path"), 500, "server_error", "could not be minted", true},
	} {
		var log bytes.Buffer
		h, m := testHandler(t, usual, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		m.fail = c.err
		w, answer := ask(h, "POST", "/identity", "")
		if w.Code != c.status || answer["error"] != c.code || !strings.Contains(answer["error_description"], c.inside) || strings.Contains(w.Body.String(), "/secret") {
			t.Errorf("%v: %d %q", c.err, w.Code, answer)
		}
		if (log.Len() > 0) != c.logged {
			t.Errorf("%v: log %q", c.err, log.String())
		}
	}
	h, m := testHandler(t, usual, Config{})
	h.end()
	if w, _ := ask(h, "POST", "/identity", ""); w.Code != 403 || len(m.tokens()) != 0 {
		t.Errorf("after the end: %d", w.Code)
	}
}

func TestIdentityRate(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	h, m := testHandler(t, usual, Config{Rate: 2, Burst: 3, Now: func() time.Time { return now }})
	codes := func(n int) (codes []int) {
		for range n {
			w, _ := ask(h, "POST", "/identity", "")
			codes = append(codes, w.Code)
		}
		return codes
	}
	if got := codes(5); !slices.Equal(got, []int{200, 200, 200, 429, 429}) {
		t.Errorf("statuses %v", got)
	}
	w, answer := ask(h, "POST", "/identity", "")
	if w.Header().Get("Retry-After") != "1" || answer["error"] != "rate_limited" {
		t.Errorf("%v %q", w.Header(), answer)
	}
	now = now.Add(time.Second)
	if got := codes(3); !slices.Equal(got, []int{200, 200, 429}) {
		t.Errorf("a second later: statuses %v", got)
	}
	if len(m.tokens()) != 5 {
		t.Errorf("%d tokens; want 5", len(m.tokens()))
	}
}

// client speaks to one run's socket.
func client(directory string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(directory, socketName))
		},
	}}
}

// TestSocketOfRun asks from outside and within a run, and finds two runs apart.
func TestSocketOfRun(t *testing.T) {
	t.Parallel()
	one, two := newStage(t, newMinter(t, usual)), newStage(t, newMinter(t, usual))
	_, endOne := one.start("")
	_, endTwo := two.start("")
	directory := one.delivered()
	response, err := client(directory).Post("http://writ/identity", "", strings.NewReader(`{"audience":["second"]}`))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if tokens := one.minter.tokens(); err != nil || len(tokens) != 2 || !strings.Contains(string(body), tokens[1]) {
		t.Errorf("%s, %v", body, err)
	}
	if len(two.minter.tokens()) != 1 {
		t.Error("the other run minted")
	}
	endOne()
	if _, err := client(directory).Get("http://writ/identity"); err == nil {
		t.Error("the socket answers after the run")
	}
	if response, err := client(two.delivered()).Get("http://writ/identity"); err != nil || response.StatusCode != 405 {
		t.Errorf("the other run's socket: %v, %v", response, err)
	}
	endTwo()
}

// TestSocketCrowd has more connections than are served at a time, some of which never say anything.
func TestSocketCrowd(t *testing.T) {
	t.Parallel()
	s := newStage(t, newMinter(t, usual))
	c := &s.Runtime.(*wrapped).config
	c.Rate, c.Burst = 1e6, 1e6
	c.readTimeout = time.Hour // nobody waits for that, and on a busy machine no request meets it
	_, end := s.start("")
	directory := s.delivered()
	for i := range maxConnections - 1 {
		connection, err := net.Dial("unix", filepath.Join(directory, socketName))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if i%2 == 0 {
			_, _ = io.WriteString(connection, "POST /identity HTTP/1.1\r\nHost: writ\r\nContent-Length: 1000\r\n\r\n{")
		}
	}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			response, err := client(directory).Post("http://writ/identity", "", nil)
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
			if response.StatusCode != 200 {
				t.Errorf("status %d", response.StatusCode)
			}
		})
	}
	all.Wait()
	stuck := time.AfterFunc(5*time.Minute, func() { panic("the end waits for silent connections") })
	end() // with the silent connections still open
	stuck.Stop()
	s.gone()
}

// TestSilentConnection is closed by a server that does not wait for ever.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	d, err := newDirectory(Config{BaseDir: filepath.Join(shortTemp(t), "b")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := serve(t.Context(), d, nil, usual, Config{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	if server := s.server; server.ReadTimeout == 0 || server.ReadHeaderTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
		t.Errorf("a server without every limit: %+v", server)
	}
	s.close()
	if err := d.close(); err != nil {
		t.Error(err)
	}
}
