package key_test

import (
	"bytes"
	"testing"

	"github.com/writ-run/writ/key"
)

var vectors = []string{
	"rfc7515-a2-rsa.json", "rfc7515-a3-p256.json", "rfc7638-3.1-rsa-public.json", "rfc8037-a1-ed25519.json", "rfc8037-a2-ed25519-public.json",
}

// FuzzParseSet: no text of public keys panics, and what is accepted comes back from its JWKS and its PEM.
func FuzzParseSet(f *testing.F) {
	for _, name := range vectors {
		text := vector(f, name)
		f.Add(text)
		f.Add(append(append([]byte(`{"keys":[{"kty":"oct"},`), text...), "]}"...))
		k, err := key.ParsePublic(text)
		if err != nil {
			continue
		}
		f.Add(must(f)(k.PEM()))
		f.Add(append(must(f)(k.PEM()), must(f)(k.PEM())...))
		f.Add(append(append([]byte(`{"keys":[`), must(f)(k.MarshalJSON())...), "]}"...))
	}
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := key.ParseSet(text)
		if err != nil {
			if len(s.Keys()) > 0 {
				t.Error("refused, and yet there are keys")
			}
			return
		}
		jwks := must(t)(s.MarshalJSON())
		again, err := key.ParseSet(jwks)
		if err != nil || !bytes.Equal(must(t)(again.MarshalJSON()), jwks) {
			t.Fatalf("does not come back from its JWKS %s: %v", jwks, err)
		}
		if len(s.Keys()) == 0 {
			t.Fatal("accepted without one key")
		}
		for i, k := range s.Keys() {
			if !again.Keys()[i].Equal(k) {
				t.Errorf("key %d is another one when read again", i)
			}
			fromPEM, err := key.ParsePublic(must(t)(k.PEM()))
			if err != nil || fromPEM.Thumbprint() != k.Thumbprint() || fromPEM.Algorithm() != k.Algorithm() {
				t.Errorf("key %d does not come back from its PEM: %v", i, err)
			}
			if found, err := s.Find(t.Context(), k.ID()); err != nil || len(found) == 0 {
				t.Errorf("key %d is not found by its id %q", i, k.ID())
			}
		}
	})
}

// FuzzParsePrivate: no text of a private key panics; what is accepted signs, comes back from its JWK and its PEM, and is
// refused where a public key belongs.
func FuzzParsePrivate(f *testing.F) {
	for _, name := range vectors {
		text := vector(f, name)
		f.Add(text)
		if k, err := key.ParsePrivate(text); err == nil {
			f.Add(must(f)(k.JWK()))
			f.Add(must(f)(k.PEM()))
			f.Add(append([]byte("# a comment\n"), must(f)(k.PEM())...))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := key.ParsePrivate(text)
		if err != nil {
			return
		}
		input := []byte("header.payload")
		if !holds(k.Public(), input, must(t)(k.Sign(t.Context(), input))) {
			t.Error("its signature does not hold")
		}
		jwk := must(t)(k.JWK())
		fromJWK, err := key.ParsePrivate(jwk)
		if err != nil || !fromJWK.Public().Equal(k.Public()) || !bytes.Equal(must(t)(fromJWK.JWK()), jwk) {
			t.Errorf("does not come back from its JWK: %v", err)
		}
		fromPEM, err := key.ParsePrivate(must(t)(k.PEM()))
		if err != nil || fromPEM.Public().Thumbprint() != k.Public().Thumbprint() {
			t.Errorf("does not come back from its PEM: %v", err)
		}
		if _, err := key.ParsePublic(text); err == nil {
			t.Error("taken as a public key")
		}
		if _, err := key.ParseSet(text); err == nil {
			t.Error("taken as a set of public keys")
		}
	})
}
