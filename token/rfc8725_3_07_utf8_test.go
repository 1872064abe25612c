package token_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/token"
)

// TestRule3_07UTF8: one text has one reading: JSON in UTF-8 (RFC 8259), no member twice, no name that differs from a known
// one in case only (RFC 7519 section 4, RFC 7515 section 4).
func TestRule3_07UTF8(t *testing.T) {
	t.Parallel()
	broken := wants(token.ErrClaims)
	runClaims(t, map[string]claimCase{
		"UTF-8":                    {payload: more(`"team":"отдел \u043e\ud83d\ude00 😀"`)},
		"Latin-1":                  {payload: more("\"team\":\"caf\xe9\""), want: broken},
		"UTF-16":                   {payload: "\xff\xfe{\x00}\x00", want: broken},
		"overlong":                 {payload: more("\"team\":\"\xc0\xaf\""), want: broken},
		"surrogate in UTF-8":       {payload: more("\"team\":\"\xed\xa0\x80\""), want: broken},
		"escaped lone surrogate":   {payload: more(`"team":"\ud800"`), want: broken},
		"in a name":                {payload: more("\"te\xffam\":\"x\""), want: broken},
		"in an unknown claim":      {payload: more("\"x\":[{\"y\":\"\xff\"}]"), want: broken},
		"byte order mark":          {payload: "\ufeff" + goodPayload, want: broken},
		"NUL":                      {payload: more("\"team\":\"a\x00\""), want: broken},
		"duplicate":                {payload: more(`"iss":"https://evil.example"`), want: broken},
		"duplicate with same text": {payload: more(`"sub":"main/deploy"`), want: broken},
		"duplicate, escaped":       {payload: more(`"\u0069ss":"https://evil.example"`), want: broken},
		"duplicate unknown":        {payload: more(`"x":1,"x":1`), want: broken},
		"duplicate deep within":    {payload: more(`"x":[[{"a":{"b":1,"b":2}}]]`), want: broken},
		"duplicate own claim":      {payload: more(`"team":"main","team":"other"`), want: broken},
		"ISS beside iss":           {payload: more(`"ISS":"https://evil.example"`), want: broken},
		"Iss alone":                {payload: strings.Replace(goodPayload, `"iss"`, `"Iss"`, 1), want: broken},
		"EXP instead of exp":       {payload: strings.Replace(goodPayload, `"exp"`, `"EXP"`, 1), want: broken},
		"Aud beside aud":           {payload: more(`"Aud":["vault"]`), want: broken},
		"s and long s":             {payload: more(`"iſſ":"https://evil.example"`), want: broken},
		"unknown ones may differ":  {payload: more(`"x":1,"X":2`)},
		"comment":                  {payload: more(`/* */"x":1`), want: broken},
		"trailing comma":           {payload: strings.TrimSuffix(goodPayload, "}") + ",}", want: broken},
		"more after it":            {payload: goodPayload + "{}", want: broken},
		"blanks around":            {payload: " \r\n\t" + goodPayload + "\n"},
		"single quotes":            {payload: strings.ReplaceAll(goodPayload, `"`, `'`), want: broken},
		"NaN":                      {payload: other("exp", "NaN"), want: broken},
		"hexadecimal":              {payload: other("exp", "0x6b49d210"), want: broken},
		"leading zero":             {payload: other("exp", "01800003600"), want: broken},
		"empty":                    {payload: "", want: broken},
		"null":                     {payload: "null", want: wants(token.ErrClaims)},
		"text":                     {payload: `"x"`, want: broken},
		"number":                   {payload: "1", want: broken},
		"list of claims":           {payload: "[" + goodPayload + "]", want: broken},
	})
}
