package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/internal/listen"
	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/test/nginxtest"
	"github.com/writ-run/writ/workload"
)

// connections is how many clients ask at once; each waits for its answer before it asks again.
const connections = 16

// BenchmarkPublished asks a whole server (with its bounds of time and connections) for the documents that every relying
// party reads, over connections that stay open: at least 0.4 x nginx that serves the same bytes as files (a time of 2.5 x
// at most), at least 0.9 x a bare handler of net/http that writes them (1.11 x). That handler's server has our bounds of time:
// no handler is safe without them. What they cost shows in the last floor, which has none; half of what is over it is theirs.
func BenchmarkPublished(b *testing.B) {
	ready := serve(b, load(b, directory(b)))
	if _, err := session(b, ready).Mint(b.Context(), workload.Request{}); err != nil { // makes the key
		b.Fatal(err)
	}
	files := b.TempDir()
	texts := map[string][]byte{}
	for _, document := range []string{"jwks.json", "openid-configuration"} {
		texts[document] = fetch(b, ready.IssuerURL+"/.well-known/"+document)
		if err := os.MkdirAll(filepath.Join(files, ".well-known"), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(files, ".well-known", document), texts[document], 0o644); err != nil {
			b.Fatal(err)
		}
	}
	nginx := nginxtest.Start(b, files, `
		sendfile on;
		tcp_nopush on;
		keepalive_requests 1000000000;
		default_type application/json;
		server { listen LISTEN; root .; }`)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(texts[strings.TrimPrefix(r.URL.Path, "/.well-known/")])
	})
	bare, unbounded := httptest.NewUnstartedServer(handler), httptest.NewServer(handler)
	bare.Config = listen.PublicBounds().Server(handler, slog.New(slog.DiscardHandler))
	bare.Start()
	b.Cleanup(bare.Close)
	b.Cleanup(unbounded.Close)
	for document, text := range texts {
		for _, floor := range []struct {
			name, address string
			limit         float64
		}{
			{"nginx", nginx.Address, 1 / 0.4},
			{"handler", bare.Listener.Addr().String(), 1 / 0.9},
			{"unbounded", unbounded.Listener.Addr().String(), 1 / 0.9},
		} {
			b.Run(document+"/"+floor.name, func(b *testing.B) {
				ratio.Run(b, floor.limit, clients(b, floor.address, document, text), clients(b, ready.Address, document, text))
				b.ReportMetric(connections, "requests/op")
			})
		}
	}
}

func fetch(b *testing.B, url string) []byte {
	answer, err := http.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s, %v", url, answer.Status, err)
	}
	return text
}

// clients opens connections and returns one round: each sends a request, then each reads its answer. They cost next to
// nothing themselves, so that the figure is the server's: the request is made once, and the first answer, which is
// looked at closely, says how long the others are.
func clients(b *testing.B, address, document string, text []byte) func() error {
	b.Helper()
	request := []byte("GET /.well-known/" + document + " HTTP/1.1\r\nHost: " + address + "\r\n\r\n")
	conns := make([]net.Conn, connections)
	length := 0
	for i := range conns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		conns[i] = conn
		if length, err = first(conn, request, text); err != nil {
			b.Fatalf("%s from %s: %v", document, address, err)
		}
	}
	answer := make([]byte, length)
	return func() error {
		for _, conn := range conns {
			if _, err := conn.Write(request); err != nil {
				return err
			}
		}
		for _, conn := range conns {
			if _, err := io.ReadFull(conn, answer); err != nil {
				return err
			}
			if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 OK\r\n")) || !bytes.HasSuffix(answer, text) {
				return fmt.Errorf("%s answered %q", address, answer)
			}
		}
		return nil
	}
}

// first asks once and returns the length of the whole answer.
func first(conn net.Conn, request, text []byte) (int, error) {
	if _, err := conn.Write(request); err != nil {
		return 0, err
	}
	var whole bytes.Buffer
	read := bufio.NewReader(io.TeeReader(conn, &whole))
	answer, err := http.ReadResponse(read, nil)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	if answer.StatusCode != http.StatusOK || answer.ContentLength != int64(len(text)) || !bytes.Equal(body, text) {
		return 0, fmt.Errorf("%s with %d bytes, want 200 with %d", answer.Status, len(body), len(text))
	}
	return whole.Len(), nil
}
