package token_test

import (
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestCritical: RFC 7515 section 4.1.11, and RFC 7797 on b64.
func TestCritical(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	head := func(rest string) string { return `{"alg":"EdDSA","kid":"` + k.Public().ID() + `"` + rest + `}` }
	for _, crit := range []string{`["exp"]`, `["b64"]`, `["unknown"]`, `["alg"]`, `[]`, `null`, `""`, `"exp"`, `{}`, `0`, `false`, `[[]]`, `["a","a"]`} {
		refused(t, forge(t, k, head(`,"crit":`+crit), goodPayload), set(t, k), profile(), token.ErrCritical)
		refused(t, forge(t, k, head(`,"crit":`+crit+`,"unknown":1,"b64":true`), goodPayload), set(t, k), profile(), token.ErrCritical)
	}
	for _, b64 := range []string{"false", "true", "null"} { // RFC 7797
		refused(t, forge(t, k, head(`,"b64":`+b64), goodPayload), set(t, k), profile(), token.ErrCritical)
	}
	for _, name := range []string{"CRIT", "Crit", `\u0043rit`} {
		refused(t, forge(t, k, head(`,"`+name+`":["x"]`), goodPayload), set(t, k), profile(), token.ErrMalformed)
	}
}
