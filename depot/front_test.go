package depot_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/writ-run/writ/depot"
)

// wires is a listener at which ends of pipes arrive: what is written to one piece by piece is read piece by piece.
type wires chan net.Conn

func (w wires) Accept() (net.Conn, error) {
	if conn, open := <-w; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (w wires) Close() error   { return nil }
func (w wires) Addr() net.Addr { return &net.UnixAddr{} }

// visit is a connection to a server of a depot.
type visit struct {
	testing.TB
	net.Conn
	from  *bufio.Reader
	told  atomic.Int32  // requests that came to net/http's handler
	waits chan struct{} // net/http waits for the next
}

// newVisit opens one, with the depot in front of net/http or not, to a server as it is set.
func newVisit(t testing.TB, d *depot.Depot, inFront bool, set ...func(*http.Server)) *visit {
	near, far := net.Pipe()
	v := &visit{TB: t, Conn: near, from: bufio.NewReader(near), waits: make(chan struct{}, 100)}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v.told.Add(1)
			d.ServeHTTP(w, r)
			io.Copy(io.Discard, r.Body)
		}),
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, 0),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	for _, s := range set {
		s(server)
	}
	arrivals := make(wires, 1)
	var listener net.Listener = arrivals
	if inFront {
		listener = d.Front(server, arrivals)
	}
	hook := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if hook != nil {
			hook(conn, state)
		}
		if state == http.StateIdle || state == http.StateClosed {
			v.waits <- struct{}{}
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(listener)
	}()
	arrivals <- far
	t.Cleanup(func() {
		near.Close()
		close(arrivals)
		<-ended
		server.Close()
	})
	return v
}

// answers writes a request in pieces, and is what comes back, without its date; EOF: nothing, for the connection is closed.
func (v *visit) answers(pieces ...string) string {
	v.Helper()
	before := v.told.Load()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for _, piece := range pieces {
			if _, err := io.WriteString(v.Conn, piece); err != nil {
				return
			}
		}
	}()
	answer, err := http.ReadResponse(v.from, &http.Request{Method: strings.SplitN(pieces[0], " ", 2)[0]})
	if err != nil {
		<-sent
		return "EOF"
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.Error(err)
	}
	if answer.Close {
		v.Conn.Close()
	}
	<-sent
	if v.told.Load() > before || answer.StatusCode >= 400 {
		<-v.waits // so that what comes next is not taken for the rest of this
	}
	answer.Header.Del("Date")
	return fmt.Sprintf("%s %s %t %v %q", answer.Status, answer.Proto, answer.Close, answer.Header, body)
}

