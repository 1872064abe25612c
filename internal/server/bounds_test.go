package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/internal/listen"
	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
)

// bounded is a real issuer behind bounds.
type bounded struct {
	t       *testing.T
	address string
}

func newBounded(t *testing.T, b listen.Bounds) *bounded {
	t.Helper()
	directory := t.TempDir()
	sealer, err := atrest.OpenSealer(filepath.Join(directory, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := issuer.OpenKeyRing(filepath.Join(directory, "data"), sealer, issuer.RingConfig{Algorithms: []key.Algorithm{key.EdDSA}})
	if err != nil {
		t.Fatal(err)
	}
	store, err := issuer.OpenFileStore(filepath.Join(directory, "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	made, err := issuer.New(issuer.Config{URL: "https://ci.example.com", Algorithm: key.EdDSA}, ring, store)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := made.Handler()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := b.Server(handler, slog.New(slog.DiscardHandler))
	go web.Serve(b.Limit(listener))
	t.Cleanup(func() { web.Close() })
	return &bounded{t, listener.Addr().String()}
}

// send opens a connection and sends a text.
func (b *bounded) send(text string) net.Conn {
	b.t.Helper()
	connection, err := net.Dial("tcp", b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { connection.Close() })
	if _, err := io.WriteString(connection, text); err != nil {
		b.t.Fatal(err)
	}
	return connection
}

// ended is the first line of what the server answers; it waits until the server has hung up.
func (b *bounded) ended(connection net.Conn) (status string) {
	b.t.Helper()
	text, err := io.ReadAll(connection)
	var closed *net.OpError // reset: it hung up with something unread
	if err != nil && !errors.As(err, &closed) {
		b.t.Fatal(err)
	}
	status, _, _ = strings.Cut(string(text), "\r\n")
	return status
}

// patiently tries with a first bound, and where that does not do with more of them: a slow machine does not come to what a test
// does within the first.
func patiently(t *testing.T, first time.Duration, try func(bound time.Duration) error) {
	t.Helper()
	for bound := first; ; bound *= 4 {
		err := try(bound)
		if err == nil {
			return
		}
		if bound > 10*time.Second {
			t.Fatal(err)
		}
		t.Logf("within %s: %v", bound, err)
	}
}

// TestSlowClients: a client that stops in the middle, at whatever place, is hung up on.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"says nothing":         {"", ""},
		"half a request line":  {"POST /intro", "HTTP/1.1 400 Bad Request"},
		"half a header":        {"POST /introspect HTTP/1.1\r\nHost: x\r\nContent-Le", "HTTP/1.1 400 Bad Request"},
		"half a body":          {"POST /introspect HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 400 Bad Request"},
		"half a chunk":         {"POST /introspect HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{", "HTTP/1.1 400 Bad Request"},
		"idle after an answer": {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patiently(t, time.Second, func(bound time.Duration) error {
				brief := listen.PublicBounds()
				brief.Header, brief.Read, brief.Write, brief.Idle = bound, 2*bound, 3*bound, bound
				b := newBounded(t, brief)
				if status := b.ended(b.send(test.text)); status != test.want {
					return fmt.Errorf("answered %q, want %q", status, test.want)
				}
				return nil
			})
		})
	}
}

// TestClientThatDoesNotRead asks on and on, and reads nothing: the server does not keep its answers, and hangs up.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	brief := listen.PublicBounds()
	brief.Write = 200 * time.Millisecond
	b := newBounded(t, brief)
	connection := b.send("")
	request := []byte("GET /.well-known/openid-configuration HTTP/1.1\r\nHost: x\r\n\r\n")
	const most = 1 << 20 // far more answers than any system keeps for a socket
	for range most {
		if _, err := connection.Write(request); err != nil {
			return
		}
	}
	t.Errorf("%d requests were taken", most)
}

// TestHeaderFlood: a header without end is refused before it takes memory.
func TestHeaderFlood(t *testing.T) {
	t.Parallel()
	b := newBounded(t, listen.PublicBounds())
	line := "X-Flood: " + strings.Repeat("a", 1000) + "\r\n"
	for name, flood := range map[string]string{"lines": line, "one line": "a"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := "GET /healthz HTTP/1.1\r\nHost: x\r\nX: "
			if flood == line {
				start = "GET /healthz HTTP/1.1\r\nHost: x\r\n"
			}
			connection := b.send(start)
			sent := 0
			chunk := strings.Repeat(flood, 64<<10/len(flood))
			for sent < 64<<20 {
				n, err := io.WriteString(connection, chunk)
				if sent += n; err != nil {
					break
				}
			}
			// What the system keeps for both sockets is not the server's.
			if sent >= 64<<20 {
				t.Errorf("%d bytes of header were taken", sent)
			}
		})
	}
	// Within the bound it is answered, above it refused.
	for size, want := range map[int]string{48 << 10: "HTTP/1.1 200 OK", 80 << 10: "HTTP/1.1 431 Request Header Fields Too Large"} {
		connection := b.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + strings.Repeat("a", size) + "\r\n\r\n")
		if status, err := bufio.NewReader(connection).ReadString('\n'); err != nil || strings.TrimSpace(status) != want {
			t.Errorf("%d bytes of header: %q, %v; want %q", size, status, err, want)
		}
	}
}

// TestHalfOpenConnections fill what may be open at once. Others wait, and are answered as soon as one is given up.
func TestHalfOpenConnections(t *testing.T) {
	t.Parallel()
	patiently(t, 500*time.Millisecond, func(bound time.Duration) error {
		few := listen.PublicBounds()
		few.Conns, few.Header = 8, bound
		b := newBounded(t, few)
		for range 20 {
			b.send("GET /healthz HTTP/1.1\r\nHo")
		}
		answer, err := http.Get("http://" + b.address + "/healthz")
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", answer.StatusCode)
		}
		return nil
	})
}

// TestEveryBoundIsSet: zero is no bound at all.
func TestEveryBoundIsSet(t *testing.T) {
	t.Parallel()
	value := reflect.ValueOf(listen.PublicBounds())
	for i := range value.NumField() {
		if value.Field(i).Int() <= 0 {
			t.Errorf("%s is %d", value.Type().Field(i).Name, value.Field(i).Int())
		}
	}
}
