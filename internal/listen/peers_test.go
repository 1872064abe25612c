package listen_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/internal/listen"
)

// TestPeers: what a peer opens beyond its limit is closed at once, until it closes something; other peers are not touched.
func TestPeers(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	peers := listen.NewPeers()
	limited := peers.Limit(inner, func(remote string) int {
		if strings.HasPrefix(remote, "127.0.0.3:") {
			return 0
		}
		return 2
	})
	defer limited.Close()
	go func() {
		for {
			connection, err := limited.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.WriteString(connection, "hello")
				_, _ = io.Copy(io.Discard, connection) // until the peer closes it
				connection.Close()
				connection.Close() // counts once
			}()
		}
	}()
	open := func(from string) (connection net.Conn, served bool) {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		connection, err := dialer.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { connection.Close() })
		_ = connection.SetReadDeadline(time.Now().Add(time.Minute))
		_, err = io.ReadFull(connection, make([]byte, 5))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a connection is neither served nor closed")
		}
		return connection, err == nil
	}
	first, served := open("127.0.0.1")
	_, second := open("127.0.0.1")
	_, third := open("127.0.0.1")
	if !served || !second || third {
		t.Errorf("served: %v, %v, and of two %v", served, second, third)
	}
	if n := peers.Refused(); n != 1 {
		t.Errorf("%d are counted as refused", n)
	}
	for range 2 {
		if _, served := open("127.0.0.2"); !served {
			t.Error("another peer is not served")
		}
	}
	for range 5 {
		if _, served := open("127.0.0.3"); !served {
			t.Error("a peer without a limit is not served")
		}
	}
	first.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		if _, served := open("127.0.0.1"); served {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a connection that was closed counts on")
		}
	}
	if _, served := open("127.0.0.1"); served {
		t.Error("one that was closed twice counts twice")
	}
}