// known is a depot with one order, of which it knows, and the order's ETag.
func known(t testing.TB) (d *depot.Depot, directory, tag string) {
	t.Helper()
	directory = t.TempDir()
	d, err := depot.New(directory, "/orders/", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d.Stop(time.Now().Add(time.Hour))
	if err := os.WriteFile(filepath.Join(directory, "web.jwt"), []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	answer := newVisit(t, d, false).answers("GET /orders/web.jwt HTTP/1.1\r\nHost: a\r\n\r\n")
	_, tag, _ = strings.Cut(answer, "Etag:[")
	tag, _, is := strings.Cut(tag, "]")
	if !is || d.Known() != 1 {
		t.Fatalf("%d orders are known, %s", d.Known(), answer)
	}
	return d, directory, tag
}

func get(tag string, header ...string) string {
	return "GET /orders/web.jwt HTTP/1.1\r\nHost: a:80\r\nIf-None-Match: " + tag + "\r\n" + strings.Join(header, "") + "\r\n"
}

// TestFront: what is answered in front of net/http is what that answers, and is what agents ask; all else goes on to it, as it
// came.
func TestFront(t *testing.T) {
	t.Parallel()
	d, _, tag := known(t)
	same := get(tag, "User-Agent: Go-http-client/1.1\r\n", "Accept: */*\r\n", "Accept-Encoding: gzip\r\n")
	hidden := "GET /orders/hidden.jwt HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, test := range []struct {
		name    string
		pieces  []string // of a request
		inFront bool     // it is answered there
		after   bool     // so is the next one
	}{
		{"an agent's", []string{same}, true, true},
		{"a proxy's", []string{get(tag, "X-Forwarded-For: 192.0.2.1\r\n", "Via: 1.1 p\r\n")}, true, true},
		{"another ETag", []string{get(`"other"`)}, false, true},
		{"any of several ETags", []string{get(`"other", ` + tag)}, false, true},
		{"no ETag", []string{"GET /orders/web.jwt HTTP/1.1\r\nHost: a\r\n\r\n"}, false, true},
		{"no order", []string{"GET /orders/none.jwt HTTP/1.1\r\nHost: a\r\nIf-None-Match: " + tag + "\r\n\r\n"}, false, true},
		{"elsewhere", []string{"GET /web.jwt HTTP/1.1\r\nHost: a\r\nIf-None-Match: " + tag + "\r\n\r\n"}, false, true},
		{"a query", []string{"GET /orders/web.jwt?x HTTP/1.1\r\nHost: a\r\nIf-None-Match: " + tag + "\r\n\r\n"}, false, true},
		{"other case", []string{strings.Replace(same, "User-Agent", "user-agent", 1)}, false, false},
		{"another header", []string{get(tag, "Range: bytes=1-\r\n")}, false, false},
		{"two ETags", []string{get(tag, "If-None-Match: \"other\"\r\n")}, false, false},
		{"HEAD", []string{"HEAD" + same[len("GET"):]}, false, false},
		{"HTTP/1.0", []string{strings.Replace(same, "1.1", "1.0", 1)}, false, false},
		{"it hangs up", []string{get(tag, "Connection: close\r\n")}, false, false},
		{"no host", []string{strings.Replace(same, "Host: a:80\r\n", "", 1)}, false, false},
		{"two hosts", []string{get(tag, "Host: b\r\n")}, false, false},
		{"a wrong host", []string{strings.Replace(same, "a:80", "a b", 1)}, false, false},
		{"expecting", []string{get(tag, "Expect: 100-continue\r\n")}, false, false},
		{"a folded line", []string{get(tag, "Accept: a\r\n b\r\n")}, false, false},
		{"line feeds alone", []string{strings.ReplaceAll(same, "\r\n", "\n")}, false, false},
		{"in pieces", []string{same[:1], same[1:20], same[20:]}, false, false},
		{"a body", []string{get(tag, "Content-Length: 3\r\n") + "abc"}, false, false},
		{"a body apart", []string{get(tag, "Content-Length: 3\r\n"), "abc"}, false, false},
		{"a request as a body", []string{fmt.Sprintf("POST /orders/web.jwt HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", len(same)), same}, false, false},
		{"a request as a chunk", []string{"POST /orders/web.jwt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n", len(same)), same, "\r\n0\r\n\r\n"}, false, false},
		{"a request as a body, in a line of two", []string{get(tag, fmt.Sprintf("Accept: a\nContent-Length: %d\r\n", len(same))), same}, false, false},
		{"a request as a body, in a first line of three", []string{strings.Replace(same, " HTTP", fmt.Sprintf(" HTTP/1.1\nContent-Length: %d\nAccept: HTTP", len(same)), 1), same}, false, false},
		{"a request after line feeds", []string{"GET /orders/web.jwt HTTP/1.1\nHost: a\nContent-Length: " + fmt.Sprint(len(hidden)) + "\n\n", hidden}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			front, plain := newVisit(t, d, true), newVisit(t, d, false)
			for i, pieces := range [][]string{{same}, test.pieces, {same}, {same}} {
				told := front.told.Load()
				got, want := front.answers(pieces...), plain.answers(pieces...)
				if got != want {
					t.Errorf("request %d: answered %s, and by net/http alone %s", i, got, want)
				}
				inFront := got != "EOF" && !strings.HasPrefix(got, "400") && front.told.Load() == told
				if want := []bool{false, test.inFront, test.after, test.after}[i]; inFront != want {
					t.Errorf("request %d: answered in front: %t, want %t", i, inFront, want)
				}
			}
		})
	}
}

