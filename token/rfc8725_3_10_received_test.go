package token_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_10ReceivedClaims: a token does not say where its key is, and its kid is compared and nothing else.
func TestRule3_10ReceivedClaims(t *testing.T) {
	t.Parallel()
	k, attacker := generate(t, key.EdDSA), generate(t, key.EdDSA)
	head := func(rest string) string { return `{"alg":"EdDSA","kid":"` + k.Public().ID() + `"` + rest + `}` }
	t.Run("jku, x5u, jwk and x5c are never followed", func(t *testing.T) {
		t.Parallel()
		var requests atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			fmt.Fprintf(w, `{"keys":[%s]}`, jwk(t, attacker))
		}))
		defer server.Close()
		for _, more := range []string{
			`"jku":"` + server.URL + `"`, `"x5u":"` + server.URL + `"`, `"jwk":` + jwk(t, attacker), `"x5c":["AAAA"]`, `"x5t":"AAAA"`, `"jku":null`, `"jwk":1`,
			`"url":"` + server.URL + `"`,
		} {
			for _, header := range []string{head("," + more), `{"alg":"EdDSA",` + more + `}`} {
				refused(t, forge(t, attacker, header, goodPayload), set(t, k), profile(), token.ErrSignature)
				accepted(t, forge(t, k, header, goodPayload), set(t, k), profile())
			}
			refused(t, forge(t, attacker, `{"alg":"EdDSA","kid":"`+attacker.Public().ID()+`",`+more+`}`, goodPayload), set(t, k), profile(), token.ErrKey)
		}
		if n := requests.Load(); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("a kid is compared, and nothing else", func(t *testing.T) {
		t.Parallel()
		id := k.Public().ID()
		for _, kid := range []string{"../../" + id, id + "\\u0000", id + " ", " " + id, strings.ToUpper(id), id[:len(id)-1], "' OR 1=1 --", "file:///dev/null", "*", "%", strings.Repeat("k", 9000)} {
			refused(t, forge(t, k, `{"alg":"EdDSA","kid":"`+kid+`"}`, goodPayload), set(t, k), profile(), token.ErrKey)
		}
		for _, kid := range []string{"null", "1", `["` + id + `"]`, "{}", "true"} {
			refused(t, forge(t, k, `{"alg":"EdDSA","kid":`+kid+`}`, goodPayload), set(t, k), profile(), token.ErrMalformed)
		}
	})
	t.Run("an empty key set", func(t *testing.T) {
		t.Parallel()
		for _, header := range []string{head(""), `{"alg":"EdDSA"}`, head(`,"jwk":` + jwk(t, k))} {
			refused(t, forge(t, k, header, goodPayload), key.Set{}, profile(), token.ErrKey)
			refused(t, forge(t, k, header, goodPayload), set(t), profile(), token.ErrKey)
		}
	})
	t.Run("a token without kid is tried with few keys", func(t *testing.T) {
		t.Parallel()
		many := make([]key.Private, 33)
		for i := range many {
			many[i] = generate(t, key.EdDSA)
		}
		raw := forge(t, many[0], `{"alg":"EdDSA"}`, goodPayload)
		accepted(t, raw, set(t, many[:32]...), profile())
		refused(t, raw, set(t, many...), profile(), token.ErrKey)
		accepted(t, sign(t, many[0], good()), set(t, many...), profile()) // by its kid
	})
}
