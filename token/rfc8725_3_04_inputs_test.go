package token_test

import (
	"crypto/rsa"
	"math/big"
	"slices"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_04CryptographicInputs: numbers of a signature that are out of their range are refused.
func TestRule3_04CryptographicInputs(t *testing.T) {
	t.Parallel()
	t.Run("ES256 with r or s at its bounds", func(t *testing.T) {
		t.Parallel()
		order, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
		zero, one := make([]byte, 32), big.NewInt(1).FillBytes(make([]byte, 32))
		bounds := [][]byte{zero, one, order.Bytes()}
		for _, bound := range bounds {
			resigned(t, key.ES256, func(s []byte, _ key.Private) []byte { return append(slices.Clone(s[:32]), bound...) }, token.ErrSignature)
			resigned(t, key.ES256, func(s []byte, _ key.Private) []byte { return append(slices.Clone(bound), s[32:]...) }, token.ErrSignature)
			for _, other := range bounds {
				resigned(t, key.ES256, func([]byte, key.Private) []byte { return append(slices.Clone(bound), other...) }, token.ErrSignature)
			}
		}
	})
	t.Run("RS256 and EdDSA have one signature per text", func(t *testing.T) { // ES256 has many: (r, n-s) is as good as (r, s)
		t.Parallel()
		resigned(t, key.EdDSA, func(s []byte, _ key.Private) []byte { // S plus the order of the group
			order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
			out := slices.Clone(s)
			slices.Reverse(out[32:])
			new(big.Int).Add(new(big.Int).SetBytes(out[32:]), order).FillBytes(out[32:])
			slices.Reverse(out[32:])
			return out
		}, token.ErrSignature)
		resigned(t, key.RS256, func(s []byte, k key.Private) []byte { // plus the modulus
			return new(big.Int).Add(new(big.Int).SetBytes(s), k.Public().Crypto().(*rsa.PublicKey).N).Bytes()
		}, token.ErrSignature)
	})
}
