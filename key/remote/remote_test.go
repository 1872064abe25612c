package remote_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/remote"
)

// issuer is a small working issuer whose behaviour a test changes while it runs.
type issuer struct {
	*httptest.Server
	mu           sync.Mutex
	keys         []key.Public
	down         bool
	document     func(url string) string
	body         string // instead of the keys
	cacheControl string
	fetches      atomic.Int64 // of the key set
	unchanged    atomic.Int64
}

func newIssuer(t *testing.T, keys ...key.Public) *issuer {
	t.Helper()
	i := &issuer{keys: keys, cacheControl: "max-age=60"}
	i.document = func(url string) string {
		return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"introspection_endpoint":%q}`, url, url+"/keys", url+"/introspect")
	}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.down {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			fmt.Fprint(w, i.document(i.URL))
		case "/keys":
			i.fetches.Add(1)
			set, err := key.NewSet(i.keys...)
			if err != nil {
				t.Error(err)
			}
			etag := fmt.Sprintf(`"%d"`, len(i.keys))
			w.Header().Set("ETag", etag)
			w.Header().Set("Cache-Control", i.cacheControl)
			if r.Header.Get("If-None-Match") == etag {
				i.unchanged.Add(1)
				w.WriteHeader(http.StatusNotModified)
				return
			}
			if i.body != "" {
				fmt.Fprint(w, i.body)
				return
			}
			text, err := set.MarshalJSON()
			if err != nil {
				t.Error(err)
			}
			w.Write(text)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) change(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

func generate(t *testing.T) key.Public {
	t.Helper()
	k, err := key.Generate(key.EdDSA, "")
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

func open(t *testing.T, i *issuer, c *clock) *remote.Set {
	t.Helper()
	s, err := remote.New(remote.Config{Issuer: i.URL, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func find(t *testing.T, s *remote.Set, kid string) int {
	t.Helper()
	found, err := s.Find(t.Context(), kid)
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestCacheLivesForMaxAge(t *testing.T) {
	t.Parallel()
	k, c := generate(t), new(clock)
	i := newIssuer(t, k)
	s := open(t, i, c)
	for range 3 {
		if find(t, s, k.ID()) != 1 {
			t.Fatal("the key is not found")
		}
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("%d fetches within max-age, want 1", n)
	}
	c.advance(61 * time.Second)
	find(t, s, k.ID())
	if n, same := i.fetches.Load(), i.unchanged.Load(); n != 2 || same != 1 {
		t.Errorf("%d fetches and %d answers 304 after max-age, want 2 and 1", n, same)
	}
	if find(t, s, k.ID()) != 1 {
		t.Error("the key is gone after a 304")
	}
}

func TestUnknownKidIsFetchedOncePerCooldown(t *testing.T) {
	t.Parallel()
	k, next, c := generate(t), generate(t), new(clock)
	i := newIssuer(t, k)
	s := open(t, i, c)
	find(t, s, k.ID())
	i.change(func() { i.keys = append(i.keys, next) })
	if find(t, s, next.ID()) != 0 {
		t.Error("fetched again within the cooldown of the first fetch")
	}
	c.advance(remote.DefaultCooldown)
	if find(t, s, next.ID()) != 1 {
		t.Error("the rotated key is not found after the cooldown")
	}
	for range 100 {
		find(t, s, "nobody's")
	}
	if n := i.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
	c.advance(remote.DefaultCooldown)
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() { s.Find(context.Background(), "nobody's") })
	}
	wait.Wait()
	if n := i.fetches.Load(); n != 3 {
		t.Errorf("%d fetches after concurrent unknown kids, want 3", n)
	}
}

func TestStaleKeysServeWhileTheIssuerIsAway(t *testing.T) {
	t.Parallel()
	k, c := generate(t), new(clock)
	i := newIssuer(t, k)
	s := open(t, i, c)
	find(t, s, k.ID())
	i.change(func() { i.down = true })
	c.advance(time.Hour)
	if find(t, s, k.ID()) != 1 {
		t.Error("stale keys do not serve")
	}
	c.advance(remote.DefaultMaxStale)
	if _, err := s.Find(t.Context(), k.ID()); !errors.Is(err, remote.ErrUnreachable) {
		t.Errorf("after MaxStale: error %v, want ErrUnreachable", err)
	}
	i.change(func() { i.down = false })
	c.advance(remote.DefaultCooldown)
	if find(t, s, k.ID()) != 1 {
		t.Error("not found after the issuer came back")
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, generate(t))
	s := open(t, i, new(clock))
	i.Close()
	if _, err := s.Find(t.Context(), "x"); !errors.Is(err, remote.ErrUnreachable) {
		t.Errorf("error %v, want ErrUnreachable", err)
	}
}

func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(i *issuer)
		want   string
	}{
		"another issuer": {func(i *issuer) {
			i.document = func(url string) string {
				return fmt.Sprintf(`{"issuer":"https://evil.example","jwks_uri":%q}`, url+"/keys")
			}
		}, `it is of issuer "https://evil.example", want "http://127.0.0.1`},
		"issuer with a slash": {func(i *issuer) {
			i.document = func(url string) string { return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, url+"/", url+"/keys") }
		}, "exactly"},
		"issuer twice": {func(i *issuer) {
			i.document = func(url string) string {
				return fmt.Sprintf(`{"issuer":"x","issuer":%q,"jwks_uri":%q}`, url, url+"/keys")
			}
		}, "without duplicate members"},
		"keys over plain http": {func(i *issuer) {
			i.document = func(url string) string {
				return fmt.Sprintf(`{"issuer":%q,"jwks_uri":"http://keys.example/"}`, url)
			}
		}, "plain http is for loopback only"},
		"no keys named":    {func(i *issuer) { i.document = func(url string) string { return fmt.Sprintf(`{"issuer":%q}`, url) } }, "jwks_uri"},
		"garbage document": {func(i *issuer) { i.document = func(string) string { return "<html>" } }, "not a discovery document"},
		"garbage keys":     {func(i *issuer) { i.body = "garbage" }, "not a key: want "},
		"too large":        {func(i *issuer) { i.body = strings.Repeat(" ", 1<<20+1) }, "more than 1048576 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t, generate(t))
			test.change(i)
			_, err := open(t, i, new(clock)).Find(t.Context(), "x")
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, remote.ErrUnreachable) {
				t.Errorf("error %v, want one with %q that is not ErrUnreachable", err, test.want)
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	target := newIssuer(t, generate(t))
	from := httptest.NewServer(http.RedirectHandler(target.URL+"/.well-known/openid-configuration", http.StatusFound))
	t.Cleanup(from.Close)
	s, err := remote.New(remote.Config{Issuer: from.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "redirects are not followed") {
		t.Errorf("error %v, want a refused redirect", err)
	}
}

func TestPins(t *testing.T) {
	t.Parallel()
	ours, theirs := generate(t), generate(t)
	i := newIssuer(t, ours, theirs)
	s, err := remote.New(remote.Config{Issuer: i.URL, Pins: []string{ours.Thumbprint()}})
	if err != nil {
		t.Fatal(err)
	}
	if find(t, s, ours.ID()) != 1 || find(t, s, theirs.ID()) != 0 {
		t.Error("want the pinned key and no other")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for issuer, want := range map[string]string{
		"":                         "want https://",
		"ftp://x":                  `scheme "ftp"`,
		"http://ci.example.com":    "plain http is for loopback only",
		"https://u:p@x":            "want https://",
		"https://x?q=1":            "no query",
		"https://x#f":              "no fragment",
		"http://127.0.0.1.nip.io/": "plain http is for loopback only",
	} {
		if _, err := remote.New(remote.Config{Issuer: issuer}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%q): error %v, want one with %q", issuer, err, want)
		}
	}
	for _, issuer := range []string{"https://ci.example.com", "https://ci.example.com/team/", "http://localhost:8080", "http://[::1]:1"} {
		if _, err := remote.New(remote.Config{Issuer: issuer}); err != nil {
			t.Errorf("New(%q): %v", issuer, err)
		}
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, generate(t))
	document, err := open(t, i, new(clock)).Discovery(t.Context())
	if err != nil || document.IntrospectionEndpoint != i.URL+"/introspect" {
		t.Errorf("Discovery: %+v, %v", document, err)
	}
}
