package agent_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/test/program"
)

// dial opens a connection over TLS on which the test speaks HTTP/1.1 itself: again where the machine was too slow to shake
// hands within the bounds of a hurried server.
func (f *front) dial() net.Conn {
	f.t.Helper()
	for tries := 1; ; tries++ {
		connection, err := tls.Dial("tcp", strings.TrimPrefix(f.url, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err == nil {
			f.t.Cleanup(func() { connection.Close() })
			return connection
		}
		if tries == f.tries {
			f.t.Fatal(err)
		}
		f.t.Log(err)
	}
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

// TestSlowClients: a client that stops in the middle, at whatever place, is hung up on. Where the machine is so slow that
// what the client does say comes too late, it has more time.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	const first, last = 3 * time.Second, 48 * time.Second
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
			for bound := first; ; bound *= 4 {
				r := &receiver{}
				connection := newHurriedFront(t, r, bound, patience).dial()
				_, err := io.WriteString(connection, test.text)
				status := ended(t, connection)
				if n := len(r.pushes()); n != 0 {
					t.Errorf("%d halves of orders were looked at", n)
				}
				if err == nil && status == test.want {
					return
				}
				if bound >= last {
					t.Fatalf("answered %q, %v; want %q", status, err, test.want)
				}
				t.Logf("within %s: answered %q, %v", bound, status, err)
			}
		})
	}
	t.Run("no handshake", func(t *testing.T) {
		t.Parallel()
		f := newHurriedFront(t, &receiver{}, first, patience)
		connection, err := net.Dial("tcp", strings.TrimPrefix(f.url, "https://"))
		must(t, err)
		defer connection.Close()
		if status := ended(t, connection); status != "" {
			t.Errorf("answered %q", status)
		}
	})
}

// TestConnectionFlood: a peer has so many connections and no more, those that are too many are counted, and a trusted proxy has what it likes.
func TestConnectionFlood(t *testing.T) {
	t.Parallel()
	f := newFront(t, &receiver{}, func(c *agent.ServerConfig) { c.HTTP.RateLimitConnections = 3 })
	address := strings.TrimPrefix(f.url, "https://")
	settings := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}
	var open []net.Conn
	for range 3 {
		open = append(open, f.dial())
	}
	for range 5 {
		if connection, err := tls.Dial("tcp", address, settings); err == nil {
			connection.Close()
			t.Error("one too many is served")
		}
	}
	ask := func() string {
		t.Helper()
		if _, err := io.WriteString(open[0], "GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer m3trics\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(open[0])
		must(t, err)
		return string(text)
	}
	if text := ask(); !strings.Contains(text, "\nwrit_http_connections_refused_total 5\n") {
		t.Errorf("metrics: %s", text)
	}
	for _, c := range open {
		c.Close()
	}
	f.config.HTTP.TrustedProxies = []string{"127.0.0.1"}
	if _, err := f.Apply(f.config); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		f.dial()
	}
}

// TestBodyFlood: of a body that nobody will look at nothing is kept; and of none more is read than an order has.
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
		{"nobody", "Transfer-Encoding: chunked", "HTTP/1.1 404 Not Found", 48 << 20},
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
