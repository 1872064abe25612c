package token_test

import (
	"testing"
	"time"

	"github.com/writ-run/writ/token"
)

// TestClaimTimes: RFC 7519 sections 4.1.4 to 4.1.6. The clock stands at 1800000000.
func TestClaimTimes(t *testing.T) {
	t.Parallel()
	unreadable := wants(token.ErrClaims)
	lax := func(p *token.Profile) { p.Required, p.MaxLife, p.NoExpiry = nil, 0, true }
	leeway := func(p *token.Profile) { p.Leeway = 30 * time.Second }
	tests := map[string]claimCase{
		"exp text":                {payload: other("exp", `"1800003600"`), want: unreadable},
		"exp null":                {payload: other("exp", "null"), want: unreadable},
		"exp list":                {payload: other("exp", "[1800003600]"), want: unreadable},
		"exp true":                {payload: other("exp", "true"), want: unreadable},
		"exp 0":                   {payload: other("exp", "0"), want: unreadable},
		"exp -1":                  {payload: other("exp", "-1"), want: unreadable},
		"exp infinite":            {payload: other("exp", "1e999"), want: unreadable},
		"exp over 2^63":           {payload: other("exp", "9223372036854775808"), want: unreadable},
		"exp of year 10000":       {payload: other("exp", "253402300800"), want: unreadable},
		"exp of year 9999":        {payload: other("exp", "253402300799"), want: wants(token.ErrLife)},
		"exp in milliseconds":     {payload: other("exp", "1800003600000"), want: unreadable},
		"exp with a fraction":     {payload: other("exp", "1800003600.75")},
		"exp with an exponent":    {payload: other("exp", "1.8000036e9")},
		"exp under a second left": {payload: other("exp", "1800000000.9"), want: wants(token.ErrExpired)}, // the fraction is dropped
		"exp now":                 {payload: other("exp", "1800000000"), want: wants(token.ErrExpired)},
		"exp in a second":         {payload: other("exp", "1800000001")},
		"exp past, leeway":        {payload: other("exp", "1799999971"), profile: leeway},
		"exp past, leeway over":   {payload: other("exp", "1799999970"), profile: leeway, want: wants(token.ErrExpired)},
		"exp missing":             {payload: other("exp", ""), want: wants(token.ErrRequired, token.ErrLife)},
		"exp missing, unsaid":     {payload: other("exp", ""), profile: func(p *token.Profile) { p.Required, p.MaxLife = nil, 0 }, want: wants(token.ErrRequired)},
		"exp missing, lax":        {payload: other("exp", ""), profile: lax},
		"nbf text":                {payload: other("nbf", `"1800000000"`), want: unreadable},
		"nbf in a second":         {payload: other("nbf", "1800000001"), want: wants(token.ErrNotYetValid)},
		"nbf in a second, leeway": {payload: other("nbf", "1800000001"), profile: leeway},
		"nbf missing":             {payload: other("nbf", "")},
		"iat text":                {payload: other("iat", `"1800000000"`), want: unreadable},
		"iat missing":             {payload: other("iat", ""), want: wants(token.ErrLife)},
		"iat ahead":               {payload: other("iat", "1800000031"), want: wants(token.ErrLife)},
		"iat a little ahead":      {payload: other("iat", "1800000030")},
		"life of a day":           {payload: other("exp", "1800086400")},
		"life over a day":         {payload: other("exp", "1800086401"), want: wants(token.ErrLife)},
		"all of it at once": {payload: `{"iss":"x","aud":"x","sub":"x","iat":1,"nbf":1800000001,"exp":1799999999}`,
			want: wants(token.ErrIssuer, token.ErrAudience, token.ErrNotYetValid, token.ErrExpired, token.ErrLife)},
	}
	runClaims(t, tests)
}
