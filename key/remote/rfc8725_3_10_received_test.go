package remote_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/token"
)

// secureIssuer is an issuer over https that sets cookies, and counts the requests that have one.
func secureIssuer(t *testing.T, keys ...key.Public) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	set, err := key.NewSet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	cookies := new(atomic.Int32)
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Cookies()) > 0 {
			cookies.Add(1)
		}
		http.SetCookie(w, &http.Cookie{Name: "given", Value: "back", Path: "/"})
		if r.URL.Path == "/keys" {
			text, err := set.MarshalJSON()
			if err != nil {
				t.Error(err)
			}
			w.Write(text)
			return
		}
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, server.URL, server.URL+"/keys")
	}))
	t.Cleanup(server.Close)
	return server, cookies
}

// TestRule3_10ReceivedClaims: keys are asked for where the configured issuer says, over https, without cookies and
// without redirects; neither a token nor an issuer elsewhere makes us ask a service of this machine.
func TestRule3_10ReceivedClaims(t *testing.T) {
	t.Parallel()
	k, err := key.Generate(key.EdDSA, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("jku and x5u are never followed", func(t *testing.T) {
		t.Parallel()
		attacker, err := key.Generate(key.EdDSA, "")
		if err != nil {
			t.Fatal(err)
		}
		theirs := newIssuer(t, attacker.Public())
		ours := newIssuer(t, k.Public())
		keys := open(t, ours, new(clock))
		for _, name := range []string{"jku", "x5u", "iss", "kid"} {
			header := fmt.Sprintf(`{"alg":"EdDSA",%q:%q}`, name, theirs.URL+"/keys")
			raw := forged(t, attacker, header, fmt.Sprintf(`{"iss":%q,"aud":"a","exp":4000000000}`, theirs.URL))
			if _, _, err := token.Verify[token.Registered](t.Context(), raw, keys, token.Profile{AnyIssuer: true, Audience: []string{"a"}}); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		if n := theirs.fetches.Load(); n != 0 {
			t.Errorf("%d requests to where a token pointed", n)
		}
	})
	t.Run("no cookies", func(t *testing.T) {
		t.Parallel()
		server, cookies := secureIssuer(t, k.Public())
		client := server.Client()
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		at, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		jar.SetCookies(at, []*http.Cookie{{Name: "session", Value: "of the caller", Path: "/"}})
		client.Jar = jar
		s, err := remote.New(remote.Config{Issuer: server.URL, Client: client})
		if err != nil {
			t.Fatal(err)
		}
		if find(t, s, k.Public().ID()) != 1 {
			t.Error("the key is not found")
		}
		if cookies.Load() != 0 {
			t.Error("a request had cookies")
		}
	})
	t.Run("an issuer elsewhere does not name a service of this machine", func(t *testing.T) {
		t.Parallel()
		var asked atomic.Int32
		local := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		t.Cleanup(local.Close)
		port := local.URL[strings.LastIndexByte(local.URL, ':')+1:]
		for _, jwks := range []string{local.URL, "http://localhost:" + port, "http://[::1]:" + port, "https://127.0.0.1:" + port, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port, "https://LOCALHOST.:" + port} {
			document := `{"issuer":"https://ci.example.com","jwks_uri":"` + jwks + `"}`
			s, err := remote.New(remote.Config{Issuer: "https://ci.example.com", Client: &http.Client{Transport: elsewhere(document)}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Find(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "of this machine") {
				t.Errorf("%s: %v", jwks, err)
			}
		}
		if asked.Load() != 0 {
			t.Errorf("%d requests", asked.Load())
		}
	})
}

// elsewhere is an issuer that is not on this machine: it answers with a discovery document. All else is really asked.
type elsewhere string

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "ci.example.com" {
		return http.DefaultTransport.RoundTrip(r)
	}
	recorder := httptest.NewRecorder()
	fmt.Fprint(recorder, string(e))
	return recorder.Result(), nil
}

// forged signs any header and payload.
func forged(t *testing.T, k key.Private, header, payload string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	signature, err := k.Sign(t.Context(), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(signature)
}
