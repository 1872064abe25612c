package agent_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/test/program"
)

// dial opens a connection over TLS on which the test speaks HTTP/1.1 itself.
func (f *front) dial() net.Conn {
	f.t.Helper()
	connection, err := tls.Dial("tcp", strings.TrimPrefix(f.url, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { connection.Close() })
	return connection
}

// ended is the first line of the answer; it waits until the server has hung up.
func ended(t *testing.T, connection net.Conn) string {
	t.Helper()
	text, err := io.ReadAll(connection)
	var closed *net.OpError // reset: it hung up with something unread
	if err != nil && !errors.As(err, &closed) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	status, _, _ := strings.Cut(string(text), "\r\n")
	return status
}

// TestSlowClients: a client that stops in the middle, at whatever place, is hung up on.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	f := newHurriedFront(t, r, 3*time.Second, time.Minute)
	for name, test := range map[string]struct{ text, want string }{
		"says nothing":         {"", ""},
		"half a request line":  {"POST /etcha/v1/pu", "HTTP/1.1 400 Bad Request"},
		"half a header":        {"POST /etcha/v1/push/web HTTP/1.1\r\nHost: x\r\nContent-Le", "HTTP/1.1 400 Bad Request"},
		"half a body":          {"POST /etcha/v1/push/web HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ngood", "HTTP/1.1 404 Not Found"},
		"half a chunk":         {"POST /etcha/v1/push/web HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n64\r\ngood", "HTTP/1.1 404 Not Found"},
		"no body to nobody":    {"POST /etcha/v1/push/nobody HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", "HTTP/1.1 404 Not Found"},
		"half a webhook":       {"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ngood", "HTTP/1.1 400 Bad Request"},
		"idle after an answer": {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection := f.dial()
			if _, err := io.WriteString(connection, test.text); err != nil {
				t.Fatal(err)
			}
			if status := ended(t, connection); status != test.want {
				t.Errorf("answered %q, want %q", status, test.want)
			}
		})
	}
	t.Run("no handshake", func(t *testing.T) {
		t.Parallel()
		connection, err := net.Dial("tcp", strings.TrimPrefix(f.url, "https://"))
		must(t, err)
		defer connection.Close()
		if status := ended(t, connection); status != "" {
			t.Errorf("answered %q", status)
		}
	})
	t.Cleanup(func() {
		if n := len(r.pushes()); n != 0 {
			t.Errorf("%d halves of orders were looked at", n)
		}
	})
}

// TestBodyFlood: of a body that nobody will look at next to nothing is read, and of the others no more than an order has.
func TestBodyFlood(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	f := newFront(t, r)
	const flood = 200 << 20
	for _, test := range []struct {
		source, length string
		want           string
		most           int // bytes that are taken, with what the system keeps
	}{
		{"nobody", "Content-Length: 209715200", "HTTP/1.1 404 Not Found", 16 << 20},
		{"nobody", "Transfer-Encoding: chunked", "HTTP/1.1 404 Not Found", 16 << 20},
		{"web", "Content-Length: 209715200", "HTTP/1.1 413 Request Entity Too Large", 16 << 20},
		{"web", "Transfer-Encoding: chunked", "HTTP/1.1 413 Request Entity Too Large", 48 << 20},
		{"web", "Content-Length: 209715200\r\nExpect: 100-continue", "HTTP/1.1 413 Request Entity Too Large", 16 << 20},
	} {
		connection := f.dial()
		answer := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(connection).ReadString('\n')
			answer <- strings.TrimSpace(line)
		}()
		fmt.Fprintf(connection, "POST /etcha/v1/push/%s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", test.source, test.length)
		piece := []byte(strings.Repeat("x", 64<<10))
		if strings.HasPrefix(test.length, "T") {
			piece = fmt.Appendf(nil, "10000\r\n%s\r\n", piece)
		}
		sent := 0
		for sent < flood {
			n, err := connection.Write(piece)
			if sent += n; err != nil {
				break
			}
		}
		if got := <-answer; got != test.want && got != "" || sent > test.most { // reset before it could be read
			t.Errorf("%s, %s: %q, %d bytes were taken", test.source, test.length, got, sent)
		}
	}
	if n := len(r.pushes()); n != 0 || f.Held() != 0 {
		t.Errorf("%d orders were looked at, %d bytes are held", n, f.Held())
	}
	if answer, _ := f.do("POST", "/etcha/v1/push/web", strings.Repeat("x", 32<<20)); answer.StatusCode != 404 || len(r.pushes()) != 1 {
		t.Errorf("the largest order: %s", answer.Status)
	}
	must(t, program.Eventually(t.Context(), func() error {
		if held := f.Held(); held != 0 {
			return fmt.Errorf("%d bytes are held", held)
		}
		return nil
	}))
}

