package token_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

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

// TestBestPracticeText: section 2.4 and 3.7, and RFC 8259: one text has one reading, in UTF-8.
func TestBestPracticeText(t *testing.T) {
	t.Parallel()
	broken := wants(token.ErrClaims)
	tests := map[string]claimCase{
		"3.7 UTF-8":                    {payload: more(`"team":"отдел \u043e\ud83d\ude00 😀"`)},
		"3.7 Latin-1":                  {payload: more("\"team\":\"caf\xe9\""), want: broken},
		"3.7 UTF-16":                   {payload: "\xff\xfe{\x00}\x00", want: broken},
		"3.7 overlong":                 {payload: more("\"team\":\"\xc0\xaf\""), want: broken},
		"3.7 surrogate in UTF-8":       {payload: more("\"team\":\"\xed\xa0\x80\""), want: broken},
		"3.7 escaped lone surrogate":   {payload: more(`"team":"\ud800"`), want: broken},
		"3.7 in a name":                {payload: more("\"te\xffam\":\"x\""), want: broken},
		"3.7 in an unknown claim":      {payload: more("\"x\":[{\"y\":\"\xff\"}]"), want: broken},
		"3.7 byte order mark":          {payload: "\ufeff" + goodPayload, want: broken},
		"NUL":                          {payload: more("\"team\":\"a\x00\""), want: broken},
		"2.4 duplicate":                {payload: more(`"iss":"https://evil.example"`), want: broken},
		"2.4 duplicate with same text": {payload: more(`"sub":"main/deploy"`), want: broken},
		"2.4 duplicate, escaped":       {payload: more(`"\u0069ss":"https://evil.example"`), want: broken},
		"2.4 duplicate unknown":        {payload: more(`"x":1,"x":1`), want: broken},
		"2.4 duplicate deep within":    {payload: more(`"x":[[{"a":{"b":1,"b":2}}]]`), want: broken},
		"2.4 duplicate own claim":      {payload: more(`"team":"main","team":"other"`), want: broken},
		"2.4 ISS beside iss":           {payload: more(`"ISS":"https://evil.example"`), want: broken},
		"2.4 Iss alone":                {payload: strings.Replace(goodPayload, `"iss"`, `"Iss"`, 1), want: broken},
		"2.4 EXP instead of exp":       {payload: strings.Replace(goodPayload, `"exp"`, `"EXP"`, 1), want: broken},
		"2.4 Aud beside aud":           {payload: more(`"Aud":["vault"]`), want: broken},
		"2.4 s and long s":             {payload: more(`"iſſ":"https://evil.example"`), want: broken},
		"2.4 unknown ones may differ":  {payload: more(`"x":1,"X":2`)},
		"comment":                      {payload: more(`/* */"x":1`), want: broken},
		"trailing comma":               {payload: strings.TrimSuffix(goodPayload, "}") + ",}", want: broken},
		"more after it":                {payload: goodPayload + "{}", want: broken},
		"blanks around":                {payload: " \r\n\t" + goodPayload + "\n"},
		"single quotes":                {payload: strings.ReplaceAll(goodPayload, `"`, `'`), want: broken},
		"NaN":                          {payload: other("exp", "NaN"), want: broken},
		"hexadecimal":                  {payload: other("exp", "0x6b49d210"), want: broken},
		"leading zero":                 {payload: other("exp", "01800003600"), want: broken},
		"empty":                        {payload: "", want: broken},
		"null":                         {payload: "null", want: wants(token.ErrClaims)},
		"text":                         {payload: `"x"`, want: broken},
		"number":                       {payload: "1", want: broken},
		"list of claims":               {payload: "[" + goodPayload + "]", want: broken},
	}
	runClaims(t, tests)
}

