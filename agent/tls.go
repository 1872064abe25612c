package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/writ-run/writ/internal/listen"
	"github.com/writ-run/writ/key/atrest"
)

// certificateFile is the agent's own certificate with its key, below the state directory.
const certificateFile = ".certificate"

// tlsSettings are how connections are secured.
type tlsSettings struct {
	config      *tls.Config
	fingerprint string
	selfSigned  bool
}

// secured hands out connections that are secured as the server's settings of the moment say.
type secured struct {
	net.Listener
	server *Server
}

func (l secured) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if settings := l.server.current.Load().tls; settings != nil {
		return tls.Server(connection, settings.config), nil
	}
	return connection, nil
}

// openTLS reads the certificate that is given, or makes one. It returns nil for plain HTTP.
func openTLS(c ServerConfig, log *slog.Logger) (*tlsSettings, error) {
	settings := &tlsSettings{config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}}
	switch h := c.HTTP; {
	case h.CertificatePath != "":
		pair, err := listen.OpenPair(h.CertificatePath, h.KeyPath, log)
		if err != nil {
			return nil, fmt.Errorf("httpServer.certificatePath %q with httpServer.keyPath %q: %w", h.CertificatePath, h.KeyPath, err)
		}
		settings.config.GetCertificate = pair.Get
	case h.CertificateBase64 != "":
		certificate, err := decodePair(h)
		if err != nil {
			return nil, err
		}
		settings.config.Certificates = []tls.Certificate{certificate}
	case h.SelfSignedCertificate:
		certificate, err := ownCertificate(filepath.Join(c.StateDir, certificateFile), c.Now())
		if err != nil {
			return nil, err
		}
		settings.config.Certificates, settings.selfSigned = []tls.Certificate{certificate}, true
	case h.ClientCAs != "":
		return nil, errors.New("httpServer.clientCAs has no effect without TLS: give a certificate, or set httpServer.selfSignedCertificate")
	default:
		return nil, nil
	}
	if c.HTTP.ClientCAs != "" {
		authorities, err := ReadAuthorities(c.HTTP.ClientCAs)
		if err != nil {
			return nil, fmt.Errorf("httpServer.clientCAs: %w", err)
		}
		settings.config.ClientCAs, settings.config.ClientAuth = authorities, tls.RequireAndVerifyClientCert
	}
	var err error
	settings.fingerprint, err = settings.shown()
	return settings, err
}

// shown is the fingerprint of the certificate that is served now.
func (s *tlsSettings) shown() (string, error) {
	certificate := new(tls.Certificate)
	if len(s.config.Certificates) > 0 {
		certificate = &s.config.Certificates[0]
	} else {
		var err error
		if certificate, err = s.config.GetCertificate(nil); err != nil {
			return "", err
		}
	}
	return Fingerprint(certificate.Certificate[0]), nil
}

// Fingerprint is the SHA-256 of a certificate (DER), as ParseFingerprint reads it.
func Fingerprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// decodePair reads a certificate and its key out of the configuration. Its errors hold neither.
func decodePair(h HTTPServer) (tls.Certificate, error) {
	certificate, err := base64.StdEncoding.DecodeString(h.CertificateBase64)
	if err != nil {
		return tls.Certificate{}, errors.New("httpServer.certificateBase64 is not base64")
	}
	key, err := base64.StdEncoding.DecodeString(string(h.KeyBase64))
	if err != nil {
		return tls.Certificate{}, errors.New("httpServer.keyBase64 is not base64")
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("httpServer.certificateBase64 with httpServer.keyBase64: %w", err)
	}
	return pair, nil
}

// ReadAuthorities reads the certificates of authorities (PEM) in a file.
func ReadAuthorities(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate (PEM)", path)
	}
	return pool, nil
}

// ownCertificate returns the certificate in a file, which it makes where there is none. One that is damaged is not
// replaced: whoever has pinned it would be told nothing.
func ownCertificate(path string, now time.Time) (tls.Certificate, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if text, err = makeCertificate(now); err != nil {
			return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
		}
		if err := atrest.WriteFile(path, text); err != nil {
			return tls.Certificate{}, fmt.Errorf("keep the agent's certificate: %w", err)
		}
	case err != nil:
		return tls.Certificate{}, fmt.Errorf("the agent's certificate: %w", err)
	}
	certificate, err := tls.X509KeyPair(text, text)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the agent's certificate %s %w: %w (without it a new one is made, which senders have to pin anew)", path, ErrDamaged, err)
	}
	return certificate, nil
}

// makeCertificate makes a certificate that nobody has signed but itself, and its key (PEM). It does not expire (RFC 5280
// section 4.1.2.5): whoever pins it trusts it for as long as it is pinned.
func makeCertificate(now time.Time) ([]byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "localhost" && plainHost(host) {
		names = append(names, host)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "writ agent"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}

// plainHost is true for a name that a certificate can hold.
func plainHost(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.')
	})
}
