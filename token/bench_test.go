package token_test

import (
	"crypto/ed25519"
	"crypto/rsa"
	"testing"

	"crypto"
	"crypto/sha256"

	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// BenchmarkSign: at most 1.05 x the raw RSA signature, 1.35 x the raw Ed25519 signature.
func BenchmarkSign(b *testing.B) {
	for algorithm, limit := range map[key.Algorithm]float64{key.RS256: 1.05, key.EdDSA: 1.35} {
		b.Run(string(algorithm), func(b *testing.B) {
			k := generate(b, algorithm)
			signer, c := token.NewSigner(k), good()
			input := []byte(sign(b, k, c))
			ratio.Run(b, limit,
				func() error { _, err := k.Sign(b.Context(), input); return err },
				func() error { _, err := signer.SignToken(b.Context(), "JWT", c); return err })
		})
	}
}

// BenchmarkVerify: without rules; the promise (1.25 x for RS256, 1.15 x for EdDSA) is with one, see package policy.
func BenchmarkVerify(b *testing.B) {
	for algorithm, limit := range map[key.Algorithm]float64{key.RS256: 1.25, key.EdDSA: 1.15} {
		b.Run(string(algorithm), func(b *testing.B) {
			k := generate(b, algorithm)
			keys, raw := set(b, k), sign(b, k, good())
			input := []byte(raw)
			signature, err := k.Sign(b.Context(), input)
			if err != nil {
				b.Fatal(err)
			}
			ratio.Run(b, limit,
				func() error { return rawVerify(k.Public(), input, signature) },
				func() error {
					_, _, err := token.Verify[claims](b.Context(), raw, keys, profile())
					return err
				})
		})
	}
}

func rawVerify(k key.Public, input, signature []byte) error {
	switch pub := k.Crypto().(type) {
	case *rsa.PublicKey:
		sum := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], signature)
	case ed25519.PublicKey:
		return ed25519.VerifyWithOptions(pub, input, signature, &ed25519.Options{})
	}
	return nil
}
