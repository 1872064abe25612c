package agent_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/test/certificates"
)

// served is the fingerprint of the certificate at an address, and its serial number.
func served(t *testing.T, address string) (fingerprint string, serial int64) {
	t.Helper()
	connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	must(t, err)
	defer connection.Close()
	leaf := connection.ConnectionState().PeerCertificates[0]
	return agent.Fingerprint(leaf.Raw), leaf.SerialNumber.Int64()
}

// TestOwnCertificate: an agent without a certificate makes one, keeps it, and says what senders can pin.
func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	c := agent.ServerConfig{
		HTTP:     agent.HTTPServer{ListenAddress: "127.0.0.1:0", SelfSignedCertificate: true},
		Sources:  map[string]*agent.Source{"web": {AllowPush: true}},
		StateDir: filepath.Join(t.TempDir(), "state"),
	}
	start := func(c agent.ServerConfig) (agent.Listening, error) {
		s := agent.NewServer(&receiver{}, slog.New(slog.DiscardHandler))
		t.Cleanup(func() { s.Close(context.Background()) })
		return s.Apply(c)
	}
	first, err := start(c)
	must(t, err)
	if _, err := agent.ParseFingerprint(first.Fingerprint); err != nil || !first.SelfSigned {
		t.Errorf("%+v, %v", first, err)
	}
	if got, _ := served(t, first.Address); got != first.Fingerprint {
		t.Errorf("%s is served, and %s said", got, first.Fingerprint)
	}
	path := filepath.Join(c.StateDir, ".certificate")
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s", info.Mode())
	}
	state, err := agent.OpenState(c.StateDir)
	must(t, err)
	must(t, state.Sweep())
	must(t, state.Close())
	if again, err := start(c); err != nil || again.Fingerprint != first.Fingerprint {
		t.Errorf("the next start: %+v, %v", again, err)
	}
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, text[:len(text)/2], 0o600))
	if _, err := start(c); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("half a certificate: %v", err)
	}
	c.StateDir = filepath.Join(path, "x")
	if _, err := start(c); err == nil {
		t.Error("a state directory below a file")
	}
}

// TestGivenCertificate: one that is given is served, and renewed while the agent runs.
func TestGivenCertificate(t *testing.T) {
	t.Parallel()
	authority := certificates.New(t)
	certificate, key := authority.Issue(t, 100)
	f := newFront(t, &receiver{}, func(c *agent.ServerConfig) { c.HTTP.CertificatePath, c.HTTP.KeyPath = certificate, key })
	address := strings.TrimPrefix(f.url, "https://")
	if _, serial := served(t, address); serial != 100 {
		t.Errorf("certificate %d", serial)
	}
	renewed, renewedKey := authority.Issue(t, 101)
	must(t, os.Rename(renewedKey, key))
	must(t, os.Rename(renewed, certificate))
	if _, serial := served(t, address); serial != 101 {
		t.Errorf("the renewed certificate: %d", serial)
	}
	text := func(path string) string {
		text, err := os.ReadFile(path)
		must(t, err)
		return base64.StdEncoding.EncodeToString(text)
	}
	inline := f.config
	inline.HTTP.CertificatePath, inline.HTTP.KeyPath = "", ""
	inline.HTTP.CertificateBase64, inline.HTTP.KeyBase64 = text(certificate), agent.Secret(text(key))
	if at, err := f.Apply(inline); err != nil || at.Address != address || at.SelfSigned {
		t.Errorf("%+v, %v", at, err)
	}
	if _, serial := served(t, address); serial != 101 {
		t.Errorf("out of the configuration: %d", serial)
	}
	inline.HTTP.KeyBase64 = agent.Secret(base64.StdEncoding.EncodeToString([]byte("s3cret")))
	if _, err := f.Apply(inline); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a key that is none: %v", err)
	}
	if _, serial := served(t, address); serial != 101 {
		t.Errorf("after a refused configuration: %d", serial)
	}
}

