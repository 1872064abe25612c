package token_test

import (
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_11ExplicitTyping: typ is the one that is asked for, compared as a media type (RFC 7515 section 4.1.9).
func TestRule3_11ExplicitTyping(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	head := func(rest string) string { return `{"alg":"EdDSA","kid":"` + k.Public().ID() + `"` + rest + `}` }
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
	// What has a "/" is a whole media type, and nothing goes before or away from it.
	whole := profile()
	whole.Types = []string{"example/x"}
	for typ, allowed := range map[string]bool{"example/x": true, "EXAMPLE/X": true, "application/example/x": false, "x": false} {
		raw := forge(t, k, `{"alg":"EdDSA","typ":"`+typ+`"}`, goodPayload)
		if allowed {
			accepted(t, raw, set(t, k), whole)
		} else {
			refused(t, raw, set(t, k), whole, token.ErrType)
		}
	}
	for _, typ := range []string{"null", "1", `["JWT"]`, "{}"} {
		refused(t, forge(t, k, head(`,"typ":`+typ), goodPayload), set(t, k), profile(), token.ErrMalformed)
	}
}
