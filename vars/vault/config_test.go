package vault

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/vars"
)

func TestParseReadsEveryDocumentedField(t *testing.T) {
	t.Parallel()
	testCertificate, testKey := certificate(t)
	set, err := parse(map[string]any{
		"url": "https://vault.example.com:8200/base/", "ca_cert": testCertificate, "path_prefix": "/p", "lookup_templates": []any{"/{{.Secret}}"}, "shared_path": "s",
		"namespace": "/root", "client_cert": testCertificate, "client_key": testKey, "server_name": "name", "insecure_skip_verify": true,
		"auth_backend": "cert", "auth_params": map[string]any{"name": "x", "n": 1}, "auth_max_ttl": "1h", "auth_retry_max": "5m", "auth_retry_initial": "2s", "enable_kv_mount_cache": true,
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %s %v %s %v %s %s %s %s", set.url, set.namespace, set.auth.path, set.auth.params, set.auth.maxTTL, set.insecure, set.retryMax, set.retryInitial, set.lookup.prefix, set.tls.ServerName)
	if want := "https://vault.example.com:8200/base /root cert/login map[n:1 name:x] 1h0m0s true 5m0s 2s p name"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if set.tls.RootCAs == nil || set.tls.GetClientCertificate == nil || !set.tls.InsecureSkipVerify {
		t.Error("the TLS settings are not all there")
	}
}

func TestParseTheFirstSeed(t *testing.T) {
	t.Parallel()
	set, err := parse(map[string]any{
		"url": "https://vault.example.com", "path_prefix": "/concourse",
		"lookup_templates": []any{"/{{.Team}}/{{.Pipeline}}/{{.Secret}}", "/{{.Team}}/{{.Secret}}"},
		"shared_path":      "/shared/{{.Pipeline}}/{{.Secret}}", "namespace": "/root", "auth_path": "/auth/concourse", "auth_type": "jwt", "auth_role": "example",
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	if set.auth.path.String() != "concourse/login" || set.auth.params["role"] != "example" || set.auth.params["jwt"] != "((.CONCOURSE_CI_JWT))" || set.auth.audience != "https://vault.example.com" {
		t.Errorf("auth: %+v", set.auth)
	}
	if set.retryInitial != time.Second || set.retryMax != 15*time.Second {
		t.Errorf("retries: %s, %s", set.retryInitial, set.retryMax)
	}
}

func TestParseDefaults(t *testing.T) {
	t.Parallel()
	set, err := parse(map[string]any{"url": "http://127.0.0.1:8200/", "auth_type": "jwt", "auth_audience": "vault"}, true)
	if err != nil || set.auth.path.String() != "jwt/login" || set.auth.audience != "vault" || set.lookup.prefix.String() != "concourse" || len(set.lookup.templates) != 2 || set.tls != nil || set.plaintext {
		t.Errorf("%+v, %v", set, err)
	}
	if set, err := parse(map[string]any{"url": "http://vault.example.com", "client_token": "t"}, true); err != nil || !set.plaintext {
		t.Errorf("plain http to another machine goes unnoticed: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		field string
		value any
		want  string
	}{
		{"url", nil, `url: missing; it is the Vault's address, such as "https://vault.example.com"`},
		{"url", "vault.example.com", `url: "vault.example.com"; it must be https://HOST or http://HOST`},
		{"url", "ftp://x", `url: "ftp://x"; it must be https://HOST or http://HOST`},
		{"url", "https://user:password@x", "url: no user or password in it"},
		{"url", "https://u:pass word@x\x7f", "url: not a URL"},
		{"url", "https://x?a=b", `url: "https://x?a=b"; no query or fragment in it`},
		{"path_prefix", "/", `path_prefix: empty; it is the mount of the secrets engine, "/concourse" by default`},
		{"path_prefix", "/a/../b", `path_prefix: "/a/../b": no ".." in a path`},
		{"lookup_templates", "/x", "lookup_templates: a string; it must be a list of strings"},
		{"lookup_templates", []any{"/{{.Nope}}"}, `lookup_templates: "/{{.Nope}}": {{.Nope}} is not known; there are {{.Team}}, {{.Pipeline}} and {{.Secret}}`},
		{"shared_path", "../x", `shared_path: "../x/secret": no ".." in a path`},
		{"namespace", "a\r\nX-Vault-Token: b", "namespace: a control character in it"},
		{"ca_cert", "nonsense", "ca_cert: no certificate in PEM form in it"},
		{"client_cert", "x", "client_cert: client_cert and client_key belong together; one of them is missing"},
		{"insecure_skip_verify", "perhaps", "insecure_skip_verify: a string; it must be true or false"},
		{"client_token", "t", "client_token: there too: auth_type; set one of them"},
		{"auth_type", "token", `auth_type: "token"; it must be jwt (other ways to log in: auth_backend)`},
		{"auth_type", nil, "auth_type: no way to log in; set auth_type: jwt (with auth_role), or auth_backend, or client_token"},
		{"auth_path", "auth/login", `auth_path: "auth/login" names no mount; for example "auth/concourse"`},
		{"auth_audience", "", "auth_audience: empty; leave it out for the Vault's URL"},
		{"auth_max_ttl", "1", `auth_max_ttl: "1" is not a duration such as "1h" or "90s"`},
		{"auth_retry_max", "-1s", "auth_retry_max: -1s; it cannot be negative"},
		{"auth_retry_initial", 5, `auth_retry_initial: 5: a duration needs a unit, as in "1h" or "90s"`},
		{"auth_rolle", "x", `unknown field "auth_rolle"; did you mean "auth_role"?`},
		{"lookup_template", []any{}, `unknown field "lookup_template"; did you mean "lookup_templates"?`},
	} {
		config := map[string]any{"url": "https://vault.example.com", "auth_type": "jwt", test.field: test.value}
		if test.value == nil {
			delete(config, test.field)
		}
		if err := (Kind{}).Validate(config); fmt.Sprint(err) != test.want {
			t.Errorf("%s: %v\ngot  %v\nwant %s", test.field, test.value, err, test.want)
		}
	}
	for want, config := range map[string]map[string]any{
		"auth_role: it belongs to auth_type: jwt":                                                        {"auth_backend": "approle", "auth_role": "x"},
		"auth_params: username is missing, or not one; userpass needs it":                                {"auth_backend": "userpass", "auth_params": map[string]any{"password": "x"}},
		"auth_params: jwt is missing; write jwt: \"((.CONCOURSE_CI_JWT))\"":                              {"auth_backend": "jwt", "auth_params": map[string]any{"role": "x"}},
		"auth_params: it belongs to auth_type and auth_backend":                                          {"client_token": "t", "auth_params": map[string]any{"role": "x"}},
		"auth_role: the role is in auth_params too; set one of them":                                     {"auth_type": "jwt", "auth_role": "a", "auth_params": map[string]any{"role": "b"}},
		`auth_backend: "a/../b" is not the path of an auth method`:                                       {"auth_backend": "a/../b"},
		"((.CONCOURSE_CI_JWT)) has its place in auth_params alone":                                       {"client_token": "((.CONCOURSE_CI_JWT))"},
		"client_cert: client_cert and client_key: tls: failed to find any PEM data in certificate input": {"auth_backend": "cert", "client_cert": "x", "client_key": "y"},
		"client_token: empty": {"client_token": ""},
	} {
		config["url"] = "https://vault.example.com"
		if err := (Kind{}).Validate(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A pipeline is checked before its vars are known.
func TestValidateTakesVars(t *testing.T) {
	t.Parallel()
	for _, config := range []map[string]any{
		{"url": "((url))", "client_token": "((t))", "insecure_skip_verify": "((i))", "path_prefix": "((p))", "auth_max_ttl": "((d))", "lookup_templates": "((l))"},
		{"url": "https://v", "auth_backend": "userpass", "auth_params": map[string]any{"username": "((s:a/b.user))", "password": "((s:a/b.password))"}},
		{"url": "https://v", "auth_backend": "jwt", "auth_params": map[string]any{"role": "r", "jwt": "((.CONCOURSE_CI_JWT))"}},
		{"url": "https://v", "auth_type": "((type))", "auth_role": "((r))", "ca_cert": "((ca))", "client_cert": "((c))", "client_key": "((k))"},
	} {
		if err := (Kind{}).Validate(config); err != nil {
			t.Errorf("%v: %v", config, err)
		}
	}
	var _ vars.Kind = Kind{}
}
