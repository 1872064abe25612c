package verifiers

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/badtokens"
	"github.com/writ-run/writ/test/issuertest"
	"github.com/writ-run/writ/test/nginxtest"
	"github.com/writ-run/writ/workload"
)

// guarded is a service behind the nginx of docs/verify.md.
type guarded struct {
	address string
	asked   atomic.Int64 // how often the service was reached
	nginx   *nginxtest.Server
}

// guard starts a service and nginx before it, as the page has it, with an issuer's URL, and with further OLD, NEW of nginx's
// configuration. What the service answers is what nginx has told it.
func guard(t *testing.T, issuerURL string, further ...string) *guarded {
	t.Helper()
	g := &guarded{}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, "%s %s subject=%q authorization=%q body=%q\n", r.Method, r.URL.Path, r.Header["Writ-Subject"], r.Header["Authorization"], body)
	}))
	t.Cleanup(service.Close)
	directory := t.TempDir()
	script := filepath.Join(directory, "writ.js")
	save(t, script, strings.ReplaceAll(blocks(t, "javascript")[0], pageIssuer, issuerURL))
	further = append(further, "/etc/nginx/writ.js", script, "127.0.0.1:8443", "LISTEN", "http://127.0.0.1:8080", service.URL,
		"js_fetch_timeout 5s", "js_fetch_timeout 60s") // tests run beside others, on a machine that is busy
	configuration := strings.NewReplacer(further...)
	g.nginx = nginxtest.Start(t, directory, configuration.Replace(blocks(t, "nginx")[0]), "ngx_http_js_module.so")
	g.address = "http://" + g.nginx.Address
	return g
}

// get asks for a page, with headers NAME, VALUE.
func (g *guarded) get(t *testing.T, path string, header ...string) (status int, body string, answered http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", g.address+path, strings.NewReader("for the service"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

// refused holds that a request does not come to the service.
func (g *guarded) refused(t *testing.T, name string, want int, header ...string) http.Header {
	t.Helper()
	before := g.asked.Load()
	status, body, answered := g.get(t, "/hello", header...)
	if status != want || g.asked.Load() != before {
		t.Errorf("%s: status %d, want %d; the service was asked %d times: %s", name, status, want, g.asked.Load()-before, body)
	}
	return answered
}

// TestNginx has nginx let in who the page says, and nobody else.
func TestNginx(t *testing.T) {
	t.Parallel()
	issuer := issuertest.Start(t)
	g := guard(t, issuer.URL)
	good := issuer.Mint(t, audience, key.RS256)
	const want = `POST /hello subject=["infra/deploy"] authorization=[] body="for the service"` + "\n"
	for _, scheme := range []string{"Bearer ", "bearer "} {
		// A client cannot say who it is by itself.
		status, body, _ := g.get(t, "/hello", "Authorization", scheme+good, "Writ-Subject", "infra/admin")
		if status != http.StatusOK || body != want {
			t.Errorf("the good token: status %d, %s", status, body)
		}
	}
	for _, bad := range badtokens.Make(t, good, issuer.Key(t, key.RS256)) {
		want := http.StatusUnauthorized
		if bad.Check == badtokens.Subject { // good, but not allowed
			want = http.StatusForbidden
		}
		g.refused(t, bad.Name, want, "Authorization", "Bearer "+bad.Raw)
	}
	if header := g.refused(t, "no token", http.StatusUnauthorized); header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("no token: header %v", header)
	}
	g.refused(t, "a name alone", http.StatusUnauthorized, "Writ-Subject", "infra/deploy")
	g.refused(t, "another scheme", http.StatusUnauthorized, "Authorization", "Basic "+good)
	g.refused(t, "no scheme", http.StatusUnauthorized, "Authorization", good)
	if status, body, _ := g.get(t, "/_identity", "Authorization", "Bearer "+good); status != http.StatusNotFound {
		t.Errorf("/_identity: status %d, %s", status, body)
	}
}

