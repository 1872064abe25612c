package token_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_13HashIterations: a token cannot ask for hashing: p2c is never read, whatever it says, and no key is looked for.
func TestRule3_13HashIterations(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	for _, count := range []string{"1", "1000", "1200001", "2147483647", "1e300", `"1"`} {
		for _, algorithm := range []string{"PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"} {
			asked := counted{set(t, k), new(atomic.Int32)}
			header := `{"alg":"` + algorithm + `","p2c":` + count + `,"p2s":"AAAAAAAAAAA"`
			refused(t, forge(t, k, header+`,"enc":"A128GCM"}`, goodPayload), asked, profile(), token.ErrType)
			refused(t, forge(t, k, header+`}`, goodPayload), asked, profile(), token.ErrAlgorithm)
			jwe := forge(t, k, header+`,"enc":"A128GCM"}`, goodPayload) + "." + encode("x") + "." + encode("y")
			refused(t, jwe, asked, profile(), token.ErrMalformed)
			if _, err := token.Parse(jwe, 0); !errors.Is(err, token.ErrMalformed) {
				t.Errorf("Parse: %v", err)
			}
			if n := asked.asked.Load(); n != 0 {
				t.Errorf("%s with p2c %s: the key set was asked %d times", algorithm, count, n)
			}
		}
	}
	// Where the issuer itself signed such members beside an algorithm of ours, they mean nothing.
	accepted(t, forge(t, k, `{"alg":"EdDSA","p2c":2147483647,"p2s":"AAAAAAAAAAA"}`, goodPayload), set(t, k), profile())
}
