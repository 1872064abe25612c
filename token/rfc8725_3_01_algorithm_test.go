package token_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_01AlgorithmVerification: a key has one algorithm, and the header has to name it, exactly.
func TestRule3_01AlgorithmVerification(t *testing.T) {
	t.Parallel()
	keys := map[key.Algorithm]key.Private{}
	for _, algorithm := range algorithms {
		keys[algorithm] = generate(t, algorithm)
	}
	t.Run("one algorithm per key", func(t *testing.T) {
		t.Parallel()
		for of, k := range keys {
			for _, named := range algorithms {
				raw := forge(t, k, `{"alg":"`+string(named)+`","kid":"`+k.Public().ID()+`"}`, goodPayload)
				if named == of {
					accepted(t, raw, set(t, k), profile())
				} else {
					refused(t, raw, set(t, k), profile(), token.ErrAlgorithm)
				}
			}
		}
	})
	t.Run("a kid does not choose the algorithm", func(t *testing.T) { // two keys share it
		t.Parallel()
		rsaKey, err := key.Generate(key.RS256, "shared")
		if err != nil {
			t.Fatal(err)
		}
		edKey, err := key.Generate(key.EdDSA, "shared")
		if err != nil {
			t.Fatal(err)
		}
		both := set(t, rsaKey, edKey)
		accepted(t, forge(t, rsaKey, `{"alg":"RS256","kid":"shared"}`, goodPayload), both, profile())
		accepted(t, forge(t, edKey, `{"alg":"EdDSA","kid":"shared"}`, goodPayload), both, profile())
		refused(t, forge(t, rsaKey, `{"alg":"EdDSA","kid":"shared"}`, goodPayload), both, profile(), token.ErrSignature)
		refused(t, forge(t, edKey, `{"alg":"ES256","kid":"shared"}`, goodPayload), both, profile(), token.ErrAlgorithm)
	})
	t.Run("no other algorithm, and no other spelling", func(t *testing.T) {
		t.Parallel()
		names := []string{
			"", "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "hs256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES384", "ES512",
			"ES256K", "Ed448", "ML-DSA-65", "rs256", "Rs256", "es256", "eddsa", "EDDSA", "ed25519", "ED25519", "RS256 ", " RS256", "RS256\\u0000",
			"RS256,none", "RSA1_5", "RSA-OAEP", "dir", "A256KW", "ECDH-ES", "PBES2-HS256+A128KW",
		}
		for _, name := range names {
			for _, k := range keys {
				asked := counted{set(t, k), new(atomic.Int32)}
				refused(t, forge(t, k, `{"alg":"`+name+`"}`, goodPayload), asked, profile(), token.ErrAlgorithm)
				if asked.asked.Load() != 0 {
					t.Errorf("alg %q: the key set was asked", name)
				}
			}
		}
	})
	t.Run("a profile may allow fewer", func(t *testing.T) {
		t.Parallel()
		for of, k := range keys {
			for _, only := range algorithms {
				p, asked := profile(), counted{set(t, k), new(atomic.Int32)}
				p.Algorithms = []key.Algorithm{only}
				raw := forge(t, k, `{"alg":"`+string(of)+`"}`, goodPayload)
				if only == of {
					accepted(t, raw, asked, p)
					continue
				}
				refused(t, raw, asked, p, token.ErrAlgorithm)
				if asked.asked.Load() != 0 {
					t.Errorf("alg %s where %s is allowed: the key set was asked", of, only)
				}
			}
		}
		p := profile()
		p.Algorithms = []key.Algorithm{key.EdDSA}
		accepted(t, forge(t, keys[key.EdDSA], `{"alg":"Ed25519"}`, goodPayload), set(t, keys[key.EdDSA]), p)
		for _, name := range []key.Algorithm{"", "none", "HS256", "rs256", "Ed25519"} { // no profile allows more
			p.Algorithms = []key.Algorithm{key.EdDSA, name}
			refused(t, forge(t, keys[key.EdDSA], `{"alg":"`+string(name)+`"}`, goodPayload), set(t, keys[key.EdDSA]), p, token.ErrProfile)
		}
	})
	t.Run("Ed25519 is EdDSA (RFC 9864)", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"EdDSA", "Ed25519"} {
			accepted(t, forge(t, keys[key.EdDSA], `{"alg":"`+name+`"}`, goodPayload), set(t, keys[key.EdDSA]), profile())
		}
		refused(t, forge(t, keys[key.RS256], `{"alg":"Ed25519"}`, goodPayload), set(t, keys[key.RS256]), profile(), token.ErrAlgorithm)
	})
	t.Run("HMAC with a public key as its secret", func(t *testing.T) {
		t.Parallel()
		for algorithm, k := range keys {
			text, err := k.Public().PEM()
			if err != nil {
				t.Fatal(err)
			}
			secrets := []string{string(text), strings.TrimSpace(string(text)), jwk(t, k), k.Public().ID(), k.Public().Thumbprint(), ""}
			for _, secret := range secrets {
				for named, want := range map[string]error{"HS256": token.ErrAlgorithm, string(algorithm): token.ErrSignature} {
					input := encode(`{"alg":"`+named+`","kid":"`+k.Public().ID()+`"}`) + "." + encode(goodPayload)
					mac := hmac.New(sha256.New, []byte(secret))
					mac.Write([]byte(input))
					refused(t, input+"."+encode(string(mac.Sum(nil))), set(t, k), profile(), want)
				}
			}
		}
	})
}
