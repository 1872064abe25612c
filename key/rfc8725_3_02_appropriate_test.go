package key_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/writ-run/writ/key"
)

// TestRule3_02AppropriateAlgorithms: keys are made for three current algorithms and no other, and ECDSA is deterministic
// (RFC 6979), so that no weakness of the machine's randomness gives the key away.
func TestRule3_02AppropriateAlgorithms(t *testing.T) {
	t.Parallel()
	for _, name := range []key.Algorithm{"", "none", "HS256", "RS1", "RSA1_5", "RS384", "ES384", "ES256K", "Ed448", "rs256"} {
		if k, err := key.Generate(name, ""); err == nil {
			t.Errorf("Generate(%q): %s", name, k)
		}
		if _, err := key.ParseAlgorithm(string(name)); err == nil {
			t.Errorf("ParseAlgorithm(%q) takes it", name)
		}
	}
	// RFC 6979 appendix A.2.5: P-256 with SHA-256.
	number := func(text string) string {
		return base64.RawURLEncoding.EncodeToString(must(t)(hex.DecodeString(text)))
	}
	k, err := key.ParsePrivate([]byte(`{"kty":"EC","crv":"P-256","d":"` + number("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721") +
		`","x":"` + number("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6") +
		`","y":"` + number("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299") + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"sample": "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
		"test":   "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
	} {
		if got := must(t)(k.Sign(t.Context(), []byte(text))); !bytes.Equal(got, must(t)(hex.DecodeString(want))) {
			t.Errorf("%q: %X, want %s", text, got, want)
		}
	}
	for _, algorithm := range algorithms {
		k := generate(t, algorithm, "")
		one, two := must(t)(k.Sign(t.Context(), []byte("a"))), must(t)(k.Sign(t.Context(), []byte("a")))
		if other := must(t)(k.Sign(t.Context(), []byte("b"))); !bytes.Equal(one, two) || bytes.Equal(one[:32], other[:32]) {
			t.Errorf("%s: of one text two signatures, or of two texts one r", algorithm)
		}
	}
}
