package key_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// FuzzText: no text of Etcha's form panics; what is accepted comes back from the text it is written in, which is then
// always the same; nothing is taken for two kinds of keys; and no refusal quotes what may be secret.
func FuzzText(f *testing.F) {
	for _, pair := range etchaKeys {
		f.Add(pair.private)
		f.Add(pair.public)
		f.Add(pair.private + "\n" + pair.public)
		f.Add(`{"privateKey":"` + pair.private + `","publicKey":"` + pair.public + `"}`)
	}
	for _, name := range []string{"rfc7515-a2-rsa.json", "rfc7515-a3-p256.json"} {
		k, err := key.ParsePrivate(vector(f, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text(f)(k.Text()))
		f.Add("# who\n" + text(f)(k.Public().Text()) + ":me\n\n")
	}
	f.Add("ed25519public:gBykng9f71hnl54iBxadY6mUTEU058EhFJyT3C3RIjE=:vault")
	f.Add("hmac:AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr8=:fleet")
	f.Fuzz(func(t *testing.T, given string) {
		kinds := 0
		private, err := key.ParsePrivate([]byte(given))
		if err == nil {
			kinds++
			if line, err := private.Text(); err == nil {
				again, err := key.ParsePrivate([]byte(line))
				if err != nil || !again.Public().Equal(private.Public()) || text(t)(again.Text()) != line {
					t.Errorf("private: %v", err)
				}
			}
		}
		checkQuiet(t, given, err)
		public, err := key.ParseAll([]byte(given))
		if err == nil {
			kinds++
		} else if public != nil {
			t.Error("refused, and yet there are keys")
		}
		checkQuiet(t, given, err)
		for _, k := range public {
			line, err := k.Text()
			if err != nil {
				continue
			}
			if again, err := key.ParsePublic([]byte(line)); err != nil || !again.Equal(k) || text(t)(again.Text()) != line {
				t.Errorf("public: %v", err)
			}
		}
		secret, err := key.ParseHMAC([]byte(given))
		if err == nil {
			kinds++
			if !key.IsHMAC([]byte(given)) {
				t.Error("a secret that is not told to be one")
			}
			line := text(t)(secret.Text())
			if again, err := key.ParseHMAC([]byte(line)); err != nil || !again.Equal(secret) || text(t)(again.Text()) != line {
				t.Errorf("secret: %v", err)
			}
		}
		checkQuiet(t, given, err)
		if kinds > 1 {
			t.Errorf("%d kinds of keys in one text", kinds)
		}
		o, err := key.ParseOrderKeys([]byte(given))
		if err == nil && (len(o.Public()) > 0) == (len(o.Shared()) > 0) {
			t.Error("keys for orders of both kinds, or none")
		}
		if err != nil && !o.Empty() {
			t.Error("refused, and yet there are keys for orders")
		}
		checkQuiet(t, given, err)
		if errors.Is(err, key.ErrMixed) && !bytes.Contains([]byte(given), []byte("hmac:")) {
			t.Error("mixed with what?")
		}
	})
}

// checkQuiet: the error quotes no base64 of the text.
func checkQuiet(t *testing.T, given string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for line := range strings.Lines(given) {
		parts := strings.Split(strings.TrimSpace(line), ":")
		if len(parts) > 1 && len(parts[1]) > 24 && strings.Contains(err.Error(), parts[1]) {
			t.Errorf("error %v quotes the key", err)
		}
	}
}
