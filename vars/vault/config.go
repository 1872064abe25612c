package vault

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/writ-run/writ/vars"
)

// identityText is how a config writes the build's identity token, in auth_params.
const identityText = "((." + vars.IdentityName + "))"

// settings is a source's config, read and checked.
type settings struct {
	url       string // without a trailing slash
	plaintext bool   // http to another machine
	namespace string
	lookup    lookup
	tls       *tls.Config // nil: nothing set
	insecure  bool
	auth      auth
	// retryInitial is the pause before the second attempt; it doubles. retryMax is when to give up.
	retryInitial, retryMax time.Duration
}

// auth is how the source gets its client token.
type auth struct {
	token    string            // given; nothing else is set then
	path     path              // of the login, below auth/
	params   map[string]string // sent at login; identityText in a value stands for the identity token
	audience string            // of the identity token
	maxTTL   time.Duration     // log in again after this long; 0: never
}

func parse(config map[string]any, final bool) (settings, error) {
	f := vars.NewFields(config, final)
	set := settings{namespace: f.String("namespace"), insecure: f.Bool("insecure_skip_verify")}
	f.Bool("enable_kv_mount_cache") // known, and of no effect: a source lives for one build and always caches
	parseURL(f, &set)
	if strings.ContainsFunc(set.namespace, unicode.IsControl) {
		f.Fail("namespace", "a control character in it")
	}
	parsePaths(f, &set)
	parseTLS(f, &set)
	parseAuth(f, &set)
	set.retryInitial = duration(f, "auth_retry_initial", time.Second)
	set.retryMax = duration(f, "auth_retry_max", 15*time.Second)
	set.auth.maxTTL = duration(f, "auth_max_ttl", 0)
	for name, value := range config {
		if text, isString := value.(string); isString && !final && strings.Contains(text, identityText) {
			f.Fail(name, "%s has its place in auth_params alone", identityText)
		}
	}
	return set, f.Err()
}

func duration(f *vars.Fields, name string, otherwise time.Duration) time.Duration {
	d, given := f.Duration(name)
	if !given {
		return otherwise
	}
	if d < 0 {
		f.Fail(name, "%s; it cannot be negative", d)
	}
	return d
}

func parseURL(f *vars.Fields, set *settings) {
	text := f.String("url")
	set.url = strings.TrimRight(text, "/")
	set.auth.audience = text
	if f.Has("auth_audience") {
		if set.auth.audience = f.String("auth_audience"); set.auth.audience == "" && !f.Pending("auth_audience") {
			f.Fail("auth_audience", "empty; leave it out for the Vault's URL")
		}
	} else {
		f.String("auth_audience")
	}
	if f.Pending("url") {
		return
	}
	if text == "" {
		f.Fail("url", "missing; it is the Vault's address, such as \"https://vault.example.com\"")
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		f.Fail("url", "not a URL") // the parser's error repeats the text, which may hold a password
	case u.User != nil:
		f.Fail("url", "no user or password in it")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		f.Fail("url", "%q; it must be https://HOST or http://HOST", text)
	case u.RawQuery != "" || u.Fragment != "":
		f.Fail("url", "%q; no query or fragment in it", text)
	default:
		set.plaintext = u.Scheme == "http" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback()
	}
}

func parsePaths(f *vars.Fields, set *settings) {
	prefix, shared := "/concourse", f.String("shared_path")
	if f.Has("path_prefix") {
		prefix = f.String("path_prefix")
	} else {
		f.String("path_prefix")
	}
	templates := f.Strings("lookup_templates")
	if !f.Has("lookup_templates") {
		templates = []string{"/{{.Team}}/{{.Pipeline}}/{{.Secret}}", "/{{.Team}}/{{.Secret}}"}
	}
	var err error
	if set.lookup, err = parseLookup(prefix, templates, shared); err != nil {
		for problem := range strings.SplitSeq(err.Error(), "\n") {
			name, what, _ := strings.Cut(problem, ": ")
			f.Fail(name, "%s", what)
		}
	}
	if len(set.lookup.prefix) == 0 && !f.Pending("path_prefix") && err == nil {
		f.Fail("path_prefix", "empty; it is the mount of the secrets engine, \"/concourse\" by default")
	}
}

