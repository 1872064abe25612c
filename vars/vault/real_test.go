package vault

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload"
	"github.com/writ-run/writ/workload/workloadtest"
)

func TestRealVault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("secrets", func(t *testing.T) { t.Parallel(); w.testSecrets(t) })
	t.Run("version 1", func(t *testing.T) { t.Parallel(); w.testVersionOne(t) })
	t.Run("shared", func(t *testing.T) { t.Parallel(); w.testShared(t) })
	t.Run("ways to log in", func(t *testing.T) { t.Parallel(); w.testWays(t) })
	t.Run("refused", func(t *testing.T) { t.Parallel(); w.testRefused(t) })
	t.Run("denied", func(t *testing.T) { t.Parallel(); w.testDenied(t) })
	t.Run("renewed and revoked", func(t *testing.T) { t.Parallel(); w.testLife(t) })
	t.Run("revoked by the operator", func(t *testing.T) { t.Parallel(); w.testRevokedMeanwhile(t) })
	t.Run("auth_max_ttl", func(t *testing.T) { t.Parallel(); w.testMaxTTL(t) })
	t.Run("client_token", func(t *testing.T) { t.Parallel(); w.testClientToken(t) })
	t.Run("namespace and requests", func(t *testing.T) { t.Parallel(); w.testNamespace(t) })
	t.Run("version cannot be asked", func(t *testing.T) { t.Parallel(); w.testVersionUnknown(t) })
	t.Run("two pipelines", func(t *testing.T) { t.Parallel(); w.testTwoPipelines(t) })
	t.Run("at once", func(t *testing.T) { t.Parallel(); w.testConcurrent(t) })
}

func (w *world) testSecrets(t *testing.T) {
	o := open(t, Kind{}, w.minter, w.config(nil))
	script := `test "((hvjwt:some_secret.username))" = "hello-im-a-username"; test "((hvjwt:"secret with_spaces.etc".some_key))" = "some-value"`
	want := `test "hello-im-a-username" = "hello-im-a-username"; test "some-value" = "some-value"`
	if got, err := vars.Interpolate(t.Context(), script, o.Get); err != nil || got != want {
		t.Errorf("the first seed's script: %v, %v", got, err)
	}
	for _, test := range []struct {
		ref  string
		want any
	}{
		{"some_secret", map[string]any{"username": "hello-im-a-username", "n": int64(7), "list": []any{int64(1), 1.5}}},
		{"some_secret.n", int64(7)},
		{"valued", "the value"},
		{"valued.value", "the value"},
		{"valued.other", "a field"},
		{"both", "pipeline"},
		{"team-only", "team"},
		{"nested/deep/er", "deep"},
		{`"a%2Fb?c"`, "odd name"},
		{"common", "shared"},
	} {
		if got, err := o.get(t, test.ref); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("((%s)): %#v, %v; want %#v", test.ref, got, err, test.want)
		}
	}
	for _, ref := range []string{"nobody", "deleted", "nested/deep", "some_secret.nope", "valued.nope", `"a%252Fb?c"`, "bare"} {
		_, err := o.get(t, ref)
		checkKind(t, err, new(*vars.UndefinedError))
		if want := "undefined vars: v:" + ref; err.Error() != want {
			t.Errorf("((%s)): %q, want %q", ref, err, want)
		}
	}
	for _, ref := range []string{`"../../sys/mounts"`, `"../other/deploy/x"`, `"."`} {
		if got, err := o.get(t, ref); err == nil || !strings.Contains(err.Error(), "in a path") {
			t.Errorf("((%s)): %v, %v", ref, got, err)
		}
	}
	if n := len(w.minter.Requests()); n == 0 {
		t.Error("nothing was minted")
	}
	if told := o.told(); len(told) != 1 {
		t.Errorf("logged in %d times for one build", len(told))
	}
}