// TestBestPracticeIssuerAndAudience: sections 3.8 and 3.9. Both are compared exactly.
func TestBestPracticeIssuerAndAudience(t *testing.T) {
	t.Parallel()
	unreadable := wants(token.ErrClaims)
	lax := func(p *token.Profile) { p.Issuer, p.Audience, p.Required = "", nil, nil }
	tests := map[string]claimCase{
		"3.8 another issuer":          {payload: other("iss", `"https://evil.example"`), want: wants(token.ErrIssuer)},
		"3.8 trailing slash":          {payload: other("iss", `"https://ci.example.com/"`), want: wants(token.ErrIssuer)},
		"3.8 other case":              {payload: other("iss", `"https://CI.example.com"`), want: wants(token.ErrIssuer)},
		"3.8 begins with ours":        {payload: other("iss", `"https://ci.example.com.evil.example"`), want: wants(token.ErrIssuer)},
		"3.8 http":                    {payload: other("iss", `"http://ci.example.com"`), want: wants(token.ErrIssuer)},
		"3.8 escaped, the same":       {payload: other("iss", `"https:\/\/ci.example.com"`)},
		"3.8 missing":                 {payload: other("iss", ""), want: wants(token.ErrIssuer, token.ErrRequired)},
		"3.8 null":                    {payload: other("iss", "null"), want: wants(token.ErrIssuer, token.ErrRequired)},
		"3.8 list with ours":          {payload: other("iss", `["https://ci.example.com"]`), want: unreadable},
		"3.8 number":                  {payload: other("iss", "1"), want: unreadable},
		"3.8 not asked for":           {payload: other("iss", ""), profile: lax},
		"3.8 no subject":              {payload: other("sub", ""), want: wants(token.ErrRequired)},
		"3.8 null subject":            {payload: other("sub", "null"), want: wants(token.ErrRequired)},
		"3.8 empty subject":           {payload: other("sub", `""`), want: wants(token.ErrRequired)},
		"3.8 subject is a list":       {payload: other("sub", `["main/deploy"]`), want: unreadable},
		"3.9 text":                    {payload: other("aud", `"vault"`)},
		"3.9 list":                    {payload: other("aud", `["aws","vault"]`)},
		"3.9 another":                 {payload: other("aud", `"aws"`), want: wants(token.ErrAudience)},
		"3.9 list of others":          {payload: other("aud", `["aws"]`), want: wants(token.ErrAudience)},
		"3.9 other case":              {payload: other("aud", `"Vault"`), want: wants(token.ErrAudience)},
		"3.9 part of ours":            {payload: other("aud", `"vaul"`), want: wants(token.ErrAudience)},
		"3.9 begins with ours":        {payload: other("aud", `"vault2"`), want: wants(token.ErrAudience)},
		"3.9 with a blank":            {payload: other("aud", `"vault "`), want: wants(token.ErrAudience)},
		"3.9 several in one text":     {payload: other("aud", `"aws vault"`), want: wants(token.ErrAudience)},
		"3.9 pattern":                 {payload: other("aud", `"*"`), want: wants(token.ErrAudience)},
		"3.9 empty text":              {payload: other("aud", `""`), want: wants(token.ErrAudience)},
		"3.9 empty list":              {payload: other("aud", "[]"), want: wants(token.ErrAudience, token.ErrRequired)},
		"3.9 missing":                 {payload: other("aud", ""), want: wants(token.ErrAudience, token.ErrRequired)},
		"3.9 null":                    {payload: other("aud", "null"), want: unreadable},
		"3.9 number":                  {payload: other("aud", "1"), want: unreadable},
		"3.9 object":                  {payload: other("aud", `{"vault":true}`), want: unreadable},
		"3.9 list in a list":          {payload: other("aud", `[["vault"]]`), want: unreadable},
		"3.9 list with a null":        {payload: strings.Replace(goodPayload, `["vault"]`, `["vault",null]`, 1), want: unreadable},
		"3.9 256":                     {payload: strings.Replace(goodPayload, `["vault"]`, `[`+strings.Repeat(`"a",`, 255)+`"vault"]`, 1)},
		"3.9 257":                     {payload: strings.Replace(goodPayload, `["vault"]`, `[`+strings.Repeat(`"a",`, 256)+`"vault"]`, 1), want: unreadable},
		"3.9 one of two asked for":    {payload: goodPayload, profile: func(p *token.Profile) { p.Audience = []string{"x", "vault"} }},
		"3.9 not asked for":           {payload: other("aud", ""), profile: lax},
		"3.12 another kind's claims":  {payload: goodPayload, profile: func(p *token.Profile) { p.Required = []string{"etchaPattern"} }, want: wants(token.ErrRequired)},
		"3.12 a required claim null":  {payload: more(`"team":null`), profile: func(p *token.Profile) { p.Required = []string{"team"} }, want: wants(token.ErrRequired)},
		"3.12 a required claim false": {payload: more(`"x":false`), profile: func(p *token.Profile) { p.Required = []string{"x"} }},
		"3.12 required within":        {payload: more(`"x":{"team":1}`), profile: func(p *token.Profile) { p.Required = []string{"team"} }, want: wants(token.ErrRequired)},
	}
	runClaims(t, tests)
}