// TestManyBodies: what one peer sends at once is bounded; small orders always find room.
func TestManyBodies(t *testing.T) {
	t.Parallel()
	f := newFront(t, &receiver{})
	half := strings.Repeat("x", 31<<20)
	for range 2 { // 31 MiB each are read and held
		connection := f.dial()
		fmt.Fprintf(connection, "POST /etcha/v1/push/web HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(half)+1, half)
	}
	must(t, program.Eventually(t.Context(), func() error {
		if held := f.Held(); held < 2*int64(len(half)) {
			return fmt.Errorf("%d bytes are held", held)
		}
		return nil
	}))
	answer, text := f.do("POST", "/etcha/v1/push/web", half)
	if answer.StatusCode != 503 || answer.Header.Get("Retry-After") != "1" || decode(t, text).Err != "too many orders are sent at once" {
		t.Errorf("%s %s", answer.Status, text)
	}
	if answer, _ := f.do("POST", "/etcha/v1/push/web", "good"); answer.StatusCode != 200 {
		t.Errorf("a small order: %s", answer.Status)
	}
}

// TestHeaderFlood: a header without end is refused before it takes memory.
func TestHeaderFlood(t *testing.T) {
	t.Parallel()
	f := newFront(t, &receiver{})
	connection := f.dial()
	io.WriteString(connection, "POST /etcha/v1/push/web HTTP/1.1\r\nHost: x\r\n")
	line := strings.Repeat("X-Flood: "+strings.Repeat("a", 1000)+"\r\n", 64)
	sent := 0
	for sent < 64<<20 {
		n, err := io.WriteString(connection, line)
		if sent += n; err != nil {
			break
		}
	}
	if sent >= 64<<20 {
		t.Errorf("%d bytes of header were taken", sent)
	}
	if answer, _ := f.do("POST", "/etcha/v1/push/web?"+strings.Repeat("a=&", 20_000), "good"); answer.StatusCode != 400 && answer.StatusCode != 431 {
		t.Errorf("a long query: %s", answer.Status)
	}
}

// TestGarbage: what is no HTTP is hung up on.
func TestGarbage(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	f := newFront(t, r)
	for _, garbage := range []string{
		"\x00\x01\x02\x03\r\n\r\n", "GET\r\n\r\n", "POST /etcha/v1/push/web HTTP/9.9\r\nHost: x\r\n\r\n", "POST /etcha/v1/push/web HTTP/1.1\r\n\r\n",
		"POST /etcha/v1/push/web HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\ngood",
		"POST /etcha/v1/push/web HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n",
		"POST /etcha/v1/push/web HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "POST /etcha/v1/push/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxx",
	} {
		connection := f.dial()
		if _, err := io.WriteString(connection, garbage); err != nil {
			t.Fatal(err)
		}
		must(t, connection.(*tls.Conn).CloseWrite())
		if status := ended(t, connection); status != "" && !strings.HasPrefix(status, "HTTP/1.1 4") && !strings.HasPrefix(status, "HTTP/1.1 5") {
			t.Errorf("%q: %q", garbage, status)
		}
	}
	if n := len(r.pushes()); n != 0 {
		t.Errorf("%d orders were looked at", n)
	}
}

// TestForgedPeer: who says that it is somebody else is limited all the same, unless a trusted proxy says so.
func TestForgedPeer(t *testing.T) {
	t.Parallel()
	limit := func(c *agent.ServerConfig) {
		now := time.Unix(1, 0)
		c.HTTP.RateLimit, c.Now = agent.Rate{Requests: 3, Per: time.Minute}, func() time.Time { return now }
	}
	f := newFront(t, &receiver{}, limit)
	for i := range 6 {
		answer, text := f.do("POST", "/etcha/v1/push/web", "good", "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i))
		if want := i >= 3; (answer.StatusCode == 429) != want || want && (text != "" || answer.Header.Get("Retry-After") != "21") {
			t.Errorf("request %d: %s, Retry-After %s, %q", i, answer.Status, answer.Header.Get("Retry-After"), text)
		}
	}
	if answer, text := f.do("GET", "/healthz", ""); answer.StatusCode != 429 || !strings.Contains(text, "rate_limited") {
		t.Errorf("another path: %s %s", answer.Status, text)
	}
	r := &receiver{}
	behind := newFront(t, r, limit, func(c *agent.ServerConfig) { c.HTTP.TrustedProxies = []string{"127.0.0.0/8"} })
	for i := range 6 {
		forged := fmt.Sprintf("203.0.113.%d, 192.0.2.1", i) // the proxy adds who has asked it
		if answer, _ := behind.do("POST", "/etcha/v1/push/web", "good", "X-Forwarded-For", forged); (answer.StatusCode == 429) != (i >= 3) {
			t.Errorf("behind a proxy, request %d: %s", i, answer.Status)
		}
	}
	if answer, _ := behind.do("POST", "/etcha/v1/push/web", "good", "X-Forwarded-For", "192.0.2.2"); answer.StatusCode != 200 || r.pushes()[3].RemoteAddr != "192.0.2.2" {
		t.Errorf("another peer: %s, %+v", answer.Status, r.pushes())
	}
}

// TestThousandPushes at once, each over a connection of its own, are all answered.
func TestThousandPushes(t *testing.T) {
	t.Parallel()
	const all = 1000
	var running atomic.Int64
	together := make(chan struct{})
	r := &receiver{run: func(context.Context, agent.Push) (agent.Outcome, error) {
		if running.Add(1) == all {
			close(together) // every one has come in before the first goes on
		}
		<-together
		return changed("a", ""), nil
	}}
	f := newFront(t, r)
	failed := make(chan string, all)
	var pushes sync.WaitGroup
	for range all {
		pushes.Go(func() {
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
			defer transport.CloseIdleConnections()
			answer, err := (&http.Client{Transport: transport}).Post(f.url+"/etcha/v1/push/web", "", strings.NewReader("good"))
			if err != nil {
				failed <- err.Error()
				return
			}
			defer answer.Body.Close()
			if text, err := io.ReadAll(answer.Body); answer.StatusCode != 200 || err != nil {
				failed <- fmt.Sprint(answer.Status, string(text), err)
			}
		})
	}
	pushes.Wait()
	close(failed)
	for problem := range failed {
		t.Error(problem)
	}
	if n := len(r.pushes()); n != all {
		t.Errorf("%d orders came", n)
	}
}

// TestClientGone: an order that runs does so to its end when its sender has gone, over either protocol and streamed or not;
// one that waits for its turn then does not run.
func TestClientGone(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{true, false} {
		for _, accept := range []string{"application/json", "text/event-stream"} {
			t.Run(fmt.Sprint(http2, accept), func(t *testing.T) {
				t.Parallel()
				m := newMachine(t, pushed())
				m.run()
				f := newFront(t, m.agent)
				transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2}
				defer transport.CloseIdleConnections()
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				push := func(command string) {
					request, err := http.NewRequestWithContext(ctx, "POST", f.url+"/etcha/v1/push/web", bytes.NewReader(m.sign(m.now(), command)))
					must(t, err)
					request.Header.Set("Accept", accept)
					go func() {
						answer, err := (&http.Client{Transport: transport}).Do(request)
						if err == nil { // streamed: it has begun
							_, err = io.Copy(io.Discard, answer.Body)
							answer.Body.Close()
						}
						ended <- err
					}()
				}
				push("{ id: 'a', always: true, change: 'echo begun >a; until [ -e go ]; do printf %0100000d 1; sleep 0.02; done; echo over >a' }")
				m.await("a", "begun")
				push("{ id: 'b', always: true, change: 'echo too late >b' }")
				awaitFor(t, "the second waits", func() bool { return m.status("web").Waiting == 1 })
				cancel()
				for range 2 {
					if err := <-ended; !errors.Is(err, context.Canceled) {
						t.Errorf("the client: %v", err)
					}
				}
				awaitFor(t, "the second no longer waits", func() bool { return m.status("web").Waiting == 0 })
				must(t, os.WriteFile(filepath.Join(m.dir, "go"), nil, 0o600))
				if s := m.settled("web"); s.LastRun.Status != "succeeded" {
					t.Fatalf("%+v", s.LastRun)
				}
				m.await("a", "over")
				awaitFor(t, "both are answered", func() bool { return strings.Count(f.log.String(), "request=push") == 2 })
				if _, err := os.Stat(filepath.Join(m.dir, "b")); !os.IsNotExist(err) {
					t.Errorf("the second ran: %v", err)
				}
			})
		}
	}
}

// TestSlowReader: a run does not wait for a client that does not read what it prints. What could not be sent is counted.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	f := newFront(t, &receiver{run: func(_ context.Context, p agent.Push) (agent.Outcome, error) {
		defer close(done)
		for range 192 {
			must(t, p.Sink.Append(journal.Entry{Kind: journal.Output, Text: strings.Repeat("x", 64<<10)}))
		}
		return changed("a", ""), nil
	}})
	connection := f.dial()
	must(t, connection.(*tls.Conn).NetConn().(*net.TCPConn).SetReadBuffer(512<<10)) // so that little is kept on the way
	fmt.Fprintf(connection, "POST /etcha/v1/push/web HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/event-stream\r\nContent-Length: 4\r\n\r\ngood")
	<-done
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	must(t, err)
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	names, data := events(t, string(text))
	if result := decode(t, data[len(data)-1]); names[len(names)-1] != "result" || result.Status != 200 || result.Omitted == 0 || result.Omitted+len(names)-1 != 192 {
		t.Errorf("%d events, %+v", len(names), result)
	}
}

