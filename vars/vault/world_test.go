package vault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/vaulttest"
	"github.com/writ-run/writ/workload/workloadtest"
)

// world is a real Vault that trusts the issuer of a test, as docs/vault.md sets it up: jwt auth at auth/concourse over the
// issuer's discovery URL, KV version 2 at concourse and version 1 at old.
type world struct {
	*vaulttest.Server
	minter *workloadtest.Minter
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := vaulttest.Start(t)
	minter := workloadtest.New(t)
	issuer := serveIssuer(t, minter)
	do := func(method, path string, body map[string]any) { t.Helper(); server.Do(t, method, path, body) }
	do("POST", "sys/auth/concourse", map[string]any{"type": "jwt"})
	do("POST", "auth/concourse/config", map[string]any{"oidc_discovery_url": issuer, "bound_issuer": issuer})
	do("POST", "sys/mounts/concourse", map[string]any{"type": "kv", "options": map[string]any{"version": "2"}})
	do("POST", "sys/mounts/old", map[string]any{"type": "kv", "options": map[string]any{"version": "1"}})
	do("PUT", "sys/policies/acl/jobs", map[string]any{"policy": `
		path "concourse/data/main/*"    { capabilities = ["read"] }
		path "concourse/data/shared/*"  { capabilities = ["read"] }
		path "concourse/data/main/deploy/forbidden" { capabilities = ["deny"] }
		path "old/main/*"               { capabilities = ["read"] }`})
	do("POST", "auth/concourse/role/example", map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{server.URL}, "bound_claims": map[string]any{"team": "main", "job": "release"},
		"token_policies": []string{"jobs"}, "token_ttl": "10m", "token_max_ttl": "1h",
	})
	for path, data := range map[string]map[string]any{
		"main/deploy/some_secret":            {"username": "hello-im-a-username", "n": 7, "list": []any{1, 1.5}},
		"main/deploy/secret with_spaces.etc": {"some_key": "some-value"},
		"main/deploy/valued":                 {"value": "the value", "other": "a field"},
		"main/deploy/both":                   {"value": "pipeline"},
		"main/both":                          {"value": "team"},
		"main/team-only":                     {"value": "team"},
		"main/deploy/nested/deep/er":         {"value": "deep"},
		"main/deploy/a%2Fb?c":                {"value": "odd name"},
		"main/deploy/deleted":                {"value": "gone"},
		"main/deploy/forbidden":              {"value": "no"},
		"shared/deploy/common":               {"value": "shared"},
		"shared/plain":                       {"value": "plain shared"},
		"bare":                               {"value": "bare"},
	} {
		p, err := parsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		do("POST", "concourse/data/"+p.escaped(), map[string]any{"data": data})
	}
	do("DELETE", "concourse/data/main/deploy/deleted", nil)
	do("POST", "old/main/deploy/greeting", map[string]any{"value": "hello from version 1", "data": "a field called data"})
	return &world{server, minter}
}

// serveIssuer publishes the minter's key as an OIDC issuer does, and makes the minter mint under that URL.
func serveIssuer(t *testing.T, minter *workloadtest.Minter) string {
	t.Helper()
	set, err := key.NewSet(minter.Key())
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":["EdDSA"]}`, server.URL, server.URL+"/jwks")
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(jwks)
	})
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	minter.SetIssuer(*u)
	return server.URL
}

// config is the first seed's var source, with this Vault's URL, and with what a test changes.
func (w *world) config(more map[string]any) map[string]any {
	config := map[string]any{
		"url": w.URL, "path_prefix": "/concourse",
		"lookup_templates": []any{"/{{.Team}}/{{.Pipeline}}/{{.Secret}}", "/{{.Team}}/{{.Secret}}"},
		"shared_path":      "/shared/{{.Pipeline}}/{{.Secret}}",
		"namespace":        "/root", "auth_path": "/auth/concourse", "auth_type": "jwt", "auth_role": "example", "auth_retry_max": "1s",
	}
	for name, value := range more {
		if config[name] = value; value == nil {
			delete(config, name)
		}
	}
	return config
}

// lookup asks Vault, as root, about a client token.
func (w *world) lookup(t *testing.T, token string) (status int, data map[string]any) {
	t.Helper()
	status, answer := w.As(t, w.Token, "POST", "auth/token/lookup", map[string]any{"token": token})
	data, _ = answer["data"].(map[string]any)
	return status, data
}
