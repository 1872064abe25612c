package token_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_02AppropriateAlgorithms: "none" is no algorithm.
func TestRule3_02AppropriateAlgorithms(t *testing.T) {
	t.Parallel()
	keys := map[key.Algorithm]key.Private{}
	for _, algorithm := range algorithms {
		keys[algorithm] = generate(t, algorithm)
	}
	t.Run("none, with and without a signature", func(t *testing.T) {
		t.Parallel()
		k := keys[key.RS256]
		for _, header := range []string{`{"alg":"none"}`, `{"alg":"none","typ":"JWT"}`, `{"alg":"none","kid":"` + k.Public().ID() + `"}`} {
			raw := forge(t, k, header, goodPayload)
			refused(t, raw, set(t, k), profile(), token.ErrAlgorithm)
			refused(t, raw[:strings.LastIndexByte(raw, '.')+1], set(t, k), profile(), token.ErrAlgorithm)
			refused(t, raw[:strings.LastIndexByte(raw, '.')], set(t, k), profile(), token.ErrMalformed)
		}
	})
}
