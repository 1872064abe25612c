package token

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// wycheproof is a file of test vectors.
type wycheproof struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		Comment string          `json:"comment"`
		Public  json.RawMessage `json:"public"`
		Private json.RawMessage `json:"private"`
		PEM     string          `json:"publicKeyPem"`
		JWK     json.RawMessage `json:"publicKeyJwk"`
		Tests   []struct {
			ID        int             `json:"tcId"`
			Comment   string          `json:"comment"`
			Result    string          `json:"result"`
			JWS       json.RawMessage `json:"jws"` // text, or an object: the JSON serialization
			Message   string          `json:"msg"`
			Signature string          `json:"sig"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func readWycheproof(t *testing.T, name string) wycheproof {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "wycheproof", name))
	if err != nil {
		t.Fatal(err)
	}
	var vectors wycheproof
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return vectors
}

// layerHolds is all that Verify does before it reads claims: most payloads of the vectors are none.
func layerHolds(ctx context.Context, raw string, keys KeySet) error {
	s, err := split(raw, 0)
	if err != nil {
		return err
	}
	h, err := decodeHeader(s.header)
	if err != nil {
		return err
	}
	r := &reporter{}
	if !checkHeader(r, h, Profile{}) {
		return r.err()
	}
	if _, ok := checkSignature(ctx, r, h, s, keys, nil); !ok {
		return r.err()
	}
	_, err = s.payload()
	return err
}

// otherAlgorithms are what valid vectors are signed with that we refuse, whatever the key: we have three algorithms.
var otherAlgorithms = []string{"HS256", "HS384", "HS512", "RS384", "RS512", "PS256", "PS384", "PS512", "ES384", "ES512", "ES521"}

// TestWycheproofTokens: whole tokens. What is valid and of our algorithms is accepted; all else is refused.
func TestWycheproofTokens(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for _, name := range []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"} {
		vectors, ran := readWycheproof(t, name), 0
		for _, group := range vectors.TestGroups {
			public := group.Public
			if public == nil {
				public = group.Private // a shared secret: nothing of it is a public key
			}
			keys, keyErr := key.ParseSet(public)
			for _, test := range group.Tests {
				ran++
				label := fmt.Sprintf("%s %d", name, test.ID)
				var raw string
				if err := json.Unmarshal(test.JWS, &raw); err != nil {
					raw = string(test.JWS)
				}
				err := keyErr
				if err == nil {
					err = layerHolds(t.Context(), raw, keys)
				}
				ours := !slices.ContainsFunc(otherAlgorithms, func(a string) bool { return strings.Contains(string(public), `"`+a+`"`) }) &&
					strings.Contains(string(public), `"kty"`) && !strings.Contains(name+group.Comment, "jwe_")
				switch {
				case test.Result == "valid" && !ours:
					counts["valid, of another algorithm"]++
					if err == nil {
						t.Errorf("%s %q: accepted, though not of our algorithms", label, test.Comment)
					}
				case test.Result == "valid":
					counts["valid"]++
					if err != nil {
						t.Errorf("%s %q: refused: %v", label, test.Comment, err)
					}
				case test.Result == "invalid":
					counts["invalid"]++
					if err == nil {
						t.Errorf("%s %q: accepted", label, test.Comment)
					}
				default:
					t.Errorf("%s %q: result %q is new", label, test.Comment, test.Result)
				}
			}
		}
		if ran != vectors.NumberOfTests || ran == 0 {
			t.Errorf("%s: %d vectors ran of %d", name, ran, vectors.NumberOfTests)
		}
	}
	t.Logf("%v", counts)
	for _, class := range []string{"valid", "invalid", "valid, of another algorithm"} {
		if counts[class] == 0 {
			t.Errorf("no vector is %s", class)
		}
	}
}

// TestWycheproofSignatures: signatures alone, of EdDSA and ES256, over bytes of any kind.
func TestWycheproofSignatures(t *testing.T) {
	t.Parallel()
	for name, algorithm := range map[string]key.Algorithm{"ed25519_test.json": key.EdDSA, "ecdsa_secp256r1_sha256_p1363_test.json": key.ES256} {
		vectors, ran, valid := readWycheproof(t, name), 0, 0
		for _, group := range vectors.TestGroups {
			k, err := key.ParsePublic([]byte(group.PEM))
			if err != nil || k.Algorithm() != algorithm {
				t.Errorf("%s: key: %v", name, err)
				continue
			}
			if group.JWK != nil {
				if same, err := key.ParsePublic(group.JWK); err != nil || same.Thumbprint() != k.Thumbprint() {
					t.Errorf("%s: the JWK is not the key of the PEM: %v", name, err)
				}
			}
			for _, test := range group.Tests {
				ran++
				message, err := hex.DecodeString(test.Message)
				if err != nil {
					t.Fatal(err)
				}
				signature, err := hex.DecodeString(test.Signature)
				if err != nil {
					t.Fatal(err)
				}
				if test.Result == "valid" {
					valid++
				}
				if got := signatureHolds(k, message, signature); got != (test.Result == "valid") {
					t.Errorf("%s %d %q: holds: %v, want %s", name, test.ID, test.Comment, got, test.Result)
				}
			}
		}
		if ran != vectors.NumberOfTests || valid == 0 || valid == ran {
			t.Errorf("%s: %d vectors ran of %d, %d of them valid", name, ran, vectors.NumberOfTests, valid)
		}
	}
}
