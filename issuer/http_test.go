package issuer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/workload"
)

func TestDiscovery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	answer := w.ask("GET", "/.well-known/openid-configuration", "", "")
	var document struct {
		Issuer        string   `json:"issuer"`
		JWKS          string   `json:"jwks_uri"`
		Introspection string   `json:"introspection_endpoint"`
		Claims        []string `json:"claims_supported"`
		Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &document); err != nil || answer.Code != 200 || answer.Header().Get("Content-Type") != jsonType {
		t.Fatalf("status %d: %s: %v", answer.Code, answer.Body, err)
	}
	if document.Issuer != issuerURL || document.JWKS != issuerURL+"/.well-known/jwks.json" || document.Introspection != issuerURL+"/introspect" {
		t.Errorf("document %+v", document)
	}
	if !slices.Equal(document.Algorithms, []string{"RS256", "ES256", "EdDSA"}) {
		t.Errorf("algorithms %v", document.Algorithms)
	}
	// Every claim that a token can have is listed.
	text, err := json.Marshal(fullIdentity())
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	for claim := range claims {
		if !slices.Contains(document.Claims, claim) {
			t.Errorf("claim %s is not listed", claim)
		}
	}
	if len(claims) != len(document.Claims) {
		t.Errorf("%d claims listed, a token has %d", len(document.Claims), len(claims))
	}
}

