package issuer

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

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
		jwksPath:       {"GET, HEAD", &jwks{keys: i.keys, began: time.Now()}},
		introspectPath: {"POST", newIntrospection(i)},
		"/healthz":     {"GET, HEAD", http.HandlerFunc(healthy)},
		"/metrics":     {"GET, HEAD", i.metrics},
	}
	u, err := url.Parse(i.config.URL)
	if err != nil {
		return nil, err
	}
	return &router{prefix: u.Path, routes: routes, nosniff: []string{"nosniff"}}, nil
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
	prefix  string
	routes  map[string]route
	nosniff []string // shared by all answers
}

func (t *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["X-Content-Type-Options"] = t.nosniff
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
	etag   string
	header []field // a list: it is gone through for every answer
}

// field is a header field; its values are shared by all answers.
type field struct {
	name   string
	values []string
}

func newStatic(body []byte) *static {
	sum := sha256.Sum256(body)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return &static{body, etag, []field{
		{"Cache-Control", []string{"public, max-age=" + strconv.Itoa(maxAge)}},
		{"Etag", []string{etag}},
		// Public documents, which a page of anyone may read.
		{"Access-Control-Allow-Origin", []string{"*"}},
		// Not of an answer without a body: these stand last.
		{"Content-Type", []string{"application/json"}},
		{"Content-Length", []string{strconv.Itoa(len(body))}},
	}}
}

func (s *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const ofBody = 2 // the last fields of the header
	header, fields := w.Header(), s.header
	match := r.Header["If-None-Match"]
	fresh := len(match) > 0 && matches(match[0], s.etag)
	if fresh {
		fields = fields[:len(fields)-ofBody]
	}
	for _, f := range fields {
		header[f.name] = f.values
	}
	switch {
	case fresh:
		w.WriteHeader(http.StatusNotModified)
	case r.Method != http.MethodHead:
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

// jwks is the key set; it is encoded anew only when the ring has changed. Whether another process has changed it is looked
// at every lookEvery: to ask the file system takes as long as the rest of an answer that others keep for minutes.
type jwks struct {
	keys    *KeyRing
	current atomic.Pointer[encoded]
	looked  atomic.Int64 // since began, in nanoseconds
	began   time.Time
}

const lookEvery = 10 * time.Millisecond

// snapshot is the ring, of at most lookEvery ago.
func (j *jwks) snapshot() *keys {
	now, looked := int64(time.Since(j.began)), j.looked.Load()
	if now-looked < int64(lookEvery) && looked > 0 {
		return j.keys.current.Load()
	}
	j.looked.Store(now) // before the look: who comes meanwhile sees what was there
	return j.keys.snapshot()
}

// encoded is the key set of the ring at one moment.
type encoded struct {
	of *keys
	*static
}

func (j *jwks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	snapshot := j.snapshot()
	current := j.current.Load()
	if current == nil || current.of != snapshot {
		body, err := snapshot.set.MarshalJSON()
		if err != nil {
			refuse(w, http.StatusInternalServerError, "server_error", "the key set cannot be written")
			return
		}
		current = &encoded{snapshot, newStatic(body)}
		j.current.Store(current) // of an older moment, where two are at it: the next request sees that
	}
	current.ServeHTTP(w, r)
}
