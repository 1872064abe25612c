package jsonnet_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/test/program"
)

func TestHTTPFetch(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "other has "+r.Header.Get("X-Token")+r.Header.Get("Referer"))
	}))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.Header.Get("X-Token")+" "+r.URL.Query().Get("q"))
	})
	for path, target := range map[string]string{"/here": "/echo?q=1", "/other": other.URL, "/file": "file:///etc/passwd", "/nothing": "http:///x", "/loop": "/loop", "/twice": "/other"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) })
	}
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "secret of the server")
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<20+1)) })
	mux.HandleFunc("/just", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<20)) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	fetch := jsonnet.HTTPFetch(nil)
	for _, c := range []struct {
		request   jsonnet.Request
		want, err string
	}{
		{jsonnet.Request{URL: "/echo?q=2", Header: http.Header{"x-token": {"t"}}}, "GET t 2", ""},
		{jsonnet.Request{URL: "/here", Header: http.Header{"x-token": {"t"}}}, "GET t 1", ""},
		{jsonnet.Request{URL: "/other", Header: http.Header{"x-token": {"t"}}}, "other has ", ""},
		{jsonnet.Request{URL: "/twice", Header: http.Header{"x-token": {"t"}}}, "other has ", ""},
		{jsonnet.Request{URL: "/file"}, "", "a redirect leads to what is no http or https URL"},
		{jsonnet.Request{URL: "/nothing"}, "", "a redirect leads to what is no http or https URL"},
		{jsonnet.Request{URL: "/loop"}, "", "more than 10 redirects"},
		{jsonnet.Request{URL: "/status"}, "", "status 418"},
		{jsonnet.Request{URL: "/absent?secret"}, "", "status 404"},
		{jsonnet.Request{URL: "/slow", Timeout: 10 * time.Millisecond}, "", "no answer within 10ms"},
		{jsonnet.Request{URL: "/large"}, "", "the answer has more than 10485760 bytes"},
		{jsonnet.Request{URL: "/cut"}, "", "the server closed the connection before its answer was whole"},
		{jsonnet.Request{URL: "/echo", Header: http.Header{"a b": {"t"}}}, "", "a header is not valid"},
	} {
		c.request.URL = server.URL + c.request.URL
		if c.request.Timeout == 0 {
			c.request.Timeout = patient.Time
		}
		got, err := fetch(t.Context(), c.request)
		if string(got) != c.want || err == nil && c.err != "" || err != nil && err.Error() != c.err {
			t.Errorf("%s: got %.100q, %v; want %q, %s", c.request.URL, got, err, c.want, c.err)
		}
	}
	if got, err := fetch(t.Context(), jsonnet.Request{URL: server.URL + "/just", Timeout: patient.Time}); err != nil || len(got) != 10<<20 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for _, bad := range []string{"file:///etc/passwd", "ftp://h/p", "http://", "/etc/passwd", "http://[::1", "http://h:x/"} {
		if got, err := fetch(t.Context(), jsonnet.Request{URL: bad}); err == nil || !strings.HasPrefix(err.Error(), "is no") {
			t.Errorf("%s: got %q, %v", bad, got, err)
		}
	}
	if _, err := fetch(t.Context(), jsonnet.Request{URL: "http://" + program.Unused(t) + "/?secret"}); err == nil || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestHTTPFetchTLS(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	server := quietTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, plain.URL, http.StatusFound)
		}
		_, _ = io.WriteString(w, "over TLS")
	}))
	fetch := jsonnet.HTTPFetch(nil)
	if _, err := fetch(t.Context(), jsonnet.Request{URL: server.URL}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody's: %v", err)
	}
	if got, err := fetch(t.Context(), jsonnet.Request{URL: server.URL, SkipVerify: true}); err != nil || string(got) != "over TLS" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := fetch(t.Context(), jsonnet.Request{URL: server.URL}); err == nil {
		t.Error("the certificate stayed unverified in the next request")
	}
	if _, err := fetch(t.Context(), jsonnet.Request{URL: server.URL + "/down", SkipVerify: true}); err == nil || err.Error() != "a redirect leads from https to http" {
		t.Errorf("got %v", err)
	}
	fetch = jsonnet.HTTPFetch(server.Client())
	if got, err := fetch(t.Context(), jsonnet.Request{URL: server.URL}); err != nil || string(got) != "over TLS" {
		t.Errorf("got %q, %v", got, err)
	}
	fetch = jsonnet.HTTPFetch(&http.Client{Transport: http.NewFileTransport(http.Dir("/"))})
	if _, err := fetch(t.Context(), jsonnet.Request{URL: server.URL, SkipVerify: true}); err == nil || err.Error() != "clientSkipVerify is not possible here" {
		t.Errorf("got %v", err)
	}
}

