package token_test

import (
	"context"
	"errors"
	"fmt"
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

// order is what an order's claims may be read as.
type order struct {
	token.Registered
	Pattern struct {
		Entrypoint string            `json:"entrypoint"`
		Files      map[string]string `json:"files"`
	} `json:"etchaPattern"`
	Manifest string         `json:"etchaBuildManifest"`
	Vars     map[string]any `json:"etchaRunVars,omitzero"`
	Version  string         `json:"etchaVersion,omitzero"`
}

// orderPayload is written as Etcha does: members sorted, aud as text, iat and nbf the same.
const orderPayload = `{"aud":"web","etchaBuildManifest":"","etchaPattern":{"entrypoint":"/main.jsonnet","files":{"/main.jsonnet":"{run: []}\n"}},"etchaRunVars":{},"etchaVersion":"v2024.04","exp":1800003600,"iat":1800000000,"nbf":1800000000}`

func orderProfile() token.Profile {
	return token.Profile{AnyIssuer: true, Audience: []string{"web"}, NoAudience: true, Required: []string{"iat"}, Now: func() time.Time { return now }}
}

func orderKeys(t testing.TB, keys ...key.Public) key.OrderKeys {
	t.Helper()
	o, err := key.NewOrderKeys(keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func sharedKeys(t testing.TB, keys ...key.HMAC) key.OrderKeys {
	t.Helper()
	o, err := key.NewOrderKeys(nil, keys)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func generateHMAC(t testing.TB, id string) key.HMAC {
	t.Helper()
	k, err := key.GenerateHMAC(id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func named(t testing.TB, algorithm key.Algorithm, id string) key.Private {
	t.Helper()
	k, err := key.Generate(algorithm, id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signer is what a header and a payload are signed with: key.Private or key.HMAC.
type signer interface {
	Sign(ctx context.Context, input []byte) ([]byte, error)
}

// forgeBy is forge for shared secrets, too.
func forgeBy(t testing.TB, k signer, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	signature, err := k.Sign(t.Context(), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(signature))
}

func acceptedOrder(t *testing.T, raw string, keys key.OrderKeys, p token.Profile) token.Verified[order] {
	t.Helper()
	verified, report, err := token.VerifyOrder[order]([]byte(raw), keys, p)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	checkOrderReport(t, report, false)
	return verified
}

// refusedOrder: the order is refused for exactly these reasons, and neither error nor report quotes it. It returns the error.
func refusedOrder(t *testing.T, raw string, keys key.OrderKeys, p token.Profile, want ...error) string {
	t.Helper()
	verified, report, err := token.VerifyOrder[order]([]byte(raw), keys, p)
	if err == nil {
		t.Errorf("accepted, want %v", want)
		return ""
	}
	if verified.Payload() != nil || verified.KeyID() != "" || verified.Claims().Pattern.Files != nil {
		t.Error("refused, and yet something is Verified")
	}
	for _, name := range slices.Sorted(maps.Keys(sentinels)) {
		if got := errors.Is(err, sentinels[name]); got != slices.Contains(want, sentinels[name]) {
			t.Errorf("error %q: is %s: %v", err, name, got)
		}
	}
	checkOrderReport(t, report, true)
	text := err.Error() + fmt.Sprintf(" %+v", report)
	for part := range strings.SplitSeq(raw, ".") {
		if len(part) > 48 && (strings.Contains(text, part[:40]) || strings.Contains(text, part[len(part)-24:])) {
			t.Errorf("%.200q quotes the token", text)
		}
	}
	return err.Error()
}

// checkOrderReport: every check is listed once, in order.
func checkOrderReport(t *testing.T, report token.Report, failed bool) {
	t.Helper()
	var names []string
	for _, c := range report {
		if c.Name != "required" && c.Name != "profile" {
			names = append(names, c.Name)
		}
		if c.Outcome == token.Failed && (c.Want == "" || c.Got == "") {
			t.Errorf("failed check %+v names no expected or no got", c)
		}
	}
	slices.Sort(names)
	if want := []string{"algorithm", "aud", "claims", "crit", "exp", "format", "iat", "iss", "key", "life", "nbf", "signature", "type"}; !slices.Equal(names, want) {
		t.Errorf("report lists %v, want %v", names, want)
	}
	if (len(report.Failed()) > 0) != failed {
		t.Errorf("failed checks: %+v", report.Failed())
	}
}

// TestEtchaOrders: what the real Etcha accepts of its own tokens we accept with the same keys, and nothing else.
func TestEtchaOrders(t *testing.T) {
	t.Parallel()
	var texts map[string]string
	readJSON(t, &texts, "testdata", "etcha", "public-keys.json")
	keys := map[string]key.OrderKeys{"none": {}}
	var all []string
	for name, text := range texts {
		k, err := key.ParseOrderKeys([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		keys[name], all = k, append(all, text)
	}
	every, err := key.ParseOrderKeys([]byte(strings.Join(all, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	keys["all"] = every
	type outcomes map[string]error // nil: accepted
	ed := outcomes{"none": token.ErrKey, "key1": nil, "key2": token.ErrSignature, "ec1": token.ErrAlgorithm, "rsa1": token.ErrAlgorithm, "all": nil}
	expired := maps.Clone(ed)
	expired["key1"], expired["all"] = token.ErrExpired, token.ErrExpired
	tampered := maps.Clone(ed)
	tampered["key1"], tampered["all"] = token.ErrSignature, token.ErrSignature
	p := token.Profile{AnyIssuer: true, AnyAudience: true, Required: []string{"iat"}, Now: func() time.Time { return time.Unix(1795441600, 0) }}
	for file, want := range map[string]outcomes{
		"01-ed25519-basic.jwt": ed, "02-ed25519-imports.jwt": ed, "07-ed25519-expired.jwt": expired, "09-tampered-payload.jwt": tampered,
		"04-ecp256-basic.jwt": {"none": token.ErrKey, "key1": token.ErrAlgorithm, "key2": token.ErrAlgorithm, "ec1": nil, "rsa1": token.ErrAlgorithm, "all": nil},
	} {
		raw, err := os.ReadFile(filepath.Join("testdata", "etcha", file))
		if err != nil {
			t.Fatal(err)
		}
		for name, outcome := range want {
			t.Run(file+" "+name, func(t *testing.T) {
				t.Parallel()
				if outcome != nil {
					refusedOrder(t, string(raw), keys[name], p, outcome)
					return
				}
				v := acceptedOrder(t, string(raw), keys[name], p)
				if c := v.Claims(); c.Pattern.Entrypoint == "" || len(c.Pattern.Files) == 0 || c.IssuedAt == 0 || c.IssuedAt != c.NotBefore || c.Version != "v2024.04-86a9186" {
					t.Errorf("claims %+v", c)
				}
				if id := v.KeyID(); texts[id] == "" || v.Key().ID() != id {
					t.Errorf("verified with %q", id)
				}
			})
		}
	}
}

// TestOrderKeyIDs: the kid is a hint. It may be right, wrong, missing, empty, or of two keys.
func TestOrderKeyIDs(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			a, b, same, stranger := named(t, algorithm, "a"), named(t, algorithm, "b"), named(t, algorithm, "a"), named(t, algorithm, "a")
			alg := `"alg":"` + string(algorithm) + `"`
			keys := orderKeys(t, named(t, key.EdDSA, "z").Public(), named(t, key.ES256, "a").Public(), a.Public(), b.Public(), same.Public())
			for header, got := range map[string]string{
				`{` + alg + `,"kid":"a","typ":"JWT"}`:  "a",
				`{` + alg + `,"kid":"b","typ":"JWT"}`:  `a, though the kid is "b"`,
				`{` + alg + `,"kid":"zz","typ":"JWT"}`: `a, though the kid is "zz"`,
				`{` + alg + `,"kid":"","typ":"JWT"}`:   "a",
				`{` + alg + `,"typ":"JWT"}`:            "a",
				"{" + alg + ",\"typ\":\"JWT\"}\n":      "a", // as a shell's here-string makes it
			} {
				for _, k := range []key.Private{a, same} {
					raw := forge(t, k, header, orderPayload)
					v, report, err := token.VerifyOrder[order]([]byte(raw), keys, orderProfile())
					if err != nil || !v.Key().Equal(k.Public()) || v.KeyID() != "a" {
						t.Errorf("%s: %v, by %q", header, err, v.KeyID())
						continue
					}
					if i := slices.IndexFunc(report, func(c token.Check) bool { return c.Name == "key" }); report[i].Got != got {
						t.Errorf("%s: the report names %q, want %q", header, report[i].Got, got)
					}
				}
				text := refusedOrder(t, forge(t, stranger, header, orderPayload), keys, orderProfile(), token.ErrSignature)
				if unknown := strings.Contains(header, "zz"); strings.Contains(text, `its kid "zz" is of none of them`) != unknown {
					t.Errorf("%s: %s", header, text)
				}
			}
		})
	}
}
