package key_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

func generateHMAC(t testing.TB, id string) key.HMAC {
	t.Helper()
	k, err := key.GenerateHMAC(id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestHMACVector is RFC 7515 appendix A.1.
func TestHMACVector(t *testing.T) {
	t.Parallel()
	secret := must(t)(base64.RawURLEncoding.DecodeString("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"))
	k, err := key.NewHMAC(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	const input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	want := must(t)(base64.RawURLEncoding.DecodeString("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
	if got := must(t)(k.Sign(t.Context(), []byte(input))); !bytes.Equal(got, want) {
		t.Errorf("RFC 7515 A.1: %x, want %x", got, want)
	}
	if !k.Verify([]byte(input), want) {
		t.Error("its own signature does not hold")
	}
}

// TestHMACRoundTrip: a secret comes back from its text, with its id, and holds for its own text and key alone.
func TestHMACRoundTrip(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "fleet/1"} {
		k, other := generateHMAC(t, id), generateHMAC(t, id)
		line := text(t)(k.Text())
		again, err := key.ParseHMAC([]byte("\n# of the fleet\n" + line + "\n"))
		if err != nil || !again.Equal(k) || again.Equal(other) || again.ID() != id || text(t)(again.Text()) != line {
			t.Fatalf("%v, %v", again, err)
		}
		input := []byte("header.payload")
		signature := must(t)(k.Sign(t.Context(), input))
		secret := must(t)(base64.StdEncoding.DecodeString(strings.Split(line, ":")[1]))
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		if !bytes.Equal(mac.Sum(nil), signature) || len(secret) != 32 {
			t.Errorf("of %d bytes, signed otherwise than the standard library does", len(secret))
		}
		secret[0] ^= 1 // the caller's own copy
		flipped := bytes.Clone(signature)
		flipped[31] ^= 1
		for name, holds := range map[string]bool{
			"itself": again.Verify(input, signature), "another text": !k.Verify([]byte("header.payloae"), signature), "another secret": !other.Verify(input, signature),
			"a changed signature": !k.Verify(input, flipped), "half of it": !k.Verify(input, signature[:16]), "none": !k.Verify(input, nil),
			"the zero secret": !key.HMAC{}.Verify(input, signature),
		} {
			if !holds {
				t.Errorf("%s: the wrong answer", name)
			}
		}
	}
	changed := bytes.Repeat([]byte("0123456789abcdef"), 2)
	k, err := key.NewHMAC(changed, "")
	if err != nil {
		t.Fatal(err)
	}
	before := must(t)(k.Sign(t.Context(), nil))
	changed[0] = 'x'
	if !bytes.Equal(before, must(t)(k.Sign(t.Context(), nil))) {
		t.Error("the secret is the caller's memory")
	}
}

// TestHMACIsNeverPrinted, as TestPrivateIsNeverPrinted.
func TestHMACIsNeverPrinted(t *testing.T) {
	t.Parallel()
	k := generateHMAC(t, "fleet")
	secret := must(t)(base64.StdEncoding.DecodeString(strings.Split(text(t)(k.Text()), ":")[1]))
	part := secret[4:16]
	hidden := []string{
		string(part), fmt.Sprintf("%x", part), fmt.Sprintf("%X", part), strings.Trim(fmt.Sprint(part), "[]"),
		base64.StdEncoding.EncodeToString(secret[:24]), base64.RawURLEncoding.EncodeToString(secret[:24]),
	}
	if !containsAny(text(t)(k.Text()), hidden) {
		t.Error("the text seems to hold no secret")
	}
	o, err := key.NewOrderKeys(nil, []key.HMAC{k})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{
		"value": k, "pointer": &k, "list": []key.HMAC{k}, "field": struct{ Key key.HMAC }{k}, "unexported field": struct{ key key.HMAC }{k}, "keys": o, "pointer to keys": &o,
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "% x"} {
			if containsAny(fmt.Sprintf(verb, value), hidden) {
				t.Errorf("%s: %s prints the secret", name, verb)
			}
		}
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("key", "k", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "k", value)
		json.NewEncoder(&out).Encode(value)
		gob.NewEncoder(&out).Encode(value)
		if containsAny(out.String(), hidden) {
			t.Errorf("%s: slog, json or gob prints the secret", name)
		}
	}
	for _, got := range []string{fmt.Sprintf("%v", k), fmt.Sprintf("%#v", k), k.String(), k.LogValue().String()} {
		if got != "shared secret for HS256, fleet" {
			t.Errorf("prints as %q", got)
		}
	}
	if got := fmt.Sprint(key.HMAC{}, generateHMAC(t, "")); got != "no shared secret shared secret for HS256" {
		t.Errorf("prints as %q", got)
	}
	if _, err := json.Marshal(k); err == nil {
		t.Error("it is written as JSON")
	}
	if _, err := k.MarshalText(); err == nil {
		t.Error("it is written as text")
	}
	if _, err := (key.HMAC{}).Text(); err == nil {
		t.Error("no secret has a text")
	}
	if _, err := (key.HMAC{}).Sign(t.Context(), nil); err == nil {
		t.Error("no secret signs")
	}
	if !(key.HMAC{}).Equal(key.HMAC{}) || (key.HMAC{}).Equal(k) || k.Equal(key.HMAC{}) {
		t.Error("the zero secret is not only itself")
	}
}
