package token_test

import (
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_03ValidateAllOperations: a signature that does not hold in every bit refuses the whole token, and what is no
// signed token, or holds another, is told apart.
func TestRule3_03ValidateAllOperations(t *testing.T) {
	t.Parallel()
	t.Run("a signature of another length or form", func(t *testing.T) {
		t.Parallel()
		changes := map[string]func([]byte) []byte{
			"a zero byte before": func(s []byte) []byte { return append([]byte{0}, s...) },
			"a zero byte after":  func(s []byte) []byte { return append(slices.Clone(s), 0) },
			"a zero byte within": func(s []byte) []byte { return slices.Insert(slices.Clone(s), len(s)/2, 0) }, // r, then 0 and s: the same numbers
			"one byte less":      func(s []byte) []byte { return s[:len(s)-1] },
			"first byte left":    func(s []byte) []byte { return s[1:] },
			"twice":              func(s []byte) []byte { return append(slices.Clone(s), s...) },
			"zeros":              func(s []byte) []byte { return make([]byte, len(s)) },
			"ones":               func(s []byte) []byte { return slices.Repeat([]byte{0xff}, len(s)) },
			"none":               func([]byte) []byte { return nil },
			"reversed":           func(s []byte) []byte { s = slices.Clone(s); slices.Reverse(s); return s },
		}
		for _, algorithm := range algorithms {
			for name, change := range changes {
				t.Run(string(algorithm)+" "+name, func(t *testing.T) {
					resigned(t, algorithm, func(s []byte, _ key.Private) []byte { return change(s) }, token.ErrSignature)
				})
			}
		}
	})
	t.Run("ES256 in ASN.1", func(t *testing.T) {
		t.Parallel()
		resigned(t, key.ES256, func(s []byte, _ key.Private) []byte {
			der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:])})
			if err != nil {
				t.Fatal(err)
			}
			return der
		}, token.ErrSignature)
	})
	t.Run("a token within a token", func(t *testing.T) {
		t.Parallel()
		k := generate(t, key.EdDSA)
		inner := sign(t, k, good())
		for _, cty := range []string{"JWT", "jwt", "application/jwt", "APPLICATION/JWT"} {
			refused(t, forge(t, k, `{"alg":"EdDSA","cty":"`+cty+`"}`, inner), set(t, k), profile(), token.ErrType)
			refused(t, forge(t, k, `{"alg":"EdDSA","cty":"`+cty+`"}`, goodPayload), set(t, k), profile(), token.ErrType)
		}
		refused(t, forge(t, k, `{"alg":"EdDSA"}`, inner), set(t, k), profile(), token.ErrClaims)
		refused(t, forge(t, k, `{"alg":"EdDSA"}`, `"`+inner+`"`), set(t, k), profile(), token.ErrClaims)
	})
	t.Run("an encrypted token is no signed one", func(t *testing.T) {
		t.Parallel()
		k := generate(t, key.EdDSA)
		for _, header := range []string{
			`{"alg":"RSA-OAEP","enc":"A256GCM"}`, `{"alg":"ECDH-ES","enc":"A256GCM","epk":{}}`, `{"alg":"dir","enc":"A256GCM"}`, `{"alg":"EdDSA","enc":"A256GCM"}`, `{"alg":"EdDSA","enc":null}`,
		} {
			raw := forge(t, k, header, goodPayload)
			refused(t, raw, set(t, k), profile(), token.ErrType) // three parts: not even then
			refused(t, raw+"."+encode("x")+"."+encode("y"), set(t, k), profile(), token.ErrMalformed)
		}
	})
}

// resigned replaces the signature of a good token by what change makes of it.
func resigned(t *testing.T, algorithm key.Algorithm, change func(signature []byte, k key.Private) []byte, want ...error) {
	t.Helper()
	k := generate(t, algorithm)
	raw := sign(t, k, good())
	input := raw[:strings.LastIndexByte(raw, '.')]
	signature, err := k.Sign(t.Context(), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	accepted(t, input+"."+encode(string(signature)), set(t, k), profile())
	refused(t, input+"."+encode(string(change(signature, k))), set(t, k), profile(), want...)
}
