package token_test

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_06NoCompression: what is signed is written as it is, and "zip" in a header brings nothing about.
func TestRule3_06NoCompression(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	t.Run("never written", func(t *testing.T) {
		t.Parallel()
		c := good()
		c.Team = strings.Repeat("a", 10_000) // worth compressing
		raw := sign(t, k, c)
		unverified, err := token.Parse(raw, 0)
		if err != nil {
			t.Fatal(err)
		}
		var header, payload map[string]any
		for text, into := range map[*map[string]any][]byte{&header: unverified.Header(), &payload: unverified.Payload()} {
			if err := json.Unmarshal(into, text); err != nil {
				t.Fatal(err)
			}
		}
		if _, zipped := header["zip"]; zipped || payload["team"] != c.Team {
			t.Errorf("header %v, and a team of %d bytes in %d", header, len(c.Team), len(raw))
		}
	})
	t.Run("never read", func(t *testing.T) {
		t.Parallel()
		for _, zip := range []string{`"DEF"`, `"GZ"`, `true`, `null`} {
			raw := forge(t, k, `{"alg":"EdDSA","zip":`+zip+`}`, deflate(t, goodPayload))
			refused(t, raw, set(t, k), profile(), token.ErrClaims)
		}
		refused(t, forge(t, k, `{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}`, deflate(t, goodPayload)), set(t, k), profile(), token.ErrType)
	})
}

// deflate compresses as "zip":"DEF" of RFC 7516 section 4.1.3 does.
func deflate(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	for chunk := range slices.Chunk([]byte(text), 1<<16) {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
