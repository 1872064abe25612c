package token_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

type claims struct {
	token.Registered
	Team string `json:"team,omitzero"`
}

var now = time.Unix(1_800_000_000, 0)

func good() claims {
	return claims{token.Registered{
		Issuer: "https://ci.example.com", Subject: "main/deploy", Audience: token.Audience{"vault", "aws"},
		Expiry: token.NumericDate(now.Unix() + 3600), NotBefore: token.NumericDate(now.Unix()), IssuedAt: token.NumericDate(now.Unix()), ID: "1",
	}, "main"}
}

func profile() token.Profile {
	return token.Profile{
		Issuer: "https://ci.example.com", Audience: []string{"vault"}, Required: []string{"iss", "sub", "aud", "exp"},
		MaxLife: 24 * time.Hour, Now: func() time.Time { return now },
	}
}

func generate(t testing.TB, algorithm key.Algorithm) key.Private {
	t.Helper()
	k, err := key.Generate(algorithm, "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func set(t testing.TB, keys ...key.Private) key.Set {
	t.Helper()
	var public []key.Public
	for _, k := range keys {
		public = append(public, k.Public())
	}
	s, err := key.NewSet(public...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, k key.Private, c any) string {
	t.Helper()
	raw, err := token.NewSigner(k).SignToken(t.Context(), "JWT", c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// forge signs any header and payload.
func forge(t testing.TB, k key.Private, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	signature, err := k.Sign(t.Context(), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(signature))
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func TestEveryAlgorithmRoundTrips(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []key.Algorithm{key.RS256, key.ES256, key.EdDSA} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			k := generate(t, algorithm)
			verified, report, err := token.Verify[claims](t.Context(), sign(t, k, good()), set(t, k), profile())
			if err != nil {
				t.Fatal(err)
			}
			if got := verified.Claims(); got.Team != "main" || got.Subject != "main/deploy" || !slices.Equal(got.Audience, good().Audience) {
				t.Errorf("claims %+v", got)
			}
			if !verified.Key().Equal(k.Public()) {
				t.Errorf("key %v", verified.Key().ID())
			}
			for _, c := range report {
				if c.Outcome != token.Passed {
					t.Errorf("check %+v, want passed", c)
				}
			}
			if !report.SignatureHolds() {
				t.Error("SignatureHolds is false")
			}
		})
	}
}

// TestHostile is what an attacker sends. The key is real; only the token is not what it should be.
func TestHostile(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	other := generate(t, key.EdDSA)
	kid := k.Public().ID()
	payload := `{"iss":"https://ci.example.com","sub":"main/deploy","aud":["vault"],"exp":1800003600,"nbf":1800000000,"iat":1800000000}`
	head := func(rest string) string { return `{"alg":"EdDSA","kid":"` + kid + `"` + rest + `}` }
	hmacToken := func() string {
		pem, err := k.Public().PEM()
		if err != nil {
			t.Fatal(err)
		}
		input := encode(`{"alg":"HS256","kid":"`+kid+`"}`) + "." + encode(payload)
		mac := hmac.New(sha256.New, pem)
		mac.Write([]byte(input))
		return input + "." + encode(string(mac.Sum(nil)))
	}
	valid := forge(t, k, head(`,"typ":"JWT"`), payload)
	parts := strings.Split(valid, ".")
	tests := map[string]struct {
		raw  string
		want error
		text string
	}{
		"nothing":                      {"", token.ErrMalformed, "nothing"},
		"not a token":                  {"hello", token.ErrMalformed, "1 part(s)"},
		"two parts":                    {parts[0] + "." + parts[1], token.ErrMalformed, "2 part(s)"},
		"jwe":                          {"eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", token.ErrMalformed, "encrypted token (JWE)"},
		"json serialization":           {`{"payload":"x"}`, token.ErrMalformed, "a JSON object"},
		"too large":                    {parts[0] + "." + parts[1] + "." + strings.Repeat("A", token.DefaultMaxBytes), token.ErrMalformed, "at most 65536"},
		"padded":                       {valid + "==", token.ErrMalformed, "not base64url without padding"},
		"a line break":                 {valid + "\n", token.ErrMalformed, "not base64url without padding"},
		"a space":                      {" " + valid, token.ErrMalformed, "not base64url without padding"},
		"standard base64":              {parts[0] + "." + parts[1] + "." + strings.Repeat("+/", 43), token.ErrMalformed, "base64url"},
		"header is no object":          {forge(t, k, `[]`, payload), token.ErrMalformed, "not a JSON object"},
		"header null":                  {forge(t, k, `null`, payload), token.ErrMalformed, `no "alg"`},
		"header not utf-8":             {forge(t, k, "{\"alg\":\"EdDSA\",\"kid\":\"\xff\"}", payload), token.ErrMalformed, "UTF-8"},
		"header with bom":              {forge(t, k, "\ufeff"+head(""), payload), token.ErrMalformed, "not JSON"},
		"header with more after it":    {forge(t, k, head("")+"{}", payload), token.ErrMalformed, "not JSON"},
		"duplicate alg":                {forge(t, k, `{"alg":"none",`+head("")[1:], payload), token.ErrMalformed, "duplicate member"},
		"duplicate alg, escaped":       {forge(t, k, `{"\u0061lg":"none",`+head("")[1:], payload), token.ErrMalformed, "duplicate member"},
		"ALG beside alg":               {forge(t, k, head(`,"ALG":"none"`), payload), token.ErrMalformed, "differs from"},
		"no alg":                       {forge(t, k, `{"kid":"`+kid+`"}`, payload), token.ErrMalformed, `no "alg"`},
		"alg null":                     {forge(t, k, `{"alg":null}`, payload), token.ErrMalformed, `"alg" of the wrong type`},
		"alg is a list":                {forge(t, k, `{"alg":["EdDSA"]}`, payload), token.ErrMalformed, `"alg" of the wrong type`},
		"kid null":                     {forge(t, k, `{"alg":"EdDSA","kid":null}`, payload), token.ErrMalformed, `"kid" of the wrong type`},
		"kid empty":                    {forge(t, k, `{"alg":"EdDSA","kid":""}`, payload), token.ErrKey, "an empty one"},
		"alg none":                     {encode(`{"alg":"none"}`) + "." + encode(payload) + ".", token.ErrAlgorithm, "no signature"},
		"alg nOnE":                     {encode(`{"alg":"nOnE"}`) + "." + encode(payload) + ".", token.ErrAlgorithm, "no signature"},
		"alg eddsa in small":           {forge(t, k, `{"alg":"eddsa","kid":"`+kid+`"}`, payload), token.ErrAlgorithm, "eddsa"},
		"hmac with our public key":     {hmacToken(), token.ErrAlgorithm, "shared secret"},
		"alg of another key type":      {forge(t, k, `{"alg":"RS256","kid":"`+kid+`"}`, payload), token.ErrAlgorithm, "want EdDSA, the key's one algorithm, got RS256"},
		"unknown kid":                  {forge(t, k, `{"alg":"EdDSA","kid":"x"}`, payload), token.ErrKey, `kid "x", which is unknown`},
		"another key under our kid":    {forge(t, other, head(""), payload), token.ErrSignature, "another key signed it"},
		"another key without kid":      {forge(t, other, `{"alg":"EdDSA"}`, payload), token.ErrSignature, "another key signed it"},
		"jku":                          {forge(t, other, head(`,"jku":"https://evil.example/keys"`), payload), token.ErrSignature, "another key signed it"},
		"jwk":                          {forge(t, other, `{"alg":"EdDSA","jwk":`+jwk(t, other)+`}`, payload), token.ErrSignature, "another key signed it"},
		"empty signature":              {parts[0] + "." + parts[1] + ".", token.ErrSignature, "the token was changed"},
		"crit":                         {forge(t, k, head(`,"crit":["exp"]`), payload), token.ErrCritical, "crit: want none"},
		"crit null":                    {forge(t, k, head(`,"crit":null`), payload), token.ErrCritical, "crit: want none"},
		"crit empty":                   {forge(t, k, head(`,"crit":[]`), payload), token.ErrCritical, "crit: want none"},
		"b64":                          {forge(t, k, head(`,"b64":false`), payload), token.ErrCritical, "b64"},
		"typ of something else":        {forge(t, k, head(`,"typ":"at+jwt"`), payload), token.ErrType, `want JWT, got "at+jwt"`},
		"nested":                       {forge(t, k, head(`,"cty":"JWT"`), valid), token.ErrType, "a token within a token"},
		"nested without cty":           {forge(t, k, head(""), valid), token.ErrClaims, "not JSON"},
		"duplicate claim":              {forge(t, k, head(""), `{"sub":"evil",`+payload[1:]), token.ErrClaims, "duplicate member"},
		"duplicate unknown claim":      {forge(t, k, head(""), `{"x":1,"x":2,`+payload[1:]), token.ErrClaims, "duplicate member"},
		"duplicate in a nested object": {forge(t, k, head(""), `{"x":{"y":1,"y":2},`+payload[1:]), token.ErrClaims, "duplicate member"},
		"ISS beside iss":               {forge(t, k, head(""), `{"ISS":"evil",`+payload[1:]), token.ErrClaims, `"ISS", which differs from "iss" in case only`},
		"iss with a long s":            {forge(t, k, head(""), `{"iſs":"evil",`+payload[1:]), token.ErrClaims, "in case only"},
		"escaped ISS":                  {forge(t, k, head(""), `{"\u0049SS":"evil",`+payload[1:]), token.ErrClaims, "in case only"},
		"claims are a list":            {forge(t, k, head(""), `[]`), token.ErrClaims, "not a JSON object"},
		"claims not utf-8":             {forge(t, k, head(""), "{\"sub\":\"\xff\"}"), token.ErrClaims, "UTF-8"},
		"exp is text":                  {forge(t, k, head(""), `{"exp":"1800003600"}`), token.ErrClaims, `"exp" of the wrong type`},
		"exp null":                     {forge(t, k, head(""), `{"exp":null}`), token.ErrClaims, `"exp" of the wrong type`},
		"exp 0":                        {forge(t, k, head(""), `{"exp":0}`), token.ErrClaims, `"exp" of the wrong type`},
		"exp 1e300":                    {forge(t, k, head(""), `{"exp":1e300}`), token.ErrClaims, `"exp" of the wrong type`},
		"exp negative":                 {forge(t, k, head(""), `{"exp":-1}`), token.ErrClaims, `"exp" of the wrong type`},
		"aud is a number":              {forge(t, k, head(""), `{"aud":1}`), token.ErrClaims, `"aud" of the wrong type`},
		"aud has a number":             {forge(t, k, head(""), `{"aud":["vault",1]}`), token.ErrClaims, `"aud" of the wrong type`},
		"aud null":                     {forge(t, k, head(""), `{"aud":null}`), token.ErrClaims, `"aud" of the wrong type`},
		"aud huge":                     {forge(t, k, head(""), `{"aud":[`+strings.Repeat(`"a",`, 256)+`"vault"]}`), token.ErrClaims, `"aud" of the wrong type: want at most 256 elements`},
		"deep":                         {forge(t, k, head(""), `{"x":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+`}`), token.ErrClaims, "values nested too deep"},
		"no claims":                    {forge(t, k, head(""), `{}`), token.ErrRequired, "required: want exp, got none"},
		"aud empty":                    {forge(t, k, head(""), strings.Replace(payload, `["vault"]`, `[]`, 1)), token.ErrAudience, "aud: want"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, report, err := token.Verify[claims](t.Context(), test.raw, set(t, k), profile())
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %v, want %v with %q", err, test.want, test.text)
			}
			checkReport(t, report)
			if holds := report.SignatureHolds(); holds && !errors.Is(err, token.ErrClaims) && !errors.Is(err, token.ErrRequired) && !errors.Is(err, token.ErrAudience) {
				t.Error("the report says that the signature holds")
			}
		})
	}
	if _, _, err := token.Verify[claims](t.Context(), valid, set(t, k), profile()); err != nil {
		t.Errorf("the token that the hostile ones are made of is refused: %v", err)
	}
}

// checkReport: every check is listed once and in order, and at least one failed.
func checkReport(t *testing.T, report token.Report) {
	t.Helper()
	var names []string
	for _, c := range report {
		if c.Name != "required" {
			names = append(names, c.Name)
		}
		if c.Outcome == token.Failed && (c.Want == "" || c.Got == "") {
			t.Errorf("failed check %+v names no expected or no got", c)
		}
	}
	slices.Sort(names)
	want := []string{"algorithm", "aud", "claims", "crit", "exp", "format", "iss", "key", "life", "nbf", "signature", "type"}
	if !slices.Equal(names, want) {
		t.Errorf("report lists %v, want %v", names, want)
	}
	if len(report.Failed()) == 0 {
		t.Error("no check failed")
	}
}

func jwk(t *testing.T, k key.Private) string {
	t.Helper()
	text, err := k.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryFailureIsNamed: a token that is wrong in every way is told so in every way.
func TestEveryFailureIsNamed(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	c := good()
	c.Issuer, c.Audience, c.Subject = "https://evil.example", token.Audience{"aws"}, ""
	c.NotBefore, c.Expiry = token.NumericDate(now.Unix()+60), token.NumericDate(now.Unix())
	c.IssuedAt = token.NumericDate(now.Unix() - 2*86400)
	_, report, err := token.Verify[claims](t.Context(), sign(t, k, c), set(t, k), profile())
	for _, want := range []error{token.ErrIssuer, token.ErrAudience, token.ErrNotYetValid, token.ErrExpired, token.ErrLife, token.ErrRequired} {
		if !errors.Is(err, want) {
			t.Errorf("error %v is not %v", err, want)
		}
	}
	if n := len(report.Failed()); n != 6 || !report.SignatureHolds() {
		t.Errorf("%d checks failed, want 6, after a signature that holds: %v", n, report)
	}
	for _, want := range []string{
		`iss: want "https://ci.example.com", got "https://evil.example"`,
		`aud: want "vault", got "aws"`,
		"exp: want after 2027-01-15T08:00:00Z, got 2027-01-15T08:00:00Z",
		"nbf: want at most 2027-01-15T08:00:00Z, got 2027-01-15T08:01:00Z",
		"life: want at most 24h0m0s, got 48h0m0s",
		"required: want sub, got none",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	at := func(c claims, leeway time.Duration) error {
		p := profile()
		p.Leeway = leeway
		_, _, err := token.Verify[claims](t.Context(), sign(t, k, c), set(t, k), p)
		return err
	}
	c := good()
	c.Expiry = token.NumericDate(now.Unix())
	if err := at(c, 0); !errors.Is(err, token.ErrExpired) {
		t.Errorf("at exp: %v, want ErrExpired", err)
	}
	if err := at(c, 30*time.Second); err != nil {
		t.Errorf("at exp with leeway: %v", err)
	}
	c = good()
	c.NotBefore++
	if err := at(c, 0); !errors.Is(err, token.ErrNotYetValid) {
		t.Errorf("before nbf: %v, want ErrNotYetValid", err)
	}
	if err := at(c, time.Second); err != nil {
		t.Errorf("before nbf with leeway: %v", err)
	}
	c = good()
	c.IssuedAt = token.NumericDate(now.Unix() + 3000)
	if err := at(c, 0); !errors.Is(err, token.ErrLife) {
		t.Errorf("iat ahead of the clock: %v, want ErrLife", err)
	}
}

type brokenSet struct{ err error }

func (b brokenSet) Find(context.Context, string) ([]key.Public, error) { return nil, b.err }

func TestKeySetErrorIsWrapped(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	k := generate(t, key.EdDSA)
	_, _, err := token.Verify[claims](t.Context(), sign(t, k, good()), brokenSet{fmt.Errorf("fetch: %w", away)}, profile())
	if !errors.Is(err, away) || !errors.Is(err, token.ErrKey) {
		t.Errorf("error %v, want the key set's", err)
	}
}

// TestNoOtherTextVerifies: a token with any one bit of its text changed is refused.
func TestNoOtherTextVerifies(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []key.Algorithm{key.RS256, key.EdDSA, key.ES256} {
		k := generate(t, algorithm)
		keys := set(t, k)
		raw := sign(t, k, good())
		step := map[key.Algorithm]int{key.RS256: 3, key.ES256: 7, key.EdDSA: 5}[algorithm] // a sample: each costs a verification
		for i := 0; i < len(raw); i += step {
			for bit := range 8 {
				changed := []byte(raw)
				changed[i] ^= 1 << bit
				if _, _, err := token.Verify[claims](t.Context(), string(changed), keys, profile()); err == nil {
					t.Fatalf("%s: bit %d of byte %d changed, and the token verifies", algorithm, bit, i)
				}
			}
		}
	}
}

func TestZeroVerifiedIsUseless(t *testing.T) {
	t.Parallel()
	var v token.Verified[claims]
	if v.Claims().Subject != "" || v.Payload() != nil || v.Key().ID() != "" {
		t.Error("the zero Verified holds something")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	decoded, err := token.Parse(sign(t, k, good()), 0)
	if err != nil || !strings.Contains(string(decoded.Payload()), `"team":"main"`) || !strings.Contains(string(decoded.Header()), `"alg":"EdDSA"`) {
		t.Errorf("Parse: %s %s %v", decoded.Header(), decoded.Payload(), err)
	}
	for _, raw := range []string{"", "a.b", encode("{}") + "." + encode("[]") + ".", encode("{}") + "." + encode(`{"a":1,"a":2}`) + ".", encode("x") + "." + encode("{}") + "."} {
		if _, err := token.Parse(raw, 0); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("Parse(%q): %v, want ErrMalformed", raw, err)
		}
	}
}
