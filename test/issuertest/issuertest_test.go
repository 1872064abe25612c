package issuertest

import (
	"crypto/x509"
	"errors"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/test/badtokens"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// reasons are what our own verification calls the checks.
var reasons = map[badtokens.Check]error{
	badtokens.Signature: token.ErrSignature, badtokens.Key: token.ErrKey, badtokens.Algorithm: token.ErrAlgorithm,
	badtokens.Critical: token.ErrCritical, badtokens.Expiry: token.ErrExpired, badtokens.NotBefore: token.ErrNotYetValid,
	badtokens.Audience: token.ErrAudience, badtokens.Issuer: token.ErrIssuer,
}

// TestBadTokensAreBadInOneThing has our own verification take the good token, and refuse each of the eleven for the one
// reason that its maker names and for no other: what a relying party refuses, it then refuses for that reason.
func TestBadTokensAreBadInOneThing(t *testing.T) {
	t.Parallel()
	const audience = "https://relying.example.com"
	issuer := Start(t)
	rule, err := policy.Compile(`team == "infra" && job == "release" && sub == "infra/deploy"`)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(keys token.KeySet, raw string) (refused, denied error) {
		profile := token.Profile{Issuer: issuer.URL, Audience: []string{audience}, Required: []string{"exp", "nbf", "iat", "sub", "jti"}}
		verified, _, err := token.Verify[workload.Identity](t.Context(), raw, keys, profile)
		if err != nil {
			return err, nil
		}
		_, _, err = policy.Allow(verified, rule)
		return nil, err
	}
	for _, algorithm := range []key.Algorithm{key.RS256, key.ES256, key.EdDSA} {
		good := issuer.Mint(t, audience, algorithm)
		keys, err := remote.New(remote.Config{Issuer: issuer.URL}) // one of its own: a set waits before it fetches again
		if err != nil {
			t.Fatal(err)
		}
		if refused, denied := verify(keys, good); refused != nil || denied != nil {
			t.Fatalf("%s: the good token: %v, %v", algorithm, refused, denied)
		}
		all := badtokens.Make(t, good, issuer.Key(t, algorithm))
		if len(all) != 11 {
			t.Errorf("%d bad tokens, want eleven", len(all))
		}
		for _, bad := range all {
			refused, denied := verify(keys, bad.Raw)
			if bad.Check == badtokens.Subject {
				if refused != nil || denied == nil {
					t.Errorf("%s, %s: refused %v, denied %v; want only denied", algorithm, bad.Name, refused, denied)
				}
				continue
			}
			for check, reason := range reasons {
				if errors.Is(refused, reason) != (check == bad.Check) {
					t.Errorf("%s, %s: refused for %v; want %s and nothing else", algorithm, bad.Name, refused, bad.Check)
				}
			}
		}
	}
}

// TestTLS has the issuer answer https, and Bad make of its tokens what Make does.
func TestTLS(t *testing.T) {
	t.Parallel()
	issuer := StartTLS(t)
	if bad := issuer.Bad(t, "https://relying.example.com"); len(bad) != 11 || issuer.Authority == nil {
		t.Errorf("%d bad tokens, want eleven", len(bad))
	}
	keys, err := remote.New(remote.Config{Issuer: issuer.URL})
	if err != nil {
		t.Fatal(err)
	}
	var unknown x509.UnknownAuthorityError
	if _, err := keys.Find(t.Context(), "any"); !errors.As(err, &unknown) {
		t.Errorf("%v, want a certificate of an unknown authority", err)
	}
}
