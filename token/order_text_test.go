package token_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestOrderWrongText: no other text than the signed one is the order.
func TestOrderWrongText(t *testing.T) {
	t.Parallel()
	k := named(t, key.EdDSA, "a")
	keys := orderKeys(t, k.Public())
	const header = `{"alg":"EdDSA","kid":"a","typ":"JWT"}`
	raw := forge(t, k, header, orderPayload)
	acceptedOrder(t, raw, keys, orderProfile())
	parts := strings.Split(raw, ".")
	with := func(i int, part string) string {
		changed := slices.Clone(parts)
		changed[i] = part
		return strings.Join(changed, ".")
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	otherBits := func(part string) string { // the same bytes, where the last character has bits to spare
		last := strings.IndexByte(alphabet, part[len(part)-1])
		return part[:len(part)-1] + string(alphabet[last+1])
	}
	if len(parts[0])%4 == 0 || len(parts[2])%4 == 0 || len(parts[1])%4 == 0 {
		t.Fatal("the last characters have no bits to spare")
	}
	reordered := `{"nbf":1800000000,` + strings.Replace(orderPayload[1:], `,"nbf":1800000000`, "", 1)
	for name, test := range map[string]struct {
		raw  string
		want error
	}{
		"nothing":                       {"", token.ErrMalformed},
		"truncated in the header":       {raw[:20], token.ErrMalformed},
		"truncated in the payload":      {raw[:len(parts[0])+40], token.ErrMalformed},
		"truncated in the signature":    {raw[:len(raw)-2], token.ErrSignature},
		"truncated by a character":      {raw[:len(raw)-1], token.ErrMalformed}, // what is left has bits that are not zero, or too few
		"without its signature":         {raw[:len(raw)-len(parts[2])], token.ErrSignature},
		"members of the payload moved":  {with(1, encode(reordered)), token.ErrSignature},
		"members of the header moved":   {with(0, encode(`{"typ":"JWT","kid":"a","alg":"EdDSA"}`)), token.ErrSignature},
		"kid left out":                  {with(0, encode(`{"alg":"EdDSA","typ":"JWT"}`)), token.ErrSignature},
		"white space in the payload":    {with(1, encode(strings.Replace(orderPayload, ",", ", ", 1))), token.ErrSignature},
		"escapes in the payload":        {with(1, encode(strings.Replace(orderPayload, "web", `w\u0065b`, 1))), token.ErrSignature},
		"a padded signature":            {raw + "==", token.ErrMalformed},
		"a padded header":               {with(0, parts[0]+"="), token.ErrMalformed},
		"a padded payload":              {with(1, parts[1]+"="), token.ErrSignature}, // which is over the text
		"other bits in the signature":   {with(2, otherBits(parts[2])), token.ErrMalformed},
		"other bits in the header":      {with(0, otherBits(parts[0])), token.ErrMalformed},
		"other bits in the payload":     {with(1, otherBits(parts[1])), token.ErrSignature},
		"a final newline":               {raw + "\n", token.ErrMalformed}, // whoever reads a file takes it off
		"a newline in the payload":      {with(1, parts[1][:9]+"\n"+parts[1][9:]), token.ErrSignature},
		"a space before":                {" " + raw, token.ErrMalformed},
		"standard base64":               {with(2, strings.Repeat("+/", 43)), token.ErrMalformed},
		"twice":                         {raw + "." + raw, token.ErrMalformed},
		"as JSON":                       {`{"payload":"` + parts[1] + `"}`, token.ErrMalformed},
		"alg none":                      {with(0, encode(`{"alg":"none"}`)), token.ErrAlgorithm},
		"alg none without signature":    {encode(`{"alg":"none"}`) + "." + parts[1] + ".", token.ErrAlgorithm},
		"alg in small letters":          {forge(t, k, `{"alg":"eddsa"}`, orderPayload), token.ErrAlgorithm},
		"alg of another type":           {forge(t, k, `{"alg":"RS256"}`, orderPayload), token.ErrAlgorithm},
		"crit":                          {forge(t, k, `{"alg":"EdDSA","crit":["x"]}`, orderPayload), token.ErrCritical},
		"typ of something else":         {forge(t, k, `{"alg":"EdDSA","typ":"at+jwt"}`, orderPayload), token.ErrType},
		"a payload that is a list":      {forge(t, k, header, `["etchaPattern"]`), token.ErrClaims},
		"a payload that is null":        {forge(t, k, header, `null`), token.ErrClaims},
		"a payload that is text":        {forge(t, k, header, `"etchaPattern"`), token.ErrClaims},
		"a payload that is a number":    {forge(t, k, header, `1`), token.ErrClaims},
		"a payload that is empty":       {forge(t, k, header, ``), token.ErrClaims},
		"two payloads":                  {forge(t, k, header, orderPayload+orderPayload), token.ErrClaims},
		"a payload that is not UTF-8":   {forge(t, k, header, strings.Replace(orderPayload, "web", "w\xffb", 1)), token.ErrClaims},
		"a member twice":                {forge(t, k, header, `{"aud":"db",`+orderPayload[1:]), token.ErrClaims},
		"a file twice":                  {forge(t, k, header, strings.Replace(orderPayload, `"files":{`, `"files":{"/main.jsonnet":"",`, 1)), token.ErrClaims},
		"EXP beside exp":                {forge(t, k, header, `{"EXP":1,`+orderPayload[1:]), token.ErrClaims},
		"a payload padded, then signed": {resign(t, k, parts[0], parts[1]+"="), token.ErrClaims},
		"other bits, then signed":       {resign(t, k, parts[0], otherBits(parts[1])), token.ErrClaims},
		"a newline, then signed":        {resign(t, k, parts[0], parts[1]+"\n"), token.ErrClaims},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusedOrder(t, test.raw, keys, orderProfile(), test.want)
		})
	}
}

// resign signs two parts as they stand.
func resign(t *testing.T, k key.Private, header, payload string) string {
	t.Helper()
	input := header + "." + payload
	signature, err := k.Sign(t.Context(), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(signature))
}

// TestOrderNoOtherTextVerifies: with any one bit changed an order is refused, under a shared secret, too.
func TestOrderNoOtherTextVerifies(t *testing.T) {
	t.Parallel()
	k, secret := named(t, key.EdDSA, "a"), generateHMAC(t, "a")
	for name, test := range map[string]struct {
		raw  string
		keys key.OrderKeys
	}{
		"EdDSA": {forge(t, k, `{"alg":"EdDSA","kid":"a"}`, orderPayload), orderKeys(t, k.Public())},
		"HS256": {forgeBy(t, secret, `{"alg":"HS256","kid":"a"}`, orderPayload), sharedKeys(t, secret)},
	} {
		acceptedOrder(t, test.raw, test.keys, orderProfile())
		for i := 0; i < len(test.raw); i += 3 {
			for bit := range 8 {
				changed := []byte(test.raw)
				changed[i] ^= 1 << bit
				if _, _, err := token.VerifyOrder[order](changed, test.keys, orderProfile()); err == nil {
					t.Fatalf("%s: bit %d of byte %d changed, and the order verifies", name, bit, i)
				}
			}
		}
	}
}
