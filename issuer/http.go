package issuer

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/key"
)

// The paths that the contract names.
const (
	discoveryPath  = "/.well-known/openid-configuration"
	jwksPath       = "/.well-known/jwks.json"
	introspectPath = "/introspect"
)

// maxAge is how long others may keep the documents, in seconds: a rotated key is published at least this long before it
// signs.
const maxAge = 300

// discovery is the discovery document (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).
type discovery struct {
	Issuer            string   `json:"issuer"`
	JWKS              string   `json:"jwks_uri"`
	Introspection     string   `json:"introspection_endpoint,omitzero"`
	IntrospectionAuth []string `json:"introspection_endpoint_auth_methods_supported,omitzero"`
	ResponseTypes     []string `json:"response_types_supported"`
	SubjectTypes      []string `json:"subject_types_supported"`
	Algorithms        []string `json:"id_token_signing_alg_values_supported"`
	Scopes            []string `json:"scopes_supported"`
	Claims            []string `json:"claims_supported"`
}

// claimNames are the claims of an identity token.
var claimNames = [...]string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti",
	"team", "teamid", "pipeline", "pipelineid", "instance_vars", "job", "jobid", "build", "buildid",
	"task", "step", "attempt", "image_digest", "runtime", "privileged",
}

// document is the discovery document of an issuer URL.
func document(issuer string, introspection bool) ([]byte, error) {
	d := discovery{
		Issuer: issuer, JWKS: issuer + jwksPath,
		ResponseTypes: []string{"id_token"}, SubjectTypes: []string{"public"}, Scopes: []string{"openid"},
		Algorithms: []string{string(key.RS256), string(key.ES256), string(key.EdDSA)}, Claims: claimNames[:],
	}
	if introspection {
		d.Introspection, d.IntrospectionAuth = issuer+introspectPath, []string{"none"}
	}
	return json.Marshal(d)
}

// Handler answers HTTP: discovery, key set, introspection, liveness, metrics. It stands at the root and below the path
// of the issuer URL.
func (i *Issuer) Handler() (http.Handler, error) {
	text, err := document(i.config.URL, true)
	if err != nil {
		return nil, err
	}
	routes := map[string]route{
		discoveryPath:  {"GET, HEAD", newStatic(text)},
		jwksPath:       {"GET, HEAD", &jwks{keys: i.keys}},
		introspectPath: {"POST", newIntrospection(i)},
		"/healthz":     {"GET, HEAD", http.HandlerFunc(healthy)},
		"/metrics":     {"GET, HEAD", i.metrics},
	}
	u, err := url.Parse(i.config.URL)
	if err != nil {
		return nil, err
	}
	return &router{prefix: u.Path, routes: routes}, nil
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
}

type route struct {
	methods string // as in Allow
	handler http.Handler
}

// router takes exact paths and nothing else.
type router struct {
	prefix string
	routes map[string]route
}

func (t *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	found, ok := t.routes[r.URL.Path]
	if !ok && t.prefix != "" {
		if rest, below := strings.CutPrefix(r.URL.Path, t.prefix); below {
			found, ok = t.routes[rest]
		}
	}
	if !ok {
		refuse(w, http.StatusNotFound, "not_found", "there is nothing at this path")
		return
	}
	if r.Method != "GET" && r.Method != "POST" && r.Method != "HEAD" || !strings.Contains(found.methods, r.Method) {
		w.Header().Set("Allow", found.methods)
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "this path takes "+found.methods)
		return
	}
	found.handler.ServeHTTP(w, r)
}

// refuse answers with an error body.
func refuse(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	body, err := json.Marshal(api.Error{Code: code, Description: description})
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.WriteHeader(status)
	w.Write(body)
}

// static is a document that never changes while the process lives.
type static struct {
	body   []byte
	header http.Header
}

func newStatic(body []byte) *static {
	sum := sha256.Sum256(body)
	return &static{body, http.Header{
		"Content-Type":   {"application/json"},
		"Cache-Control":  {"public, max-age=" + strconv.Itoa(maxAge)},
		"Etag":           {`"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`},
		"Content-Length": {strconv.Itoa(len(body))},
		// Public documents, which a page of anyone may read.
		"Access-Control-Allow-Origin": {"*"},
	}}
}

func (s *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	for name, values := range s.header {
		header[name] = values
	}
	if match := r.Header.Get("If-None-Match"); match != "" && matches(match, s.header.Get("Etag")) {
		delete(header, "Content-Length")
		delete(header, "Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if r.Method != http.MethodHead {
		w.Write(s.body)
	}
}

// matches compares an If-None-Match header (RFC 9110 section 13.1.2), weakly.
func matches(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == etag {
			return true
		}
	}
	return false
}

// jwks is the key set; it is encoded anew only when the ring has changed.
type jwks struct {
	keys *KeyRing

	mu      sync.RWMutex
	of      *keys
	current *static
}

func (j *jwks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	snapshot := j.keys.snapshot()
	j.mu.RLock()
	current := j.current
	fresh := current != nil && j.of == snapshot
	j.mu.RUnlock()
	if !fresh {
		body, err := snapshot.set.MarshalJSON()
		if err != nil {
			refuse(w, http.StatusInternalServerError, "server_error", "the key set cannot be written")
			return
		}
		current = newStatic(body)
		j.mu.Lock()
		j.of, j.current = snapshot, current
		j.mu.Unlock()
	}
	current.ServeHTTP(w, r)
}