// TestSignsOfLife: a silent run sends some, also before anything was printed, and outlasts the bounds of a request.
func TestSignsOfLife(t *testing.T) {
	t.Parallel()
	for _, connections := range []string{"http/1.1", "h2"} {
		beats := make(chan struct{})
		f := newHurriedFront(t, &receiver{run: func(context.Context, agent.Push) (agent.Outcome, error) {
			<-beats
			return agent.Outcome{Err: errors.New("failed")}, nil
		}}, time.Second, 100*time.Millisecond)
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: connections == "h2"}
		defer transport.CloseIdleConnections()
		request, err := http.NewRequest("POST", f.url+"/etcha/v1/push/web", strings.NewReader("good"))
		must(t, err)
		request.Header.Set("Accept", "text/event-stream")
		answer, err := (&http.Client{Transport: transport}).Do(request)
		must(t, err)
		defer answer.Body.Close()
		read := bufio.NewReader(answer.Body)
		for range 25 { // until every bound of a request is over
			if line, err := read.ReadString('\n'); err != nil || !strings.HasPrefix(line, ":") {
				t.Fatalf("%q, %v", line, err)
			}
			_, err := read.ReadString('\n')
			must(t, err)
		}
		close(beats)
		rest, err := io.ReadAll(read)
		must(t, err)
		text := string(rest)
		if at := strings.Index(text, "event: result\ndata: "); at < 0 || decode(t, text[at+len("event: result\ndata: "):]).Status != 500 {
			t.Errorf("%s: %q", connections, text)
		}
	}
}

// TestLongRun: an answer that is not streamed may also take longer than a request.
func TestLongRun(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	r := &receiver{run: func(context.Context, agent.Push) (agent.Outcome, error) {
		<-over
		return changed("a", "b"), nil
	}}
	f := newHurriedFront(t, r, time.Second, time.Minute)
	var pushes sync.WaitGroup
	for _, http2 := range []bool{true, false} {
		pushes.Go(func() {
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2}
			defer transport.CloseIdleConnections()
			answer, err := (&http.Client{Transport: transport}).Post(f.url+"/etcha/v1/push/web", "", strings.NewReader("good"))
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 200 || !strings.Contains(string(text), `"changedIDs":["a"]`) {
				t.Errorf("%s %s, %v", answer.Status, text, err)
			}
		})
	}
	must(t, program.Eventually(t.Context(), func() error {
		if n := len(r.pushes()); n < 2 {
			return fmt.Errorf("%d pushes", n)
		}
		return nil
	}))
	for range 3 { // each is hung up on when a bound is over
		ended(t, f.dial())
	}
	close(over)
	pushes.Wait()
}
