package key_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// etchaKeys are pairs out of Etcha's documentation, never of use elsewhere.
var etchaKeys = []struct{ private, public string }{
	{"ed25519private:MC4CAQAwBQYDK2VwBCIEIH0r30uYYQVEFJJ7cG5fPLteuGUPb8qBH+vAOjZnnNGJ:lAASVe7woP", "ed25519public:MCowBQYDK2VwAyEAwsXVnwaquPnF1J3oqhB1qFrBEAW+2FDkGYv7iqoPVHs=:lAASVe7woP"},
	{"ed25519private:MC4CAQAwBQYDK2VwBCIEIBq+BhDRYk8OJv1ksMwKtf0td5p3FGwypXq96gHKefGS:reqYEklgP4", "ed25519public:MCowBQYDK2VwAyEAw7eTEuEH0+TfgtX3zB+JZVnYD0eskY6qn3n7ZCA7wWM=:reqYEklgP4"},
	{"ed25519private:MC4CAQAwBQYDK2VwBCIEIDZUP0nKuVhDJu5h0QKAQVrZBLrDa9CA09SPJKj/21eG:qsX98cmrLW", ""},
}

// text is must for texts.
func text(t testing.TB) func(text string, err error) string {
	return func(text string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

// TestEtchaKeys: keys that Etcha made read here, belong together, and are written as Etcha wrote them.
func TestEtchaKeys(t *testing.T) {
	t.Parallel()
	for i, pair := range etchaKeys {
		k, err := key.ParsePrivate([]byte(pair.private))
		if err != nil {
			t.Errorf("pair %d: %v", i, err)
			continue
		}
		if got := text(t)(k.Text()); got != pair.private {
			t.Errorf("pair %d is written in another way", i)
		}
		if _, id, _ := strings.Cut(pair.private[len("ed25519private:"):], ":"); k.Public().ID() != id {
			t.Errorf("pair %d has the id %q, want %q", i, k.Public().ID(), id)
		}
		if pair.public == "" {
			continue
		}
		if got := text(t)(k.Public().Text()); got != pair.public {
			t.Errorf("pair %d: the public key is %s, want %s", i, got, pair.public)
		}
		if public, err := key.ParsePublic([]byte(pair.public)); err != nil || !public.Equal(k.Public()) {
			t.Errorf("pair %d: %v, %v", i, public.ID(), err)
		}
	}
	var cases map[string]string // of the real Etcha, every type of key
	if err := json.Unmarshal(must(t)(os.ReadFile(filepath.Join("..", "token", "testdata", "etcha", "public-keys.json"))), &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 4 {
		t.Fatalf("%d cases", len(cases))
	}
	for id, want := range cases {
		k, err := key.ParsePublic([]byte(want))
		if err != nil || k.ID() != id || text(t)(k.Text()) != want {
			t.Errorf("%s: %s, %v", id, k.ID(), err)
		}
	}
}

// TestTextRoundTrip: every key comes back from its text, with its id; the thumbprint is none that is written.
func TestTextRoundTrip(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		for _, id := range []string{"", "rot/etcha_build-1.2"} {
			k := generate(t, algorithm, id)
			private, public := text(t)(k.Text()), text(t)(k.Public().Text())
			if n := strings.Count(private, ":"); (n == 2) != (id != "") || n != strings.Count(public, ":") {
				t.Errorf("%s with id %q is written with %d colons", algorithm, id, n)
			}
			again, err := key.ParsePrivate([]byte(" \n# mine\n" + private + "\r\n"))
			if err != nil || !again.Public().Equal(k.Public()) || text(t)(again.Text()) != private {
				t.Errorf("%s private: %v, %v", algorithm, again, err)
			}
			if input := []byte("x"); !holds(k.Public(), input, must(t)(again.Sign(t.Context(), input))) {
				t.Errorf("%s: what was read signs otherwise", algorithm)
			}
			fromPublic, err := key.ParsePublic([]byte(public + "\n"))
			if err != nil || !fromPublic.Equal(k.Public()) {
				t.Errorf("%s public: %v, %v", algorithm, fromPublic.ID(), err)
			}
			if s, err := key.ParseSet([]byte(public)); err != nil || len(s.Keys()) != 1 || !s.Keys()[0].Equal(k.Public()) {
				t.Errorf("%s as a set: %v", algorithm, err)
			}
			for name, parse := range map[string]func([]byte) error{
				"ParsePublic": func(b []byte) error { _, err := key.ParsePublic(b); return err },
				"ParseSet":    func(b []byte) error { _, err := key.ParseSet(b); return err },
				"ParseAll":    func(b []byte) error { _, err := key.ParseAll(b); return err },
				"ParseOrder":  func(b []byte) error { _, err := key.ParseOrderKeys(b); return err },
			} {
				if err := parse([]byte(private)); !errors.Is(err, key.ErrPrivate) {
					t.Errorf("%s of a private %s key: %v, want ErrPrivate", name, algorithm, err)
				}
			}
			if _, err := key.ParsePrivate([]byte(public)); err == nil || !strings.Contains(err.Error(), "a public key where a private one belongs") {
				t.Errorf("ParsePrivate of a public %s key: %v", algorithm, err)
			}
		}
	}
}

// TestVaultKey: Vault exports the 32 bytes of an Ed25519 key without DER around them.
func TestVaultKey(t *testing.T) {
	t.Parallel()
	const exported = "gBykng9f71hnl54iBxadY6mUTEU058EhFJyT3C3RIjE="
	k, err := key.ParsePublic([]byte("ed25519public:" + exported + ":vault"))
	if err != nil || k.ID() != "vault" || k.Algorithm() != key.EdDSA {
		t.Fatalf("%s %s, %v", k.Algorithm(), k.ID(), err)
	}
	want := "ed25519public:MCowBQYDK2VwAyEA" + exported + ":vault" // the DER before them is of 12 bytes
	if got := text(t)(k.Text()); got != want {
		t.Errorf("written as %s, want %s", got, want)
	}
	for name, bad := range map[string]string{
		"of P-256": "ecp256public:" + exported, "private": "ed25519private:" + exported,
		"small order": "ed25519public:" + base64.StdEncoding.EncodeToString(append([]byte{1}, make([]byte, 31)...)),
		"33 bytes":    "ed25519public:" + base64.StdEncoding.EncodeToString(make([]byte, 33)),
	} {
		if _, err := key.ParsePublic([]byte(bad)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestLines: a file of lines is a set, with what people put into such files; two keys with one id are no set, but they
// are a list.
func TestLines(t *testing.T) {
	t.Parallel()
	a, b := generate(t, key.EdDSA, "a").Public(), generate(t, key.ES256, "").Public()
	lineA, lineB := text(t)(a.Text()), text(t)(b.Text())
	file := "# who may\r\n\n  " + lineA + "  \r\n#" + lineB + "\n" + lineB + "\n" + lineA
	s, err := key.ParseSet([]byte(file))
	if err != nil || len(s.Keys()) != 2 || !s.Keys()[0].Equal(a) || !s.Keys()[1].Equal(b) {
		t.Errorf("%d keys, %v", len(s.Keys()), err)
	}
	other := text(t)(generate(t, key.EdDSA, "a").Public().Text())
	if _, err := key.ParseSet([]byte(lineA + "\n" + other)); err == nil || !strings.Contains(err.Error(), `two different EdDSA keys with kid "a"`) {
		t.Errorf("two keys with one id as a set: %v", err)
	}
	if keys, err := key.ParseAll([]byte(lineA + "\n" + other)); err != nil || len(keys) != 2 {
		t.Errorf("two keys with one id as a list: %d, %v", len(keys), err)
	}
	private := text(t)(generate(t, key.EdDSA, "").Text())
	hmac := text(t)(generateHMAC(t, "").Text())
	var many []string
	for range 257 {
		many = append(many, lineA)
	}
	for name, bad := range map[string]struct{ file, want string }{
		"a private key among them":   {lineA + "\n\n" + private, "line 3: this is a private key"},
		"a shared secret among them": {lineA + "\n" + hmac, "line 2: hmac: this is a shared secret"},
		"no key":                     {"# nothing\n# here\n", "not a key: want "},
		"prose among them":           {lineA + "\nand so on", "line 2: not a key: want TYPE:BASE64[:KID]"},
		"JSON among them":            {lineA + "\n{}", "line 2: not a key"},
		"too many":                   {strings.Join(many, "\n"), "more than 256 lines"},
		"two on a line":              {lineA + " " + lineB, "kid"},
	} {
		keys, err := key.ParseAll([]byte(bad.file))
		if err == nil || !strings.Contains(err.Error(), bad.want) || keys != nil {
			t.Errorf("%s: %d keys, %v; want %q", name, len(keys), err, bad.want)
		}
	}
	if _, err := key.ParsePublic([]byte(lineA + "\n" + lineB)); err == nil || !strings.Contains(err.Error(), "2 lines with keys; want one") {
		t.Errorf("two lines as one key: %v", err)
	}
}

// TestHostileText is what somebody might hand in as a text. No refusal says what is in it.
func TestHostileText(t *testing.T) {
	t.Parallel()
	good := etchaKeys[0]
	private, public := strings.Split(good.private, ":")[1], strings.Split(good.public, ":")[1]
	encode := base64.StdEncoding.EncodeToString
	big, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec := strings.Split(text(t)(generate(t, key.ES256, "").Text()), ":")[1]
	tests := map[string]struct{ text, want string }{
		"type in capitals":          {"ED25519private:" + private, `type "ED25519private" is not one of ed25519public`},
		"type of nothing":           {"private:" + private, `type "private" is not one of`},
		"type of a secret":          {"aes256:" + private, `type "aes256" is not one of`},
		"a scheme":                  {"https://a.example/keys", `type "https" is not one of`},
		"nothing after it":          {"ed25519private:", "ed25519private: not standard base64"},
		"no base64 but an id":       {"ed25519private::id", "not standard base64"},
		"base64url":                 {"ed25519private:" + strings.NewReplacer("+", "-", "/", "_").Replace(private), "not standard base64"},
		"no padding":                {"ed25519public:" + strings.TrimRight(public, "="), "not standard base64"},
		"more padding":              {"ed25519private:" + private + "=", "not standard base64"},
		"a space in it":             {"ed25519private:" + private[:9] + " " + private[9:], "not standard base64"},
		"a return in it":            {"ed25519private:" + private[:9] + "\r" + private[9:], "not standard base64"},
		"bits that are not zero":    {"ed25519public:" + strings.Replace(public, "s=", "t=", 1), "not standard base64"},
		"cut off":                   {"ed25519private:" + private[:60], "not a private key in PKCS #8 DER"},
		"more behind the DER":       {"ed25519private:" + private + "AAAA", "not a private key in PKCS #8 DER"},
		"an id with a colon":        {good.private + ":x", "has a colon or a space"},
		"an id with a space":        {good.private + " x", "has a colon or a space"},
		"an id with control":        {good.private + "\x1b[2J", "not printable ASCII"},
		"an id not ASCII":           {good.private + "é", "not printable ASCII"},
		"an id too long":            {"ed25519private:" + private + ":" + strings.Repeat("k", 257), "kid has 257 bytes"},
		"P-256 called Ed25519":      {"ed25519private:" + ec, "ed25519private: the key is of another type, for ES256"},
		"Ed25519 called P-256":      {"ecp256private:" + private, "ecp256private: the key is of another type, for EdDSA"},
		"Ed25519 called RSA":        {"rsa2048public:" + public, "rsa2048public: the key is of another type, for EdDSA"},
		"RSA of 3072 bits":          {"rsa2048private:" + encode(must(t)(x509.MarshalPKCS8PrivateKey(big))), "rsa2048private: the key has 3072 bits"},
		"public RSA of 3072 bits":   {"rsa2048public:" + encode(must(t)(x509.MarshalPKIXPublicKey(big.Public()))), "rsa2048public: the key has 3072 bits"},
		"P-384":                     {"ecp256private:" + encode(must(t)(x509.MarshalPKCS8PrivateKey(p384))), "elliptic curve is not P-256"},
		"PKCS #1":                   {"rsa2048private:" + encode(x509.MarshalPKCS1PrivateKey(big)), "not a private key in PKCS #8 DER"},
		"public DER called private": {"ed25519private:" + public, "not a private key in PKCS #8 DER"},
		"a secret":                  {text(t)(generateHMAC(t, "x").Text()), "this is a shared secret"},
		"two keys":                  {good.private + "\n" + good.private, "2 lines with keys; want one"},
		"a pair without private":    {`{"publicKey":"` + good.public + `"}`, `no member "kty"`},
		"a pair of numbers":         {`{"privateKey":1,"publicKey":2}`, `no member "kty"`},
		"a pair, broken":            {`{"privateKey":"ed25519private:` + private[:60] + `"}`, `member "privateKey": ed25519private: not a private key`},
		"a pair, broken public":     {`{"privateKey":"` + good.private + `","publicKey":"x"}`, `member "publicKey": not a key`},
		"a pair of two keys":        {`{"privateKey":"` + good.private + `","publicKey":"` + etchaKeys[1].public + `"}`, "of different keys"},
		"a pair of public keys":     {`{"privateKey":"` + good.public + `"}`, "a public key where a private one belongs"},
		"two pairs":                 {`[{"privateKey":"` + good.private + `"},{"privateKey":"` + good.private + `"}]`, "2 pairs of keys; want one"},
		"a list of nothing":         {`[]`, "not a JSON object"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, privateErr := key.ParsePrivate([]byte(test.text))
			_, publicErr := key.ParsePublic([]byte(test.text))
			_, setErr := key.ParseSet([]byte(test.text))
			if privateErr == nil || publicErr == nil || setErr == nil {
				t.Fatalf("taken: %v, %v, %v", privateErr, publicErr, setErr)
			}
			all := fmt.Sprint(privateErr, publicErr, setErr)
			if !strings.Contains(all, test.want) {
				t.Errorf("%s; want %q", all, test.want)
			}
			if strings.Contains(all, private[24:32]) || strings.Contains(all, ec[60:68]) {
				t.Error("an error quotes the key")
			}
		})
	}
	large, err := key.NewPublic(big.Public(), "")
	if err != nil {
		t.Fatal(err)
	}
	if line, err := large.Text(); err == nil {
		t.Errorf("RSA of 3072 bits is written as %.20s", line)
	}
	for _, id := range []string{"a:b", "a b"} {
		if line, err := generate(t, key.EdDSA, id).Text(); err == nil {
			t.Errorf("the id %q is written in %d bytes", id, len(line))
		}
	}
	if _, err := (key.Public{}).Text(); err == nil {
		t.Error("no public key has a text")
	}
	if _, err := (key.Private{}).Text(); err == nil {
		t.Error("no private key has a text")
	}
}

// TestEtchaPair: what Etcha's generate-keys prints is a private key, and never a public one.
func TestEtchaPair(t *testing.T) {
	t.Parallel()
	pair := etchaKeys[1]
	object := `{"privateKey":"` + pair.private + `","publicKey":"` + pair.public + `"}`
	for name, file := range map[string]string{"object": object, "list": " [" + object + "]\n", "private alone": `{"privateKey":"` + pair.private + `"}`} {
		k, err := key.ParsePrivate([]byte(file))
		if err != nil || text(t)(k.Text()) != pair.private {
			t.Errorf("%s: %v, %v", name, k, err)
		}
		if _, err := key.ParsePublic([]byte(file)); !errors.Is(err, key.ErrPrivate) {
			t.Errorf("%s as a public key: %v", name, err)
		}
		if _, err := key.ParseSet([]byte(file)); !errors.Is(err, key.ErrPrivate) {
			t.Errorf("%s as a set: %v", name, err)
		}
	}
}