func parseTLS(f *vars.Fields, set *settings) {
	ca, server := f.String("ca_cert"), f.String("server_name")
	cert, key := f.String("client_cert"), f.String("client_key")
	t := &tls.Config{ServerName: server, InsecureSkipVerify: set.insecure, MinVersion: tls.VersionTLS12}
	if ca != "" {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			f.Fail("ca_cert", "no certificate in PEM form in it")
		}
	}
	switch {
	case f.Has("client_cert") != f.Has("client_key"):
		f.Fail("client_cert", "client_cert and client_key belong together; one of them is missing")
	case cert != "" && key != "":
		pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
		if err != nil {
			f.Fail("client_cert", "client_cert and client_key: %v", err)
		}
		// Not Certificates: the list of issuers that the server asks for says nothing about Vault's cert auth method.
		t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	if ca != "" || server != "" || cert != "" || set.insecure {
		set.tls = t
	}
}

func parseAuth(f *vars.Fields, set *settings) {
	kind, role, mount := f.String("auth_type"), f.String("auth_role"), f.String("auth_path")
	backend, params := f.String("auth_backend"), f.Texts("auth_params")
	set.auth.token = f.String("client_token")
	var ways []string
	for _, name := range []string{"client_token", "auth_type", "auth_backend"} {
		if f.Has(name) {
			ways = append(ways, name)
		}
	}
	switch {
	case len(ways) == 0:
		f.Fail("auth_type", "no way to log in; set auth_type: jwt (with auth_role), or auth_backend, or client_token")
		return
	case len(ways) > 1:
		f.Fail(ways[0], "there too: %s; set one of them", strings.Join(ways[1:], ", "))
		return
	}
	if ways[0] != "auth_type" {
		for _, name := range []string{"auth_role", "auth_path"} {
			if f.Has(name) {
				f.Fail(name, "it belongs to auth_type: jwt; with auth_backend the backend is the path, and the role goes into auth_params")
			}
		}
	}
	if ways[0] == "client_token" && f.Has("auth_params") {
		f.Fail("auth_params", "it belongs to auth_type and auth_backend")
	}
	var err error
	switch {
	case f.Pending(ways[0]):
	case kind != "":
		if kind != "jwt" {
			f.Fail("auth_type", "%q; it must be jwt (other ways to log in: auth_backend)", kind)
		}
		if mount == "" {
			mount = "jwt"
		}
		if set.auth.path, err = parseAuthPath(mount); err != nil {
			f.Fail("auth_path", "%v", err)
		}
		set.auth.path = append(slices.Clip(set.auth.path), "login")
		set.auth.params = map[string]string{"jwt": identityText}
		maps.Copy(set.auth.params, params)
		if role != "" {
			if f.Has("auth_params") && params["role"] != "" {
				f.Fail("auth_role", "the role is in auth_params too; set one of them")
			}
			set.auth.params["role"] = role
		}
	case backend != "":
		parseBackend(f, set, backend, params)
	case set.auth.token == "":
		f.Fail(ways[0], "empty")
	}
}

// parseBackend reads auth_backend, Concourse's way: the backend is the mount, and some backends have the user in the path.
func parseBackend(f *vars.Fields, set *settings, backend string, params map[string]string) {
	mount, err := parsePath(backend)
	if err != nil || len(mount) == 0 {
		f.Fail("auth_backend", "%q is not the path of an auth method", backend)
	}
	set.auth.path = append(slices.Clip(mount), "login")
	set.auth.params = params
	switch backend {
	case "userpass", "ldap", "okta":
		user := params["username"]
		if p, err := parsePath(user); !f.Pending("auth_params", "username") && (err != nil || len(p) != 1 || p[0] != user) {
			f.Fail("auth_params", "username is missing, or not one; %s needs it", backend)
		}
		set.auth.path = append(set.auth.path, user)
	case "jwt":
		if params["jwt"] == "" {
			f.Fail("auth_params", "jwt is missing; write jwt: \"%s\"", identityText)
		}
	}
}
