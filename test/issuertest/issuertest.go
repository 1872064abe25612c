// Package issuertest starts a standing issuer for a test, as `writ serve` is one, and mints tokens of it, good and bad.
package issuertest

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/internal/server"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
	"github.com/writ-run/writ/test/badtokens"
	"github.com/writ-run/writ/test/certificates"
	"github.com/writ-run/writ/workload"
)

// Subject is who the issuer's tokens are of.
var Subject = workload.Subject{Team: "infra", Pipeline: "deploy", Job: "release"}

// Issuer is a running issuer.
type Issuer struct {
	URL       string
	Socket    string                  // path at which runs register
	Authority *certificates.Authority // of its https certificate; nil: it answers plain http

	config config.Config
}

// Start starts an issuer with settings, KEY=VALUE, that ends with the test.
func Start(t testing.TB, settings ...string) *Issuer {
	t.Helper()
	return start(t, nil, settings)
}

// StartTLS is Start of an issuer that answers https: some relying parties take no other.
func StartTLS(t testing.TB, settings ...string) *Issuer {
	t.Helper()
	authority := certificates.New(t)
	certificate, private := authority.Issue(t, 2)
	return start(t, authority, append([]string{"server.tlsCert=" + certificate, "server.tlsKey=" + private}, settings...))
}

func start(t testing.TB, authority *certificates.Authority, settings []string) *Issuer {
	t.Helper()
	home, err := os.MkdirTemp("", "writ-issuer") // short, so that a socket fits
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	file := filepath.Join(home, "writ.jsonnet") // so that none is looked for
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(t.Context(), config.Options{
		Path: file, Dir: home, Environ: []string{"HOME=" + home}, Sets: append([]string{"server.listen=127.0.0.1:0"}, settings...),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan server.Ready, 1), make(chan error, 1)
	go func() {
		done <- server.Serve(ctx, c, slog.New(slog.DiscardHandler), func(r server.Ready) { ready <- r })
	}()
	select {
	case r := <-ready:
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("the issuer: %v", err)
			}
		})
		return &Issuer{URL: r.IssuerURL, Socket: r.Socket, Authority: authority, config: c}
	case err := <-done:
		cancel()
		t.Fatalf("the issuer: %v", err)
		return nil
	}
}

// Mint returns a token of Subject with an audience, signed with an algorithm. Its run lives as long as the test.
func (i *Issuer) Mint(t testing.TB, audience string, algorithm key.Algorithm) string {
	t.Helper()
	raw, _ := i.run(t, audience, algorithm)
	return raw
}

// Ended is Mint of a run that has ended: the token is good in all that can be seen of it.
func (i *Issuer) Ended(t testing.TB, audience string, algorithm key.Algorithm) string {
	t.Helper()
	raw, session := i.run(t, audience, algorithm)
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return raw
}

// run registers a run and mints a token of it.
func (i *Issuer) run(t testing.TB, audience string, algorithm key.Algorithm) (string, *workload.Session) {
	t.Helper()
	client, err := api.Dial("unix://" + i.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	session, err := workload.Open(t.Context(), client, Subject, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	minted, err := session.Mint(t.Context(), workload.Request{Audience: []string{audience}, Algorithm: algorithm})
	if err != nil {
		t.Fatal(err)
	}
	return minted.Token, session
}

// Bad returns the eleven bad tokens that were like Mint's with RS256.
func (i *Issuer) Bad(t testing.TB, audience string) []badtokens.Token {
	t.Helper()
	good := i.Mint(t, audience, key.RS256)
	return badtokens.Make(t, good, i.Key(t, key.RS256))
}

// Key returns the private key that signs with an algorithm, out of the data directory: a test's way to what the issuer
// would never sign. A token with the algorithm must have been minted.
func (i *Issuer) Key(t testing.TB, algorithm key.Algorithm) key.Private {
	t.Helper()
	sealer, err := atrest.OpenSealer(i.config.Issuer.IdentityFile)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile(filepath.Join(i.config.Server.Data, "keys.age"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := sealer.Open(sealed)
	if err != nil {
		t.Fatal(err)
	}
	var stored []struct {
		Key   json.RawMessage `json:"key"`
		State string          `json:"state"`
	}
	if err := json.Unmarshal(plain, &stored); err != nil {
		t.Fatal("the key ring is not a list of keys")
	}
	for _, s := range stored {
		private, err := key.ParsePrivate([]byte(s.Key))
		if err != nil {
			t.Fatal(err)
		}
		if s.State == "active" && private.Public().Algorithm() == algorithm {
			return private
		}
	}
	t.Fatalf("the key ring has no active key for %s", algorithm)
	return key.Private{}
}