// TestClientCertificates: where authorities are named, nobody without a certificate of one of them gets an answer.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	authority, other := certificates.New(t), certificates.New(t)
	r := &receiver{}
	f := newFront(t, r, func(c *agent.ServerConfig) { c.HTTP.ClientCAs = authority.File })
	push := func(certificate ...tls.Certificate) (*http.Response, error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificate}, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		return (&http.Client{Transport: transport}).Post(f.url+"/etcha/v1/push/web", "", strings.NewReader("good"))
	}
	if _, err := push(); err == nil {
		t.Error("without a certificate")
	}
	if _, err := push(clientCertificate(t, other)); err == nil {
		t.Error("with a stranger's certificate")
	}
	if len(r.pushes()) != 0 {
		t.Error("an order was looked at")
	}
	answer, err := push(clientCertificate(t, authority))
	must(t, err)
	answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Errorf("%s", answer.Status)
	}
	for path, want := range map[string]string{filepath.Join(t.TempDir(), "none"): "no such file", os.DevNull: "holds no certificate"} {
		c := f.config
		c.HTTP.ClientCAs = path
		if _, err := f.Apply(c); err == nil || !strings.Contains(err.Error(), "httpServer.clientCAs: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	}
	plain := f.config
	plain.HTTP.SelfSignedCertificate = false
	if _, err := f.Apply(plain); err == nil || !strings.Contains(err.Error(), "has no effect without TLS") {
		t.Errorf("%v", err)
	}
}

// clientCertificate is one that an authority signed for a client.
func clientCertificate(t *testing.T, a *certificates.Authority) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der := a.Sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "sender"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key.Public())
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestApply: a server listens where and while its configuration says so, and keeps what it has where that is wrong.
func TestApply(t *testing.T) {
	t.Parallel()
	f := newFront(t, &receiver{})
	first := strings.TrimPrefix(f.url, "https://")
	get := func(url string) int {
		request, err := http.NewRequest("GET", url+"/healthz", nil)
		must(t, err)
		request.Close = true
		answer, err := f.client.Do(request)
		if err != nil {
			return 0
		}
		defer answer.Body.Close()
		io.Copy(io.Discard, answer.Body)
		return answer.StatusCode
	}
	wrong := f.config
	wrong.HTTP.ListenAddress = "192.0.2.1:1"
	if _, err := f.Apply(wrong); err == nil || !strings.HasPrefix(err.Error(), "httpServer.listenAddress: ") || get(f.url) != 200 {
		t.Errorf("an address of another machine: %v", err)
	}
	moved := f.config
	moved.HTTP.ListenAddress, moved.HTTP.SelfSignedCertificate = "localhost:0", false
	at, err := f.Apply(moved)
	must(t, err)
	if at.Address == first || at.Fingerprint != "" || get("http://"+at.Address) != 200 || get(f.url) != 0 {
		t.Errorf("moved, without TLS: %+v", at)
	}
	silent := moved
	silent.MetricsKey, silent.Sources = "", map[string]*agent.Source{"pulled": {PullPaths: []string{"x"}}}
	if got, err := f.Apply(silent); err != nil || got != (agent.Listening{}) || get("http://"+at.Address) != 0 {
		t.Errorf("nothing to answer: %+v, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(f.config.StateDir, ".certificate")); err != nil {
		t.Error(err)
	}
	for name, source := range map[string]*agent.Source{"pushed": {AllowPush: true}, "hooked": {WebhookPaths: []string{"/a"}}} {
		one := silent
		one.Sources = map[string]*agent.Source{name: source}
		if at, err := f.Apply(one); err != nil || get("http://"+at.Address) != 200 {
			t.Errorf("%s: %+v, %v", name, at, err)
		}
	}
	measured := silent
	measured.MetricsKey = "key"
	if at, err := f.Apply(measured); err != nil || get("http://"+at.Address) != 200 {
		t.Errorf("metrics: %+v, %v", at, err)
	}
	must(t, f.Close(context.Background()))
	if _, err := f.Apply(f.config); err != http.ErrServerClosed {
		t.Errorf("after the end: %v", err)
	}
}
