package token_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestOrderClaims: exp and iat are optional unless required, with 30 s of leeway; aud is text or a list, and may be
// missing where the verifier says so. The clock stands at 1800000000.
func TestOrderClaims(t *testing.T) {
	t.Parallel()
	k := named(t, key.EdDSA, "a")
	keys := orderKeys(t, k.Public())
	set := func(name, value string) string {
		start := strings.Index(orderPayload, `"`+name+`":`)
		if start < 0 {
			return `{"` + name + `":` + value + `,` + orderPayload[1:]
		}
		end := start + strings.IndexAny(orderPayload[start:], ",}")
		if value == "" {
			return strings.Replace(orderPayload[:start]+strings.TrimPrefix(orderPayload[end:], ","), ",}", "}", 1)
		}
		return orderPayload[:start] + `"` + name + `":` + value + orderPayload[end:]
	}
	optional := func(p *token.Profile) { p.Required = nil }
	addressed := func(p *token.Profile) { p.NoAudience = false }
	for name, test := range map[string]claimCase{
		"as it is":               {payload: orderPayload},
		"exp missing":            {payload: set("exp", "")},
		"exp missing, required":  {payload: set("exp", ""), profile: func(p *token.Profile) { p.Required = []string{"exp"} }, want: wants(token.ErrRequired)},
		"exp 29 s ago":           {payload: set("exp", "1799999971")},
		"exp 30 s ago":           {payload: set("exp", "1799999970"), want: wants(token.ErrExpired)},
		"exp with a fraction":    {payload: set("exp", "1800000000.5"), want: wants(token.ErrClaims)},
		"exp with an exponent":   {payload: set("exp", "18e8"), want: wants(token.ErrClaims)},
		"nbf with a fraction":    {payload: set("nbf", "1799999970.0"), want: wants(token.ErrClaims)},
		"iat with a fraction":    {payload: set("iat", "1799999970.9"), want: wants(token.ErrClaims)},
		"exp text":               {payload: set("exp", `"1800003600"`), want: wants(token.ErrClaims)},
		"exp negative":           {payload: set("exp", "-1"), want: wants(token.ErrClaims)},
		"exp 0":                  {payload: set("exp", "0"), want: wants(token.ErrClaims)},
		"exp null":               {payload: set("exp", "null"), want: wants(token.ErrClaims)},
		"exp beyond 2^53":        {payload: set("exp", "9007199254740993"), want: wants(token.ErrClaims)},
		"exp beyond 2^63":        {payload: set("exp", "9223372036854775809"), want: wants(token.ErrClaims)},
		"exp infinite":           {payload: set("exp", "1e999"), want: wants(token.ErrClaims)},
		"nbf in 30 s":            {payload: set("nbf", "1800000030")},
		"nbf in 31 s":            {payload: set("nbf", "1800000031"), want: wants(token.ErrNotYetValid)},
		"nbf missing":            {payload: set("nbf", "")},
		"iat in 30 s":            {payload: set("iat", "1800000030")},
		"iat in 31 s":            {payload: set("iat", "1800000031"), want: wants(token.ErrNotYetValid)},
		"iat in a century":       {payload: set("iat", "4955000000"), profile: optional, want: wants(token.ErrNotYetValid)},
		"iat long ago":           {payload: set("iat", "1")},
		"iat missing":            {payload: set("iat", ""), want: wants(token.ErrRequired)},
		"iat missing, optional":  {payload: set("iat", ""), profile: optional},
		"iat text":               {payload: set("iat", `"1800000000"`), want: wants(token.ErrClaims)},
		"iat negative":           {payload: set("iat", "-1800000000"), want: wants(token.ErrClaims)},
		"iat beyond 2^53":        {payload: set("iat", "9007199254740993"), want: wants(token.ErrClaims)},
		"aud another":            {payload: set("aud", `"db"`), want: wants(token.ErrAudience)},
		"aud a list":             {payload: strings.Replace(orderPayload, `"web"`, `["db","web"]`, 1)},
		"aud a list of others":   {payload: strings.Replace(orderPayload, `"web"`, `["db","mail"]`, 1), want: wants(token.ErrAudience)},
		"aud of nobody":          {payload: set("aud", "[]"), want: wants(token.ErrAudience)}, // which is not the same as no aud
		"aud empty":              {payload: set("aud", `""`), want: wants(token.ErrAudience)},
		"aud null":               {payload: set("aud", "null"), want: wants(token.ErrClaims)},
		"aud a number":           {payload: set("aud", "1"), want: wants(token.ErrClaims)},
		"aud missing":            {payload: set("aud", "")},
		"aud missing, demanded":  {payload: set("aud", ""), profile: addressed, want: wants(token.ErrAudience)},
		"aud another, any taken": {payload: set("aud", `"db"`), profile: func(p *token.Profile) { p.Audience, p.AnyAudience = nil, true }},
		"iss another":            {payload: set("iss", `"them"`), profile: func(p *token.Profile) { p.Issuer, p.AnyIssuer = "us", false }, want: wants(token.ErrIssuer)},
		"all at once":            {payload: `{"aud":"db","exp":1,"nbf":1900000000,"iat":1900000000}`, want: wants(token.ErrAudience, token.ErrExpired, token.ErrNotYetValid, token.ErrRequired)},
		"a life too long":        {payload: orderPayload, profile: func(p *token.Profile) { p.MaxLife = time.Minute }, want: wants(token.ErrLife)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := orderProfile()
			if test.profile != nil {
				test.profile(&p)
			}
			raw := forge(t, k, `{"alg":"EdDSA","kid":"a","typ":"JWT"}`, test.payload)
			if len(test.want) > 0 {
				refusedOrder(t, raw, keys, p, test.want...)
				return
			}
			if v := acceptedOrder(t, raw, keys, p); string(v.Payload()) != test.payload {
				t.Error("the payload is not what was signed")
			}
		})
	}
	text := refusedOrder(t, forge(t, k, `{"alg":"EdDSA"}`, set("iat", "1800000031")), keys, orderProfile(), token.ErrNotYetValid)
	if want := "iat: want at most 2027-01-15T08:00:30Z, 30s ahead of the clock, got 2027-01-15T08:00:31Z"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
}