// TestNginxKnowsRuns has a good token of another job refused, and one of a run that has ended.
func TestNginxKnowsRuns(t *testing.T) {
	t.Parallel()
	issuer := issuertest.Start(t)
	g := guard(t, issuer.URL)
	client, err := api.Dial("unix://" + issuer.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	open := func(pipeline string) (*workload.Session, string) {
		session, err := workload.Open(t.Context(), client, workload.Subject{Team: "infra", Pipeline: pipeline, Job: "release"}, workload.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		minted, err := session.Mint(t.Context(), workload.Request{Audience: []string{audience}})
		if err != nil {
			t.Fatal(err)
		}
		return session, minted.Token
	}
	_, other := open("deploy-test")
	g.refused(t, "another pipeline", http.StatusForbidden, "Authorization", "Bearer "+other)
	session, own := open("deploy")
	if status, body, _ := g.get(t, "/hello", "Authorization", "Bearer "+own); status != http.StatusOK {
		t.Errorf("while the run lives: status %d, %s", status, body)
	}
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.refused(t, "of a run that has ended", http.StatusUnauthorized, "Authorization", "Bearer "+own)
}

// TestNginxTrustsNoOtherAnswer has nobody come in where the issuer is away, does not know, or is not one.
func TestNginxTrustsNoOtherAnswer(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	var body atomic.Value
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
		io.WriteString(w, body.Load().(string))
	}))
	t.Cleanup(odd.Close)
	g := guard(t, odd.URL)
	for _, c := range []struct {
		status int
		body   string
		want   int
	}{
		{200, `{"active":false}`, 401},
		{200, `{"active":false,"sub":"infra/deploy"}`, 401},
		{200, `{"active":"true","sub":"infra/deploy"}`, 401},
		{200, `{"sub":"infra/deploy"}`, 401},
		{200, `{"active":true}`, 403},
		{200, `{"active":true,"sub":["infra/deploy"]}`, 403},
		{200, `not JSON`, 500},
		{200, `null`, 500},
		{204, ``, 500},
		{400, `{"active":true,"sub":"infra/deploy"}`, 401},
		{429, `{"active":true,"sub":"infra/deploy"}`, 500},
		{500, `{"active":true,"sub":"infra/deploy"}`, 500},
	} {
		status.Store(int64(c.status))
		body.Store(c.body)
		g.refused(t, fmt.Sprint(c.status, " ", c.body), c.want, "Authorization", "Bearer x")
	}
	odd.Close()
	g.refused(t, "nobody is there", http.StatusInternalServerError, "Authorization", "Bearer x")
}

// TestNginxWithHTTPS has nginx find an issuer by its name, and take the answer of no other than it.
func TestNginxWithHTTPS(t *testing.T) {
	t.Parallel()
	issuer := issuertest.StartTLS(t)
	good := issuer.Mint(t, audience, key.RS256)
	_, port, found := strings.Cut(strings.TrimPrefix(issuer.URL, "https://"), ":")
	if !found {
		t.Fatal(issuer.URL)
	}
	const resolver, authorities = "127.0.0.53", "/etc/ssl/certs/ca-certificates.crt"
	names := serveNames(t)
	g := guard(t, "https://localhost:"+port, resolver, names, authorities, issuer.Authority.File)
	if status, body, _ := g.get(t, "/hello", "Authorization", "Bearer "+good); status != http.StatusOK {
		t.Errorf("status %d, %s\n%s", status, body, g.nginx.Log())
	}
	for name, wrong := range map[string]*guarded{
		"a certificate for another name":          guard(t, "https://elsewhere.example.com:"+port, resolver, names, authorities, issuer.Authority.File),
		"a certificate of another authority":      guard(t, "https://localhost:"+port, resolver, names, authorities, issuertest.StartTLS(t).Authority.File),
		"a certificate of none that Debian knows": guard(t, "https://localhost:"+port, resolver, names),
	} {
		wrong.refused(t, name, http.StatusInternalServerError, "Authorization", "Bearer "+good)
		// The log comes by another way than the answer.
		if err := wrong.nginx.Ready(func() error {
			if !strings.Contains(wrong.nginx.Log(), "certificate") {
				return errors.New("nginx's log says nothing of it")
			}
			return nil
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNginxAloneLetsEverybodyIn is why the page has a script: /introspect answers 200 to a bad token too.
func TestNginxAloneLetsEverybodyIn(t *testing.T) {
	t.Parallel()
	issuer := issuertest.Start(t)
	directory := t.TempDir()
	save(t, filepath.Join(directory, "hello"), "hello")
	server := nginxtest.Start(t, directory, `server {
		listen LISTEN;
		root .;
		location / { auth_request /_introspect; }
		location = /_introspect {
			internal;
			proxy_method POST;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_pass `+issuer.URL+`/introspect;
		}
	}`)
	for _, bad := range issuer.Bad(t, audience) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+server.Address+"/hello", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bad.Raw)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s; the page says that everybody comes in", bad.Name, answer.Status)
		}
	}
}

// serveNames starts a name server for which every name is 127.0.0.1, and returns its address.
func serveNames(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return // closed
			}
			var message dnsmessage.Message
			if message.Unpack(question[:n]) != nil || len(message.Questions) != 1 {
				continue
			}
			message.Response = true
			if asked := message.Questions[0]; asked.Type == dnsmessage.TypeA {
				header := dnsmessage.ResourceHeader{Name: asked.Name, Class: dnsmessage.ClassINET, TTL: 60}
				message.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
			}
			if answer, err := message.Pack(); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}
