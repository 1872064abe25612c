package token_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// rfcKeys are the private keys of RFC 7515 appendices A.2 and A.3 and RFC 8037 appendix A.1. Fuzzing takes several
// processes, which have to agree on what is signed.
func rfcKeys(t testing.TB) []key.Private {
	t.Helper()
	var keys []key.Private
	for _, name := range []string{"rfc7515-a2-rsa.json", "rfc7515-a3-p256.json", "rfc8037-a1-ed25519.json"} {
		text, err := os.ReadFile(filepath.Join("..", "key", "testdata", "vectors", name))
		if err != nil {
			t.Fatal(err)
		}
		k, err := key.ParsePrivate(text)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

// FuzzVerify: of all texts, only the signed tokens themselves verify. (Of an ES256 token there is a second one, with
// n-s for s, which no library refuses; to find it takes more than chance.)
func FuzzVerify(f *testing.F) {
	all := rfcKeys(f)
	fixed, err := os.ReadFile(filepath.Join("testdata", "vectors", "es256.jwt")) // of a randomized signature, which other signers make
	if err != nil {
		f.Fatal(err)
	}
	signed := map[string]bool{string(fixed): true}
	for _, k := range all {
		algorithm := string(k.Public().Algorithm())
		if k.Public().Algorithm() != key.ES256 {
			signed[sign(f, k, good())] = true
			signed[forge(f, k, `{"alg":"`+algorithm+`"}`, goodPayload)] = true
		}
		f.Add(forge(f, k, `{"alg":"none"}`, goodPayload))
		f.Add(forge(f, k, `{"alg":"`+algorithm+`","crit":["x"]}`, goodPayload))
		f.Add(forge(f, k, `{"alg":"`+algorithm+`"}`, `{"iss":"https://ci.example.com"}`))
		// What another key signed is as good as changed.
		f.Add(forge(f, generate(f, k.Public().Algorithm()), `{"alg":"`+algorithm+`","kid":"`+k.Public().ID()+`"}`, goodPayload))
	}
	for raw := range signed {
		f.Add(raw)
		f.Add(raw + "=")
	}
	keys := set(f, all...)
	for raw := range signed {
		if _, _, err := token.Verify[claims](f.Context(), raw, keys, profile()); err != nil {
			f.Fatalf("what is signed is refused: %v", err)
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		verified, report, err := token.Verify[claims](t.Context(), raw, keys, profile())
		if accepted := err == nil; accepted != signed[raw] {
			t.Errorf("accepted: %v, %v", accepted, err)
		}
		if err == nil {
			return
		}
		if verified.Payload() != nil {
			t.Error("refused, and yet Verified holds a payload")
		}
		checkReport(t, report)
		known := false
		for _, sentinel := range sentinels {
			known = known || errors.Is(err, sentinel)
		}
		if !known {
			t.Errorf("error %v has no sentinel", err)
		}
		if len(raw) > 64 && strings.Contains(err.Error(), raw) {
			t.Errorf("error %v quotes the token", err)
		}
	})
}

// FuzzParse: no text panics; what is decoded are two JSON objects, and the text they came from is the only one for them.
func FuzzParse(f *testing.F) {
	k := generate(f, key.EdDSA)
	raw := sign(f, k, good())
	f.Add(raw)
	f.Add("")
	f.Add("..")
	f.Add(encode("{}") + "." + encode("{}") + ".")
	f.Add(encode(`{"alg":"none","x":"\ud83d\ude00"}`) + "." + encode(`{"a":[{"b":null}]}`) + ".AAAA")
	f.Add(strings.Replace(raw, ".", "\n.", 1))
	files, err := filepath.Glob(filepath.Join("testdata", "etcha", "*.jwt"))
	if err != nil || len(files) == 0 {
		f.Fatal("no tokens in testdata")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := token.Parse(raw, 0)
		if err != nil {
			if !errors.Is(err, token.ErrMalformed) || u.Header() != nil || u.Payload() != nil {
				t.Errorf("refused with %v, header %q", err, u.Header())
			}
			return
		}
		_, signature, _ := strings.Cut(raw[strings.IndexByte(raw, '.')+1:], ".")
		if again := encode(string(u.Header())) + "." + encode(string(u.Payload())) + "." + signature; again != raw {
			t.Errorf("encoded again it is %q", again)
		}
		for _, object := range [][]byte{u.Header(), u.Payload()} {
			if object = bytes.TrimSpace(object); len(object) == 0 || object[0] != '{' || object[len(object)-1] != '}' {
				t.Errorf("%q is no JSON object", object)
			}
		}
		// Whatever Parse takes, Verify can look at, too.
		if _, _, err := token.Verify[claims](t.Context(), raw, key.Set{}, token.Profile{AnyIssuer: true, AnyAudience: true, NoExpiry: true}); err == nil {
			t.Error("verified without a key")
		}
	})
}
