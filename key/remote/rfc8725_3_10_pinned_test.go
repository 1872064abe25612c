package remote_test

import (
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/remote"
)

// TestRule3_10PinnedKeys: keys for orders come from where the verifier says; over plain http and from DNS only the one that
// has the fingerprint, whatever else is put beside it or in its place. Neither private keys nor shared secrets come that way.
func TestRule3_10PinnedKeys(t *testing.T) {
	t.Parallel()
	private, err := key.Generate(key.EdDSA, "a")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := key.GenerateHMAC("a")
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := private.Public(), newPublic(t, key.EdDSA, "a")
	texts := map[string]string{
		"/ours": line(t, ours), "/both": line(t, theirs) + "\n" + line(t, ours), "/theirs": line(t, theirs), "/private": line(t, private),
		"/both-private": line(t, ours) + "\n" + line(t, private), "/secret": line(t, secret), "/both-secret": line(t, ours) + "\n" + line(t, secret),
		"/large": line(t, ours) + strings.Repeat("\n", 1<<20), "/prose": "there is nothing here", "/empty": "",
	}
	byName := map[string][]string{"many.example": make([]string, 257)}
	for path, text := range texts {
		byName[path[1:]+".example"] = strings.Split(text, "\n")
	}
	pin := "#sha256=" + ours.Thumbprint()
	plain := publish(t, httptest.NewServer, texts)
	secure := publish(t, httptest.NewTLSServer, texts)
	options := remote.Options{Client: secure.Client(), LookupTXT: records(byName)}
	one := func(value string) (key.OrderKeys, error) {
		return remote.ResolveKeys(t.Context(), []string{value}, options)
	}
	for _, value := range []string{plain.URL + "/ours" + pin, plain.URL + "/both" + pin, "dns:ours.example" + pin, "dns:both.example" + pin, secure.URL + "/both" + pin} {
		keys, err := one(value)
		if err != nil || len(keys.Public()) != 1 || !keys.Public()[0].Equal(ours) {
			t.Errorf("%s: %d keys, %v", value, len(keys.Public()), err)
		}
	}
	for name, want := range map[string]string{
		"theirs": "has the fingerprint sha256=" + ours.Thumbprint(), "private": "this is a private key", "both-private": "this is a private key",
		"secret": "this is a shared secret", "both-secret": "this is a shared secret", "large": "more than 1048576 bytes", "prose": "", "empty": "",
	} {
		values := []string{plain.URL + "/" + name + pin, secure.URL + "/" + name + pin, "dns:" + name + ".example" + pin}
		if name == "large" {
			values = values[:2]
		}
		for _, value := range values {
			keys, err := one(value)
			if err == nil || !keys.Empty() || errors.Is(err, remote.ErrUnreachable) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %d keys, %v; want %q", value, len(keys.Public()), err, want)
			}
			if err != nil && strings.Contains(err.Error(), theirs.Thumbprint()) {
				t.Errorf("%s: the error offers the fingerprint of somebody else's key: %v", value, err)
			}
		}
	}
	if keys, err := one("dns:many.example" + pin); err == nil || !keys.Empty() || !strings.Contains(err.Error(), "257 TXT records") {
		t.Errorf("many records: %v", err)
	}
	// Without its fingerprint nothing is even asked for.
	before := plain.asked.Load()
	for _, value := range []string{plain.URL + "/ours", plain.URL + "/ours#", plain.URL + "/ours#sha256=", "dns:ours.example"} {
		if keys, err := one(value); err == nil || !keys.Empty() {
			t.Errorf("%s is taken", value)
		}
	}
	if plain.asked.Load() != before {
		t.Error("asked without a fingerprint")
	}
	// A secret never stands beside what is fetched, also while that is away.
	for _, value := range []string{secure.URL + "/ours", secure.URL + "/away", "dns:away.example.com" + pin} {
		if keys, err := remote.ResolveKeys(t.Context(), []string{line(t, secret), value}, options); !errors.Is(err, key.ErrMixed) || !keys.Empty() {
			t.Errorf("a secret beside %s: %v", value, err)
		}
	}
	t.Run("no cookies and no redirects", func(t *testing.T) {
		t.Parallel()
		var cookies, elsewhere atomic.Int32
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
		t.Cleanup(other.Close)
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			cookies.Add(int32(len(r.Cookies())))
			http.SetCookie(w, &http.Cookie{Name: "given", Value: "back", Path: "/"})
			if r.URL.Path == "/moved" {
				http.Redirect(w, r, other.URL, http.StatusFound)
				return
			}
			w.Write([]byte(line(t, ours)))
		}))
		t.Cleanup(server.Close)
		client := server.Client()
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		client.Jar = jar
		for range 2 {
			if _, err := remote.ResolveKeys(t.Context(), []string{server.URL}, remote.Options{Client: client}); err != nil {
				t.Error(err)
			}
		}
		if _, err := remote.ResolveKeys(t.Context(), []string{server.URL + "/moved"}, remote.Options{Client: client}); err == nil || !strings.Contains(err.Error(), "redirects are not followed") {
			t.Errorf("a redirect: %v", err)
		}
		if cookies.Load() != 0 || elsewhere.Load() != 0 || client.Jar != jar {
			t.Errorf("%d cookies sent, %d requests elsewhere", cookies.Load(), elsewhere.Load())
		}
	})
}
