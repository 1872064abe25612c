package fleet_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/fleet"
	"github.com/writ-run/writ/test/certificates"
)

// TestTrust: only a machine with a certificate that is trusted gets an order.
func TestTrust(t *testing.T) {
	t.Parallel()
	var got atomic.Int64
	target, pin := start(t, "m", machine{func(_ context.Context, p agent.Push) (agent.Outcome, error) {
		got.Add(1)
		return changes.push(context.Background(), p)
	}})
	push := func(c fleet.Config) fleet.Result {
		return sender(t, c).Push(t.Context(), fleet.Push{Target: target, Source: "web", Order: order("good")})
	}
	other := pin
	other[0]++
	for name, c := range map[string]fleet.Config{"nobody": {}, "another pin": {Pins: [][32]byte{other}}, "no authorities": {NoSystemCA: true}} {
		r := push(c)
		if r.State != fleet.Unreachable || !strings.Contains(r.Err, "certificate signed by unknown authority") || r.Hint != fmt.Sprintf("if the agent named sha256:%x when it started there, pin that", pin) {
			t.Errorf("%s: %+v", name, r)
		}
		if pinned := strings.HasPrefix(r.Err, "its certificate is not pinned, and x509: "); pinned != (name == "another pin") {
			t.Errorf("%s: %s", name, r.Err)
		}
	}
	if n := got.Load(); n != 0 {
		t.Errorf("%d orders came to a machine that is not trusted", n)
	}
	for name, c := range map[string]fleet.Config{"pinned": {Pins: [][32]byte{other, pin}, NoSystemCA: true}, "whatever": {SkipVerify: true}} {
		if r := push(c); r.State != fleet.Done {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestOwnAuthority: a machine with a certificate of one's own authority is trusted beside those of the system, and in their place,
// for its name alone.
func TestOwnAuthority(t *testing.T) {
	t.Parallel()
	authority, other := certificates.New(t), certificates.New(t)
	pool := func(a *certificates.Authority) *x509.CertPool {
		p := x509.NewCertPool()
		p.AppendCertsFromPEM(a.PEM)
		return p
	}
	at := func(address string) (fleet.Target, [32]byte) {
		return start(t, address, changes, func(c *agent.ServerConfig) {
			c.HTTP.ListenAddress = address
			c.HTTP.CertificatePath, c.HTTP.KeyPath = authority.Issue(t, 2)
		})
	}
	target, pin := at("127.0.0.1:0")
	elsewhere, _ := at("127.0.0.2:0")
	for name, test := range map[string]struct {
		config fleet.Config
		at     *fleet.Target
		want   string // empty: done
	}{
		"beside the system's":   {config: fleet.Config{CAs: pool(authority)}},
		"in their place":        {config: fleet.Config{CAs: pool(authority), NoSystemCA: true}},
		"another, and a pin":    {config: fleet.Config{CAs: pool(other), Pins: [][32]byte{pin}}},
		"another":               {config: fleet.Config{CAs: pool(other)}, want: "unknown authority"},
		"another, in its place": {config: fleet.Config{CAs: pool(other), NoSystemCA: true}, want: "unknown authority"},
		"another name":          {config: fleet.Config{CAs: pool(authority)}, at: &elsewhere, want: "certificate is valid for 127.0.0.1, not 127.0.0.2"},
	} {
		if test.at == nil {
			test.at = &target
		}
		r := sender(t, test.config).Push(t.Context(), fleet.Push{Target: *test.at, Source: "web", Order: order("good")})
		if test.want == "" && r.State != fleet.Done || test.want != "" && (r.State != fleet.Unreachable || !strings.Contains(r.Err, test.want)) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestAgain: a machine is tried again as long as nothing was sent, and not once it may have run the order.
func TestAgain(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	inner := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"changedIDs":["a"]}`)
	}))
	connections := &breaking{Listener: listener}
	connections.first.Store(2)
	inner.Listener.Close()
	inner.Listener = connections
	inner.StartTLS()
	defer inner.Close()
	s := sender(t, fleet.Config{SkipVerify: true})
	p := fleet.Push{Target: fleet.Target{URL: inner.URL}, Source: "web", Order: order("good")}
	if r := s.Push(t.Context(), p); r.State != fleet.Done {
		t.Errorf("at the third try: %+v", r)
	}
	s.Close() // kept connections
	connections.first.Store(3)
	if r := s.Push(t.Context(), p); r.State != fleet.Unreachable {
		t.Errorf("at the fourth: %+v", r)
	}
	var posts atomic.Int64
	dropping := web(t, "", func(http.ResponseWriter, *http.Request) {
		posts.Add(1)
		panic(http.ErrAbortHandler)
	})
	for range 3 {
		if r := s.Push(t.Context(), fleet.Push{Target: dropping, Source: "web", Order: order("good")}); r.State != fleet.Lost {
			t.Errorf("%+v", r)
		}
	}
	if n := posts.Load(); n != 3 {
		t.Errorf("three orders were sent %d times", n)
	}
}

// breaking hangs up on the first connections before they say anything.
type breaking struct {
	net.Listener
	first atomic.Int64
}

func (b *breaking) Accept() (net.Conn, error) {
	for {
		connection, err := b.Listener.Accept()
		if err != nil || b.first.Add(-1) < 0 {
			return connection, err
		}
		connection.Close()
	}
}

// TestKept: connections are kept for the next order, also after an answer that was streamed.
func TestKept(t *testing.T) {
	t.Parallel()
	target, pin := start(t, "m", changes)
	s := sender(t, fleet.Config{Pins: [][32]byte{pin}})
	var connections atomic.Int64
	dialed := s.CountDials(&connections)
	const pushes = 20
	for range pushes {
		if r := dialed.Push(t.Context(), fleet.Push{Target: target, Source: "web", Order: order("good")}); r.State != fleet.Done {
			t.Errorf("%+v", r)
		}
	}
	// net/http gives one up whose goroutine it has not heard of for 50 ms after the answer: on a slow machine that happens.
	if n := connections.Load(); n > pushes/4 {
		t.Errorf("%d connections", n)
	}
}

// TestClientCertificate: a sender shows its own where it is asked for.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	authority, certificate := senderCertificate(t)
	target, pin := start(t, "m", changes, func(c *agent.ServerConfig) { c.HTTP.ClientCAs = authority })
	push := func(certificates ...tls.Certificate) fleet.Result {
		return sender(t, fleet.Config{Pins: [][32]byte{pin}, Certificates: certificates}).Push(t.Context(), fleet.Push{Target: target, Source: "web", Order: order("good")})
	}
	if r := push(); r.State != fleet.Unreachable || r.Err != "remote error: tls: certificate required" {
		t.Errorf("without: %+v", r)
	}
	if r := push(certificate); r.State != fleet.Done {
		t.Errorf("with: %+v", r)
	}
}

// TestEscaped: a source's name is one element of the path.
func TestEscaped(t *testing.T) {
	t.Parallel()
	sources := make(chan agent.Push, 1)
	target, pin := start(t, "m", machine{func(_ context.Context, p agent.Push) (agent.Outcome, error) {
		sources <- p
		return agent.Outcome{}, nil
	}})
	s := sender(t, fleet.Config{Pins: [][32]byte{pin}})
	if r := s.Push(t.Context(), fleet.Push{Target: target, Source: "a b/c", Order: order("good"), Check: true, Plan: true, Only: "a&b|c"}); r.State != fleet.Done {
		t.Errorf("%+v", r)
	}
	if p := <-sources; p.Source != "a b/c" || !p.Check || !p.Plan || p.Only != "a&b|c" {
		t.Errorf("%+v", p)
	}
}
