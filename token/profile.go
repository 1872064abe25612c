package token

import (
	"slices"
	"time"

	"github.com/writ-run/writ/key"
)

// Profile says what a verifier demands. The zero Profile refuses everything: whoever does not check the issuer, the
// audience or the expiry has to say so (rfc8725bis sections 3.8 and 3.9).
type Profile struct {
	Issuer   string   // iss must equal this, and the keys must be this issuer's
	Audience []string // one of these must be in aud

	AnyIssuer   bool // with no Issuer: iss is reported as not checked. For keys that sign for one issuer only
	AnyAudience bool // with no Audience: aud is reported as not checked. Not for a relying party
	NoAudience  bool // with an Audience: a token without aud is taken, too, as an order may be
	NoExpiry    bool // a token without exp is taken

	Algorithms []key.Algorithm  // the only ones taken; empty: all three
	Types      []string         // allowed header typ, compared as media types; empty: JWT or absent
	Required   []string         // claims that must be there, neither null nor empty text
	Leeway     time.Duration    // on exp and nbf
	MaxLife    time.Duration    // exp - iat at most; 0: no limit
	MaxBytes   int              // 0: DefaultMaxBytes
	Now        func() time.Time // nil: time.Now

	order bool // VerifyOrder's: iat is checked against the clock
}

// check refuses a Profile that does not say what to check, or says it in a way that was hardly meant: an empty audience
// out of an unset variable, say, would be one that a token can have.
func (p Profile) check(r *reporter) bool {
	bad := func(want, got string) bool {
		r.fail("profile", want, got, ErrProfile)
		return false
	}
	switch {
	case p.Issuer == "" && !p.AnyIssuer:
		return bad("an Issuer, or AnyIssuer", "neither")
	case p.Issuer != "" && p.AnyIssuer:
		return bad("an Issuer, or AnyIssuer", "both")
	case len(p.Audience) == 0 && !p.AnyAudience:
		return bad("an Audience, or AnyAudience", "neither")
	case len(p.Audience) > 0 && p.AnyAudience:
		return bad("an Audience, or AnyAudience", "both")
	case slices.Contains(p.Audience, ""):
		return bad("an Audience of non-empty texts", "an empty one")
	case slices.Contains(p.Types, ""):
		return bad("Types of non-empty texts", "an empty one")
	case slices.Contains(p.Required, ""):
		return bad("Required claims of non-empty names", "an empty one")
	case p.Leeway < 0:
		return bad("a Leeway of 0 or more", p.Leeway.String())
	case p.MaxLife < 0:
		return bad("a MaxLife of 0 or more", p.MaxLife.String())
	case p.MaxBytes < 0:
		return bad("MaxBytes of 0 or more", "less")
	}
	for _, a := range p.Algorithms {
		if _, err := key.ParseAlgorithm(string(a)); err != nil {
			return bad("Algorithms of RS256, ES256, EdDSA", quote(string(a)))
		}
	}
	return true
}
