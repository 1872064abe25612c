package remote_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/remote"
)

// TestReferences: what a value means, and what is wrong with it, is known before anything is fetched.
func TestReferences(t *testing.T) {
	t.Parallel()
	k := newPublic(t, key.EdDSA, "")
	pin := "#sha256=" + k.Thumbprint()
	for value, want := range map[string]struct {
		text    string
		fetched bool
	}{
		"https://keys.example.com/a/b.txt?v=secret": {"https://keys.example.com/a/b.txt", true},
		"https://keys.example.com:8443" + pin:       {"https://keys.example.com:8443", true},
		"http://keys.example.com/jwks" + pin:        {"http://keys.example.com/jwks", true},
		"dns:_writ.keys-1.example.com" + pin:        {"dns:_writ.keys-1.example.com", true},
		"dns:localhost." + pin:                      {"dns:localhost.", true},
		line(t, k):                                  {"key", false},
		"keys/ours.pem":                             {"keys/ours.pem", false},
		"./dns:odd":                                 {"./dns:odd", false},
		"-":                                         {"-", false},
	} {
		r, err := remote.ParseReference(value)
		if err != nil || r.String() != want.text || r.Fetched() != want.fetched {
			t.Errorf("%s: %s, fetched %v, %v", value, r, r.Fetched(), err)
		}
	}
	private, err := key.Generate(key.EdDSA, "")
	if err != nil {
		t.Fatal(err)
	}
	secretText := line(t, private)
	bare := strings.Split(secretText, ":")[1]
	for name, test := range map[string]struct{ value, want string }{
		"nothing":                     {" ", "empty"},
		"http without fingerprint":    {"http://keys.example.com/jwks", "plain http counts only with the key's fingerprint"},
		"http on loopback without":    {"http://127.0.0.1:1/jwks", "plain http counts only with the key's fingerprint"},
		"DNS without":                 {"dns:keys.example.com", "DNS counts only with the key's fingerprint"},
		"an empty fingerprint":        {"dns:keys.example.com#", "43 characters of base64url"},
		"another hash":                {"https://keys.example.com/#sha1=AAAA", "43 characters of base64url"},
		"a fingerprint too short":     {"https://keys.example.com/" + pin[:len(pin)-1], "43 characters of base64url"},
		"a fingerprint in hex":        {"https://keys.example.com/#sha256=" + strings.Repeat("ab", 32), "43 characters of base64url"},
		"other bits":                  {"https://keys.example.com/#sha256=" + strings.Repeat("A", 42) + "B", "43 characters of base64url"},
		"a header in the fragment":    {"https://keys.example.com/#x-vault-token:" + bare, "43 characters of base64url"},
		"two fingerprints":            {"https://keys.example.com/" + pin + pin, "43 characters of base64url"},
		"a user":                      {"https://user:password@keys.example.com/", "want https://HOST"},
		"no host":                     {"https:///keys", "want https://HOST"},
		"another scheme":              {"ftp://keys.example.com/", `scheme "ftp"; want https, http or dns`},
		"a file by URL":               {"file:///etc/keys", `scheme "file"; want`},
		"no name":                     {"dns:" + pin, "not a DNS name"},
		"a name with a slash":         {"dns:a/b" + pin, "not a DNS name"},
		"a name with a space":         {"dns:a b" + pin, "not a DNS name"},
		"a name with an empty label":  {"dns:a..b" + pin, "not a DNS name"},
		"a name with a dash before":   {"dns:-a.b" + pin, "not a DNS name"},
		"a name with a long label":    {"dns:" + strings.Repeat("a", 64) + pin, "not a DNS name"},
		"a name too long":             {"dns:" + strings.Repeat("a.", 127) + pin, "not a DNS name"},
		"a name not ASCII":            {"dns:schlüssel.example" + pin, "not a DNS name"},
		"a type that is unknown":      {"ed448public:AAAA", `type "ed448public" is not one of`},
		"a private key":               {secretText, "this is a private key where a public one belongs"},
		"a private key, misspelt":     {"ed25519privat:" + bare, `type "ed25519privat" is not one of`},
		"a private key without type":  {bare, "a key without its type"},
		"Vault's key without type":    {"gBykng9f71hnl54iBxadY6mUTEU058EhFJyT3C3RIjE=", "a key without its type"},
		"a short secret":              {"hmac:c2VjcmV0", "hmac: the secret has 6 bytes"},
		"what Etcha's generates":      {`{"privateKey":"` + secretText + `"}`, "this is a private key where a public one belongs"},
		"JSON that is cut off":        {`{"kty":"OKP"`, "not JSON"},
		"lines, one of them too many": {line(t, k) + "\nhmac:c2VjcmV0", "line 2: hmac"},
	} {
		r, err := remote.ParseReference(test.value)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %s, %v; want %q", name, r, err, test.want)
			continue
		}
		if strings.Contains(err.Error(), bare[:16]) {
			t.Errorf("%s: the error quotes the key", name)
		}
		if _, err := remote.ResolveKeys(t.Context(), []string{line(t, k), test.value}, remote.Options{}); err == nil || !strings.Contains(err.Error(), "key 2: ") {
			t.Errorf("%s in a list: %v", name, err)
		}
	}
}

