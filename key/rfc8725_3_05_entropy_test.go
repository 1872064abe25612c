package key_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// prime returns a random prime of the size.
func prime(t *testing.T, bits int) *big.Int {
	t.Helper()
	p, err := rand.Prime(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rocaPrime returns a prime of the form k*M + (65537^a mod M), M the product of the first 126 primes, as the broken
// library made them (CVE-2017-15361).
func rocaPrime(t *testing.T) *big.Int {
	t.Helper()
	m := big.NewInt(1)
	for p, n := int64(2), 0; n < 126; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
			n++
		}
	}
	a := new(big.Int).Exp(big.NewInt(65537), prime(t, 64), m)
	low := new(big.Int).Lsh(big.NewInt(1), 1023)
	k := new(big.Int).Div(low.Add(low, new(big.Int).Lsh(big.NewInt(1), 1022)), m) // two such have 2048 bits
	for {
		p := new(big.Int).Add(new(big.Int).Mul(k, m), a)
		if p.ProbablyPrime(0) {
			return p
		}
		k.Add(k, big.NewInt(1))
	}
}

// TestRule3_05KeyEntropy: no password can become a key, no RSA key is short, and none is taken that is known to be easily
// factored.
func TestRule3_05KeyEntropy(t *testing.T) {
	t.Parallel()
	t.Run("no shared secret, of any length", func(t *testing.T) {
		t.Parallel()
		good := string(must(t)(generate(t, key.EdDSA, "good").Public().MarshalJSON()))
		for _, length := range []int{0, 6, 31, 32, 64, 512} {
			oct := fmt.Sprintf(`{"kty":"oct","alg":"HS256","kid":"good","k":%q}`, base64.RawURLEncoding.EncodeToString(make([]byte, length)))
			if k, err := key.ParsePublic([]byte(oct)); err == nil {
				t.Errorf("%d bytes are taken as %s", length, k.Algorithm())
			}
			if k, err := key.ParsePrivate([]byte(oct)); err == nil {
				t.Errorf("%d bytes are taken as %s", length, k)
			}
			// Where it has no material it is a key type that is not ours; with material, somebody published a secret.
			set, err := key.ParseSet([]byte(`{"keys":[` + oct + `,` + good + `]}`))
			if length > 0 && err == nil || len(set.Keys()) > 1 {
				t.Errorf("a set with %d bytes: %d keys, %v", length, len(set.Keys()), err)
			}
		}
	})
	t.Run("RSA of 2048 bits or more", func(t *testing.T) {
		t.Parallel()
		for _, bits := range []int{512, 1024, 2040} {
			n := new(big.Int).Mul(prime(t, bits/2), prime(t, bits/2))
			if _, err := key.NewPublic(&rsa.PublicKey{N: n, E: 65537}, ""); err == nil || !strings.Contains(err.Error(), "want 2048 to 8192") {
				t.Errorf("%d bits: %v", n.BitLen(), err)
			}
		}
		if k := generate(t, key.RS256, "").Public().Crypto().(*rsa.PublicKey); k.N.BitLen() < 2048 || k.E != 65537 {
			t.Errorf("generated: %d bits, e %d", k.N.BitLen(), k.E)
		}
	})
	t.Run("RSA that is easily factored", func(t *testing.T) {
		t.Parallel()
		p := prime(t, 1024)
		next := new(big.Int).Add(p, big.NewInt(2))
		for !next.ProbablyPrime(0) {
			next.Add(next, big.NewInt(2))
		}
		good := generate(t, key.RS256, "").Public().Crypto().(*rsa.PublicKey).N
		times := func(factor int64) *big.Int { return new(big.Int).Mul(good, big.NewInt(factor)) }
		for name, weak := range map[string]struct {
			n    *big.Int
			want string
		}{
			"by 3": {times(3), "divisible by 3"}, "by 997": {times(997), "divisible by 997"},
			"a square": {new(big.Int).Mul(p, p), "CVE-2022-26320"}, "neighbours": {new(big.Int).Mul(p, next), "CVE-2022-26320"},
			"ROCA": {new(big.Int).Mul(rocaPrime(t), rocaPrime(t)), "CVE-2017-15361"},
		} {
			if _, err := key.NewPublic(&rsa.PublicKey{N: weak.n, E: 65537}, ""); err == nil || !strings.Contains(err.Error(), weak.want) {
				t.Errorf("%s: %v, want %q", name, err, weak.want)
			}
			jwk := fmt.Sprintf(`{"kty":"RSA","e":"AQAB","n":%q}`, bigText(weak.n))
			if _, err := key.ParsePublic([]byte(jwk)); err == nil || !strings.Contains(err.Error(), weak.want) {
				t.Errorf("%s as JWK: %v, want %q", name, err, weak.want)
			}
		}
	})
	t.Run("no two keys are alike", func(t *testing.T) {
		t.Parallel()
		for _, algorithm := range algorithms {
			seen := map[string]bool{}
			for range 4 {
				k := generate(t, algorithm, "").Public().Thumbprint()
				if seen[k] {
					t.Errorf("%s: the same key twice", algorithm)
				}
				seen[k] = true
			}
		}
	})
}
