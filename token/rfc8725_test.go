package token_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// The best current practices for JWTs, draft-ietf-oauth-rfc8725bis (the working group's copy of 1
// August 2026, after revision 08), rule by rule: the tests of rule 3.N are in
// rfc8725_3_NN_NAME_test.go and are called TestRule3_NN... (N of two digits), here and in the other rooms where a rule
// concerns those. SECURITY.md has the table of them all, and a test at the root holds the two together. This file has
// what the rules' tests share.

var sentinels = map[string]error{
	"ErrMalformed": token.ErrMalformed, "ErrType": token.ErrType, "ErrCritical": token.ErrCritical, "ErrAlgorithm": token.ErrAlgorithm,
	"ErrKey": token.ErrKey, "ErrSignature": token.ErrSignature, "ErrClaims": token.ErrClaims, "ErrRequired": token.ErrRequired,
	"ErrIssuer": token.ErrIssuer, "ErrAudience": token.ErrAudience, "ErrNotYetValid": token.ErrNotYetValid, "ErrExpired": token.ErrExpired,
	"ErrLife": token.ErrLife, "ErrProfile": token.ErrProfile,
}

// refused: the token is refused for exactly these reasons, and neither error nor report quotes it.
func refused(t *testing.T, raw string, keys token.KeySet, p token.Profile, want ...error) {
	t.Helper()
	verified, report, err := token.Verify[claims](t.Context(), raw, keys, p)
	if err == nil {
		t.Errorf("accepted, want %v", want)
		return
	}
	if verified.Payload() != nil || verified.Claims().Team != "" || verified.Key().ID() != "" {
		t.Error("refused, and yet something is Verified")
	}
	for _, name := range slices.Sorted(maps.Keys(sentinels)) {
		if got := errors.Is(err, sentinels[name]); got != slices.Contains(want, sentinels[name]) {
			t.Errorf("error %q: is %s: %v", err, name, got)
		}
	}
	text := err.Error() + fmt.Sprintf(" %+v", report)
	for part := range strings.SplitSeq(raw, ".") {
		if len(part) > 16 && strings.Contains(text, part[:16]) || len(part) > 48 && strings.Contains(text, part[len(part)-24:]) {
			t.Errorf("%q quotes the token", text)
		}
	}
}

func accepted(t *testing.T, raw string, keys token.KeySet, p token.Profile) {
	t.Helper()
	if _, _, err := token.Verify[claims](t.Context(), raw, keys, p); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// counted counts how often a key set is asked.
type counted struct {
	token.KeySet
	asked *atomic.Int32
}

func (c counted) Find(ctx context.Context, kid string) ([]key.Public, error) {
	c.asked.Add(1)
	return c.KeySet.Find(ctx, kid)
}

const goodPayload = `{"iss":"https://ci.example.com","sub":"main/deploy","aud":["vault"],"exp":1800003600,"nbf":1800000000,"iat":1800000000}`

var algorithms = []key.Algorithm{key.RS256, key.ES256, key.EdDSA}

// claimCase is a payload, signed as it stands, and what becomes of it.
type claimCase struct {
	payload string
	profile func(*token.Profile) // what differs from profile()
	want    []error              // nothing: accepted
}

func runClaims(t *testing.T, tests map[string]claimCase) {
	t.Helper()
	k := generate(t, key.EdDSA)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := profile()
			if test.profile != nil {
				test.profile(&p)
			}
			raw := forge(t, k, `{"alg":"EdDSA","kid":"`+k.Public().ID()+`","typ":"JWT"}`, test.payload)
			if len(test.want) == 0 {
				accepted(t, raw, set(t, k), p)
				return
			}
			refused(t, raw, set(t, k), p, test.want...)
		})
	}
}

// other sets the JSON of a claim of goodPayload, or removes the claim.
func other(name, value string) string {
	start := strings.Index(goodPayload, `"`+name+`":`)
	end := start + strings.IndexAny(goodPayload[start:], ",}")
	if value == "" {
		return strings.Replace(goodPayload[:start]+strings.TrimPrefix(goodPayload[end:], ","), ",}", "}", 1)
	}
	return goodPayload[:start] + `"` + name + `":` + value + goodPayload[end:]
}

func more(members string) string { return `{` + members + `,` + goodPayload[1:] }

func wants(errs ...error) []error { return errs }
