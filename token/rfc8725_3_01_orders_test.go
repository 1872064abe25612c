package token_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// macOrder signs an order with HS256 and any secret.
func macOrder(secret, header string) string {
	input := encode(header) + "." + encode(orderPayload)
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte(input))
	return input + "." + encode(string(sum.Sum(nil)))
}

// TestRule3_01Orders: for orders every key is tried, and yet each with its one algorithm alone; HS256 holds where the keys are
// shared secrets, and then nothing else does.
func TestRule3_01Orders(t *testing.T) {
	t.Parallel()
	private := map[key.Algorithm]key.Private{}
	var public []key.Public
	for _, algorithm := range algorithms {
		private[algorithm] = named(t, algorithm, "a")
		public = append(public, private[algorithm].Public())
	}
	keys, secret := orderKeys(t, public...), generateHMAC(t, "a")
	shared := sharedKeys(t, generateHMAC(t, ""), secret, generateHMAC(t, "a"))
	t.Run("one algorithm per key", func(t *testing.T) {
		t.Parallel()
		for of, k := range private {
			for _, algorithm := range algorithms {
				raw := forge(t, k, `{"alg":"`+string(algorithm)+`","kid":"a"}`, orderPayload)
				switch {
				case algorithm == of:
					acceptedOrder(t, raw, keys, orderProfile())
				case of == key.RS256 && algorithm == key.ES256:
					refusedOrder(t, raw, keys, orderProfile(), token.ErrAlgorithm) // by its length, see below
				default:
					refusedOrder(t, raw, keys, orderProfile(), token.ErrSignature)
				}
				if algorithm != of {
					refusedOrder(t, raw, orderKeys(t, k.Public()), orderProfile(), token.ErrAlgorithm)
				}
			}
		}
		acceptedOrder(t, forge(t, private[key.EdDSA], `{"alg":"Ed25519"}`, orderPayload), keys, orderProfile())
	})
	t.Run("RSA under the name of ES256, as Etcha signs", func(t *testing.T) {
		t.Parallel()
		raw := forge(t, private[key.RS256], `{"alg":"ES256","kid":"a","typ":"JWT"}`, orderPayload)
		for _, keys := range []key.OrderKeys{keys, orderKeys(t, private[key.RS256].Public()), orderKeys(t, private[key.ES256].Public())} {
			text := refusedOrder(t, raw, keys, orderProfile(), token.ErrAlgorithm)
			if !strings.Contains(text, "one of 256 bytes: an RSA signature under the name of ES256, which is what Etcha makes") {
				t.Error(text)
			}
		}
	})
	t.Run("HS256 with shared secrets", func(t *testing.T) {
		t.Parallel()
		for _, header := range []string{`{"alg":"HS256","kid":"a","typ":"JWT"}`, `{"alg":"HS256"}`, `{"alg":"HS256","kid":"other"}`} {
			v := acceptedOrder(t, forgeBy(t, secret, header, orderPayload), shared, orderProfile())
			if v.KeyID() != "a" || v.Key().ID() != "" || v.Key().Crypto() != nil {
				t.Errorf("%s: verified with %q, %q", header, v.KeyID(), v.Key().ID())
			}
			refusedOrder(t, forgeBy(t, generateHMAC(t, "a"), header, orderPayload), shared, orderProfile(), token.ErrSignature)
		}
		for of, k := range private {
			text := refusedOrder(t, forge(t, k, `{"alg":"`+string(of)+`"}`, orderPayload), shared, orderProfile(), token.ErrAlgorithm)
			if !strings.Contains(text, "of a key of two halves, never mixed with shared secrets") {
				t.Error(text)
			}
		}
		for _, name := range []string{"none", "HS384", "HS512", "hs256", "HMAC", "Ed25519"} {
			refusedOrder(t, forgeBy(t, secret, `{"alg":"`+name+`"}`, orderPayload), shared, orderProfile(), token.ErrAlgorithm)
		}
		p := orderProfile()
		p.Algorithms = algorithms // whoever says what is taken did not say HS256
		refusedOrder(t, forgeBy(t, secret, `{"alg":"HS256"}`, orderPayload), shared, p, token.ErrAlgorithm)
	})
	t.Run("HMAC with a public key as its secret", func(t *testing.T) {
		t.Parallel()
		for _, k := range public {
			pem, err := k.PEM()
			if err != nil {
				t.Fatal(err)
			}
			line, err := k.Text()
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(line, ":")
			der, err := base64.StdEncoding.DecodeString(parts[1])
			if err != nil {
				t.Fatal(err)
			}
			for _, known := range []string{string(pem), line, parts[0] + ":" + parts[1], parts[1], string(der), string(der[12:]), k.Thumbprint(), ""} {
				for _, kid := range []string{"", `,"kid":"a"`} {
					text := refusedOrder(t, macOrder(known, `{"alg":"HS256"`+kid+`}`), keys, orderProfile(), token.ErrAlgorithm)
					if !strings.Contains(text, `"HS256": a shared secret, never mixed with public keys`) {
						t.Error(text)
					}
					refusedOrder(t, macOrder(known, `{"alg":"`+string(k.Algorithm())+`"`+kid+`}`), keys, orderProfile(), token.ErrSignature)
				}
			}
			// Nor does anybody get a verifier that has such a secret.
			if _, err := key.ParseOrderKeys([]byte("hmac:" + base64.StdEncoding.EncodeToString([]byte(line)))); err == nil {
				t.Errorf("the text of a %s key is taken as a secret", k.Algorithm())
			}
		}
	})
	t.Run("both kinds in one verifier", func(t *testing.T) {
		t.Parallel()
		for _, k := range public {
			if _, err := key.NewOrderKeys([]key.Public{k}, []key.HMAC{secret}); !errors.Is(err, key.ErrMixed) {
				t.Errorf("%s beside a secret: %v", k.Algorithm(), err)
			}
		}
	})
}