// quietTLS serves over TLS, and does not say who did not trust it.
func quietTLS(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// TestHTTPFetchGarbage: an error holds nothing of what a server said.
func TestHTTPFetchGarbage(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"SSH-2.0-hunter2\r\n", "HTTP/1.1 hunter2\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: http://hunter2 %zz\r\n\r\n", "HTTP/1.1 200 OK\r\nhunter2\r\n\r\n", ""} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = connection.Read(make([]byte, 4096))
				_, _ = io.WriteString(connection, answer)
				connection.Close()
			}
		}()
		if _, err := jsonnet.HTTPFetch(nil)(t.Context(), jsonnet.Request{URL: "http://" + listener.Addr().String()}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v", answer, err)
		}
	}
}

// nameServer answers for what is in records, by TYPE NAME, and says that nothing else exists.
func nameServer(t *testing.T, records map[string][]dnsmessage.ResourceBody) string {
	t.Helper()
	connection, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := connection.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.RCode, m.Additionals = true, dnsmessage.RCodeNameError, nil
			question := m.Questions[0]
			for _, kind := range []string{question.Type.String(), "TypeCNAME"} {
				for _, body := range records[kind+" "+question.Name.String()] {
					m.RCode = dnsmessage.RCodeSuccess
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1}, Body: body})
					if alias, is := body.(*dnsmessage.CNAMEResource); is && question.Type == dnsmessage.TypeA {
						m.Answers = append(m.Answers, dnsmessage.Resource{
							Header: dnsmessage.ResourceHeader{Name: alias.CNAME, Class: dnsmessage.ClassINET, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 7}},
						})
					}
				}
				if len(m.Answers) > 0 {
					break
				}
			}
			if answer, err := m.Pack(); err == nil {
				_, _ = connection.WriteTo(answer, from)
			}
		}
	}()
	return connection.LocalAddr().String()
}

