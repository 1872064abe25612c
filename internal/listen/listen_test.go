package listen_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/internal/listen"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	l := listen.NewLimiter(2, 3, func() time.Time { return now })
	for i, want := range []bool{true, true, true, false} {
		if got := l.Wait("192.0.2.1:1") == 0; got != want {
			t.Errorf("request %d: %v", i, got)
		}
	}
	if wait := l.Wait("192.0.2.1:2"); wait != time.Second/2 {
		t.Errorf("another port of the same peer waits %s", wait)
	}
	if l.Wait("192.0.2.2:1") != 0 || l.Wait("192.0.2.3") != 0 {
		t.Error("another peer has to wait")
	}
	if l.Wait("::ffff:192.0.2.1") == 0 {
		t.Error("the same address in the form of IPv6 need not wait")
	}
	now = now.Add(time.Second)
	for i, want := range []bool{true, true, false} {
		if got := l.Wait("192.0.2.1:1") == 0; got != want {
			t.Errorf("request %d a second later: %v", i, got)
		}
	}
	for i := range 3 {
		l.Wait(fmt.Sprintf("[2001:db8:0:1::%x]:1", i+1))
	}
	if l.Wait("[2001:db8:0:1:ffff::1]:1") == 0 || l.Wait("[2001:db8:0:2::1]:1") != 0 {
		t.Error("IPv6 addresses do not count by their /64")
	}
}

// TestManyPeers: who asks from many addresses makes the limiter forget others, and keep no more than its bound.
func TestManyPeers(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	l := listen.NewLimiter(1, 1, func() time.Time { return now })
	for i := range 100_000 {
		l.Wait(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String())
		if n := l.Peers(); n > 8192 {
			t.Fatalf("%d peers are remembered", n)
		}
	}
	if n := l.Peers(); n < 7000 {
		t.Errorf("of a hundred thousand peers only %d are remembered", n)
	}
}

func TestProxies(t *testing.T) {
	t.Parallel()
	trusted := listen.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/64")}
	for _, test := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1:5"},
		{"192.0.2.1:5", []string{"198.51.100.7"}, "192.0.2.1:5"},
		{"10.0.0.1:5", nil, "10.0.0.1"},
		{"10.0.0.1:5", []string{"198.51.100.7"}, "198.51.100.7"},
		{"[::ffff:10.0.0.1]:5", []string{"198.51.100.7"}, "198.51.100.7"},
		{"10.0.0.1:5", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		{"10.0.0.1:5", []string{"203.0.113.9", "198.51.100.7"}, "198.51.100.7"},
		{"10.0.0.1:5", []string{"203.0.113.9, 198.51.100.7, 10.1.2.3"}, "198.51.100.7"},
		{"10.0.0.1:5", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		{"10.0.0.1:5", []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"198.51.100.7, unknown, 10.2.2.2"}, "10.2.2.2"},
		{"10.0.0.1:5", []string{""}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{"[2001:db8::1]:5", []string{"[2001:db8:1::2]:80"}, "2001:db8:1::2"},
		{"[2001:db8::1]:5", []string{"[2001:db8:1::2]"}, "2001:db8:1::2"},
		{"@", []string{"198.51.100.7"}, "@"},
	} {
		r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := trusted.Peer(r); got != test.want {
			t.Errorf("%s, forwarded for %q: %s, want %s", test.remote, test.forwarded, got, test.want)
		}
	}
}

// TestErrorLog: a handshake that fails is no warning: anybody can have as many of them as he likes.
func TestErrorLog(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	server := listen.PublicBounds().Server(http.NotFoundHandler(), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	server.ErrorLog.Print("http: TLS handshake error from 192.0.2.1:5: EOF")
	server.ErrorLog.Print("http: Accept error: too many open files")
	if text := log.String(); !strings.Contains(text, "level=DEBUG msg=\"http: TLS handshake error from") || !strings.Contains(text, "level=WARN msg=\"http: Accept error") {
		t.Errorf("%s", text)
	}
}
