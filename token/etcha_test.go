package token_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

func readJSON(t *testing.T, into any, path ...string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v: %v", path, err)
	}
}

// etchaKeys reads the public keys of the cases, TYPE:BASE64:ID.
func etchaKeys(t *testing.T) map[string]key.Public {
	t.Helper()
	var texts map[string]string
	readJSON(t, &texts, "testdata", "etcha", "public-keys.json")
	keys := map[string]key.Public{}
	for name, text := range texts {
		parts := strings.Split(text, ":")
		der, err := base64.StdEncoding.DecodeString(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			t.Fatal(err)
		}
		if keys[name], err = key.NewPublic(parsed, parts[2]); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

// TestEtcha: tokens that the real Etcha made verify here, by the kid, and with any claims of theirs intact.
func TestEtcha(t *testing.T) {
	t.Parallel()
	var cases []struct {
		File, Alg, Kid string
		Claims         []string
		Outcomes       []struct{ Keys, Etcha, Writ string }
	}
	readJSON(t, &cases, "testdata", "etcha", "expected.json")
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	keys := etchaKeys(t)
	now := time.Unix(1795441600, 0) // a few seconds after they were made
	for _, test := range cases {
		data, err := os.ReadFile(filepath.Join("testdata", "etcha", test.File))
		if err != nil {
			t.Fatal(err)
		}
		raw := string(data)
		for _, outcome := range test.Outcomes {
			t.Run(test.File+" "+outcome.Keys, func(t *testing.T) {
				t.Parallel()
				given := []key.Public{keys[outcome.Keys]}
				switch outcome.Keys {
				case "none":
					given = nil
				case "all":
					given = slices.Collect(maps.Values(keys))
				}
				set, err := key.NewSet(given...)
				if err != nil {
					t.Fatal(err)
				}
				profile := token.Profile{AnyIssuer: true, AnyAudience: true, NoExpiry: true, Now: func() time.Time { return now }, Leeway: 30 * time.Second}
				if outcome.Writ != "accepted" {
					if outcome.Etcha == "accepted" {
						t.Errorf("Etcha accepts it, and we refuse: %s", outcome.Writ)
					}
					refused(t, raw, set, profile, sentinels[outcome.Writ])
					return
				}
				verified, _, err := token.Verify[claims](t.Context(), raw, set, profile)
				if err != nil {
					t.Fatal(err)
				}
				if verified.Key().ID() != test.Kid || string(verified.Key().Algorithm()) != test.Alg {
					t.Errorf("verified with key %s %s", verified.Key().Algorithm(), verified.Key().ID())
				}
				var payload map[string]json.RawMessage
				if err := json.Unmarshal(verified.Payload(), &payload); err != nil {
					t.Fatal(err)
				}
				if got := slices.Sorted(maps.Keys(payload)); !slices.Equal(got, test.Claims) {
					t.Errorf("claims %v, want %v", got, test.Claims)
				}
			})
		}
	}
}

// TestEtchaHeader: our header is theirs, byte for byte, so that what we sign reads there as their own.
func TestEtchaHeader(t *testing.T) {
	t.Parallel()
	for file, named := range map[string]struct {
		algorithm key.Algorithm
		kid       string
	}{"01-ed25519-basic.jwt": {key.EdDSA, "key1"}, "04-ecp256-basic.jwt": {key.ES256, "ec1"}} {
		theirs, err := os.ReadFile(filepath.Join("testdata", "etcha", file))
		if err != nil {
			t.Fatal(err)
		}
		k, err := key.Generate(named.algorithm, named.kid)
		if err != nil {
			t.Fatal(err)
		}
		ours := sign(t, k, good())
		if want, _, _ := strings.Cut(string(theirs), "."); !strings.HasPrefix(ours, want+".") {
			t.Errorf("%s: our header is %.60s, want %s", file, ours, want)
		}
	}
}

// TestEtchaAudience: Etcha writes a single receiver as text, not as a list.
func TestEtchaAudience(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "etcha", "07-ed25519-expired.jwt"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := key.NewSet(slices.Collect(maps.Values(etchaKeys(t)))...)
	if err != nil {
		t.Fatal(err)
	}
	before := token.Profile{AnyIssuer: true, NoExpiry: true, Now: func() time.Time { return time.Unix(1795437984, 0) }, Leeway: 2 * time.Hour, Audience: []string{"solo"}}
	accepted(t, string(data), set, before)
	before.Audience = []string{"other"}
	refused(t, string(data), set, before, token.ErrAudience)
}
