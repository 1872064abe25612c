package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/certificates"
)

// TestCertificateIsReadAnew has a server use a renewed certificate, and keep the last good one where files do not fit.
func TestCertificateIsReadAnew(t *testing.T) {
	t.Parallel()
	authority := certificates.New(t)
	certificate, key := authority.Issue(t, 100)
	ready := serve(t, load(t, directory(t), "server.tlsCert="+certificate, "server.tlsKey="+key))
	if !strings.HasPrefix(ready.IssuerURL, "https://127.0.0.1:") {
		t.Errorf("issuer %s", ready.IssuerURL)
	}
	want := func(serial int64, why string) {
		t.Helper()
		if got := servedSerial(t, ready.IssuerURL, authority); got != serial {
			t.Errorf("%s: certificate %d, want %d", why, got, serial)
		}
	}
	want(100, "at first")
	renewed, renewedKey := authority.Issue(t, 101)
	move(t, renewed, certificate)
	want(100, "the new certificate with the old key")
	move(t, renewedKey, key)
	want(101, "both new")
	if err := os.WriteFile(certificate, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(101, "no certificate")
	if err := os.Remove(certificate); err != nil {
		t.Fatal(err)
	}
	want(101, "no file")
	last, lastKey := authority.Issue(t, 102)
	move(t, lastKey, key)
	move(t, last, certificate)
	want(102, "both new again")
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// servedSerial reads discovery over https, as a relying party does, and returns the serial number of the certificate.
func servedSerial(t *testing.T, issuer string, authority *certificates.Authority) int64 {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.ProtoMajor != 2 || !strings.Contains(string(text), `"issuer":"`+issuer+`"`) {
		t.Fatalf("%s, %s, %v", response.Proto, text, err)
	}
	return response.TLS.PeerCertificates[0].SerialNumber.Int64()
}
