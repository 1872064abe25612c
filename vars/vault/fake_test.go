package vault

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/test/program"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload/workloadtest"
)

// fakeVault answers a login with a client token and everything else with what the test says.
func fakeVault(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/auth/jwt/login" {
			fmt.Fprint(w, `{"auth":{"client_token":"hvs.faked-client-token-of-a-job","lease_duration":3600}}`)
			return
		}
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// quick is a source that tries again at once. It has the time for all attempts also where each of them takes long.
func quick(url string) map[string]any {
	return map[string]any{"url": url, "auth_type": "jwt", "auth_role": "r", "auth_retry_initial": "1ms", "auth_retry_max": "1m"}
}

// atOnce is a clock whose pauses are over when they begin.
func atOnce(time.Duration) <-chan time.Time {
	now := make(chan time.Time, 1)
	now <- time.Time{}
	return now
}

// Whatever a server answers, the error is one of four, says what happened, and holds no token.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(map[string]any{"errors": []string{"no: " + string(body) + r.Header.Get("X-Vault-Token")}})
		}
	}
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); io.WriteString(w, body) }
	}
	hangUp := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	}
	silence := func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
		<-r.Context().Done()
	}
	var denied *vars.DeniedError
	var refused *vars.LoginError
	var unreachable *vars.UnreachableError
	for _, test := range []struct {
		name   string
		handle http.HandlerFunc
		login  any // the error at login
		read   any // the error at a read
		want   string
	}{
		{"403", echo(403), &refused, &denied, "no: "},
		{"403 without words", say(403, ""), &refused, &denied, "status 403"},
		{"400", echo(400), &refused, &unreachable, "no: "},
		{"500", say(500, `{"errors":["internal error"]}`), &unreachable, &unreachable, "status 500: internal error ("},
		{"500 with an echo", echo(500), &unreachable, &unreachable, "((redacted))"},
		{"502 from a proxy", say(502, "<html>Bad Gateway</html>"), &unreachable, &unreachable, "status 502 ("},
		{"429", say(429, `{"errors":["rate limit quota exceeded"]}`), &unreachable, &unreachable, "status 429: rate limit quota exceeded ("},
		{"sealed", say(503, `{"errors":["Vault is sealed"]}`), &unreachable, &unreachable, "status 503: Vault is sealed"},
		{"garbage", say(200, "<html>hello</html>"), &unreachable, &unreachable, "status 200 with a body that is not Vault's"},
		{"garbage after JSON", say(200, `{"auth":{"client_token":"x"}} trailing`), &unreachable, &unreachable, "status 200 with a body that is not Vault's"},
		{"a list", say(200, "[]"), &unreachable, &unreachable, "status 200 with a body that is not Vault's"},
		{"types that do not fit", say(200, `{"auth":"x","data":[1]}`), &unreachable, &unreachable, "status 200 with a body that is not Vault's"},
		{"404 from another server", say(404, "404 page not found"), &unreachable, &unreachable, "status 404 with a body that is not Vault's"},
		{"an empty body", say(200, ""), &unreachable, &unreachable, "status 200 with a body that is not Vault's"},
		{"too much", say(200, `{"x":"`+strings.Repeat("a", maxBody)+`"}`), &unreachable, &unreachable, "an answer of more than 4 MiB"},
		{"hangs up", hangUp, &unreachable, &unreachable, "EOF"},
		{"nothing", silence, &unreachable, &unreachable, "no answer within 100ms"},
	} {
		for _, at := range []string{"login", "read"} {
			t.Run(test.name+" at "+at, func(t *testing.T) {
				t.Parallel()
				server := fakeVault(t, test.handle)
				want := test.read
				if at == "login" {
					server = httptest.NewServer(test.handle)
					t.Cleanup(server.Close)
					want = test.login
				}
				kind, config := Kind{After: atOnce}, quick(server.URL)
				if test.name == "nothing" {
					kind.Timeout, config["auth_retry_max"] = 100*time.Millisecond, "20ms"
				}
				o := open(t, kind, workloadtest.New(t), config)
				_, err := o.get(t, "x")
				checkKind(t, err, want)
				if !strings.Contains(err.Error(), test.want) && !(test.name == "403" && strings.Contains(err.Error(), "status 403")) {
					t.Errorf("error %q, want %q in it", err, test.want)
				}
				for _, secret := range []string{"eyJ", "hvs.faked", "faked-client-token"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error holds a token: %s", err)
					}
				}
				if len(err.Error()) > 600 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
			})
		}
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	o := open(t, Kind{After: atOnce}, workloadtest.New(t), quick("http://"+program.Unused(t)))
	_, err := o.get(t, "x")
	checkKind(t, err, new(*vars.UnreachableError))
	if !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), "attempts") {
		t.Errorf("%v does not say what happened and how often it was tried", err)
	}
}

