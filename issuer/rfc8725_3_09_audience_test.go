package issuer_test

import (
	"errors"
	"testing"

	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// TestRule3_09Audience: every token that is minted says whom it is for, and one relying party's is no other's.
func TestRule3_09Audience(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if got := w.minted(t, workload.Request{}).Claims.Audience; len(got) != 1 || got[0] != issuerURL {
		t.Errorf("nothing asked for: aud %q, want the issuer alone", got)
	}
	for _, audience := range [][]string{{""}, {"vault", ""}} {
		if _, err := w.open(t, subject(), workload.Limits{}).Mint(t.Context(), workload.Request{Audience: audience}); !errors.Is(err, workload.ErrRefused) {
			t.Errorf("audience %q: %v, want ErrRefused", audience, err)
		}
	}
	raw := w.minted(t, workload.Request{Audience: []string{"vault"}}).Token
	for audience, taken := range map[string]bool{"vault": true, "aws": false, issuerURL: false, "Vault": false} {
		_, _, err := token.Verify[workload.Identity](t.Context(), raw, w.ring, token.Profile{Issuer: issuerURL, Audience: []string{audience}, Now: w.clock})
		if taken != (err == nil) || !taken && !errors.Is(err, token.ErrAudience) {
			t.Errorf("at %s: %v", audience, err)
		}
	}
}