// TestFrontChange: a changed order is sent at once.
func TestFrontChange(t *testing.T) {
	t.Parallel()
	d, directory, tag := known(t)
	front := newVisit(t, d, true)
	for i, status := range []string{"304", "304", "200", "200"} {
		if i == 2 {
			if err := errors.Join(os.WriteFile(filepath.Join(directory, "new"), []byte("two"), 0o600), os.Rename(filepath.Join(directory, "new"), filepath.Join(directory, "web.jwt"))); err != nil {
				t.Fatal(err)
			}
		}
		if got := front.answers(get(tag)); !strings.HasPrefix(got, status) {
			t.Errorf("request %d: %s, want %s", i, got, status)
		}
	}
	if n := front.told.Load(); n != 3 {
		t.Errorf("net/http answered %d times", n)
	}
}

// TestFrontPipelined: two requests that come at once are answered one after the other.
func TestFrontPipelined(t *testing.T) {
	t.Parallel()
	d, _, tag := known(t)
	front := newVisit(t, d, true)
	front.answers(get(tag))
	if got := front.answers(get(tag) + get(tag)); !strings.HasPrefix(got, "304") {
		t.Error(got)
	}
	for range 2 {
		if answer, err := http.ReadResponse(front.from, nil); err != nil || answer.StatusCode != 304 {
			t.Fatalf("%v, %v", answer, err)
		}
		if _, err := io.WriteString(front.Conn, get(tag)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFrontBusy: what comes while net/http has a request is its own, and so is all that follows.
func TestFrontBusy(t *testing.T) {
	t.Parallel()
	d, _, tag := known(t)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	arrivals := make(wires, 1)
	arrivals <- far
	server := &http.Server{}
	conn, err := d.Front(server, arrivals).Accept()
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, near)
	go func() {
		for range 3 {
			io.WriteString(near, get(tag))
		}
		near.Close()
	}()
	for i := range 3 {
		buffer := make([]byte, 4<<10)
		if n, err := conn.Read(buffer); err != nil || string(buffer[:n]) != get(tag) {
			t.Errorf("request %d: %q, %v", i, buffer[:n], err)
		}
		if i == 1 {
			server.ConnState(conn, http.StateIdle)
		}
	}
}

// TestFrontTimes: the timeouts of the server hold for what is answered in front.
func TestFrontTimes(t *testing.T) {
	t.Parallel()
	d, _, tag := known(t)
	for _, test := range []struct {
		name  string
		last  func(v *visit) // what is sent after others have been answered
		after time.Duration  // the server hangs up then
	}{
		{"idle", func(*visit) {}, 2 * time.Minute},
		{"part of a request", func(v *visit) {
			go io.Copy(io.Discard, v.from)
			io.WriteString(v.Conn, "GET /orders")
		}, 10 * time.Second},
		{"nobody reads the answer", func(v *visit) { io.WriteString(v.Conn, get(tag)) }, 30 * time.Second},
		{"nobody reads the answer after one of net/http's", func(v *visit) {
			v.answers(get(`"other"`))
			io.WriteString(v.Conn, get(tag))
		}, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := newVisit(t, d, true)
				for range 10 { // longer than any timeout
					if got := v.answers(get(tag)); !strings.HasPrefix(got, "304") {
						t.Fatal(got)
					}
					time.Sleep(time.Minute)
				}
				if n := v.told.Load(); n != 1 {
					t.Errorf("net/http answered %d times", n)
				}
				v.answers(get(tag))
				start := time.Now()
				test.last(v)
				<-v.waits
				if took := time.Since(start); took != test.after {
					t.Errorf("hung up after %s, want %s", took, test.after)
				}
			})
		})
	}
}