// TestBestPracticeTimes: RFC 7519 sections 4.1.4 to 4.1.6. The clock stands at 1800000000.
func TestBestPracticeTimes(t *testing.T) {
	t.Parallel()
	unreadable := wants(token.ErrClaims)
	lax := func(p *token.Profile) { p.Required, p.MaxLife = nil, 0 }
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

// TestBestPracticeFormat: section 3.14. Three parts of base64url without padding, and no other character.
func TestBestPracticeFormat(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			k := generate(t, algorithm)
			raw := sign(t, k, good())
			parts := strings.Split(raw, ".")
			header, payload, signature := parts[0], parts[1], parts[2]
			texts := map[string]string{
				"empty": "", "dots": "..", "one part": header, "two parts": header + "." + payload, "four parts": raw + "." + signature, "a dot after": raw + ".", "a dot before": "." + raw,
				"no header": "." + payload + "." + signature, "five parts": raw + "." + signature + "." + signature, "Bearer": "Bearer " + raw, "quoted": `"` + raw + `"`,
				"in braces": "{" + raw + "}", "JSON, flattened": `{"protected":"` + header + `","payload":"` + payload + `","signature":"` + signature + `"}`,
				"JSON, general": `{"payload":"` + payload + `","signatures":[{"protected":"` + header + `","signature":"` + signature + `"}]}`,
				"polyglot":      `{"a.` + raw + `.b":1}`, "detached": header + ".." + signature + ".",
				"unused bits of the signature": unusedBits(t, raw),
			}
			for name, inserted := range map[string]string{
				"newline": "\n", "return": "\r", "blank": " ", "tab": "\t", "NUL": "\x00", "padding": "=", "plus": "+", "slash": "/", "comma": ",", "tilde": "~",
				"no-break space": "\u00a0", "zero width space": "\u200b", "full stop of another script": "\u3002", "percent": "%2E", "high byte": "\xff",
			} {
				texts[name+" before"], texts[name+" after"] = inserted+raw, raw+inserted
				texts[name+" in the header"] = header[:8] + inserted + header[8:] + "." + payload + "." + signature
				texts[name+" in the signature"] = header + "." + payload + "." + signature[:8] + inserted + signature[8:]
			}
			for name, text := range texts {
				t.Run(name, func(t *testing.T) { refused(t, text, set(t, k), profile(), token.ErrMalformed) })
			}
			// The payload is decoded only after the signature, which covers its text.
			refused(t, header+"."+payload[:8]+"\n"+payload[8:]+"."+signature, set(t, k), profile(), token.ErrSignature)
			refused(t, header+"."+payload+"=."+signature, set(t, k), profile(), token.ErrSignature)
			for _, text := range []string{"e30=", "e30 ", "e31", "e3\n0", "e+0", "e"} { // the issuer itself wrote this
				input := encode(`{"alg":"`+string(algorithm)+`"}`) + "." + text
				own, err := k.Sign(t.Context(), []byte(input))
				if err != nil {
					t.Fatal(err)
				}
				refused(t, input+"."+encode(string(own)), set(t, k), profile(), token.ErrClaims)
			}
		})
	}
}

// unusedBits sets the last bit of the signature's text, which stands for nothing.
func unusedBits(t *testing.T, raw string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, raw[len(raw)-1])
	if last&1 != 0 {
		t.Fatal("the last character has no unused bits")
	}
	return raw[:len(raw)-1] + alphabet[last|1:last|1+1]
}

// TestSizeBeforeAnything: what is too large is not looked at: not split, not decoded, no key is looked for.
func TestSizeBeforeAnything(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	raw := sign(t, k, good())
	p := profile()
	p.MaxBytes = len(raw)
	accepted(t, raw, set(t, k), p)
	p.MaxBytes--
	refused(t, raw, set(t, k), p, token.ErrMalformed)
	large := []string{strings.Repeat("a", token.DefaultMaxBytes+1), strings.Repeat(".", 1<<20), "{" + strings.Repeat("\xff", 1<<20), raw + strings.Repeat("=", 1<<20)}
	for _, text := range large {
		refused(t, text, set(t, k), profile(), token.ErrMalformed)
		_, _, err := token.Verify[claims](t.Context(), text, brokenSet{errors.New("asked")}, profile())
		if want := fmt.Sprintf("%d bytes; at most %d are taken", len(text), token.DefaultMaxBytes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %.200v, want %q", err, want)
		}
		if _, err := token.Parse(text, 0); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("Parse: %.200v", err)
		}
	}
}
