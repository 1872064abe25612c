package agent

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// HTTPServer is where and how an agent listens.
type HTTPServer struct {
	ListenAddress         string   // [HOST]:PORT
	RateLimit             Rate     // of one peer address; zero: DefaultRate
	RateLimitConnections  int      // of one peer address at once; 0: DefaultConnections
	CertificateBase64     string   // certificate with its chain (PEM, in base64)
	CertificatePath       string   // file of the same
	KeyBase64             Secret   // its private key (PEM, in base64)
	KeyPath               string   // file of the same
	SelfSignedCertificate bool     // without a certificate one is made; false: plain http then
	TrustedProxies        []string // addresses and networks whose X-Forwarded-For counts
	ClientCAs             string   // file of the authorities (PEM) one of which has to have signed a client's certificate; empty: none is asked for
}

// Validate returns every mistake, each beginning with its key below httpServer.
func (h HTTPServer) Validate() error {
	var problems []error
	if _, port, err := net.SplitHostPort(h.ListenAddress); err != nil || port == "" {
		problems = append(problems, fmt.Errorf("listenAddress %q: want HOST:PORT or :PORT", h.ListenAddress))
	}
	for _, pair := range []struct{ name, certificate, key string }{
		{"Base64", h.CertificateBase64, string(h.KeyBase64)}, {"Path", h.CertificatePath, h.KeyPath},
	} {
		if (pair.certificate == "") != (pair.key == "") {
			there, missing := "certificate"+pair.name, "key"+pair.name
			if pair.certificate == "" {
				there, missing = missing, there
			}
			problems = append(problems, fmt.Errorf("%s has no httpServer.%s beside it", there, missing))
		}
	}
	if h.CertificateBase64 != "" && h.CertificatePath != "" {
		problems = append(problems, errors.New("certificateBase64 and httpServer.certificatePath exclude one another"))
	}
	for _, value := range []struct{ name, text string }{{"certificateBase64", h.CertificateBase64}, {"keyBase64", string(h.KeyBase64)}} {
		if _, err := base64.StdEncoding.DecodeString(value.text); err != nil {
			problems = append(problems, fmt.Errorf("%s is not base64", value.name))
		}
	}
	if h.RateLimitConnections < 0 {
		problems = append(problems, fmt.Errorf("rateLimitConnections %d is negative", h.RateLimitConnections))
	}
	for i, proxy := range h.TrustedProxies {
		if _, err := ParseNetwork(proxy); err != nil {
			problems = append(problems, fmt.Errorf("trustedProxies[%d] %w", i, err))
		}
	}
	return errors.Join(problems...)
}

// ParseNetwork reads an address or a network in CIDR form.
func ParseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q: want an address like 192.0.2.1 or a network like 192.0.2.0/24", text)
	}
	if network != network.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q: the network is %s", text, network.Masked())
	}
	return network, nil
}

// Rate is how many requests one peer address may make, and within what time.
type Rate struct {
	Requests int
	Per      time.Duration
}

// DefaultRate is the limit where none is set; a peer may also be idle and then make a thousand at once.
func DefaultRate() Rate { return Rate{Requests: 100, Per: time.Second} }

// DefaultConnections are those of one peer address where nothing else is set: enough for the thousand requests that it may make at
// once, each on its own, and a part of those that the agent has with all peers.
const DefaultConnections = 1024

// units are those of Etcha's rates.
var units = map[string]time.Duration{"S": time.Second, "M": time.Minute, "H": time.Hour, "D": 24 * time.Hour}

// ParseRate reads NUMBER-UNIT: 10-M is ten a minute.
func ParseRate(text string) (Rate, error) {
	number, unit, _ := strings.Cut(text, "-")
	n, err := strconv.ParseUint(number, 10, 31)
	per, known := units[strings.ToUpper(unit)]
	if err != nil || n == 0 || !known {
		return Rate{}, fmt.Errorf("%.40q: want a rate like 10-S, 600-M, 1000-H or 5000-D", text)
	}
	return Rate{Requests: int(n), Per: per}, nil
}

// String writes what ParseRate reads; nothing for the zero Rate.
func (r Rate) String() string {
	for unit, per := range units {
		if per == r.Per {
			return fmt.Sprintf("%d-%s", r.Requests, unit)
		}
	}
	return ""
}

// HTTPClient is how an agent and who sends to it make requests.
type HTTPClient struct {
	TLSSkipVerify      bool     // no certificate is verified
	NoSystemCA         bool     // the authorities of the system are not trusted
	ServerCAs          string   // file of authorities (PEM) that are trusted beside them; empty: none
	PinnedFingerprints []string // SHA-256 of certificates that are trusted whoever has signed them, in hexadecimal
	CertificatePath    string   // file of its own certificate with its chain (PEM), for servers that ask for one
	KeyPath            string   // file of its private key (PEM)
}

// Validate returns every mistake, each beginning with its key below httpClient.
func (h HTTPClient) Validate() error {
	var problems []error
	for i, text := range h.PinnedFingerprints {
		if _, err := ParseFingerprint(text); err != nil {
			problems = append(problems, fmt.Errorf("pinnedFingerprints[%d] %w", i, err))
		}
	}
	switch {
	case h.CertificatePath != "" && h.KeyPath == "":
		problems = append(problems, errors.New("certificatePath has no httpClient.keyPath beside it"))
	case h.CertificatePath == "" && h.KeyPath != "":
		problems = append(problems, errors.New("keyPath has no httpClient.certificatePath beside it"))
	}
	return errors.Join(problems...)
}

// ParseFingerprint reads the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons between them and
// with or without sha256: before them.
func ParseFingerprint(text string) (digest [32]byte, err error) {
	digits := text
	if n := len("sha256:"); len(text) > n && strings.EqualFold(text[:n], "sha256:") {
		digits = text[n:]
	}
	decoded, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if err != nil || len(decoded) != len(digest) {
		return digest, fmt.Errorf("%.100q: want the SHA-256 of a certificate, 64 hexadecimal digits", text)
	}
	return [32]byte(decoded), nil
}
