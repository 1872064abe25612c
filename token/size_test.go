package token_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestSizeBeforeAnything: what is too large is not looked at: not split, not decoded, no key is looked for.
func TestSizeBeforeAnything(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	raw := sign(t, k, good())
	p := profile()
	p.MaxBytes = len(raw)
	accepted(t, raw, set(t, k), p)
	p.MaxBytes--
	refused(t, raw, set(t, k), p, token.ErrMalformed)
	large := []string{strings.Repeat("a", token.DefaultMaxBytes+1), strings.Repeat(".", 1<<20), "{" + strings.Repeat("\xff", 1<<20), raw + strings.Repeat("=", 1<<20)}
	for _, text := range large {
		refused(t, text, set(t, k), profile(), token.ErrMalformed)
		_, _, err := token.Verify[claims](t.Context(), text, brokenSet{errors.New("asked")}, profile())
		if want := fmt.Sprintf("%d bytes; at most %d are taken", len(text), token.DefaultMaxBytes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %.200v, want %q", err, want)
		}
		if _, err := token.Parse(text, 0); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("Parse: %.200v", err)
		}
	}
}