func TestDNSRecords(t *testing.T) {
	t.Parallel()
	server := nameServer(t, map[string][]dnsmessage.ResourceBody{
		"TypeA host.test.":      {&dnsmessage.AResource{A: [4]byte{192, 0, 2, 2}}, &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}},
		"TypeAAAA host.test.":   {&dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 1, 0xd, 0xb8, 15: 1}}},
		"TypeTXT host.test.":    {&dnsmessage.TXTResource{TXT: []string{"z"}}, &dnsmessage.TXTResource{TXT: []string{"ed25519public:", "key"}}},
		"TypeCNAME alias.test.": {&dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("host.test.")}},
	})
	access := jsonnet.Access{Record: jsonnet.DNSRecords(server)}
	for call, want := range map[string]string{
		"'A', 'host.test'":               `["192.0.2.1","192.0.2.2"]`,
		"'aaaa', 'host.test'":            `["2001:db8::1"]`,
		"'TXT', 'host.test'":             `["ed25519public:key","z"]`,
		"'cname', 'alias.test'":          `["host.test"]`,
		"'cname', 'alias.test.'":         `["host.test"]`,
		"'a', 'alias.test'":              `["192.0.2.7"]`,
		"'a', 'nothing.test', 'x'":       `"x"`,
		"'cname', 'host.test', 'x'":      `"x"`,
		"'txt', 'nothing.test', ['a']":   `["a"]`,
		"'a', 'no good name..test', 'x'": `"x"`,
	} {
		if got, err := evaluate(t, access, "std.native('getRecord')("+call+")"); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", call, got, err, want)
		}
	}
	for call, want := range map[string]string{
		"'a', 'nothing.test'":   "/main.jsonnet:1:1: getRecord: a of nothing.test: lookup nothing.test",
		"'cname', 'host.test'":  "/main.jsonnet:1:1: getRecord: cname of host.test: no such record",
		"'txt', 'nothing.test'": "/main.jsonnet:1:1: getRecord: txt of nothing.test: lookup nothing.test",
	} {
		if _, err := evaluate(t, access, "std.native('getRecord')("+call+")"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v; want %s", call, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := jsonnet.DNSRecords(server)(ctx, "a", "host.test"); err == nil {
		t.Error("asked after the end")
	}
}

func TestLocalFile(t *testing.T) {
	directory := tree(t, map[string]string{"home/.token": "token\n"})
	t.Setenv("HOME", filepath.Join(directory, "home"))
	if err := syscall.Mkfifo(filepath.Join(directory, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"~/.token": "token\n", filepath.Join(directory, "home/.token"): "token\n"} {
		if got, err := jsonnet.LocalFile(t.Context(), path); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
	}
	for path, want := range map[string]string{
		"~": "it is a directory", filepath.Join(directory, "fifo"): "it is a named pipe, not a regular file", "/dev/zero": "it is not a regular file", "~/nothing": "no such file or directory", "~other/x": "no such file or directory",
	} {
		if got, err := jsonnet.LocalFile(t.Context(), path); err == nil || err.Error() != want {
			t.Errorf("%s: got %q, %v; want %s", path, got, err, want)
		}
	}
	got, err := evaluate(t, jsonnet.Access{File: jsonnet.LocalFile, Env: os.LookupEnv}, "std.native('getFile')('~/.token') + std.native('getEnv')('HOME')[0]")
	if err != nil || got != `"token\n/"` {
		t.Errorf("got %s, %v", got, err)
	}
}

// TestFetchWithHeaders: from the program to the server.
func TestFetchWithHeaders(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Host + " " + r.Header.Get("X-Vault-Token") + " " + r.URL.Fragment
		_, _ = io.WriteString(w, `{"data": {"private_key": "key"}}`)
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	access := jsonnet.Access{Fetch: jsonnet.HTTPFetch(nil), Env: func(string) (string, bool) { return "hvs.secret", true }}
	got, err := evaluate(t, access, "local path = '"+server.URL+"/v1/kv#clientSkipVerify\\r\\nx-vault-token: %s' % std.native('getEnv')('VAULT_TOKEN'); [std.parseJson(std.native('getPath')(path)).data.private_key, std.native('getFile')(path) != '']")
	if err != nil || got != `["key",true]` {
		t.Errorf("got %s, %v", got, err)
	}
	if got, want := <-seen, address.Host+" hvs.secret "; got != want || len(seen) > 0 {
		t.Errorf("the server saw %q and %d more; want %q", got, len(seen), want)
	}
	server.Close()
	_, err = evaluate(t, access, "std.native('getPath')('"+server.URL+"/v1/kv#x-vault-token: %s' % std.native('getEnv')('VAULT_TOKEN'))")
	var problem *jsonnet.Error
	if !errors.As(err, &problem) || !strings.HasPrefix(problem.Text, "getFile: "+server.URL+"/v1/kv: ") || strings.Contains(problem.Text, "hvs") {
		t.Errorf("got %v", err)
	}
}
