package image

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	fakeregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestUnknownCertificate takes one from a host that is named, and from no other: not even one that a named host leads to.
func TestUnknownCertificate(t *testing.T) {
	t.Parallel()
	real := fakeregistry.New(fakeregistry.Logger(log.New(io.Discard, "", 0)))
	var lead string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lead != "" && strings.Contains(r.URL.Path, "/blobs/") && !strings.HasPrefix(r.Host, "storage.test") {
			http.Redirect(w, r, lead+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		real.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "https://")
	reference, err := name.ParseReference(host + "/app:latest")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference, simple(t), remote.WithTransport(server.Client().Transport)); err != nil {
		t.Fatal(err)
	}
	source := Source{Repository: host + "/app"}

	_, err = pull(t, openStore(t, nil), source)
	wantError(t, err, "certificate")
	mustPull(t, openStore(t, nil, host), source)

	lead = "https://storage.test"
	s := openStore(t, nil, host)
	s.dial = func(ctx context.Context, network, address string, check func(string) error) (net.Conn, error) {
		if err := check(host); err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, host)
	}
	_, err = pull(t, s, source)
	wantError(t, err, "certificate")
	s = openStore(t, nil, host, "storage.test")
	s.dial = func(ctx context.Context, network, address string, check func(string) error) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, host)
	}
	mustPull(t, s, source)
}

// TestLoadCancelled ends the unpacking of a file, which no broken connection would end.
func TestLoadCancelled(t *testing.T) {
	t.Parallel()
	s := openStore(t, nil)
	dir := t.TempDir()
	writeLayout(t, dir, simple(t))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough of it"))
	_, err := s.LoadLayout(ctx, dir)
	wantError(t, err, "enough of it")
	wantClean(t, s)
}

// TestConnectLimits gives up on a host that takes no connection, and tries again where one breaks.
func TestConnectLimits(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	source := server.push(t, "app", simple(t))
	s := openStore(t, func(c *Config) { c.Limits.Connect = 50 * time.Millisecond }, server.host)
	s.dial = func(ctx context.Context, _, _ string, _ func(string) error) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	_, err := pull(t, s, source)
	wantError(t, err, "no connection to "+server.host+" within 50ms")

	var broken atomic.Int64
	server.answers(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") || broken.Add(1) > 2 {
			return false
		}
		panic(http.ErrAbortHandler)
	})
	mustPull(t, openStore(t, nil, server.host), source)
}
