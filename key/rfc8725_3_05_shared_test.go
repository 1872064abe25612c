package key_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// TestRule3_05SharedSecrets: a shared secret has 32 bytes that look random; no password of less, and no key that others may
// have, is one. It is read as nothing else, and nothing else as it (section 3.1).
func TestRule3_05SharedSecrets(t *testing.T) {
	t.Parallel()
	random := make([]byte, 1025)
	rand.Read(random)
	hmac := func(secret []byte) []byte { return []byte("hmac:" + base64.StdEncoding.EncodeToString(secret)) }
	t.Run("its length", func(t *testing.T) {
		t.Parallel()
		for n, want := range map[int]bool{0: false, 1: false, 16: false, 31: false, 32: true, 64: true, 1024: true, 1025: false} {
			_, err := key.ParseHMAC(hmac(random[:n]))
			if (err == nil) != want {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	})
	t.Run("what is not random", func(t *testing.T) {
		t.Parallel()
		for _, secret := range []string{strings.Repeat("\x00", 32), strings.Repeat("password"[:7], 8), strings.Repeat("ab", 99)} {
			if _, err := key.NewHMAC([]byte(secret), ""); err == nil || !strings.Contains(err.Error(), "not random") {
				t.Errorf("%q: %v", secret, err)
			}
		}
	})
	t.Run("keys in any form", func(t *testing.T) {
		t.Parallel()
		for _, algorithm := range algorithms {
			k := generate(t, algorithm, "x")
			public, private := must(t)(k.Public().PEM()), must(t)(k.PEM())
			publicDER, _ := pem.Decode(public)
			privateDER, _ := pem.Decode(private)
			set, err := key.NewSet(k.Public())
			if err != nil {
				t.Fatal(err)
			}
			for name, secret := range map[string][]byte{
				"PEM": public, "PEM without its newline": bytes.TrimSpace(public), "DER": publicDER.Bytes, "JWK": must(t)(k.Public().MarshalJSON()),
				"JWKS": must(t)(set.MarshalJSON()), "text": []byte(text(t)(k.Public().Text())), "private PEM": private, "private DER": privateDER.Bytes,
				"private JWK": must(t)(k.JWK()), "private text": []byte(text(t)(k.Text())),
			} {
				if len(secret) > 1024 {
					continue // refused for that
				}
				if _, err := key.ParseHMAC(hmac(secret)); err == nil || !strings.Contains(err.Error(), "a key of two halves") {
					t.Errorf("%s of %s as a secret: %v", name, algorithm, err)
				}
				if _, err := key.ParseHMAC(secret); err == nil {
					t.Errorf("%s of %s reads as a secret", name, algorithm)
				}
			}
		}
	})
	t.Run("it reads as nothing else", func(t *testing.T) {
		t.Parallel()
		for _, secret := range [][]byte{hmac(random[:32]), append(hmac(random[:64]), ":kid"...)} {
			for name, parse := range map[string]func([]byte) error{
				"a public key":  func(b []byte) error { _, err := key.ParsePublic(b); return err },
				"a private one": func(b []byte) error { _, err := key.ParsePrivate(b); return err },
				"a set":         func(b []byte) error { _, err := key.ParseSet(b); return err },
				"a list":        func(b []byte) error { _, err := key.ParseAll(b); return err },
			} {
				if err := parse(secret); err == nil || !strings.Contains(err.Error(), "this is a shared secret") || errors.Is(err, key.ErrPrivate) {
					t.Errorf("as %s: %v", name, err)
				}
			}
			if !key.IsHMAC(secret) {
				t.Error("not told to be one")
			}
		}
		for _, other := range []string{"", "hmac", "HMAC:" + base64.StdEncoding.EncodeToString(random[:32]), "hs256:AAAA", `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}`, etchaKeys[0].public} {
			if _, err := key.ParseHMAC([]byte(other)); err == nil || key.IsHMAC([]byte(other)) {
				t.Errorf("%.20q reads as a secret", other)
			}
		}
	})
}