// TestFrontShortTimes: a connection is kept for as long as requests come in time, however short the timeouts are.
func TestFrontShortTimes(t *testing.T) {
	t.Parallel()
	d, _, tag := known(t)
	for _, short := range []func(*http.Server){
		func(s *http.Server) { s.IdleTimeout = 300 * time.Millisecond },
		func(s *http.Server) { s.WriteTimeout = 100 * time.Millisecond },
		func(s *http.Server) { s.WriteTimeout, s.IdleTimeout, s.ReadTimeout = 0, 0, 300*time.Millisecond },
	} {
		synctest.Test(t, func(t *testing.T) {
			v := newVisit(t, d, true, short)
			for i := range 10 {
				if got := v.answers(get(tag)); !strings.HasPrefix(got, "304") {
					t.Fatalf("request %d: %s", i, got)
				}
				time.Sleep(200 * time.Millisecond)
			}
			if n := v.told.Load(); n != 1 {
				t.Errorf("net/http answered %d times", n)
			}
		})
	}
}

// TestFrontTLS: net/http has to see a connection with TLS as what it is.
func TestFrontTLS(t *testing.T) {
	t.Parallel()
	d, _, _ := known(t)
	arrivals := make(wires, 1)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	arrivals <- tls.Server(far, nil)
	conn, err := d.Front(&http.Server{}, arrivals).Accept()
	if _, is := conn.(*tls.Conn); err != nil || !is {
		t.Errorf("%T, %v", conn, err)
	}
}

// TestPlain: what net/http reads in another way, or not at all, is not plain.
func TestPlain(t *testing.T) {
	t.Parallel()
	if path, etag, plain := depot.Plain([]byte(get(`"a"`))); !plain || path != "/orders/web.jwt" || etag != `"a"` {
		t.Errorf("%q, %q, %t", path, etag, plain)
	}
	for _, text := range []string{
		"", "\r\n\r\n", "GET / HTTP/1.1\r\n", "\r\n" + get(`"a"`), get(`"a"`)[:len(get(`"a"`))-1], get(`"a"`) + "\r\n", get(`"a"`) + get(`"a"`),
		"GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
		get(`"a"`, "Accept: \x00\r\n"), get(`"a"`, "Accept: \x80\r\n"), get(`"a"`, "Accept: a\rb\r\n"), get(`"a"`, "Accept:a\r\n"), get(`"a"`, "Accept : a\r\n"), get(`"a"`, "Accept\r\n"),
	} {
		if _, _, plain := depot.Plain([]byte(text)); plain {
			t.Errorf("%q is taken for plain", text)
		}
	}
}

// FuzzPlain: what is taken for a plain request is one to net/http, whole, without a body, and of the same path and ETag.
func FuzzPlain(f *testing.F) {
	for _, text := range []string{
		get(`"a"`), get(`"a"`, "Accept: */*\r\n"), get(`"a"`) + "x", get(`"a"`, "Content-Length: 1\r\n") + "x", get(`"a"`, "X-Real-IP:  a \r\n"),
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%2e HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET //a?b#c HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path, etag, plain := depot.Plain(text)
		if !plain {
			return
		}
		from := bufio.NewReader(bytes.NewReader(text))
		r, err := http.ReadRequest(from)
		if err != nil {
			return // net/http refuses it, and hangs up
		}
		if from.Buffered() != 0 || r.Method != "GET" || !r.ProtoAtLeast(1, 1) || r.RequestURI != path || r.Header.Get("If-None-Match") != strings.TrimSpace(etag) || r.Body != http.NoBody || r.ContentLength != 0 || r.Close || r.TransferEncoding != nil {
			t.Fatalf("%q: %+v", text, r)
		}
		for name := range r.Header {
			switch name {
			case "Connection", "Expect", "Upgrade", "Range", "If-Match", "If-Range", "If-Modified-Since", "If-Unmodified-Since", "Trailer", "Te":
				t.Fatalf("%q: %s makes a difference", text, name)
			}
		}
	})
}
