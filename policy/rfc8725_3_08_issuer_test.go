package policy_test

import (
	"errors"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// TestRule3_08IssuerAndSubject: a token that verifies is let in only where a rule says that its subject, or its pair of
// issuer and subject, is one of ours.
func TestRule3_08IssuerAndSubject(t *testing.T) {
	t.Parallel()
	_, keys, raw := verified(t, key.EdDSA)
	v, _, err := token.Verify[workload.Identity](t.Context(), raw, keys, token.Profile{AnyIssuer: true, AnyAudience: true})
	if err != nil {
		t.Fatal(err)
	}
	iss, sub := v.Claims().Issuer, v.Claims().Subject
	for source, allowed := range map[string]bool{
		`sub == "` + sub + `"`: true, `iss == "` + iss + `" && sub == "` + sub + `"`: true,
		`sub == "` + sub + `x"`: false, `iss == "https://evil.example" && sub == "` + sub + `"`: false, `iss == "` + iss + `" && sub == "other/pipeline"`: false,
		`sub matches "` + sub[:3] + `"`: false, // anchored: a part is not enough
		`subject == "` + sub + `"`:      false, // a claim that is not there
	} {
		rule, err := policy.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := policy.Allow(v, rule)
		if allowed != (err == nil) || !allowed && (!errors.Is(err, policy.ErrRule) || got.Claims().Subject != "") {
			t.Errorf("%s: %v, want allowed: %v", source, err, allowed)
		}
	}
}
