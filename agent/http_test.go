package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
)

func TestHTTPServer(t *testing.T) {
	t.Parallel()
	same(t, agent.HTTPServer{ListenAddress: ":4000"}.Validate())
	same(t, agent.HTTPServer{ListenAddress: "[::1]:0", CertificatePath: "/a", KeyPath: "/b", TrustedProxies: []string{"::1", "192.0.2.1", "10.0.0.0/8"}}.Validate())
	same(t, agent.HTTPServer{ListenAddress: "[::1]:0", CertificateBase64: "YQ==", KeyBase64: "YQ=="}.Validate())
	same(t, agent.HTTPServer{ListenAddress: "4000", CertificateBase64: "s3cret!", CertificatePath: "/a", KeyPath: "/b", TrustedProxies: []string{"proxy", "10.0.0.1/8"}}.Validate(),
		`listenAddress "4000": want HOST:PORT or :PORT`,
		"certificateBase64 has no httpServer.keyBase64 beside it",
		"certificateBase64 and httpServer.certificatePath exclude one another",
		"certificateBase64 is not base64",
		`trustedProxies[0] "proxy": want an address`,
		`trustedProxies[1] "10.0.0.1/8": the network is 10.0.0.0/8`,
	)
	same(t, agent.HTTPServer{ListenAddress: ":1", RateLimitConnections: -1}.Validate(), "rateLimitConnections -1 is negative")
	same(t, agent.HTTPServer{ListenAddress: ":1", KeyPath: "/b", KeyBase64: "s3cret!"}.Validate(),
		"keyBase64 has no httpServer.certificateBase64 beside it", "keyPath has no httpServer.certificatePath beside it", "keyBase64 is not base64")
}

func TestParseNetwork(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8::/32": "2001:db8::/32"} {
		if got, err := agent.ParseNetwork(text); err != nil || got.String() != want {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	if got, err := agent.ParseNetwork("fe80::1%eth0"); err == nil {
		t.Errorf("got %s", got)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]agent.Rate{"10-M": {10, time.Minute}, "5-s": {5, time.Second}, "1000-H": {1000, time.Hour}, "2000-D": {2000, 24 * time.Hour}} {
		got, err := agent.ParseRate(text)
		if err != nil || got != want || got.String() != strings.ToUpper(text) {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "10", "10-", "-M", "10-X", "0-M", "-1-M", "1.5-M", "10-M-", "99999999999-S"} {
		if got, err := agent.ParseRate(text); err == nil {
			t.Errorf("%q: got %s", text, got)
		}
	}
	if (agent.Rate{}).String() != "" {
		t.Error("no rate is shown as one")
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("ab", 32)
	for _, text := range []string{digits, strings.ToUpper(digits), "sha256:" + digits, "SHA256:" + strings.TrimSuffix(strings.Repeat("AB:", 32), ":")} {
		if got, err := agent.ParseFingerprint(text); err != nil || got[0] != 0xab || got[31] != 0xab {
			t.Errorf("%s: got %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "sha256:", digits[1:], digits + "ab", "sha1:" + digits, strings.Repeat("xy", 32)} {
		if got, err := agent.ParseFingerprint(text); err == nil {
			t.Errorf("%q: got %x", text, got)
		}
	}
	same(t, agent.HTTPClient{CertificatePath: "a", KeyPath: "b"}.Validate())
	same(t, agent.HTTPClient{CertificatePath: "a"}.Validate(), "certificatePath has no httpClient.keyPath beside it")
	same(t, agent.HTTPClient{KeyPath: "a"}.Validate(), "keyPath has no httpClient.certificatePath beside it")
	same(t, agent.HTTPClient{PinnedFingerprints: []string{digits, "ab"}}.Validate(), `pinnedFingerprints[1] "ab": want the SHA-256 of a certificate`)
}
