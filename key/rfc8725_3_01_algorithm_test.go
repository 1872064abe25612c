package key_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// TestRule3_01OneAlgorithm: a key has exactly one algorithm, by its type; a JWK that names another is no key of ours, and
// no two keys of a set can be meant by one kid and one algorithm. (The rules' scheme: token/rfc8725_test.go.)
func TestRule3_01OneAlgorithm(t *testing.T) {
	t.Parallel()
	all := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519", "HS256", "RSA-OAEP", "none", "rs256", "eddsa"}
	for _, algorithm := range algorithms {
		k := generate(t, algorithm, "").Public()
		if k.Algorithm() != algorithm {
			t.Errorf("a key made for %s has %s", algorithm, k.Algorithm())
		}
		jwk := must(t)(k.MarshalJSON())
		bare, err := key.ParsePublic([]byte(with(t, jwk, change{"alg": nil})))
		if err != nil || bare.Algorithm() != algorithm {
			t.Errorf("a JWK of %s without alg: %s, %v", algorithm, bare.Algorithm(), err)
		}
		for _, named := range all {
			text := with(t, jwk, change{"alg": named})
			got, err := key.ParsePublic([]byte(text))
			if same := named == string(algorithm) || named == "Ed25519" && algorithm == key.EdDSA; same != (err == nil) || same && got.Algorithm() != algorithm {
				t.Errorf("a JWK of %s that says alg %s: %s, %v", algorithm, named, got.Algorithm(), err)
			} else if same {
				continue
			}
			other := generate(t, key.EdDSA, "other").Public() // in a set it is skipped, and the rest counts
			set, err := key.ParseSet([]byte(`{"keys":[` + text + `,` + string(must(t)(other.MarshalJSON())) + `]}`))
			if err != nil || len(set.Keys()) != 1 || !set.Keys()[0].Equal(other) {
				t.Errorf("a set with a JWK of %s that says alg %s: %d keys, %v", algorithm, named, len(set.Keys()), err)
			}
		}
		if _, err := key.NewSet(generate(t, algorithm, "x").Public(), generate(t, algorithm, "x").Public()); err == nil || !strings.Contains(err.Error(), "two different "+string(algorithm)+" keys") {
			t.Errorf("two %s keys with one kid: %v", algorithm, err)
		}
	}
}