func (w *world) testVersionOne(t *testing.T) {
	o := open(t, Kind{}, w.minter, w.config(map[string]any{"path_prefix": "/old", "shared_path": nil}))
	for ref, want := range map[string]any{"greeting": "hello from version 1", "greeting.data": "a field called data"} {
		if got, err := o.get(t, ref); err != nil || got != want {
			t.Errorf("((%s)): %v, %v", ref, got, err)
		}
	}
	_, err := o.get(t, "nobody")
	checkKind(t, err, new(*vars.UndefinedError))
}

func (w *world) testShared(t *testing.T) {
	o := open(t, Kind{}, w.minter, w.config(map[string]any{"shared_path": "shared"}))
	if got, err := o.get(t, "plain"); err != nil || got != "plain shared" {
		t.Errorf("a plain shared path: %v, %v", got, err)
	}
	// A policy that opens the bare prefix: Concourse looks there last.
	w.Do(t, "PUT", "sys/policies/acl/bare", map[string]any{"policy": `path "concourse/*" { capabilities = ["read"] }`})
	w.Do(t, "POST", "auth/concourse/role/bare", map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{w.URL}, "token_policies": []string{"bare"},
	})
	o = open(t, Kind{}, w.minter, w.config(map[string]any{"auth_role": "bare"}))
	if got, err := o.get(t, "bare"); err != nil || got != "bare" {
		t.Errorf("the bare prefix: %v, %v", got, err)
	}
}

