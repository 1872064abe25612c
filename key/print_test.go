package key_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// secrets are the private numbers of a key in every notation that a printer might choose.
func secrets(t *testing.T, k key.Private) []string {
	t.Helper()
	block, _ := pem.Decode(must(t)(k.PEM()))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	var numbers [][]byte
	switch private := parsed.(type) {
	case *rsa.PrivateKey:
		numbers = [][]byte{
			private.D.Bytes(), private.Primes[0].Bytes(), private.Primes[1].Bytes(),
			private.Precomputed.Dp.Bytes(), private.Precomputed.Dq.Bytes(), private.Precomputed.Qinv.Bytes(),
		}
	case *ecdsa.PrivateKey:
		numbers = [][]byte{must(t)(private.Bytes())}
	case ed25519.PrivateKey:
		numbers = [][]byte{private.Seed()}
	}
	var texts []string
	for _, n := range numbers {
		part := n[4:16] // a dozen bytes from within are enough to tell
		texts = append(texts, string(part), strings.Trim(strconv.Quote(string(part)), `"`),
			hex.EncodeToString(part), strings.ToUpper(hex.EncodeToString(part)),
			strings.Trim(fmt.Sprint(part), "[]"), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", part), "[]byte{"), "}"),
			base64.StdEncoding.EncodeToString(n[:24]), base64.RawURLEncoding.EncodeToString(n[:24]), new(big.Int).SetBytes(n).String())
	}
	return texts
}

// TestSecretsAreFound: the search below finds what it searches for, where somebody does print it.
func TestSecretsAreFound(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		k := generate(t, algorithm, "")
		if !containsAny(string(must(t)(k.JWK())), secrets(t, k)) {
			t.Errorf("%s: the private JWK seems to hold no secret", algorithm)
		}
		block, _ := pem.Decode(must(t)(k.PEM()))
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if algorithm == key.EdDSA && !containsAny(fmt.Sprintf("%v", parsed), secrets(t, k)) {
			t.Errorf("%s: the key printed with %%v seems to hold no secret", algorithm)
		}
	}
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// TestPrivateIsNeverPrinted: neither a key, nor what holds one, by value or by pointer, exported or not. fmt calls no
// method on an unexported field, so that the key's own Format is of no help there.
func TestPrivateIsNeverPrinted(t *testing.T) {
	t.Parallel()
	type exported struct{ Key key.Private }
	type unexported struct{ key key.Private }
	for _, algorithm := range algorithms {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			k := generate(t, algorithm, "signer")
			hidden := secrets(t, k)
			values := map[string]any{
				"value": k, "pointer": &k, "list": []key.Private{k}, "map": map[string]key.Private{"k": k},
				"exported field": exported{k}, "pointer to exported field": &exported{k},
				"unexported field": unexported{k}, "pointer to unexported field": &unexported{k},
				"interface in unexported field": struct{ signer key.Signer }{k}, "public": k.Public(),
			}
			for name, value := range values {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%c", "%U", "%p", "% x", "%t"} {
					if text := fmt.Sprintf(verb, value); containsAny(text, hidden) {
						t.Errorf("%s: %s prints key material", name, verb)
					}
				}
				var out bytes.Buffer
				options := &slog.HandlerOptions{Level: slog.LevelDebug}
				slog.New(slog.NewTextHandler(&out, options)).Debug("key", "k", value)
				slog.New(slog.NewJSONHandler(&out, options)).Debug("key", "k", value, slog.Group("g", "k", value))
				json.NewEncoder(&out).Encode(value)
				gob.NewEncoder(&out).Encode(value)
				if containsAny(out.String(), hidden) {
					t.Errorf("%s: slog, json or gob prints key material", name)
				}
			}
			for _, text := range []string{fmt.Sprintf("%v", k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), k.String(), k.LogValue().String()} {
				if want := "private " + string(algorithm) + " key signer"; text != want {
					t.Errorf("prints as %q, want %q", text, want)
				}
			}
			if _, err := json.Marshal(exported{k}); err == nil || !strings.Contains(err.Error(), "use JWK") {
				t.Errorf("json.Marshal: %v, want it refused", err)
			}
			if _, err := k.MarshalText(); err == nil {
				t.Error("MarshalText does not refuse")
			}
		})
	}
}

// TestZero: zero values are useless, and say so instead of panicking.
func TestZero(t *testing.T) {
	t.Parallel()
	var private key.Private
	var public key.Public
	calls := map[string]func() error{
		"Private.JWK":        func() error { _, err := private.JWK(); return err },
		"Private.PEM":        func() error { _, err := private.PEM(); return err },
		"Private.Sign":       func() error { _, err := private.Sign(t.Context(), nil); return err },
		"Public.MarshalJSON": func() error { _, err := public.MarshalJSON(); return err },
		"Public.PEM":         func() error { _, err := public.PEM(); return err },
		"NewSet":             func() error { _, err := key.NewSet(public); return err },
	}
	for name, call := range calls {
		if err := call(); err == nil {
			t.Errorf("%s of nothing succeeds", name)
		}
	}
	if public.Thumbprint() != "" || public.ID() != "" || !public.Equal(key.Public{}) || public.Equal(generate(t, key.EdDSA, "").Public()) {
		t.Error("the zero Public is something")
	}
	if text := private.String(); text != "no private key" {
		t.Errorf("prints as %q", text)
	}
	if keys, err := (key.Set{}).Find(t.Context(), ""); len(keys) != 0 || err != nil {
		t.Errorf("the zero Set finds %d keys, %v", len(keys), err)
	}
	if text, err := (key.Set{}).MarshalJSON(); string(text) != `{"keys":[]}` || err != nil {
		t.Errorf("the zero Set is written as %s, %v", text, err)
	}
}
