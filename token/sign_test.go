package token_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestSignPayload: the payload is signed as it stands, under the header that Etcha writes, and verifies as an order.
func TestSignPayload(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []key.Algorithm{key.RS256, key.ES256, key.EdDSA, key.HS256} {
		for _, id := range []string{"", "mine"} {
			t.Run(string(algorithm)+" "+id, func(t *testing.T) {
				t.Parallel()
				text, keys, kid := orderSigner(t, algorithm, id)
				s, err := token.ParseSigner([]byte(text + "\n"))
				if err != nil {
					t.Fatal(err)
				}
				raw, err := s.SignPayload(t.Context(), "JWT", []byte(orderPayload))
				if err != nil {
					t.Fatal(err)
				}
				header := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"JWT"}`, algorithm, kid)
				if kid == "" {
					header = fmt.Sprintf(`{"alg":%q,"typ":"JWT"}`, algorithm)
				}
				if want := encode(header) + "." + encode(orderPayload) + "."; !strings.HasPrefix(raw, want) {
					t.Errorf("signed %.100s, want %.100s", raw, want)
				}
				if v := acceptedOrder(t, raw, keys, orderProfile()); v.KeyID() != kid {
					t.Errorf("verified with %q, want %q", v.KeyID(), kid)
				}
				again, err := s.SignPayload(t.Context(), "JWT", []byte(orderPayload))
				if err != nil || again != raw {
					t.Errorf("signed again it is another token: %v", err)
				}
				if got := s.Warning(); (got != "") != (algorithm == key.HS256) {
					t.Errorf("warning %q", got)
				}
				if algorithm == key.ES256 {
					if signature, err := base64.RawURLEncoding.DecodeString(raw[strings.LastIndexByte(raw, '.')+1:]); err != nil || len(signature) != 64 {
						t.Errorf("a signature of %d bytes, want r||s", len(signature))
					}
				}
				claims := struct {
					Pattern map[string]any `json:"etchaPattern"`
					At      int64          `json:"iat"`
				}{map[string]any{"files": map[string]string{"/b": "", "/a": ""}}, now.Unix()}
				signed, err := s.SignToken(t.Context(), "JWT", claims)
				if err != nil || !strings.Contains(signed, "."+encode(`{"etchaPattern":{"files":{"/a":"","/b":""}},"iat":1800000000}`)+".") {
					t.Errorf("claims are signed as %s, %v", signed, err)
				}
				acceptedOrder(t, signed, keys, orderProfile())
			})
		}
	}
}

// orderSigner is a new key as text, what verifies with it, and the kid that its tokens have.
func orderSigner(t *testing.T, algorithm key.Algorithm, id string) (text string, keys key.OrderKeys, kid string) {
	t.Helper()
	var err error
	if algorithm == key.HS256 {
		k := generateHMAC(t, id)
		text, err = k.Text()
		keys, kid = sharedKeys(t, k), id
	} else {
		k := named(t, algorithm, id)
		text, err = k.Text()
		keys, kid = orderKeys(t, k.Public()), k.Public().ID()
	}
	if err != nil {
		t.Fatal(err)
	}
	return text, keys, kid
}

// TestSignRefuses: what no verifier would take is not signed, and what is no signing key is none.
func TestSignRefuses(t *testing.T) {
	t.Parallel()
	s := token.NewSigner(named(t, key.EdDSA, "a"))
	for _, payload := range []string{"", "null", "[]", "1", `"a"`, "{", `{"a":1} {}`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `{"a":[{"b":1,"b":1}]}`, `{a:1}`} {
		if raw, err := s.SignPayload(t.Context(), "JWT", []byte(payload)); err == nil || raw != "" || !strings.Contains(err.Error(), "one JSON object") {
			t.Errorf("%q: %q, %v", payload, raw, err)
		}
	}
	if raw, err := token.NewHMACSigner(key.HMAC{}).SignPayload(t.Context(), "JWT", []byte("{}")); err == nil {
		t.Errorf("signed without a secret: %s", raw)
	}
	public, err := named(t, key.EdDSA, "a").Public().Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", public, "hmac:c2VjcmV0", "hmac", "password", `{"kty":"oct","k":"c2VjcmV0"}`} {
		if s, err := token.ParseSigner([]byte(text)); err == nil || s != nil {
			t.Errorf("%.20q is a signing key", text)
		}
	}
}

// FuzzSignPayload: what is signed verifies, with its payload as it was given; what is not has a reason.
func FuzzSignPayload(f *testing.F) {
	k := rfcKeys(f)[2]
	s, keys := token.NewSigner(k), orderKeys(f, k.Public())
	for _, payload := range []string{orderPayload, goodPayload, `{}`, ` {"etchaPattern":{}, "etchaPattern":1}`, `[]`, "{\"etchaPattern\":\"\xff\"}", `{"etchaPattern":"\ud800"}`} {
		f.Add([]byte(payload))
	}
	p := orderProfile()
	p.Audience, p.NoAudience, p.AnyAudience, p.Required = nil, false, true, nil
	f.Fuzz(func(t *testing.T, payload []byte) {
		raw, err := s.SignPayload(t.Context(), "JWT", payload)
		if err != nil {
			return
		}
		_, report, err := token.VerifyOrder[token.Registered]([]byte(raw), keys, p)
		if !report.SignatureHolds() {
			t.Errorf("signed, and refused: %v", err)
		}
		if want := "." + base64.RawURLEncoding.EncodeToString(payload) + "."; !strings.Contains(raw, want) {
			t.Error("another payload was signed")
		}
		if errors.Is(err, token.ErrClaims) && !strings.Contains(err.Error(), "wrong type") && !strings.Contains(err.Error(), "in case only") {
			t.Errorf("signed, and not read: %v", err)
		}
	})
}
