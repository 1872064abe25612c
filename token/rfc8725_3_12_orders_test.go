package token_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_12Orders: an identity never verifies as an order, even with the key that signed it and whatever the profile
// requires; an order is no identity, and a shared secret, which holds for orders alone, is in no key set.
func TestRule3_12Orders(t *testing.T) {
	t.Parallel()
	k := named(t, key.EdDSA, "a")
	identity, command := sign(t, k, good()), forge(t, k, `{"alg":"EdDSA","kid":"a","typ":"JWT"}`, orderPayload)
	for _, required := range [][]string{nil, {"iat"}, {"etchaPattern"}} {
		p := orderProfile()
		p.Audience, p.NoAudience, p.AnyAudience, p.Required = nil, false, true, required
		if text := refusedOrder(t, identity, orderKeys(t, k.Public()), p, token.ErrRequired); text != "required: want etchaPattern, got none" {
			t.Error(text)
		}
		acceptedOrder(t, command, orderKeys(t, k.Public()), p)
	}
	for name, payload := range map[string]string{
		"null":   strings.Replace(orderPayload, `"etchaPattern":{"entrypoint":"/main.jsonnet","files":{"/main.jsonnet":"{run: []}\n"}}`, `"etchaPattern":null`, 1),
		"within": `{"x":` + orderPayload + `}`, "in capitals": strings.Replace(orderPayload, "etchaPattern", "ETCHAPATTERN", 1),
	} {
		p := orderProfile()
		p.Required = nil
		raw := forge(t, k, `{"alg":"EdDSA"}`, payload)
		if _, _, err := token.VerifyOrder[order]([]byte(raw), orderKeys(t, k.Public()), p); !errors.Is(err, token.ErrRequired) {
			t.Errorf("etchaPattern %s: %v", name, err)
		}
	}
	refused(t, command, set(t, k), profile(), token.ErrIssuer, token.ErrAudience, token.ErrRequired)
	secret := generateHMAC(t, "a")
	refused(t, forgeBy(t, secret, `{"alg":"HS256","kid":"a"}`, goodPayload), set(t, k), profile(), token.ErrAlgorithm)
}
