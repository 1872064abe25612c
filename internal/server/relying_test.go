package server_test

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/vaulttest"
	"github.com/writ-run/writ/workload"
)

const audience = "https://relying.example.com"

// TestOtherPeoplesVerifiers has tokens of each algorithm verified by go-oidc and PyJWT, over discovery and the published
// keys, and a changed one refused.
func TestOtherPeoplesVerifiers(t *testing.T) {
	t.Parallel()
	ready := serve(t, load(t, directory(t)))
	s := session(t, ready)
	for _, algorithm := range []key.Algorithm{key.RS256, key.ES256, key.EdDSA} {
		minted, err := s.Mint(t.Context(), workload.Request{Audience: []string{audience}, Algorithm: algorithm})
		if err != nil {
			t.Fatal(err)
		}
		changed := change(minted.Token)
		t.Run("go-oidc "+string(algorithm), func(t *testing.T) { goOIDC(t, ready.IssuerURL, minted.Token, changed, algorithm) })
		t.Run("PyJWT "+string(algorithm), func(t *testing.T) { pyJWT(t, ready.IssuerURL, minted.Token, changed, algorithm) })
	}
}

// change changes one character of the payload.
func change(raw string) string {
	parts := strings.Split(raw, ".")
	middle := len(parts[1]) / 2
	other := "A"
	if parts[1][middle] == 'A' {
		other = "B"
	}
	parts[1] = parts[1][:middle] + other + parts[1][middle+1:]
	return strings.Join(parts, ".")
}

func goOIDC(t *testing.T, issuer, good, bad string, algorithm key.Algorithm) {
	provider, err := oidc.NewProvider(t.Context(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{string(algorithm)}})
	verified, err := verifier.Verify(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Team string `json:"team"`
		Job  string `json:"job"`
	}
	if err := verified.Claims(&claims); err != nil || claims.Team != "infra" || claims.Job != "release" || verified.Subject != "infra/deploy" {
		t.Errorf("claims %+v of %s, %v", claims, verified.Subject, err)
	}
	if _, err := verifier.Verify(t.Context(), bad); err == nil {
		t.Error("a changed token was taken")
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: "https://other.example.com"}).Verify(t.Context(), good); err == nil {
		t.Error("a token for another audience was taken")
	}
}

// pyVerifier verifies as PyJWT's documentation shows, and prints the subject, or the name of the error.
const pyVerifier = `
import json, os, sys, urllib.request
import jwt
issuer = os.environ["ISSUER"]
discovery = json.load(urllib.request.urlopen(issuer + "/.well-known/openid-configuration"))
assert discovery["issuer"] == issuer
keys = jwt.PyJWKClient(discovery["jwks_uri"])
for raw in sys.stdin.read().split():
    try:
        key = keys.get_signing_key_from_jwt(raw).key
        claims = jwt.decode(raw, key, algorithms=[os.environ["ALGORITHM"]], audience=os.environ["AUDIENCE"], issuer=issuer,
                            options={"require": ["exp", "iat", "nbf", "sub", "jti"]})
        print(claims["sub"], claims["team"], claims["job"])
    except jwt.InvalidTokenError as e:
        print(type(e).__name__)
`

func pyJWT(t *testing.T, issuer, good, bad string, algorithm key.Algorithm) {
	const python = "/usr/bin/python3" // Debian's, for which python3-jwt is packaged
	if err := exec.Command(python, "-c", "import jwt, cryptography").Run(); err != nil {
		vaulttest.Unavailable(t, "python3-jwt with python3-cryptography is not installed")
	}
	verifier := exec.CommandContext(t.Context(), python, "-c", pyVerifier)
	verifier.Stdin = strings.NewReader(good + "\n" + bad + "\n")
	verifier.Env = append(os.Environ(), "ISSUER="+issuer, "ALGORITHM="+string(algorithm), "AUDIENCE="+audience)
	output, err := verifier.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if len(lines) != 2 || lines[0] != "infra/deploy infra release" || lines[1] != "InvalidSignatureError" && lines[1] != "DecodeError" {
		t.Errorf("PyJWT said %q", lines)
	}
}

// abandonSocket leaves a socket at which nobody listens, as a killed server does.
func abandonSocket(t *testing.T, path string) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
}
