package fleet

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// transport connects as configured. It speaks HTTP/1.1: of one connection a fleet has one use at a time.
func transport(c Config) *http.Transport {
	dialer := &net.Dialer{Timeout: c.Dial}
	return &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: dialer.DialContext,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			connection, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(ctx, c.Dial)
			defer cancel()
			secured := tls.Client(connection, c.tls(host))
			if err := secured.HandshakeContext(ctx); err != nil {
				connection.Close()
				return nil, err
			}
			return secured, nil
		},
		TLSClientConfig:     c.tls(""), // through a proxy
		TLSHandshakeTimeout: c.Dial, ExpectContinueTimeout: 5 * time.Second,
		DisableCompression: true,                                                           // an answer is bounded as it comes
		MaxIdleConns:       256, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second, // an agent's are 2 minutes
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// tls is the configuration for a host. Without one the name is the connection's, and an address has none.
func (c Config) tls(host string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, ServerName: host, Certificates: c.Certificates}
	// What crypto/tls verifies knows no pins, and names no fingerprint where it fails.
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		name := host
		if name == "" {
			name = state.ServerName
		}
		return c.verify(state.PeerCertificates, name)
	}
	return config
}

// verify takes a certificate that is pinned, or one for the host that an authority has signed.
func (c Config) verify(chain []*x509.Certificate, host string) error {
	if c.SkipVerify {
		return nil
	}
	if len(chain) == 0 {
		return errors.New("it shows no certificate")
	}
	leaf := chain[0]
	fingerprint := sha256.Sum256(leaf.Raw)
	if slices.Contains(c.Pins, fingerprint) {
		return nil
	}
	if host == "" {
		return errors.New("through a proxy, an address can only be told by a pinned certificate")
	}
	options := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
	for _, one := range chain[1:] {
		options.Intermediates.AddCert(one)
	}
	if err := c.signed(leaf, options); err != nil {
		return &CertificateError{Fingerprint: "sha256:" + hex.EncodeToString(fingerprint[:]), Pins: len(c.Pins) > 0, Err: err}
	}
	return nil
}

// signed holds that one of the authorities has signed a certificate. Where it is one of c.CAs, and something else is wrong, that is
// the error.
func (c Config) signed(leaf *x509.Certificate, options x509.VerifyOptions) error {
	if c.CAs != nil {
		options.Roots = c.CAs
		if _, err := leaf.Verify(options); !errors.As(err, new(x509.UnknownAuthorityError)) {
			return err
		}
	}
	options.Roots = nil // the system's
	if c.NoSystemCA {
		options.Roots = x509.NewCertPool()
	}
	_, err := leaf.Verify(options)
	return err
}

// CertificateError is a machine's certificate that is not trusted.
type CertificateError struct {
	Fingerprint string // of it
	Pins        bool   // others are pinned
	Err         error
}

func (e *CertificateError) Error() string {
	if e.Pins {
		return fmt.Sprintf("its certificate is not pinned, and %v", e.Err)
	}
	return e.Err.Error()
}

func (e *CertificateError) Unwrap() error { return e.Err }

// Hint says how the certificate can be trusted.
func (e *CertificateError) Hint() string {
	return "if the agent named " + e.Fingerprint + " when it started there, pin that"
}
