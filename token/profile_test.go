package token_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestProfile: a profile that does not say what to check, or hardly means what it says, refuses every token before the key
// set is asked, and the report says what is missing.
func TestProfile(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	raw := sign(t, k, good())
	for want, change := range map[string]func(p *token.Profile){
		"an Issuer, or AnyIssuer":            func(p *token.Profile) { *p = token.Profile{} },
		"an Issuer, or AnyIssuer.":           func(p *token.Profile) { p.AnyIssuer = true },
		"an Audience, or AnyAudience":        func(p *token.Profile) { p.Audience = nil },
		"an Audience, or AnyAudience.":       func(p *token.Profile) { p.AnyAudience = true },
		"an Audience of non-empty texts":     func(p *token.Profile) { p.Audience = []string{"vault", ""} },
		"Types of non-empty texts":           func(p *token.Profile) { p.Types = []string{""} },
		"Required claims of non-empty names": func(p *token.Profile) { p.Required = []string{""} },
		"a Leeway of 0 or more":              func(p *token.Profile) { p.Leeway = -time.Second },
		"a MaxLife of 0 or more":             func(p *token.Profile) { p.MaxLife = -time.Second },
		"MaxBytes of 0 or more":              func(p *token.Profile) { p.MaxBytes = -1 },
		"Algorithms of RS256, ES256, EdDSA":  func(p *token.Profile) { p.Algorithms = []key.Algorithm{"HS256"} },
	} {
		p, asked := profile(), counted{set(t, k), new(atomic.Int32)}
		change(&p)
		refused(t, raw, asked, p, token.ErrProfile)
		_, report, _ := token.Verify[claims](t.Context(), raw, asked, p)
		if failed := report.Failed(); len(failed) != 1 || failed[0].Name != "profile" || failed[0].Want != want && failed[0].Want+"." != want {
			t.Errorf("%q: failed %+v", want, failed)
		}
		if report.SignatureHolds() || asked.asked.Load() != 0 {
			t.Errorf("%q: the key set was asked", want)
		}
	}
	refused(t, raw, nil, profile(), token.ErrProfile)
}

// shadowed has an nbf and an aud of its own before those of the Registered that it embeds; liar says that there are none.
type shadowed struct {
	token.Registered
	NotBefore int64    `json:"nbf"`
	Audience  []string `json:"aud"`
	Issuer    string   `json:"iss"`
	Expiry    int64    `json:"exp"`
}

type liar struct{ token.Registered }

func (liar) Standard() token.Registered { return token.Registered{} }

type forgetful struct{ token.Registered }

func (*forgetful) Field([]byte) any { return nil }

// TestRegisteredClaimsAreThePayloads: what is checked is what is signed, whatever the type of the claims makes of it.
func TestRegisteredClaimsAreThePayloads(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	verify := map[string]func(raw string) error{
		"shadowed": func(raw string) error {
			_, _, err := token.Verify[shadowed](t.Context(), raw, set(t, k), profile())
			return err
		},
		"liar": func(raw string) error {
			_, _, err := token.Verify[liar](t.Context(), raw, set(t, k), profile())
			return err
		},
		"forgetful": func(raw string) error {
			_, _, err := token.Verify[forgetful](t.Context(), raw, set(t, k), profile())
			return err
		},
	}
	for name, verify := range verify {
		if err := verify(sign(t, k, good())); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, test := range []struct {
			claim, value string
			want         []error
		}{
			{"nbf", "1800000001", wants(token.ErrNotYetValid)}, {"exp", "1799999999", wants(token.ErrExpired)}, {"iss", `"x"`, wants(token.ErrIssuer)},
			{"aud", `["x"]`, wants(token.ErrAudience)}, {"exp", `"1800003600"`, wants(token.ErrClaims)}, {"nbf", "null", wants(token.ErrClaims)},
		} {
			err := verify(forge(t, k, `{"alg":"EdDSA"}`, other(test.claim, test.value)))
			if !slices.ContainsFunc(test.want, func(want error) bool { return errors.Is(err, want) }) {
				t.Errorf("%s: %s %s: %v, want %v", name, test.claim, test.value, err, test.want)
			}
		}
	}
}
