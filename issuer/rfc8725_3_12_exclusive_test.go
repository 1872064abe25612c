package issuer_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// TestRule3_12MutuallyExclusive: what the issuer's own key signed is still no identity unless it is this issuer's, has a
// jti of a run that lives, and is called what identities are called.
func TestRule3_12MutuallyExclusive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	good := w.minted(t, workload.Request{})
	if got := w.introspect(t, good.Token); got["active"] != true {
		t.Fatalf("the token that the others are made of: %v", got)
	}
	decoded, err := token.Parse(good.Token, 0)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := w.ring.Signer(key.RS256, w.clock().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(typ, claim string, value any) string {
		var claims map[string]any
		if err := json.Unmarshal(decoded.Payload(), &claims); err != nil {
			t.Fatal(err)
		}
		if claims[claim] = value; value == nil {
			delete(claims, claim)
		}
		raw, err := signer.SignToken(t.Context(), typ, claims)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if got := w.introspect(t, sign("JWT", "x", 1)); got["active"] != true {
		t.Errorf("signed by the test, unchanged but for x: %v", got)
	}
	for name, raw := range map[string]string{
		"an order by its typ": sign("pattern+jwt", "x", 1), "an access token": sign("at+jwt", "x", 1), "no typ of ours": sign("", "x", 1),
		"orders' issuer": sign("JWT", "iss", issuerURL+"/orders"), "no issuer": sign("JWT", "iss", nil), "no jti": sign("JWT", "jti", nil),
		"a jti of no run": sign("JWT", "jti", "1"), "no exp": sign("JWT", "exp", nil),
	} {
		if got := w.introspect(t, raw); got["active"] != false {
			t.Errorf("%s: %v", name, got)
		}
	}
}
