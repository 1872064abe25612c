package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/test/nginxtest"
	"github.com/writ-run/writ/test/program"
)

const (
	pullers = 2000
	atOnce  = 32 // of them ask at one moment

	roundTime = 20 * time.Second // is more than any round takes
)

// BenchmarkPull has two thousand agents, each over a connection of its own, ask for an order that is as it was: at least 0.5 x
// nginx that serves the same file (a time of 2 x at most).
func BenchmarkPull(b *testing.B) {
	home := b.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(home, "orders"), 0o755), os.WriteFile(filepath.Join(home, "orders", "web.jwt"), bytes.Repeat([]byte("x"), 1500), 0o644)); err != nil {
		b.Fatal(err)
	}
	serve := exec.Command(buildProgram(b, "writ", "../../cmd/writ"), "serve", "--listen", "127.0.0.1:0", "--data", "data", "-x", "server.orders=orders", "-x", "server.socket="+filepath.Join(home, "s"))
	serve.Dir, serve.Env = home, append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
	served := program.Start(b, serve)
	var address string
	if err := served.Ready(func() error {
		found := regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`).FindStringSubmatch(served.Log())
		if found == nil {
			return errors.New("it is not ready yet")
		}
		address = found[1]
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	nginx := nginxtest.Start(b, home, `
		sendfile on;
		tcp_nopush on;
		keepalive_requests 1000000000;
		default_type application/jwt;
		server { listen LISTEN; root .; }`)
	ratio.Run(b, 2, unchanged(b, nginx.Address), unchanged(b, address))
	b.ReportMetric(pullers, "requests/op")
}

// unchanged opens connections and returns one round of requests, some at once, each with the ETag of the order. As clients'
// they cost next to nothing themselves.
func unchanged(b *testing.B, address string) func() error {
	b.Helper()
	answer, err := http.Get("http://" + address + "/orders/web.jwt")
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || len(body) != 1500 {
		b.Fatalf("%s: %d bytes, %v", address, len(body), err)
	}
	request := fmt.Appendf(nil, "GET /orders/web.jwt HTTP/1.1\r\nHost: %s\r\nUser-Agent: Go-http-client/1.1\r\nAccept: application/jwt, text/plain, */*;q=0.1\r\nIf-None-Match: %s\r\nAccept-Encoding: gzip\r\n\r\n", address, answer.Header.Get("ETag"))
	buffer := make([]byte, 4<<10)
	read := func(conn net.Conn) error {
		n := 0
		for !bytes.HasSuffix(buffer[:n], []byte("\r\n\r\n")) {
			more, err := conn.Read(buffer[n:])
			if err != nil {
				return err
			}
			n += more
		}
		if !bytes.HasPrefix(buffer, []byte("HTTP/1.1 304 ")) {
			return fmt.Errorf("%s answered %q", address, buffer[:n])
		}
		return nil
	}
	conns := make([]net.Conn, pullers)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", address); err != nil {
			b.Fatal(err)
		}
		if err := conns[i].SetDeadline(time.Now().Add(roundTime)); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conns[i].Close() })
		// Answered once, it has been accepted: of two thousand at once some would be dropped from the queue, and wait for a minute.
		if _, err := conns[i].Write(request); err != nil {
			b.Fatal(err)
		}
		if err := read(conns[i]); err != nil {
			b.Fatal(err)
		}
	}
	return func() error {
		for _, conn := range conns {
			if err := conn.SetDeadline(time.Now().Add(roundTime)); err != nil {
				return err
			}
		}
		for at := 0; at < pullers; at += atOnce {
			some := conns[at:min(pullers, at+atOnce)]
			for _, conn := range some {
				if _, err := conn.Write(request); err != nil {
					return err
				}
			}
			for _, conn := range some {
				if err := read(conn); err != nil {
					return err
				}
			}
		}
		return nil
	}
}
