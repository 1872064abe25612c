// Package badtokens makes eleven tokens that a relying party can be expected to refuse, of one good token and the keys
// of a live issuer and of a stranger. Each differs from the good one in one thing.
package badtokens

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
)

// Check is what a relying party has to look at to refuse a token.
type Check string

// The checks.
const (
	Signature Check = "signature"
	Key       Check = "key"       // a key that is not in the issuer's set
	Algorithm Check = "algorithm" // not one that the key is for
	Critical  Check = "critical"  // a header member that must be understood (RFC 7515 section 4.1.11)
	Expiry    Check = "expiry"
	NotBefore Check = "not before"
	Audience  Check = "audience"
	Issuer    Check = "issuer"
	Subject   Check = "subject" // the relying party's own rule about who may come in
)

// Token is a bad token.
type Token struct {
	Name  string // what is wrong, as the name of a test
	Check Check  // what refuses it
	Raw   string
}

// Other is the name that the token of another job has as pipeline and job; its subject ends with it.
const Other = "somebody-else"

// off is how far the times of tokens that came too late or too early are off: past every leeway.
const off = 24 * time.Hour

// Make returns the eleven, of a good token and the issuer's key that has signed it. The good token names an audience and
// a job; what the relying party demands of them is what two of the eleven lack.
func Make(t testing.TB, good string, live key.Signer) []Token {
	t.Helper()
	stranger, err := key.Generate(live.Public().Algorithm(), "")
	if err != nil {
		t.Fatal(err)
	}
	impostor, err := key.Generate(live.Public().Algorithm(), live.Public().ID())
	if err != nil {
		t.Fatal(err)
	}
	public, err := live.Public().PEM()
	if err != nil {
		t.Fatal(err)
	}
	header, claims := parts(t, good)
	now := time.Now()
	signed := func(k key.Signer, changed map[string]any, more map[string]any) string {
		h := with(header, map[string]any{"alg": k.Public().Algorithm(), "kid": k.Public().ID()})
		return sign(t, k, with(h, more), with(claims, changed))
	}
	none := input(t, with(header, map[string]any{"alg": "none"}), claims)
	symmetric := input(t, with(header, map[string]any{"alg": "HS256"}), claims)
	code := hmac.New(sha256.New, public)
	code.Write([]byte(symmetric))
	_, _, signature := cut(t, good)
	other := with(claims, nil)
	other["sub"] = strings.Join(append(strings.Split(claims["sub"].(string), "/")[:1], Other), "/")
	other["pipeline"], other["job"] = Other, Other
	return []Token{
		{"payload changed", Signature, input(t, header, with(claims, map[string]any{"jti": "changed"})) + "." + signature},
		{"stranger's key", Key, signed(stranger, nil, nil)},
		{"stranger's key under the issuer's kid", Signature, signed(impostor, nil, nil)},
		{"no algorithm", Algorithm, none + "."},
		{"HMAC with the public key", Algorithm, symmetric + "." + base64.RawURLEncoding.EncodeToString(code.Sum(nil))},
		{"unknown critical header", Critical, signed(live, nil, map[string]any{"crit": []string{"unheard-of"}, "unheard-of": true})},
		{"expired", Expiry, signed(live, times(now.Add(-off-time.Hour), now.Add(-off)), nil)},
		{"not yet valid", NotBefore, signed(live, times(now.Add(off), now.Add(off+time.Hour)), nil)},
		{"another audience", Audience, signed(live, map[string]any{"aud": []string{"https://elsewhere.example.com"}}, nil)},
		{"another issuer", Issuer, signed(live, map[string]any{"iss": "https://ci.elsewhere.example.com"}, nil)},
		{"another job", Subject, signed(live, other, nil)},
	}
}

// times are the claims of a token that is good from one time to another. It was issued now: some relying parties look
// at iat, and that is not what is to be wrong.
func times(from, to time.Time) map[string]any {
	return map[string]any{"nbf": from.Unix(), "exp": to.Unix(), "iat": min(from.Unix(), time.Now().Unix())}
}

// with is an object with members replaced.
func with(object, changed map[string]any) map[string]any {
	made := maps.Clone(object)
	maps.Copy(made, changed)
	return made
}

func sign(t testing.TB, k key.Signer, header, claims map[string]any) string {
	t.Helper()
	text := input(t, header, claims)
	signature, err := k.Sign(context.Background(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// input is what is signed (RFC 7515 section 5.1).
func input(t testing.TB, header, claims map[string]any) string {
	t.Helper()
	var encoded []string
	for _, object := range []map[string]any{header, claims} {
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		encoded = append(encoded, base64.RawURLEncoding.EncodeToString(text))
	}
	return strings.Join(encoded, ".")
}

func cut(t testing.TB, raw string) (header, payload, signature string) {
	t.Helper()
	all := strings.Split(raw, ".")
	if len(all) != 3 || slices.Contains(all, "") {
		t.Fatal("the good token has not three parts")
	}
	return all[0], all[1], all[2]
}

// parts are header and claims, with numbers as they were written.
func parts(t testing.TB, raw string) (header, claims map[string]any) {
	t.Helper()
	first, second, _ := cut(t, raw)
	for text, object := range map[string]*map[string]any{first: &header, second: &claims} {
		data, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(object); err != nil {
			t.Fatal(err)
		}
	}
	if _, is := claims["sub"].(string); !is {
		t.Fatal("the good token has no subject")
	}
	return header, claims
}