// TestOrderProfile: what the profile has to say, and what of it does not matter for orders.
func TestOrderProfile(t *testing.T) {
	t.Parallel()
	k := named(t, key.EdDSA, "a")
	raw, keys := forge(t, k, `{"alg":"EdDSA"}`, orderPayload), orderKeys(t, k.Public())
	for name, change := range map[string]func(*token.Profile){
		"nothing":               func(p *token.Profile) { *p = token.Profile{} },
		"no issuer":             func(p *token.Profile) { p.AnyIssuer = false },
		"no audience":           func(p *token.Profile) { p.Audience = nil },
		"over 64 MiB":           func(p *token.Profile) { p.MaxBytes = token.MaxOrderBytes + 1 },
		"HS256 as an algorithm": func(p *token.Profile) { p.Algorithms = []key.Algorithm{key.HS256} },
	} {
		p := orderProfile()
		change(&p)
		_, report, err := token.VerifyOrder[order]([]byte(raw), keys, p)
		if !errors.Is(err, token.ErrProfile) || report[0].Name != "profile" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*token.Profile){
		"64 MiB": func(p *token.Profile) { p.MaxBytes = token.MaxOrderBytes }, "its own size": func(p *token.Profile) { p.MaxBytes = len(raw) },
		"a leeway": func(p *token.Profile) { p.Leeway = time.Hour }, "its algorithm": func(p *token.Profile) { p.Algorithms = []key.Algorithm{key.EdDSA} },
	} {
		p := orderProfile()
		change(&p)
		if _, _, err := token.VerifyOrder[order]([]byte(raw), keys, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := orderProfile()
	p.Leeway = time.Hour
	refusedOrder(t, forge(t, k, `{"alg":"EdDSA"}`, strings.Replace(orderPayload, "1800003600", "1799999970", 1)), keys, p, token.ErrExpired)
	p = orderProfile()
	p.MaxBytes = len(raw) - 1
	refusedOrder(t, raw, keys, p, token.ErrMalformed)
	p = orderProfile()
	p.Algorithms = []key.Algorithm{key.ES256}
	refusedOrder(t, raw, keys, p, token.ErrAlgorithm)
	if want := []string{"iat"}; !slices.Equal(orderProfile().Required, want) {
		t.Error("the profile of the caller was changed")
	}
}
