package remote_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_08IssuerAndSubject: the keys are the issuer's own: a discovery document that names another issuer gives none,
// and a key of one issuer signs for no other.
func TestRule3_08IssuerAndSubject(t *testing.T) {
	t.Parallel()
	k, err := key.Generate(key.EdDSA, "shared kid")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := key.Generate(key.EdDSA, "shared kid")
	if err != nil {
		t.Fatal(err)
	}
	ours, others := newIssuer(t, k.Public()), newIssuer(t, theirs.Public())
	profile := token.Profile{Issuer: ours.URL, Audience: []string{"a"}}
	sign := func(by key.Private, issuer string) string {
		return forged(t, by, `{"alg":"EdDSA","kid":"shared kid"}`, fmt.Sprintf(`{"iss":%q,"sub":"main/deploy","aud":"a","exp":4000000000}`, issuer))
	}
	keys := open(t, ours, new(clock))
	verify := func(raw string) error {
		_, _, err := token.Verify[token.Registered](t.Context(), raw, keys, profile)
		return err
	}
	if err := verify(sign(k, ours.URL)); err != nil {
		t.Errorf("our issuer's own: %v", err)
	}
	for name, raw := range map[string]string{
		"another issuer's key under our iss": sign(theirs, ours.URL), "another issuer's, under its own iss": sign(theirs, others.URL), "our issuer's key under another iss": sign(k, others.URL),
	} {
		if err := verify(raw); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, named := range []string{others.URL, ours.URL + "/", strings.ToUpper(ours.URL), ""} {
		i := newIssuer(t, k.Public())
		i.change(func() {
			i.document = func(url string) string {
				return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, strings.Replace(named, ours.URL, url, 1), url+"/keys")
			}
		})
		if found, err := open(t, i, new(clock)).Find(t.Context(), ""); err == nil {
			t.Errorf("a document of issuer %q gives %d keys", named, len(found))
		}
	}
}
