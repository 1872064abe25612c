package pattern_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/token"
)

// theirs reads a token of the real Etcha, and its keys.
func theirs(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "token", "testdata", "etcha", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func theirKeys(t *testing.T, names ...string) key.OrderKeys {
	t.Helper()
	var all map[string]string
	if err := json.Unmarshal(theirs(t, "public-keys.json"), &all); err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		return key.OrderKeys{}
	}
	var lines []string
	for _, name := range names {
		lines = append(lines, all[name])
	}
	keys, err := key.ParseOrderKeys([]byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// at is a time soon after Etcha made its tokens.
func at() time.Time { return time.Unix(1795441600, 0) }

func TestOpenEtcha(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys []string
		want error
	}{
		"01-ed25519-basic.jwt":     {[]string{"key1"}, nil},
		"02-ed25519-imports.jwt":   {[]string{"key2", "key1", "ec1"}, nil},
		"04-ecp256-basic.jwt":      {[]string{"key1", "ec1", "rsa1"}, nil},
		"07-ed25519-expired.jwt":   {[]string{"key1"}, token.ErrExpired},
		"09-tampered-payload.jwt":  {[]string{"key1", "key2", "ec1", "rsa1"}, token.ErrSignature},
		"01-ed25519-basic.jwt ":    {[]string{"key2"}, token.ErrSignature},
		"01-ed25519-basic.jwt  ":   {nil, pattern.ErrNoVerify},
		"04-ecp256-basic.jwt     ": {[]string{"key1"}, token.ErrAlgorithm},
	} {
		v := pattern.Verifier{Keys: theirKeys(t, c.keys...), Now: at}
		opened, report, err := v.Open(t.Context(), append(theirs(t, strings.TrimSpace(name)), '\n'))
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v; want %v\n%+v", name, err, c.want, report)
		}
		if err == nil && (opened.Order().Bundle.Files[opened.Order().Bundle.Entrypoint] == "" || opened.Key() == "" || strings.HasSuffix(string(opened.Raw()), "\n")) {
			t.Errorf("%s: %+v", name, opened.Order())
		}
		if err != nil && (opened.Key() != "" || opened.Raw() != nil || len(report.Failed()) == 0) {
			t.Errorf("%s: what was refused is handed out: %+v, %+v", name, opened, report)
		}
	}
}

func signed(t *testing.T, private key.Private, o pattern.Order) []byte {
	t.Helper()
	payload, err := o.Payload()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := token.NewSigner(private).SignPayload(t.Context(), "JWT", payload)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(raw)
}

func TestOpenAudienceAndRules(t *testing.T) {
	t.Parallel()
	private, err := key.Generate(key.EdDSA, "k")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := key.NewOrderKeys([]key.Public{private.Public()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	rule := func(text string) []policy.Rule {
		r, err := policy.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		return []policy.Rule{r}
	}
	for name, c := range map[string]struct {
		aud, names []string
		rules      []policy.Rule
		want       error
		outcome    token.Outcome // of the check of aud
	}{
		"nobody is named":       {nil, []string{"web"}, nil, nil, token.Passed},
		"the source is":         {[]string{"db", "web"}, []string{"web"}, nil, nil, token.Passed},
		"another is":            {[]string{"db"}, []string{"web", "api"}, nil, token.ErrAudience, token.Failed},
		"all are taken":         {[]string{"db"}, []string{"*"}, nil, nil, token.Passed},
		"not checked":           {[]string{"db"}, nil, nil, nil, token.Skipped},
		"a star in the token":   {[]string{"*"}, []string{"web"}, nil, token.ErrAudience, token.Failed},
		"a rule over a list":    {[]string{"a"}, nil, rule("any(aud, {# in ['a', 'b']})"), nil, token.Skipped},
		"a rule that is false":  {[]string{"c"}, nil, rule("any(aud, {# in ['a', 'b']})"), policy.ErrRule, token.Skipped},
		"a rule without claims": {nil, nil, rule("sub == 'x'"), policy.ErrRule, token.Skipped},
	} {
		raw := signed(t, private, order(t, pattern.Pattern{Audience: c.aud}, map[string]string{"/main.jsonnet": "{}"}, nil))
		_, report, err := pattern.Verifier{Keys: keys, Audience: c.names, Rules: c.rules, Now: at}.Open(t.Context(), raw)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v; want %v", name, err, c.want)
		}
		for _, check := range report {
			if check.Name == "aud" && check.Outcome != c.outcome {
				t.Errorf("%s: %+v", name, check)
			}
		}
	}
}

func TestOpenCommands(t *testing.T) {
	t.Parallel()
	raw := theirs(t, "01-ed25519-basic.jwt")
	other := string(theirs(t, "02-ed25519-imports.jwt"))
	for name, c := range map[string]struct {
		raw   []byte
		print func(raw string) (string, error)
		want  error
	}{
		"it":           {raw, func(raw string) (string, error) { return raw + "\n", nil }, nil},
		"another":      {raw, func(string) (string, error) { return other, nil }, pattern.ErrVouch},
		"two":          {raw, func(raw string) (string, error) { return raw + "\n" + raw, nil }, pattern.ErrVouch},
		"nothing":      {raw, func(string) (string, error) { return " ", nil }, pattern.ErrVouch},
		"a failure":    {raw, func(raw string) (string, error) { return raw, errors.New("no") }, pattern.ErrVouch},
		"expired":      {theirs(t, "07-ed25519-expired.jwt"), func(raw string) (string, error) { return raw, nil }, token.ErrExpired},
		"not a token":  {[]byte("x"), func(raw string) (string, error) { return raw, nil }, token.ErrMalformed},
		"a script":     {[]byte("e30.e30.$(touch x)"), func(raw string) (string, error) { return raw, nil }, token.ErrMalformed},
		"unsigned":     {unsigned(raw), func(raw string) (string, error) { return raw, nil }, token.ErrAlgorithm},
		"too long":     {append(bytes.Clone(raw), make([]byte, token.MaxOrderBytes)...), func(raw string) (string, error) { return raw, nil }, token.ErrMalformed},
		"not an order": {[]byte("eyJhbGciOiJFZERTQSJ9.eyJpYXQiOjE3OTU0NDE2MDB9.AA"), func(raw string) (string, error) { return raw, nil }, token.ErrRequired},
	} {
		called := false
		v := pattern.Verifier{Now: at, Commands: func(_ context.Context, raw string) (string, error) {
			called = true
			return c.print(raw)
		}}
		opened, report, err := v.Open(t.Context(), c.raw)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v; want %v\n%+v", name, err, c.want, report)
		}
		if called == errors.Is(err, token.ErrMalformed) {
			t.Errorf("%s: the commands were asked: %v", name, called)
		}
		if err == nil && opened.Key() != "the verify commands" {
			t.Errorf("%s: key %q", name, opened.Key())
		}
		if err != nil && strings.Contains(err.Error(), string(c.raw)) && len(c.raw) > 20 {
			t.Errorf("%s: the error holds the token", name)
		}
	}
}

// unsigned is a token's claims under a header that says that there is no signature.
func unsigned(raw []byte) []byte {
	return slices.Concat([]byte("eyJhbGciOiJOb25lIn0."), bytes.Split(raw, []byte("."))[1], []byte(".AA")) // {"alg":"None"}
}
