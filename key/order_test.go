package key_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// TestOrderKeys: keys of any ids, of one kind, and no more than may be tried.
func TestOrderKeys(t *testing.T) {
	t.Parallel()
	a, b, shared := generate(t, key.EdDSA, "x").Public(), generate(t, key.EdDSA, "x").Public(), generateHMAC(t, "x")
	o, err := key.NewOrderKeys([]key.Public{a, b, a}, nil)
	if err != nil || len(o.Public()) != 2 || len(o.Shared()) != 0 || o.Empty() || o.Warning() != "" {
		t.Errorf("two keys with one id: %d, %q, %v", len(o.Public()), o.Warning(), err)
	}
	o, err = key.NewOrderKeys(nil, []key.HMAC{shared, shared, generateHMAC(t, "x")})
	if err != nil || len(o.Shared()) != 2 || o.Empty() || !strings.Contains(o.Warning(), "can also sign") {
		t.Errorf("two secrets with one id: %d, %q, %v", len(o.Shared()), o.Warning(), err)
	}
	if o, err := key.NewOrderKeys([]key.Public{a}, []key.HMAC{shared}); !errors.Is(err, key.ErrMixed) || !o.Empty() {
		t.Errorf("both kinds: %v", err)
	}
	var many []key.Public
	for range 65 {
		many = append(many, generate(t, key.EdDSA, "").Public())
	}
	if o, err := key.NewOrderKeys(many[:64], nil); err != nil || len(o.Public()) != 64 {
		t.Errorf("64 keys: %v", err)
	}
	for name, call := range map[string]func() error{
		"65 keys":        func() error { _, err := key.NewOrderKeys(many, nil); return err },
		"no key":         func() error { _, err := key.NewOrderKeys([]key.Public{{}}, nil); return err },
		"no secret":      func() error { _, err := key.NewOrderKeys(nil, []key.HMAC{{}}); return err },
		"the empty text": func() error { _, err := key.ParseOrderKeys(nil); return err },
	} {
		if call() == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if o, err := key.NewOrderKeys(nil, nil); err != nil || !o.Empty() {
		t.Errorf("nothing: %v", err)
	}
}

// TestParseOrderKeys: every form of keys, and lines of secrets.
func TestParseOrderKeys(t *testing.T) {
	t.Parallel()
	a, b := generate(t, key.EdDSA, "a").Public(), generate(t, key.ES256, "a").Public()
	lineA, lineB := text(t)(a.Text()), text(t)(b.Text())
	secret, other := text(t)(generateHMAC(t, "a").Text()), text(t)(generateHMAC(t, "").Text())
	set, err := key.NewSet(a, b)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		text           string
		public, shared int
	}{
		"JWKS": {string(must(t)(set.MarshalJSON())), 2, 0}, "JWK": {string(must(t)(a.MarshalJSON())), 1, 0},
		"PEM": {string(must(t)(a.PEM())) + string(must(t)(b.PEM())), 2, 0}, "lines": {lineA + "\n#\n" + lineB + "\n", 2, 0},
		"a secret": {secret, 0, 1}, "secrets": {"# two\n" + secret + "\n" + other, 0, 2},
	} {
		o, err := key.ParseOrderKeys([]byte(test.text))
		if err != nil || len(o.Public()) != test.public || len(o.Shared()) != test.shared {
			t.Errorf("%s: %d public, %d shared, %v", name, len(o.Public()), len(o.Shared()), err)
		}
	}
	for name, test := range map[string]struct{ text, want string }{
		"both":             {lineA + "\n" + secret, "do not verify side by side"},
		"both, otherwise":  {secret + "\n" + lineA, "do not verify side by side"},
		"a broken line":    {lineA + "\n\nhmac:AAAA", "line 3: hmac: the secret has 3 bytes"},
		"a broken secret":  {"hmac:AAAA", "hmac: the secret has 3 bytes"},
		"too many lines":   {strings.Repeat(lineA+"\n", 65), "more than 64 lines"},
		"a JWK of secrets": {`{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}`, "private key"},
	} {
		if o, err := key.ParseOrderKeys([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) || !o.Empty() {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