// fullIdentity has every claim.
func fullIdentity() workload.Identity {
	id := workload.NewIdentity(workload.Subject{
		Team: "t", Pipeline: "p", InstanceVars: map[string]any{"a": "b"}, Job: "j",
		Task: "k", Step: "s", Attempt: 1, ImageDigest: "d", Runtime: "oci",
	}, workload.IDs{TeamID: 1, PipelineID: 1, JobID: 1, BuildID: 1}, "1")
	id.Issuer, id.Subject, id.Audience, id.Expiry, id.NotBefore, id.IssuedAt, id.ID = "i", "s", []string{"a"}, 1, 1, 1, "j"
	return id
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	answer := w.ask("GET", "/.well-known/jwks.json", "", "")
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 3 || set.Keys[0]["alg"] != "RS256" { // one of each algorithm, before anyone asks for one
		t.Fatalf("keys %v", set.Keys)
	}
	for _, k := range set.Keys {
		if k["kid"] == "" || k["use"] != "sig" || k["alg"] == "" || k["d"] != "" || k["p"] != "" {
			t.Errorf("key %v", k)
		}
	}
	etag := answer.Header().Get("ETag")
	if etag == "" || !strings.Contains(answer.Header().Get("Cache-Control"), "max-age=") {
		t.Errorf("header %v", answer.Header())
	}
	if again := w.ask("GET", "/.well-known/jwks.json", "", "", "If-None-Match", etag); again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("with its ETag: status %d, %d bytes", again.Code, again.Body.Len())
	}
	if again := w.ask("GET", "/.well-known/jwks.json", "", "", "If-None-Match", `"other", W/`+etag); again.Code != 304 {
		t.Errorf("with a list of ETags: status %d", again.Code)
	}
	if _, err := w.ring.Rotate([]key.Algorithm{key.ES256}, false, false); err != nil { // makes a key, so the document changes
		t.Fatal(err)
	}
	if again := w.ask("GET", "/.well-known/jwks.json", "", "", "If-None-Match", etag); again.Code != 200 || again.Header().Get("ETag") == etag {
		t.Errorf("after a new key: status %d", again.Code)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *issuer.Config) { c.URL = "https://ci.example.com/writ" })
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/healthz", 200, ""},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/metrics", 200, ""},
		{"GET", "/writ/.well-known/openid-configuration", 200, ""}, // below the URL's path, as behind a proxy
		{"GET", "/.well-known/openid-configuration", 200, ""},
		{"GET", "/", 404, ""},
		{"GET", "/writ", 404, ""},
		{"GET", "/.well-known/jwks.json/", 404, ""},
		{"GET", "/.well-known/../healthz", 404, ""},
		{"GET", "//healthz", 404, ""},
		{"GET", "/introspect", 405, "POST"},
		{"PUT", "/introspect", 405, "POST"},
		{"POST", "/.well-known/jwks.json", 405, "GET, HEAD"},
		{"DELETE", "/healthz", 405, "GET, HEAD"},
		{"OPTIONS", "/introspect", 405, "POST"},
		{"GE", "/healthz", 405, "GET, HEAD"},
		{"POST", "/v1/runs", 404, ""}, // the socket's paths are not here
	} {
		answer := w.ask(test.method, test.path, "", "")
		if answer.Code != test.status || answer.Header().Get("Allow") != test.allow {
			t.Errorf("%s %s: status %d, Allow %q", test.method, test.path, answer.Code, answer.Header().Get("Allow"))
		}
		if test.status >= 400 && !strings.Contains(answer.Body.String(), `"error_description":"`) {
			t.Errorf("%s %s: %s", test.method, test.path, answer.Body)
		}
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	directory := filepath.Join(t.TempDir(), "public")
	files, err := issuer.Export(directory, issuerURL, w.ring)
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	served := w.ask("GET", "/.well-known/jwks.json", "", "").Body.String()
	text, err := os.ReadFile(filepath.Join(directory, ".well-known", "jwks.json"))
	if err != nil || strings.TrimSpace(string(text)) != strings.TrimSpace(served) {
		t.Errorf("exported %s, %v\nserved %s", text, err, served)
	}
	if _, err := issuer.Export(directory, "https://ci.example.com/", w.ring); err == nil {
		t.Error("a URL with a slash at its end was taken")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]issuer.Config{
		`issuer.url "": want https://HOST`:                                    {},
		`issuer.url "http://ci.example.com": plain http is for loopback only`: {URL: "http://ci.example.com"},
		`issuer.url "https://a?b": an issuer URL has no query`:                {URL: "https://a?b"},
		`issuer.url "https://u:p@a": want https://HOST`:                       {URL: "https://u:p@a"},
		`issuer.algorithm: algorithm "HS256" is not one of`:                   {URL: issuerURL, Algorithm: "HS256"},
		`issuer.introspectRate -1 is negative`:                                {URL: issuerURL, Rate: -1},
		`issuer.identity[0].rule "team": `:                                    {URL: issuerURL, Identity: []issuer.Rule{{Rule: "team +"}}},
		`issuer.identity[1].audiences is empty`:                               {URL: issuerURL, Identity: []issuer.Rule{{}, {Audiences: []string{}}}},
		`issuer.identity[0].files[0].path "a/b": want one path element`:       {URL: issuerURL, Identity: []issuer.Rule{{Files: []workload.File{{Path: "a/b", Audience: "x"}}}}},
		`issuer.identity[0].files[0].path "token": this name is always there`: {URL: issuerURL, Identity: []issuer.Rule{{Files: []workload.File{{Path: "token", Audience: "x"}}}}},
		`issuer.identity[0].files[0].path "..": want one path element`:        {URL: issuerURL, Identity: []issuer.Rule{{Files: []workload.File{{Path: "..", Audience: "x"}}}}},
		`issuer.identity[0].files[0].audience: an audience is empty`:          {URL: issuerURL, Identity: []issuer.Rule{{Files: []workload.File{{Path: "aws"}}}}},
		`issuer.identity[0].files[1].path "aws": named twice`:                 {URL: issuerURL, Identity: []issuer.Rule{{Files: []workload.File{{Path: "aws", Audience: "x"}, {Path: "aws", Audience: "y"}}}}},
	} {
		want = strings.Replace(want, `rule "team": `, `rule "team +": `, 1)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if err := (issuer.Config{URL: "http://127.0.0.1:80"}).Validate(); err != nil {
		t.Error(err)
	}
}
