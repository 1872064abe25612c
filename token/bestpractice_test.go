package token_test

import (
	"context"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// The best current practices for JWTs, rule by rule: draft-ietf-oauth-rfc8725bis, whose section numbers up to 3.12 are
// those of RFC 8725. This file has the rules on tokens, keys and headers, bestpractice_claims_test.go those on claims.

var sentinels = map[string]error{
	"ErrMalformed": token.ErrMalformed, "ErrType": token.ErrType, "ErrCritical": token.ErrCritical, "ErrAlgorithm": token.ErrAlgorithm,
	"ErrKey": token.ErrKey, "ErrSignature": token.ErrSignature, "ErrClaims": token.ErrClaims, "ErrRequired": token.ErrRequired,
	"ErrIssuer": token.ErrIssuer, "ErrAudience": token.ErrAudience, "ErrNotYetValid": token.ErrNotYetValid, "ErrExpired": token.ErrExpired,
	"ErrLife": token.ErrLife,
}

// refused: the token is refused for exactly these reasons, and neither error nor report quotes it.
func refused(t *testing.T, raw string, keys token.KeySet, p token.Profile, want ...error) {
	t.Helper()
	verified, report, err := token.Verify[claims](t.Context(), raw, keys, p)
	if err == nil {
		t.Errorf("accepted, want %v", want)
		return
	}
	if verified.Payload() != nil || verified.Claims().Team != "" || verified.Key().ID() != "" {
		t.Error("refused, and yet something is Verified")
	}
	for _, name := range slices.Sorted(maps.Keys(sentinels)) {
		if got := errors.Is(err, sentinels[name]); got != slices.Contains(want, sentinels[name]) {
			t.Errorf("error %q: is %s: %v", err, name, got)
		}
	}
	text := err.Error() + fmt.Sprintf(" %+v", report)
	for part := range strings.SplitSeq(raw, ".") {
		if len(part) > 16 && strings.Contains(text, part[:16]) || len(part) > 48 && strings.Contains(text, part[len(part)-24:]) {
			t.Errorf("%q quotes the token", text)
		}
	}
}

func accepted(t *testing.T, raw string, keys token.KeySet, p token.Profile) {
	t.Helper()
	if _, _, err := token.Verify[claims](t.Context(), raw, keys, p); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// counted counts how often a key set is asked.
type counted struct {
	token.KeySet
	asked *atomic.Int32
}

func (c counted) Find(ctx context.Context, kid string) ([]key.Public, error) {
	c.asked.Add(1)
	return c.KeySet.Find(ctx, kid)
}

const goodPayload = `{"iss":"https://ci.example.com","sub":"main/deploy","aud":["vault"],"exp":1800003600,"nbf":1800000000,"iat":1800000000}`

var algorithms = []key.Algorithm{key.RS256, key.ES256, key.EdDSA}

// TestBestPracticeAlgorithms: sections 3.1 and 3.2. A key has one algorithm, and the header has to name it, exactly.
func TestBestPracticeAlgorithms(t *testing.T) {
	t.Parallel()
	keys := map[key.Algorithm]key.Private{}
	for _, algorithm := range algorithms {
		keys[algorithm] = generate(t, algorithm)
	}
	t.Run("3.1 one algorithm per key", func(t *testing.T) {
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
	t.Run("3.1 a kid does not choose the algorithm", func(t *testing.T) { // two keys share it
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
	t.Run("3.1 no other algorithm, and no other spelling", func(t *testing.T) {
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
	t.Run("3.1 Ed25519 is EdDSA (RFC 9864)", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"EdDSA", "Ed25519"} {
			accepted(t, forge(t, keys[key.EdDSA], `{"alg":"`+name+`"}`, goodPayload), set(t, keys[key.EdDSA]), profile())
		}
		refused(t, forge(t, keys[key.RS256], `{"alg":"Ed25519"}`, goodPayload), set(t, keys[key.RS256]), profile(), token.ErrAlgorithm)
	})
	t.Run("3.2 none, with and without a signature", func(t *testing.T) {
		t.Parallel()
		k := keys[key.RS256]
		for _, header := range []string{`{"alg":"none"}`, `{"alg":"none","typ":"JWT"}`, `{"alg":"none","kid":"` + k.Public().ID() + `"}`} {
			raw := forge(t, k, header, goodPayload)
			refused(t, raw, set(t, k), profile(), token.ErrAlgorithm)
			refused(t, raw[:strings.LastIndexByte(raw, '.')+1], set(t, k), profile(), token.ErrAlgorithm)
			refused(t, raw[:strings.LastIndexByte(raw, '.')], set(t, k), profile(), token.ErrMalformed)
		}
	})
	t.Run("3.1 HMAC with a public key as its secret", func(t *testing.T) {
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

// TestBestPracticeCryptography: sections 3.3 to 3.6, 3.13 and 3.15.
func TestBestPracticeCryptography(t *testing.T) {
	t.Parallel()
	// resigned replaces the signature of a good token by what change makes of it.
	resigned := func(t *testing.T, algorithm key.Algorithm, change func(signature []byte, k key.Private) []byte, want ...error) {
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
	t.Run("3.3 a signature of another length or form", func(t *testing.T) {
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
	t.Run("3.3 ES256 in ASN.1", func(t *testing.T) {
		t.Parallel()
		resigned(t, key.ES256, func(s []byte, _ key.Private) []byte {
			der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:])})
			if err != nil {
				t.Fatal(err)
			}
			return der
		}, token.ErrSignature)
	})
	t.Run("3.4 ES256 with r or s at its bounds", func(t *testing.T) {
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
	t.Run("3.4 RS256 and EdDSA have one signature per text", func(t *testing.T) { // ES256 has many: (r, n-s) is as good as (r, s)
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
	t.Run("3.3 a token within a token", func(t *testing.T) {
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
	t.Run("3.6, 3.13, 3.15 nothing is decrypted, hashed or decompressed", func(t *testing.T) {
		t.Parallel()
		k := generate(t, key.EdDSA)
		for _, header := range []string{
			`{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}`, `{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAAAAAAAAA"}`,
			`{"alg":"dir","enc":"A256GCM"}`, `{"alg":"EdDSA","enc":"A256GCM"}`,
		} {
			raw := forge(t, k, header, goodPayload)
			refused(t, raw, set(t, k), profile(), token.ErrType) // three parts: not even then
			refused(t, raw+"."+encode("x")+"."+encode("y"), set(t, k), profile(), token.ErrMalformed)
		}
	})
}

// TestBestPracticeHeader: section 3.10 on what a header must not bring about, and RFC 7515 section 4.1.11 on crit.
func TestBestPracticeHeader(t *testing.T) {
	t.Parallel()
	k, attacker := generate(t, key.EdDSA), generate(t, key.EdDSA)
	head := func(rest string) string { return `{"alg":"EdDSA","kid":"` + k.Public().ID() + `"` + rest + `}` }
	t.Run("3.10 jku, x5u, jwk and x5c are never followed", func(t *testing.T) {
		t.Parallel()
		var requests atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			fmt.Fprintf(w, `{"keys":[%s]}`, jwk(t, attacker))
		}))
		defer server.Close()
		for _, more := range []string{
			`"jku":"` + server.URL + `"`, `"x5u":"` + server.URL + `"`, `"jwk":` + jwk(t, attacker), `"x5c":["AAAA"]`, `"x5t":"AAAA"`, `"jku":null`, `"jwk":1`,
			`"url":"` + server.URL + `"`,
		} {
			for _, header := range []string{head("," + more), `{"alg":"EdDSA",` + more + `}`} {
				refused(t, forge(t, attacker, header, goodPayload), set(t, k), profile(), token.ErrSignature)
				accepted(t, forge(t, k, header, goodPayload), set(t, k), profile())
			}
			refused(t, forge(t, attacker, `{"alg":"EdDSA","kid":"`+attacker.Public().ID()+`",`+more+`}`, goodPayload), set(t, k), profile(), token.ErrKey)
		}
		if n := requests.Load(); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("3.10 a kid is compared, and nothing else", func(t *testing.T) {
		t.Parallel()
		id := k.Public().ID()
		for _, kid := range []string{"../../" + id, id + "\\u0000", id + " ", " " + id, strings.ToUpper(id), id[:len(id)-1], "' OR 1=1 --", "file:///dev/null", "*", "%", strings.Repeat("k", 9000)} {
			refused(t, forge(t, k, `{"alg":"EdDSA","kid":"`+kid+`"}`, goodPayload), set(t, k), profile(), token.ErrKey)
		}
		for _, kid := range []string{"null", "1", `["` + id + `"]`, "{}", "true"} {
			refused(t, forge(t, k, `{"alg":"EdDSA","kid":`+kid+`}`, goodPayload), set(t, k), profile(), token.ErrMalformed)
		}
	})
	t.Run("3.10 a token without kid is tried with few keys", func(t *testing.T) {
		t.Parallel()
		many := make([]key.Private, 33)
		for i := range many {
			many[i] = generate(t, key.EdDSA)
		}
		raw := forge(t, many[0], `{"alg":"EdDSA"}`, goodPayload)
		accepted(t, raw, set(t, many[:32]...), profile())
		refused(t, raw, set(t, many...), profile(), token.ErrKey)
		accepted(t, sign(t, many[0], good()), set(t, many...), profile()) // by its kid
	})
	t.Run("RFC 7515 4.1.11 crit", func(t *testing.T) {
		t.Parallel()
		for _, crit := range []string{`["exp"]`, `["b64"]`, `["unknown"]`, `["alg"]`, `[]`, `null`, `""`, `"exp"`, `{}`, `0`, `false`, `[[]]`, `["a","a"]`} {
			refused(t, forge(t, k, head(`,"crit":`+crit), goodPayload), set(t, k), profile(), token.ErrCritical)
			refused(t, forge(t, k, head(`,"crit":`+crit+`,"unknown":1,"b64":true`), goodPayload), set(t, k), profile(), token.ErrCritical)
		}
		for _, b64 := range []string{"false", "true", "null"} { // RFC 7797
			refused(t, forge(t, k, head(`,"b64":`+b64), goodPayload), set(t, k), profile(), token.ErrCritical)
		}
		for _, name := range []string{"CRIT", "Crit", `\u0043rit`} {
			refused(t, forge(t, k, head(`,"`+name+`":["x"]`), goodPayload), set(t, k), profile(), token.ErrMalformed)
		}
	})
	t.Run("3.11 typ", func(t *testing.T) {
		t.Parallel()
		strict, either := profile(), profile()
		strict.Types, either.Types = []string{"pattern+jwt"}, []string{"JWT", "at+jwt"}
		for typ, allowed := range map[string][3]bool{ // by the profile without Types, by strict, by either
			`"JWT"`: {true, false, true}, `"jwt"`: {true, false, true}, `"application/jwt"`: {true, false, true}, `"Application/JWT"`: {true, false, true},
			`"pattern+jwt"`: {false, true, false}, `"application/pattern+jwt"`: {false, true, false}, `"at+jwt"`: {false, false, true}, `"AT+JWT"`: {false, false, true},
			`"JOSE"`: {}, `"JWT "`: {}, `""`: {}, `"JWT\u0000"`: {}, `"text/jwt"`: {}, `"application/application/jwt"`: {}, `"secevent+jwt"`: {}, "": {true, false, false},
		} {
			header := `{"alg":"EdDSA"}`
			if typ != "" {
				header = `{"alg":"EdDSA","typ":` + typ + `}`
			}
			raw := forge(t, k, header, goodPayload)
			for i, p := range []token.Profile{profile(), strict, either} {
				if allowed[i] {
					accepted(t, raw, set(t, k), p)
				} else {
					refused(t, raw, set(t, k), p, token.ErrType)
				}
			}
		}
		for _, typ := range []string{"null", "1", `["JWT"]`, "{}"} {
			refused(t, forge(t, k, head(`,"typ":`+typ), goodPayload), set(t, k), profile(), token.ErrMalformed)
		}
	})
}