// TestReferenceFiles: files are read where the caller reads them, and hold what a value may be but no further reference.
func TestReferenceFiles(t *testing.T) {
	t.Parallel()
	k := newPublic(t, key.EdDSA, "")
	directory := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good", line(t, k)+"\n")
	for name, test := range map[string]struct {
		path    string
		options remote.Options
		want    string
	}{
		"no files":   {good, remote.Options{}, "key 1: want ed25519public:BASE64[:KID], say, https://..., or dns:NAME#sha256=THUMBPRINT"},
		"not there":  {filepath.Join(directory, "nowhere"), remote.Options{File: os.ReadFile}, "no such file"},
		"a URL":      {write("url", "https://keys.example.com/\n"), remote.Options{File: os.ReadFile}, `type "https" is not one of`},
		"empty":      {write("empty", "\n"), remote.Options{File: os.ReadFile}, "the text is empty"},
		"base64":     {write("base64", base64.StdEncoding.EncodeToString(make([]byte, 44))), remote.Options{File: os.ReadFile}, "not a key: want "},
		"a mix":      {write("mix", line(t, k)+"\nhmac:AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr8="), remote.Options{File: os.ReadFile}, "do not verify side by side"},
		"good after": {good, remote.Options{File: os.ReadFile}, ""},
	} {
		keys, err := remote.ResolveKeys(t.Context(), []string{test.path}, test.options)
		if test.want == "" {
			if err != nil || len(keys.Public()) != 1 {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || !keys.Empty() {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// FuzzParseReference: no value panics; what is fetched is shown without query and fragment, and has a fingerprint or https.
func FuzzParseReference(f *testing.F) {
	for _, value := range []string{
		"https://a.example/k#sha256=" + strings.Repeat("A", 43), "http://a.example/k", "dns:_k.a.example#sha256=" + strings.Repeat("A", 43), "dns:#", "./file", "",
		"ed25519public:gBykng9f71hnl54iBxadY6mUTEU058EhFJyT3C3RIjE=:vault", "hmac:AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr8=", "{}", "[", "https://u:p@a/", "https://[::1]:1/%zz",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r, err := remote.ParseReference(value)
		if err != nil {
			return
		}
		shown := r.String()
		if r.Fetched() && strings.ContainsAny(shown, "?#") {
			t.Errorf("%q is shown as %q", value, shown)
		}
		if r.Fetched() && !strings.Contains(value, "#sha256=") && !strings.HasPrefix(strings.TrimSpace(value), "https://") {
			t.Errorf("%q would be fetched without a fingerprint", value)
		}
		again, err := remote.ParseReference(" " + value + "\n")
		if err != nil || again.String() != shown || again.Fetched() != r.Fetched() {
			t.Errorf("%q with white space around it: %v", value, err)
		}
	})
}
