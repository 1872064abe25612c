package token_test

import (
	"testing"

	"github.com/writ-run/writ/token"
)

// TestRule3_08IssuerAndSubject: iss is compared exactly, and sub is there.
func TestRule3_08IssuerAndSubject(t *testing.T) {
	t.Parallel()
	unreadable := wants(token.ErrClaims)
	lax := func(p *token.Profile) {
		p.Issuer, p.Audience, p.Required, p.AnyIssuer, p.AnyAudience = "", nil, nil, true, true
	}
	runClaims(t, map[string]claimCase{
		"another issuer":    {payload: other("iss", `"https://evil.example"`), want: wants(token.ErrIssuer)},
		"trailing slash":    {payload: other("iss", `"https://ci.example.com/"`), want: wants(token.ErrIssuer)},
		"other case":        {payload: other("iss", `"https://CI.example.com"`), want: wants(token.ErrIssuer)},
		"begins with ours":  {payload: other("iss", `"https://ci.example.com.evil.example"`), want: wants(token.ErrIssuer)},
		"http":              {payload: other("iss", `"http://ci.example.com"`), want: wants(token.ErrIssuer)},
		"escaped, the same": {payload: other("iss", `"https:\/\/ci.example.com"`)},
		"missing":           {payload: other("iss", ""), want: wants(token.ErrIssuer, token.ErrRequired)},
		"null":              {payload: other("iss", "null"), want: wants(token.ErrIssuer, token.ErrRequired)},
		"list with ours":    {payload: other("iss", `["https://ci.example.com"]`), want: unreadable},
		"number":            {payload: other("iss", "1"), want: unreadable},
		"not asked for":     {payload: other("iss", ""), profile: lax},
		"no subject":        {payload: other("sub", ""), want: wants(token.ErrRequired)},
		"null subject":      {payload: other("sub", "null"), want: wants(token.ErrRequired)},
		"empty subject":     {payload: other("sub", `""`), want: wants(token.ErrRequired)},
		"subject is a list": {payload: other("sub", `["main/deploy"]`), want: unreadable},
	})
}
