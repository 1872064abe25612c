package vault

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload/workloadtest"
)

// leasing is a fake Vault whose every login gives another client token, with the lease of a test; it notes the requests to
// auth/token and answers them with the given status.
type leasing struct {
	lease  string // the members of auth beside client_token
	status map[string]int
	asked  chan string // nil, or what is told of each request to auth/token
	lock   sync.Mutex
	logins int
	seen   []string
}

func (l *leasing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.lock.Lock()
	defer l.lock.Unlock()
	switch what, isToken := strings.CutPrefix(r.URL.Path, "/v1/auth/token/"); {
	case r.URL.Path == "/v1/auth/jwt/login":
		l.logins++
		fmt.Fprintf(w, `{"auth":{"client_token":"hvs.client-token-number-%d-of-the-test",%s}}`, l.logins, l.lease)
	case isToken:
		l.seen = append(l.seen, what)
		if l.asked != nil {
			l.asked <- what
		}
		status := l.status[what]
		if status == 0 {
			status = http.StatusNoContent
		}
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			fmt.Fprintf(w, `{"errors":["no %s for %s"]}`, what, r.Header.Get("X-Vault-Token"))
		}
	case strings.HasPrefix(r.URL.Path, "/v1/sys/"):
		fmt.Fprint(w, `{"data":{"path":"concourse/","type":"kv"}}`)
	default:
		fmt.Fprint(w, `{"data":{"value":"x"}}`)
	}
}

func (l *leasing) noted() (logins int, seen []string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.logins, slices.Clone(l.seen)
}

func (l *leasing) open(t *testing.T, clock *steered) *opened {
	t.Helper()
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	config := quick(server.URL)
	config["auth_retry_max"] = "0s"
	return open(t, Kind{Now: clock.Now, After: clock.After}, workloadtest.New(t), config)
}

func mustGet(t *testing.T, o *opened) {
	t.Helper()
	if value, err := o.get(t, "x"); err != nil || value != "x" {
		t.Fatalf("got %v, %v", value, err)
	}
}

func TestALeaseThatRanOut(t *testing.T) {
	t.Parallel()
	// Vault says 403 to the revocation of a token that has expired: that is no failure.
	l := &leasing{lease: `"lease_duration":10,"renewable":false`, status: map[string]int{"revoke-self": 403}}
	clock := newSteered()
	o := l.open(t, clock)
	mustGet(t, o)
	clock.add(9 * time.Second)
	mustGet(t, o)
	if logins, _ := l.noted(); logins != 1 {
		t.Errorf("%d logins within the lease, want 1", logins)
	}
	clock.add(2 * time.Second)
	mustGet(t, o)
	if logins, _ := l.noted(); logins != 2 {
		t.Errorf("%d logins after it, want 2", logins)
	}
	if strings.Contains(o.log.String(), "not revoked") {
		t.Errorf("complains of an expired token: %s", o.log)
	}
	clock.add(time.Minute)
	if err := o.Source.(io.Closer).Close(); err != nil {
		t.Errorf("close with an expired token: %v", err)
	}
}

func TestALeaseWithoutEnd(t *testing.T) {
	t.Parallel()
	l := &leasing{lease: `"lease_duration":0,"renewable":false`}
	clock := newSteered()
	o := l.open(t, clock)
	mustGet(t, o)
	clock.add(1000 * time.Hour)
	mustGet(t, o)
	if logins, _ := l.noted(); logins != 1 {
		t.Errorf("%d logins, want 1", logins)
	}
}

func TestRenewalThatIsRefused(t *testing.T) {
	t.Parallel()
	l := &leasing{lease: `"lease_duration":60,"renewable":true`, status: map[string]int{"renew-self": 403}, asked: make(chan string, 10)}
	clock := newSteered()
	o := l.open(t, clock)
	mustGet(t, o)
	if wait := <-clock.wait; wait != 40*time.Second {
		t.Errorf("waits %s, want 40s", wait)
	}
	clock.fire <- clock.Now()
	if what := <-l.asked; what != "renew-self" { // a renewal that Close ends may reach the server after what Close sends
		t.Errorf("asked for %s", what)
	}
	if err := o.Source.(io.Closer).Close(); err != nil { // it waits for the renewal
		t.Error(err)
	}
	if _, seen := l.noted(); !slices.Equal(seen, []string{"renew-self", "revoke-self"}) {
		t.Errorf("requests %v", seen)
	}
}

func TestRenewalThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	l := &leasing{lease: `"lease_duration":90,"renewable":true`, status: map[string]int{"renew-self": 502}}
	clock := newSteered()
	o := l.open(t, clock)
	mustGet(t, o)
	var waits []time.Duration
	for wait := range clock.wait {
		waits = append(waits, wait)
		if len(waits) == 3 {
			break
		}
		clock.fire <- clock.Now()
	}
	if want := "[1m0s 20s 6.666666666s]"; fmt.Sprint(waits) != want {
		t.Errorf("waits %v, want %s: two thirds of what is left of the lease", waits, want)
	}
	if strings.Count(o.log.String(), "client token not renewed; trying again") != 2 {
		t.Errorf("log: %s", o.log)
	}
}

func TestCloseSaysWhatIsNotRevoked(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]any{500: new(*vars.UnreachableError), 403: nil} {
		l := &leasing{lease: `"lease_duration":60`, status: map[string]int{"revoke-self": status}}
		o := l.open(t, newSteered())
		mustGet(t, o)
		err := o.Source.(io.Closer).Close()
		if err == nil || !strings.Contains(err.Error(), "revoke the client token") || strings.Contains(err.Error(), "client-token-number") {
			t.Errorf("status %d: %v", status, err)
		}
		if want != nil {
			checkKind(t, err, want)
		}
	}
}

func TestABatchTokenIsNotRevoked(t *testing.T) {
	t.Parallel()
	l := &leasing{lease: `"lease_duration":60,"renewable":false,"token_type":"batch"`}
	o := l.open(t, newSteered())
	mustGet(t, o)
	if err := o.Source.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	if _, seen := l.noted(); len(seen) != 0 {
		t.Errorf("requests %v, want none: Vault cannot revoke a batch token", seen)
	}
}

func TestASecretNamedLikeItsMount(t *testing.T) {
	t.Parallel()
	server := fakeVault(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/v1/sys/"):
			fmt.Fprint(w, `{"data":{"path":"concourse/main/","options":{"version":"2"}}}`)
		default:
			w.WriteHeader(404)
			fmt.Fprint(w, `{"errors":[]}`)
		}
	})
	_, err := open(t, Kind{}, workloadtest.New(t), quick(server.URL)).get(t, "main")
	checkKind(t, err, new(*vars.UndefinedError))
}

func TestAMountThatIsNotOnThePath(t *testing.T) {
	t.Parallel()
	for _, mount := range []string{`"other/"`, `""`, `"concourse/../"`, `7`} {
		server := fakeVault(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"data":{"path":%s}}`, mount) })
		_, err := open(t, Kind{}, workloadtest.New(t), quick(server.URL)).get(t, "x")
		checkKind(t, err, new(*vars.UnreachableError))
	}
}
