package token_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/token"
)

// TestRule3_09Audience: one of our audiences is in aud, exactly.
func TestRule3_09Audience(t *testing.T) {
	t.Parallel()
	unreadable := wants(token.ErrClaims)
	lax := func(p *token.Profile) {
		p.Issuer, p.Audience, p.Required, p.AnyIssuer, p.AnyAudience = "", nil, nil, true, true
	}
	runClaims(t, map[string]claimCase{
		"text":                 {payload: other("aud", `"vault"`)},
		"list":                 {payload: other("aud", `["aws","vault"]`)},
		"another":              {payload: other("aud", `"aws"`), want: wants(token.ErrAudience)},
		"list of others":       {payload: other("aud", `["aws"]`), want: wants(token.ErrAudience)},
		"other case":           {payload: other("aud", `"Vault"`), want: wants(token.ErrAudience)},
		"part of ours":         {payload: other("aud", `"vaul"`), want: wants(token.ErrAudience)},
		"begins with ours":     {payload: other("aud", `"vault2"`), want: wants(token.ErrAudience)},
		"with a blank":         {payload: other("aud", `"vault "`), want: wants(token.ErrAudience)},
		"several in one text":  {payload: other("aud", `"aws vault"`), want: wants(token.ErrAudience)},
		"pattern":              {payload: other("aud", `"*"`), want: wants(token.ErrAudience)},
		"empty text":           {payload: other("aud", `""`), want: wants(token.ErrAudience)},
		"empty list":           {payload: other("aud", "[]"), want: wants(token.ErrAudience, token.ErrRequired)},
		"missing":              {payload: other("aud", ""), want: wants(token.ErrAudience, token.ErrRequired)},
		"null":                 {payload: other("aud", "null"), want: unreadable},
		"number":               {payload: other("aud", "1"), want: unreadable},
		"object":               {payload: other("aud", `{"vault":true}`), want: unreadable},
		"list in a list":       {payload: other("aud", `[["vault"]]`), want: unreadable},
		"list with a null":     {payload: strings.Replace(goodPayload, `["vault"]`, `["vault",null]`, 1), want: unreadable},
		"256":                  {payload: strings.Replace(goodPayload, `["vault"]`, `[`+strings.Repeat(`"a",`, 255)+`"vault"]`, 1)},
		"257":                  {payload: strings.Replace(goodPayload, `["vault"]`, `[`+strings.Repeat(`"a",`, 256)+`"vault"]`, 1), want: unreadable},
		"one of two asked for": {payload: goodPayload, profile: func(p *token.Profile) { p.Audience = []string{"x", "vault"} }},
		"not asked for":        {payload: other("aud", ""), profile: lax},
	})
}
