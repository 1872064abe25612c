package token_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// Good and bad tokens for authors of verifiers: examples/tokens/tokens.json, with docs/tokens.md as its page. All
// signatures are deterministic and the keys are those of RFC 7515 and RFC 8037, so that the same file comes out each time.

// sampleFile is the JSON that authors download.
type sampleFile struct {
	About    string          `json:"about"`
	Now      int64           `json:"now"`
	Issuer   string          `json:"issuer"`
	Audience string          `json:"audience"`
	JWKS     json.RawMessage `json:"jwks"`
	Cases    []sample        `json:"cases"`
}

// sample is one token and what a verifier must answer.
type sample struct {
	Name   string `json:"name"`
	What   string `json:"what"`
	Expect string `json:"expect"` // accept; reject: every verifier must; strict: reject, where lenient ones do not
	Check  string `json:"check"`  // the check that refuses it here, as in Report
	Source string `json:"source"` // the rule
	Token  string `json:"token"`
}

// sampler makes the tokens.
type sampler struct {
	t                      *testing.T
	rsa, ec, ed, strangers key.Private
	cases                  []sample
}

// named is a private key of an RFC under a name of its own.
func (s *sampler) named(vector, kid string) key.Private {
	s.t.Helper()
	var members map[string]any
	readJSON(s.t, &members, "..", "key", "testdata", "vectors", vector)
	members["kid"] = kid
	text, err := json.Marshal(members)
	if err != nil {
		s.t.Fatal(err)
	}
	k, err := key.ParsePrivate(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// stranger is an Ed25519 key that is in no key set, made of a text.
func (s *sampler) stranger() key.Private {
	s.t.Helper()
	seed := sha256.Sum256([]byte("a stranger's key"))
	text := base64.RawURLEncoding.EncodeToString(edPKCS8(seed[:]))
	k, err := key.ParsePrivate([]byte("-----BEGIN PRIVATE KEY-----\n" + standard(text) + "\n-----END PRIVATE KEY-----\n"))
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// edPKCS8 is an Ed25519 seed as PKCS #8 (RFC 8410 section 7).
func edPKCS8(seed []byte) []byte {
	return append([]byte{0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20}, seed...)
}

// standard turns base64url into base64.
func standard(text string) string {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	return text + strings.Repeat("=", -len(text)&3)
}

func (s *sampler) add(name, expect, check, source, what, raw string) {
	s.cases = append(s.cases, sample{Name: name, What: what, Expect: expect, Check: check, Source: source, Token: raw})
}

// by signs a header and a payload with a key.
func (s *sampler) by(k key.Private, header, payload string) string {
	s.t.Helper()
	return forge(s.t, k, header, payload)
}

// ours signs with the issuer's Ed25519 key, with more in the header.
func (s *sampler) ours(more, payload string) string {
	return s.by(s.ed, `{"alg":"EdDSA","kid":"ed"`+more+`,"typ":"JWT"}`, payload)
}

// mac signs with HMAC.
func mac(secret, header string) string {
	input := encode(header) + "." + encode(goodPayload)
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte(input))
	return input + "." + encode(string(sum.Sum(nil)))
}

// samples are all cases, in the order of the page.
func samples(t *testing.T) sampleFile {
	t.Helper()
	s := &sampler{t: t}
	s.rsa, s.ec, s.ed = s.named("rfc7515-a2-rsa.json", "rsa"), s.named("rfc7515-a3-p256.json", "ec"), s.named("rfc8037-a1-ed25519.json", "ed")
	s.strangers = s.stranger()
	s.good()
	s.algorithms()
	s.signatures()
	s.headers()
	s.texts()
	s.claims()
	jwks, err := set(t, s.rsa, s.ec, s.ed).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return sampleFile{
		About: "Good and bad JWTs to test a verifier with; see docs/tokens.md. The private keys are published in RFC 7515 and RFC 8037: trust them nowhere.",
		Now:   now.Unix(), Issuer: "https://ci.example.com", Audience: "vault", JWKS: jwks, Cases: s.cases,
	}
}

func (s *sampler) good() {
	const rule = "RFC 7519 7.2"
	for _, k := range []struct {
		name string
		key  key.Private
	}{{"rs256", s.rsa}, {"es256", s.ec}, {"eddsa", s.ed}} {
		algorithm := string(k.key.Public().Algorithm())
		s.add("good-"+k.name, "accept", "", rule, algorithm+", as an issuer writes it", s.by(k.key, `{"alg":"`+algorithm+`","kid":"`+k.key.Public().ID()+`","typ":"JWT"}`, goodPayload))
	}
	s.add("good-without-typ", "accept", "", "RFC 7519 5.1", "no typ, which is optional", s.by(s.ed, `{"alg":"EdDSA","kid":"ed"}`, goodPayload))
	s.add("good-media-type", "accept", "", "rfc8725bis 3.11", "typ is application/jwt, the same as JWT", s.by(s.ed, `{"alg":"EdDSA","kid":"ed","typ":"application/jwt"}`, goodPayload))
	s.add("good-unknown-header", "accept", "", "RFC 7515 4", "a header parameter that nobody knows, which is to be ignored", s.ours(`,"x":{"y":[1]}`, goodPayload))
	s.add("good-unknown-claim", "accept", "", "RFC 7519 4", "a claim that nobody knows", s.ours("", more(`"x":{"y":[1]}`)))
	s.add("good-one-audience", "accept", "", "RFC 7519 4.1.3", "aud is one text", s.ours("", other("aud", `"vault"`)))
	s.add("good-several-audiences", "accept", "", "RFC 7519 4.1.3", "aud is a list with ours in it", s.ours("", strings.Replace(goodPayload, `["vault"]`, `["aws","vault"]`, 1)))
	s.add("good-fraction", "accept", "", "RFC 7519 2", "exp has a fraction of a second", s.ours("", other("exp", "1800003600.5")))
	s.add("good-last-second", "accept", "", "RFC 7519 4.1.4", "exp is one second ahead", s.ours("", other("exp", "1800000001")))
	s.add("good-unicode", "accept", "", "RFC 8259 7", "UTF-8 and escapes in a claim", s.ours("", more(`"team":"отдел \u043e\ud83d\ude00"`)))
	s.add("good-spaces", "accept", "", "RFC 8259 2", "white space in the JSON", s.by(s.ed, "{ \"kid\" : \"ed\",\n \"alg\" : \"EdDSA\" }", strings.ReplaceAll(goodPayload, ",", " ,\n ")))
}

func (s *sampler) algorithms() {
	const rule = "rfc8725bis 3.1"
	for _, name := range []string{"none", "None", "nOnE"} {
		s.add("alg-"+name, "reject", "algorithm", "rfc8725bis 3.2", "alg "+name+" and no signature", encode(`{"alg":"`+name+`","kid":"rsa"}`)+"."+encode(goodPayload)+".")
	}
	s.add("alg-none-signed", "reject", "algorithm", "rfc8725bis 3.2", "alg none over a signature that holds", s.by(s.ed, `{"alg":"none","kid":"ed"}`, goodPayload))
	text, err := s.rsa.Public().PEM()
	if err != nil {
		s.t.Fatal(err)
	}
	s.add("hmac-with-public-pem", "reject", "algorithm", rule, "HS256 with the RSA public key's PEM as its secret", mac(string(text), `{"alg":"HS256","kid":"rsa"}`))
	s.add("hmac-with-public-jwk", "reject", "algorithm", rule, "HS256 with the public JWK as its secret", mac(jwk(s.t, s.rsa), `{"alg":"HS256","kid":"rsa"}`))
	s.add("hmac-empty-secret", "reject", "algorithm", "rfc8725bis 3.5", "HS256 with an empty secret", mac("", `{"alg":"HS256"}`))
	s.add("hmac-as-rs256", "reject", "signature", rule, "an HMAC with the public key, called RS256", mac(string(text), `{"alg":"RS256","kid":"rsa"}`))
	s.add("alg-small-letters", "reject", "algorithm", rule, "alg eddsa: names are compared with case", s.by(s.ed, `{"alg":"eddsa","kid":"ed"}`, goodPayload))
	s.add("alg-other-type", "reject", "algorithm", rule, "an Ed25519 signature called RS256, under the Ed25519 key's kid", s.by(s.ed, `{"alg":"RS256","kid":"ed"}`, goodPayload))
	s.add("alg-other-kid", "reject", "algorithm", rule, "an Ed25519 signature under the RSA key's kid", s.by(s.ed, `{"alg":"EdDSA","kid":"rsa"}`, goodPayload))
	s.add("alg-rs384", "reject", "algorithm", rule, "alg RS384 with a key whose one algorithm is RS256", s.by(s.rsa, `{"alg":"RS384","kid":"rsa"}`, goodPayload))
	s.add("alg-missing", "reject", "format", "RFC 7515 4.1.1", "no alg", s.by(s.ed, `{"kid":"ed"}`, goodPayload))
	s.add("alg-list", "reject", "format", "RFC 7515 4.1.1", "alg is a list", s.by(s.ed, `{"alg":["EdDSA"],"kid":"ed"}`, goodPayload))
	s.add("alg-twice", "strict", "format", "RFC 7515 4", "alg twice, first none", s.by(s.ed, `{"alg":"none","alg":"EdDSA","kid":"ed"}`, goodPayload))
	s.add("alg-capitals-beside", "strict", "format", "rfc8725bis 3.1", "ALG none beside alg EdDSA", s.by(s.ed, `{"alg":"EdDSA","ALG":"none","kid":"ed"}`, goodPayload))
}

// file writes the cases as the JSON that is kept.
func (f sampleFile) file(t *testing.T) []byte {
	t.Helper()
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// TestSamples: the kept file is what the tests make, the page has its table, and Verify answers every case as it says and
// for the reason that it says. WRIT_UPDATE_GOLDEN=1 writes both.
func TestSamples(t *testing.T) {
	t.Parallel()
	made := samples(t)
	file, page := filepath.Join("..", "examples", "tokens", "tokens.json"), filepath.Join("..", "docs", "tokens.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- cases: made by the tests -->\n", "<!-- end of cases -->\n"
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", page)
	}
	wantPage := before + begin + made.table() + end + after
	if os.Getenv("WRIT_UPDATE_GOLDEN") == "1" {
		if err := errors.Join(os.WriteFile(file, made.file(t), 0o644), os.WriteFile(page, []byte(wantPage), 0o644)); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != wantPage {
		t.Errorf("%s: the table is not what the tests make; WRIT_UPDATE_GOLDEN=1 writes it", page)
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, made.file(t)) {
		t.Errorf("%s is not what the tests make; WRIT_UPDATE_GOLDEN=1 writes it", file)
	}
	var read sampleFile // as another author's program reads it
	if err := json.Unmarshal(kept, &read); err != nil {
		t.Fatal(err)
	}
	keys, err := key.ParseSet(read.JWKS)
	if err != nil {
		t.Fatal(err)
	}
	p := token.Profile{
		Issuer: read.Issuer, Audience: []string{read.Audience}, Required: []string{"sub", "exp"}, MaxLife: 24 * time.Hour,
		Now: func() time.Time { return time.Unix(read.Now, 0) },
	}
	names, answers := map[string]bool{}, map[string]int{}
	for _, c := range read.Cases {
		if names[c.Name] {
			t.Errorf("two cases are called %s", c.Name)
		}
		names[c.Name] = true
		answers[c.Expect]++
		_, report, err := token.Verify[claims](t.Context(), c.Token, keys, p)
		byCheck := slices.ContainsFunc(report.Failed(), func(f token.Check) bool { return f.Name == c.Check })
		if (c.Expect == "accept") != (err == nil) || byCheck != (c.Check != "") {
			t.Errorf("%s (%s): %v; want %s by %q", c.Name, c.What, err, c.Expect, c.Check)
		}
	}
	if answers["accept"] == 0 || answers["reject"] == 0 || answers["strict"] == 0 || len(answers) != 3 {
		t.Errorf("answers %v", answers)
	}
}

// table is the page's table of the cases.
func (f sampleFile) table() string {
	var out strings.Builder
	out.WriteString("| name | what it is | answer | refused by | rule |\n|---|---|---|---|---|\n")
	for _, c := range f.Cases {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", c.Name, c.What, c.Expect, c.Check, c.Source)
	}
	return out.String()
}
