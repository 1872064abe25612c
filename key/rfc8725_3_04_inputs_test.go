package key_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// refusedPoint: neither the key nor a JWK of it is taken.
func refusedPoint(t *testing.T, public crypto.PublicKey, jwk, want string) {
	t.Helper()
	if _, err := key.NewPublic(public, "x"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("NewPublic: %v, want %q", err, want)
	}
	if _, err := key.ParsePublic([]byte(jwk)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("ParsePublic(%s): %v, want %q", jwk, err, want)
	}
	if set, err := key.ParseSet([]byte(`{"keys":[` + jwk + `]}`)); err == nil {
		t.Errorf("ParseSet(%s): %d keys", jwk, len(set.Keys()))
	}
}

// TestRule3_04CryptographicInputs: points that are not on their curve, or of small order, make no key.
func TestRule3_04CryptographicInputs(t *testing.T) {
	t.Parallel()
	t.Run("P-256", func(t *testing.T) {
		t.Parallel()
		good := generate(t, key.ES256, "").Public().Crypto().(*ecdsa.PublicKey)
		text, err := good.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		x, y := text[1:33], text[33:]
		p := elliptic.P256().Params().P
		flipped := slices.Clone(y)
		flipped[31] ^= 1
		zero := make([]byte, 32)
		over := func(n []byte) []byte { // the same number, with the prime added where it fits, else another one
			sum := new(big.Int).Add(new(big.Int).SetBytes(n), p)
			return new(big.Int).And(sum, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))).FillBytes(make([]byte, 32))
		}
		for name, point := range map[string][2][]byte{
			"off the curve": {x, flipped}, "x for y": {y, x}, "zero": {zero, zero}, "x zero": {zero, y}, "y zero": {x, zero}, "y over the prime": {x, over(y)}, "all ones": {slices.Repeat([]byte{0xff}, 32), slices.Repeat([]byte{0xff}, 32)},
		} {
			t.Run(name, func(t *testing.T) {
				//lint:ignore SA1019 nothing else makes a bad one
				public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(point[0]), Y: new(big.Int).SetBytes(point[1])}
				encode := base64.RawURLEncoding.EncodeToString
				refusedPoint(t, public, fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, encode(point[0]), encode(point[1])), "point")
			})
		}
		for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P384(), elliptic.P521()} {
			//lint:ignore SA1019 as above
			if _, err := key.NewPublic(&ecdsa.PublicKey{Curve: curve, X: curve.Params().Gx, Y: curve.Params().Gy}, ""); err == nil {
				t.Errorf("%s is taken", curve.Params().Name)
			}
		}
	})
	t.Run("Ed25519", func(t *testing.T) {
		t.Parallel()
		points := map[string]struct{ hex, want string }{
			"of order 1":                  {"0100000000000000000000000000000000000000000000000000000000000000", "small order"},
			"of order 2":                  {"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "small order"},
			"of order 4":                  {"0000000000000000000000000000000000000000000000000000000000000000", "small order"},
			"of order 4, the other":       {"0000000000000000000000000000000000000000000000000000000000000080", "small order"},
			"of order 8, first":           {"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "small order"},
			"of order 8, second":          {"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", "small order"},
			"of order 8, third":           {"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "small order"},
			"of order 8, fourth":          {"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", "small order"},
			"1 with the sign of -0":       {"0100000000000000000000000000000000000000000000000000000000000080", "one encoding"},
			"-1 with the sign of -0":      {"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "one encoding"},
			"0 plus the prime":            {"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "one encoding"},
			"1 plus the prime":            {"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "one encoding"},
			"3 plus the prime":            {"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "one encoding"},
			"y of 2, which is no point":   {"0200000000000000000000000000000000000000000000000000000000000000", "not a point"},
			"y of 2, with the other sign": {"0200000000000000000000000000000000000000000000000000000000000080", "not a point"},
		}
		for name, point := range points {
			t.Run(name, func(t *testing.T) {
				text := must(t)(hex.DecodeString(point.hex))
				refusedPoint(t, ed25519.PublicKey(text), fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, base64.RawURLEncoding.EncodeToString(text)), point.want)
			})
		}
		// What is at stake: with the point of order 1 as key, this signature holds for every text.
		forAll := append(must(t)(hex.DecodeString(points["of order 1"].hex)), make([]byte, 32)...)
		if !ed25519.Verify(must(t)(hex.DecodeString(points["of order 1"].hex)), []byte("any text"), forAll) {
			t.Error("the standard library refuses it by now")
		}
		for range 100 { // every real key is one
			generate(t, key.EdDSA, "")
		}
	})
	t.Run("RSA", func(t *testing.T) {
		t.Parallel()
		good := generate(t, key.RS256, "").Public().Crypto().(*rsa.PublicKey)
		for want, public := range map[string]*rsa.PublicKey{
			"without a modulus": {E: 65537}, "RSA exponent 0": {N: good.N}, "RSA exponent 1 ": {N: good.N, E: 1}, "RSA exponent 2 ": {N: good.N, E: 2},
			"RSA exponent -3": {N: good.N, E: -3}, "has 1 bits": {N: big.NewInt(1), E: 3}, "is even": {N: new(big.Int).Lsh(good.N, 1), E: 3},
		} {
			if _, err := key.NewPublic(public, ""); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("NewPublic: %v, want %q", err, want)
			}
		}
	})
}
