package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/writ-run/writ/key"
)

// FuzzShow shows any bytes, with a key and without: it never breaks, prints nothing that could steer a terminal, never a
// token, and calls verified only what its key has signed.
func FuzzShow(f *testing.F) {
	etcha := filepath.Join("..", "..", "token", "testdata", "etcha")
	tokens, err := filepath.Glob(filepath.Join(etcha, "*.jwt"))
	if err != nil || len(tokens) == 0 {
		f.Fatalf("no tokens: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(etcha, "public-keys.json"))
	if err != nil {
		f.Fatal(err)
	}
	var theirs map[string]string
	if err := json.Unmarshal(text, &theirs); err != nil {
		f.Fatal(err)
	}
	private, err := key.Generate(key.EdDSA, "")
	if err != nil {
		f.Fatal(err)
	}
	ours, err := private.Public().Text()
	if err != nil {
		f.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	sign := func(header, payload string) []byte {
		input := encode([]byte(header)) + "." + encode([]byte(payload))
		signature, err := private.Sign(context.Background(), []byte(input))
		if err != nil {
			f.Fatal(err)
		}
		return []byte(input + "." + encode(signature))
	}
	signed := map[string]bool{}
	for _, name := range tokens {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, "")
		signed[string(bytes.TrimRight(raw, "\r\n"))] = !strings.Contains(name, "tampered") && !strings.Contains(name, "expired")
	}
	for _, payload := range []string{
		`{"etchaPattern":{"entrypoint":"main.jsonnet","files":{"/main.jsonnet":"{run:[]}"}},"iat":1795441584,"exp":1.5e9,"aud":["a"]}`,
		`{"etchaPattern":{"entrypoint":"/a","files":{"/a":"local a = import 'a'; error '\u001b[31m'","/b":"\u2028\u202e"}},"iat":1,"etchaRunEnv":{"a":"b"}}`,
		`{"etchaPattern":{"entrypoint":{},"files":[]},"iat":{}}`, `{"etchaPattern":null,"exp":null}`, `{}`, `{"a":[{"b":"\u0000"}]}`,
	} {
		raw := sign(`{"alg":"EdDSA"}`, payload)
		signed[string(raw)] = true // some of them are; that is for the other properties
		f.Add(raw, "")
		f.Add([]byte(encode([]byte(payload))), "/a")
		f.Add([]byte(payload), "--json")
	}
	f.Add([]byte("e30.e30."), "--json")
	directory := f.TempDir()
	f.Fuzz(func(t *testing.T, raw []byte, option string) {
		for _, keys := range [][]string{nil, {"--verify-key", theirs["key1"], "--verify-key", theirs["ec1"], "--verify-key", ours}} {
			arguments := append([]string{"show", "-"}, keys...)
			switch {
			case option == "--json":
				arguments = append(arguments, "--json")
			case option != "" && !strings.HasPrefix(option, "-"):
				arguments = append(arguments, "--file", option)
			}
			var stdout, stderr bytes.Buffer
			a := &app{stdin: bytes.NewReader(raw), stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" }, environ: []string{"HOME=" + directory}}
			status := a.run(t.Context(), arguments)
			said := stderr.String()
			if strings.Contains(said, "internal error") || strings.Contains(said, "panic") || strings.Contains(said, "the evaluator broke") {
				t.Fatalf("%q: %s", raw, said)
			}
			if status == statusDone && (keys == nil || !signed[strings.TrimRight(string(raw), "\r\n")]) {
				t.Fatalf("%q is taken: %s", raw, &stdout)
			}
			if status != statusDone && said == "" {
				t.Fatalf("%q: status %d, and nothing says why", raw, status)
			}
			if option != "" && option != "--json" {
				continue // the text of a file, as it is
			}
			if verified := strings.HasPrefix(stdout.String(), "verified\n"); option == "" && verified != (status == statusDone) {
				t.Fatalf("%q: status %d, headed %.20q", raw, status, &stdout)
			}
			for _, r := range stdout.String() + said {
				if r != '\n' && option != "--json" && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
					t.Fatalf("%q: %U is printed", raw, r)
				}
			}
		}
	})
}