func (w *world) testWays(t *testing.T) {
	w.Do(t, "POST", "sys/auth/userpass", map[string]any{"type": "userpass"})
	w.Do(t, "POST", "auth/userpass/users/ci", map[string]any{"password": "correct horse", "token_policies": []string{"jobs"}})
	w.Do(t, "POST", "sys/auth/approle", map[string]any{"type": "approle"})
	w.Do(t, "POST", "auth/approle/role/ci", map[string]any{"token_policies": []string{"jobs"}})
	data := func(answer map[string]any) map[string]any { d, _ := answer["data"].(map[string]any); return d }
	roleID := data(w.Do(t, "GET", "auth/approle/role/ci/role-id", nil))["role_id"]
	secretID := data(w.Do(t, "POST", "auth/approle/role/ci/secret-id", nil))["secret_id"]
	w.Do(t, "POST", "sys/auth/jwt", map[string]any{"type": "jwt"})
	issuer := w.minter.Open(t).Run().Issuer
	w.Do(t, "POST", "auth/jwt/config", map[string]any{"oidc_discovery_url": issuer, "bound_issuer": issuer, "default_role": "example"})
	w.Do(t, "POST", "auth/jwt/role/example", map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{"vault"}, "token_policies": []string{"jobs"},
	})
	none := map[string]any{"auth_type": nil, "auth_path": nil, "auth_role": nil}
	for name, more := range map[string]map[string]any{
		"auth_params with the job's token": {"auth_backend": "jwt", "auth_params": map[string]any{"role": "example", "jwt": "((.CONCOURSE_CI_JWT))"}, "auth_audience": "vault"},
		"auth_type with auth_params":       {"auth_type": "jwt", "auth_params": map[string]any{"role": "example", "jwt": "((.CONCOURSE_CI_JWT))"}, "auth_audience": "vault"},
		"the default path and role":        {"auth_type": "jwt", "auth_audience": "vault"},
		"userpass":                         {"auth_backend": "userpass", "auth_params": map[string]any{"username": "ci", "password": "correct horse"}},
		"approle":                          {"auth_backend": "approle", "auth_params": map[string]any{"role_id": roleID, "secret_id": secretID}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := w.config(none)
			for field, value := range more {
				config[field] = value
			}
			if got, err := open(t, Kind{}, w.minter, config).get(t, "valued"); err != nil || got != "the value" {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	t.Run("a wrong secret", func(t *testing.T) {
		t.Parallel()
		config := w.config(none)
		config["auth_backend"], config["auth_params"] = "approle", map[string]any{"role_id": roleID, "secret_id": "made-up-secret-id"}
		_, err := open(t, Kind{}, w.minter, config).get(t, "valued")
		checkKind(t, err, new(*vars.LoginError))
		if strings.Contains(err.Error(), "made-up-secret-id") || !strings.Contains(err.Error(), "auth/approle/login: invalid secret id") {
			t.Errorf("%v", err)
		}
	})
}

// A job that the role does not allow is refused, as is one with the wrong audience, issuer or role.
func (w *world) testRefused(t *testing.T) {
	for _, test := range []struct {
		name    string
		more    map[string]any
		subject workload.Subject
		want    string
	}{
		{"another job", nil, workload.Subject{Team: "main", Pipeline: "deploy", Job: "test"}, `login refused at auth/concourse/login: error validating claims: claim "job" does not match any associated bound claim values`},
		{"another team", nil, workload.Subject{Team: "other", Pipeline: "deploy", Job: "release"}, `claim "team" does not match any associated bound claim values`},
		{"another audience", map[string]any{"auth_audience": "https://elsewhere"}, workload.Subject{}, "invalid audience"},
		{"an unknown role", map[string]any{"auth_role": "nobody"}, workload.Subject{}, `role "nobody" could not be found`},
		{"no such mount", map[string]any{"auth_path": "auth/nowhere"}, workload.Subject{}, "login refused at auth/nowhere/login"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.subject.Team == "" {
				test.subject = workload.Subject{Team: "main", Pipeline: "deploy", Job: "release"}
			}
			session, err := workload.Open(t.Context(), w.minter, test.subject, workload.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			source, err := Kind{}.Open(t.Context(), session, w.config(test.more))
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = source.Get(t.Context(), vars.Ref{Path: "valued"})
			checkKind(t, err, new(*vars.LoginError))
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "eyJ") {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if err := source.(io.Closer).Close(); err != nil {
				t.Errorf("close after a refused login: %v", err)
			}
		})
	}
	t.Run("an issuer that is away", func(t *testing.T) {
		t.Parallel()
		minter := workloadtest.New(t)
		o := open(t, Kind{}, minter, w.config(nil))
		minter.SetUnreachable(true)
		if _, err := o.get(t, "valued"); !errors.Is(err, workload.ErrUnreachable) {
			t.Errorf("%v, want workload.ErrUnreachable", err)
		}
	})
	t.Run("a token of another issuer", func(t *testing.T) {
		t.Parallel()
		_, err := open(t, Kind{}, workloadtest.New(t), w.config(nil)).get(t, "valued")
		checkKind(t, err, new(*vars.LoginError))
	})
}

func (w *world) testDenied(t *testing.T) {
	o := open(t, Kind{}, w.minter, w.config(nil))
	_, err := o.get(t, "forbidden")
	checkKind(t, err, new(*vars.DeniedError))
	if want := w.URL + ": denied: read concourse/main/deploy/forbidden: "; !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("%v", err)
	}
	var denied *vars.DeniedError
	if errors.As(err, &denied); !strings.Contains(denied.Hint(), `"concourse/data/main/deploy/forbidden"`) {
		t.Errorf("hint %q", denied.Hint())
	}
	if told := o.told(); len(told) != 1 {
		t.Errorf("a denied path made it log in %d times", len(told))
	}
}

// recorder is a proxy before Vault: it notes requests, and answers some itself.
func (w *world) recorder(t *testing.T, answer func(http.ResponseWriter, *http.Request) bool) (string, func() []*http.Request) {
	t.Helper()
	target, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	var lock sync.Mutex
	var seen []*http.Request
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		lock.Lock()
		seen = append(seen, r.Clone(t.Context()))
		lock.Unlock()
		if answer == nil || !answer(rw, r) {
			proxy.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []*http.Request { lock.Lock(); defer lock.Unlock(); return slices.Clone(seen) }
}

// The open-source server ignores namespaces; what it was sent shows on the way there.
func (w *world) testNamespace(t *testing.T) {
	proxy, seen := w.recorder(t, nil)
	o := open(t, Kind{}, w.minter, w.config(map[string]any{"url": proxy, "auth_audience": w.URL}))
	for _, ref := range []string{"valued", "both"} {
		if _, err := o.get(t, ref); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Source.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range seen() {
		got = append(got, r.Method+" "+r.URL.Path)
		if r.Header.Get("X-Vault-Namespace") != "/root" || r.Header.Get("X-Vault-Request") != "true" {
			t.Errorf("%s %s: headers %v", r.Method, r.URL, r.Header)
		}
		if login := strings.Contains(r.URL.Path, "login"); login == (r.Header.Get("X-Vault-Token") != "") {
			t.Errorf("%s %s: token sent: %v", r.Method, r.URL, !login)
		}
	}
	want := []string{ // one login, one question about the mount, one request for each secret, one revocation
		"POST /v1/auth/concourse/login", "GET /v1/sys/internal/ui/mounts/concourse/main/deploy/valued",
		"GET /v1/concourse/data/main/deploy/valued", "GET /v1/concourse/data/main/deploy/both", "POST /v1/auth/token/revoke-self",
	}
	if !slices.Equal(got, want) {
		t.Errorf("requests\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A policy or a proxy may hide which version a mount is.
func (w *world) testVersionUnknown(t *testing.T) {
	proxy, _ := w.recorder(t, func(rw http.ResponseWriter, r *http.Request) bool {
		hidden := strings.HasPrefix(r.URL.Path, "/v1/sys/internal/")
		if hidden {
			rw.WriteHeader(http.StatusForbidden)
			io.WriteString(rw, `{"errors":["permission denied"]}`)
		}
		return hidden
	})
	for prefix, want := range map[string]map[string]any{
		"/concourse": {"valued": "the value", "team-only": "team", "common": "shared"},
		"/old":       {"greeting": "hello from version 1"},
	} {
		o := open(t, Kind{}, w.minter, w.config(map[string]any{"url": proxy, "auth_audience": w.URL, "path_prefix": prefix}))
		for ref, value := range want {
			if got, err := o.get(t, ref); err != nil || got != value {
				t.Errorf("%s: ((%s)): %v, %v", prefix, ref, got, err)
			}
		}
		if prefix == "/old" {
			continue // its policy knows nothing of old/shared
		}
		_, err := o.get(t, "nobody")
		checkKind(t, err, new(*vars.UndefinedError))
		_, err = o.get(t, "forbidden")
		checkKind(t, err, new(*vars.DeniedError))
	}
}

func (w *world) testConcurrent(t *testing.T) {
	o := open(t, Kind{}, w.minter, w.config(nil))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if value, found, err := o.Get(t.Context(), vars.Ref{Path: "valued"}); err != nil || !found || value != "the value" {
				t.Errorf("%v, %v, %v", value, found, err)
			}
		})
	}
	all.Wait()
	if n := len(o.told()); n != 1 {
		t.Errorf("%d logins for eight at once, want one", n)
	}
}

// testTwoPipelines has two pipelines ask for the same variable with the same configuration at the same time: each logs in
// as itself. (A pool of sources by configuration would hand one the other's login.)
func (w *world) testTwoPipelines(t *testing.T) {
	kind, config := Kind{}, w.config(map[string]any{"lookup_templates": []any{"/{{.Team}}/{{.Secret}}"}, "auth_role": "who"})
	w.Do(t, "POST", "auth/concourse/role/who", map[string]any{
		"role_type": "jwt", "user_claim": "pipeline", "bound_audiences": []string{w.URL}, "token_policies": []string{"jobs"},
	})
	var all sync.WaitGroup
	for _, pipeline := range []string{"one", "two", "one", "two"} {
		session, err := workload.Open(t.Context(), w.minter, workload.Subject{Team: "main", Pipeline: pipeline, Job: "release"}, workload.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var secret string
		kind.OnSecret = func(s string) { secret = s }
		opened, err := kind.Open(t.Context(), session, config)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if value, found, err := opened.Get(t.Context(), vars.Ref{Path: "both"}); err != nil || !found || value != "team" {
				t.Errorf("%v, %v, %v", value, found, err)
			}
			if _, data := w.lookup(t, secret); data["display_name"] != "concourse-"+pipeline {
				t.Errorf("%s is logged in as %v", pipeline, data["display_name"])
			}
			if err := opened.(io.Closer).Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
