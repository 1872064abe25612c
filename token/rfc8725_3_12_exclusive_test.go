package token_test

import (
	"testing"

	"github.com/writ-run/writ/token"
)

// TestRule3_12MutuallyExclusive: a token of one kind is not taken for one of another.
func TestRule3_12MutuallyExclusive(t *testing.T) {
	t.Parallel()
	runClaims(t, map[string]claimCase{
		"another kind's claims":  {payload: goodPayload, profile: func(p *token.Profile) { p.Required = []string{"etchaPattern"} }, want: wants(token.ErrRequired)},
		"a required claim null":  {payload: more(`"team":null`), profile: func(p *token.Profile) { p.Required = []string{"team"} }, want: wants(token.ErrRequired)},
		"a required claim false": {payload: more(`"x":false`), profile: func(p *token.Profile) { p.Required = []string{"x"} }},
		"required within":        {payload: more(`"x":{"team":1}`), profile: func(p *token.Profile) { p.Required = []string{"team"} }, want: wants(token.ErrRequired)},
	})
}