func TestAFailureThatPassesIsRetried(t *testing.T) {
	t.Parallel()
	var lock sync.Mutex
	seen := map[string]int{}
	server := fakeVault(t, func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		if seen[r.URL.Path]++; seen[r.URL.Path] < 3 {
			w.WriteHeader(500)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/v1/sys/") {
			fmt.Fprint(w, `{"data":{"path":"concourse/","options":null}}`)
			return
		}
		fmt.Fprint(w, `{"data":{"value":"well"}}`)
	})
	config := quick(server.URL)
	var pauses []time.Duration
	kind := Kind{After: func(d time.Duration) <-chan time.Time {
		lock.Lock()
		defer lock.Unlock()
		pauses = append(pauses, d)
		return atOnce(d)
	}}
	value, err := open(t, kind, workloadtest.New(t), config).get(t, "x")
	if err != nil || value != "well" {
		t.Errorf("got %v, %v", value, err)
	}
	if want := "[1ms 2ms 1ms 2ms]"; fmt.Sprint(pauses) != want {
		t.Errorf("paused %v, want %s: it doubles, for each request anew", pauses, want)
	}
}

// A redirect within the host is followed; another host never sees a token.
func TestRedirects(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host was asked for %s, with token %q", r.URL, r.Header.Get("X-Vault-Token"))
	}))
	t.Cleanup(other.Close)
	for _, test := range []struct {
		name   string
		status int
		target func(r *http.Request) string
		want   string
	}{
		{"to another host at a read", 307, func(r *http.Request) string { return other.URL + r.URL.Path }, "redirects to another host"},
		{"to another scheme", 302, func(r *http.Request) string { return "https://" + r.Host + r.URL.Path }, "redirects to another host"},
		{"in a circle", 307, func(r *http.Request) string { return r.URL.Path }, "more than 3 redirects"},
		{"within the host", 307, func(r *http.Request) string { return "/real" + r.URL.Path }, ""},
		{"within the host, found", 302, func(r *http.Request) string { return "/real" + r.URL.Path }, ""},
		{"to nowhere", 307, func(*http.Request) string { return "" }, "redirects to nowhere"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := fakeVault(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasPrefix(r.URL.Path, "/real/v1/sys/"):
					fmt.Fprint(w, `{"data":{"path":"concourse/"}}`)
				case strings.HasPrefix(r.URL.Path, "/real/") && r.Header.Get("X-Vault-Token") != "":
					fmt.Fprint(w, `{"data":{"value":"there"}}`)
				default:
					if target := test.target(r); target != "" {
						w.Header().Set("Location", target)
					}
					w.WriteHeader(test.status)
				}
			})
			value, err := open(t, Kind{}, workloadtest.New(t), quick(server.URL)).get(t, "x")
			if test.want == "" {
				if err != nil || value != "there" {
					t.Errorf("got %v, %v", value, err)
				}
				return
			}
			checkKind(t, err, new(*vars.UnreachableError))
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	t.Run("to another host at the login", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
		t.Cleanup(server.Close)
		_, err := open(t, Kind{}, workloadtest.New(t), quick(server.URL)).get(t, "x")
		checkKind(t, err, new(*vars.UnreachableError))
	})
}
