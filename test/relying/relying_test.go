// Package relying holds real relying parties against the issuer: each takes what it can of three algorithms, through
// discovery alone, and refuses of the eleven bad tokens all but those that it is known to overlook. What a party
// overlooks is in its test and on its page of docs/.
package relying

import (
	"slices"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/badtokens"
	"github.com/writ-run/writ/test/issuertest"
)

var algorithms = []key.Algorithm{key.RS256, key.ES256, key.EdDSA}

// tokens are those of an issuer for one relying party. They are minted before the party looks at the key set: a key is
// made when its algorithm is first asked for, and parties wait before they fetch the set again.
type tokens struct {
	good map[key.Algorithm]string
	bad  []badtokens.Token
}

func mint(t *testing.T, issuer *issuertest.Issuer, audience string) tokens {
	t.Helper()
	made := tokens{good: map[key.Algorithm]string{}}
	for _, algorithm := range algorithms {
		made.good[algorithm] = issuer.Mint(t, audience, algorithm)
	}
	made.bad = issuer.Bad(t, audience)
	return made
}

// judge shows every token to a relying party and compares: it takes the algorithms and no other, and what it overlooks of
// the eleven and no other. admits tells whether it lets a token in, and what it said.
func (k tokens) judge(t *testing.T, admits func(raw string) (bool, any), takes []key.Algorithm, overlooks ...string) {
	t.Helper()
	for _, algorithm := range algorithms {
		in, said := admits(k.good[algorithm])
		if in != slices.Contains(takes, algorithm) {
			t.Errorf("a good token with %s: let in %v: %v", algorithm, in, said)
		}
	}
	for _, bad := range k.bad {
		in, said := admits(bad.Raw)
		if in != slices.Contains(overlooks, bad.Name) {
			t.Errorf("a bad token (%s), which the check of its %s refuses: let in %v: %v", bad.Name, bad.Check, in, said)
		}
	}
	for _, name := range overlooks {
		if !slices.ContainsFunc(k.bad, func(b badtokens.Token) bool { return b.Name == name }) {
			t.Errorf("%q is none of the eleven", name)
		}
	}
}
