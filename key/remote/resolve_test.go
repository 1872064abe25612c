package remote_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/test/program"
)

func line(t testing.TB, k interface{ Text() (string, error) }) string {
	t.Helper()
	text, err := k.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// publisher serves texts over https (as its Server does) and counts what is asked for.
type publisher struct {
	*httptest.Server
	asked atomic.Int32
}

func publish(t *testing.T, serve func(http.Handler) *httptest.Server, texts map[string]string) *publisher {
	t.Helper()
	p := new(publisher)
	p.Server = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		text, known := texts[r.URL.Path]
		switch {
		case r.URL.Path == "/away":
			http.Error(w, "away", http.StatusServiceUnavailable)
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/line", http.StatusFound)
		case !known:
			http.NotFound(w, r)
		default:
			fmt.Fprint(w, text)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

// records is a resolver of TXT records.
func records(names map[string][]string) func(context.Context, string) ([]string, error) {
	return func(_ context.Context, name string) ([]string, error) {
		if found, known := names[name]; known {
			return found, nil
		}
		if name == "away.example.com" {
			return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
		}
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
}

func newPublic(t testing.TB, algorithm key.Algorithm, id string) key.Public {
	t.Helper()
	k, err := key.Generate(algorithm, id)
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

// TestResolveKeys: every form that a list may name keys in, in one list.
func TestResolveKeys(t *testing.T) {
	t.Parallel()
	var k [9]key.Public
	for i := range k {
		k[i] = newPublic(t, []key.Algorithm{key.EdDSA, key.ES256}[i%2], "same"+fmt.Sprint(i%4))
	}
	k[2] = newPublic(t, key.EdDSA, "") // PEM has no ids
	jwks, err := must2(key.NewSet(k[0], k[1])).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := k[2].PEM()
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := k[5].MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	secure := publish(t, httptest.NewTLSServer, map[string]string{"/jwks": string(jwks), "/pem": string(pem), "/line": "# ours\n" + line(t, k[3]) + "\n" + line(t, k[8])})
	plain := publish(t, httptest.NewServer, map[string]string{"/line": line(t, k[4]) + "\n" + line(t, k[8])})
	file := filepath.Join(t.TempDir(), "keys.txt")
	if err := os.WriteFile(file, []byte(line(t, k[7])+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	options := remote.Options{
		Client: secure.Client(), File: os.ReadFile,
		LookupTXT: records(map[string][]string{"_writ.example.com": {"v=spf1 -all", line(t, k[8]), line(t, k[6]), ""}}),
	}
	values := []string{
		secure.URL + "/jwks", secure.URL + "/pem", secure.URL + "/line#sha256=" + k[3].Thumbprint(), plain.URL + "/line#sha256=" + k[4].Thumbprint(),
		string(jwk), "dns:_writ.example.com#sha256=" + k[6].Thumbprint(), file, " " + line(t, k[0]) + "\n",
	}
	got, err := remote.ResolveKeys(t.Context(), values, options)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range k[:8] { // in the order of the list; k[0] twice is once, and k[8] is nowhere pinned
		if i >= len(got.Public()) || !got.Public()[i].Equal(want) {
			t.Errorf("key %d is not the one of the list: %d keys", i, len(got.Public()))
		}
	}
	if len(got.Public()) != 8 || len(got.Shared()) != 0 {
		t.Errorf("%d public, %d shared", len(got.Public()), len(got.Shared()))
	}
	if none, err := remote.ResolveKeys(t.Context(), nil, options); err != nil || !none.Empty() {
		t.Errorf("of nothing: %v", err)
	}
	secret, err := key.GenerateHMAC("")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(line(t, secret)), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := key.GenerateHMAC("")
	if err != nil {
		t.Fatal(err)
	}
	if shared, err := remote.ResolveKeys(t.Context(), []string{file, line(t, other)}, options); err != nil || len(shared.Shared()) != 2 {
		t.Errorf("secrets: %d, %v", len(shared.Shared()), err)
	}
}

// must2 is for what cannot fail.
func must2(s key.Set, err error) key.Set {
	if err != nil {
		panic(err)
	}
	return s
}

// TestResolveUnreachable: what is away does not take the rest along; what is wrong does.
func TestResolveUnreachable(t *testing.T) {
	t.Parallel()
	k := newPublic(t, key.EdDSA, "")
	server := publish(t, httptest.NewTLSServer, map[string]string{"/line": line(t, k)})
	gone := "https://" + program.Unused(t)
	options := remote.Options{Client: server.Client(), LookupTXT: records(nil)}
	away := []string{server.URL + "/away", gone + "/keys", "dns:away.example.com#sha256=" + k.Thumbprint()}
	got, err := remote.ResolveKeys(t.Context(), append(away, line(t, k)), options)
	if !errors.Is(err, remote.ErrUnreachable) || len(got.Public()) != 1 || !got.Public()[0].Equal(k) {
		t.Errorf("%d keys, %v", len(got.Public()), err)
	}
	for i, want := range []string{"key 1, " + server.URL + "/away: ", "key 2, " + gone + "/keys: ", "key 3, dns:away.example.com: "} {
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
		if got, err := remote.ResolveKeys(t.Context(), []string{away[i]}, options); !errors.Is(err, remote.ErrUnreachable) || !got.Empty() {
			t.Errorf("%s alone: %v", away[i], err)
		}
	}
	for _, wrong := range []string{server.URL + "/nothing", server.URL + "/moved", "dns:none.example.com#sha256=" + k.Thumbprint()} {
		got, err := remote.ResolveKeys(t.Context(), append(away, wrong, line(t, k)), options)
		if err == nil || errors.Is(err, remote.ErrUnreachable) || !got.Empty() {
			t.Errorf("%s beside what is away: %d keys, %v", wrong, len(got.Public()), err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := remote.ResolveKeys(ended, []string{server.URL + "/line"}, options); !errors.Is(err, context.Canceled) || !got.Empty() {
		t.Errorf("after the end: %v", err)
	}
}
