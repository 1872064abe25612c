package pattern_test

import (
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/jsonnet/apart"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

// reach is an environment in which native functions reach something.
func reach() pattern.Environment {
	return pattern.Environment{Limits: patient, Exec: script.DefaultExec(), Vars: map[string]any{"c": "ours"}, Access: jsonnet.Access{
		Env: func(string) (string, bool) { return "reached", true },
	}}
}

// TestUnverifiedReachesNothing: one Pattern, rendered by who has verified it and by who has not.
func TestUnverifiedReachesNothing(t *testing.T) {
	t.Parallel()
	private, err := key.Generate(key.EdDSA, "")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := key.NewOrderKeys([]key.Public{private.Public()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const reads, plain = "{ run: [{ id: std.native('getEnv')('X') }] }", `
		local v = std.native('getConfig')().vars;
		{ run: [{ id: v.a + ' ' + v.c + ' ' + std.substr(v.jwt, 0, 3) + ' ' + std.native('getEnv')('KEPT', cache=true) }] }`
	kept := pattern.NewKept()
	kept.Put("getEnv KEPT", "kept")
	sign := func(text string) []byte {
		o := order(t, pattern.Pattern{RunVars: map[string]any{"a": "theirs", "c": "theirs"}}, map[string]string{"/main.jsonnet": text}, kept.Vars())
		return append(signed(t, private, o), '\n')
	}
	for text, want := range map[string][2]string{
		reads: {"reached", ""},
		plain: {"theirs ours eyJ kept", "theirs ours eyJ kept"},
	} {
		raw := sign(text)
		opened, _, err := pattern.Verifier{Keys: keys, Now: at}.Open(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := opened.Render(t.Context(), reach()); err != nil || p.Run[0].ID != want[0] {
			t.Errorf("verified: %+v, %v; want %q", p.Run, err, want[0])
		}
		says, err := pattern.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		p, err := says.Render(t.Context(), reach())
		switch {
		case want[1] == "" && (err == nil || !strings.Contains(err.Error(), "getEnv is closed here")):
			t.Errorf("not verified: %+v, %v", p.Run, err)
		case want[1] != "" && (err != nil || p.Run[0].ID != want[1]):
			t.Errorf("not verified: %+v, %v; want %q", p.Run, err, want[1])
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	const header = "eyJhbGciOiJFZERTQSJ9" // {"alg":"EdDSA"}
	decode := func(payload string) (pattern.Unverified, error) {
		return pattern.Decode([]byte(header + "." + encode(payload) + ".AA\r\n"))
	}
	for payload, want := range map[string]error{
		`{"etchaPattern":{"entrypoint":"a","files":{"/a":"1"}}}`:            nil,
		`{"etchaPattern":{"entrypoint":"/a","files":{"/a":"1"}},"exp":"x"}`: pattern.ErrClaims,
		`{"etchaPattern":{"entrypoint":"/a","files":{"/a":"1"}},"iat":-1}`:  pattern.ErrClaims,
		`{"etchaPattern":{"entrypoint":"/a","files":{"/a":1}}}`:             pattern.ErrClaims,
		`{"sub":"x"}`: pattern.ErrNoPattern,
	} {
		u, err := decode(payload)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Order(); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v; want %v", payload, err, want)
		}
		if _, err := u.Render(t.Context(), reach()); (err == nil) && want != nil {
			t.Errorf("%s: it was rendered", payload)
		}
		if readable := strings.Contains(payload, `"/a":"1"`); readable != (pattern.BundleOf(u.Payload()).Files["/a"] == "1") {
			t.Errorf("%s: files %v", payload, pattern.BundleOf(u.Payload()))
		}
		if string(u.Payload()) != payload || string(u.Header()) != `{"alg":"EdDSA"}` {
			t.Errorf("%s: header %s, payload %s", payload, u.Header(), u.Payload())
		}
	}
	if _, err := pattern.Decode([]byte("x")); !errors.Is(err, token.ErrMalformed) {
		t.Error(err)
	}
	_, err := decode(`[]`)
	if !errors.Is(err, token.ErrMalformed) {
		t.Error(err)
	}
	u, err := decode(`{"etchaPattern":{"entrypoint":"/a","files":{"/a":"1"}},"exp":"x"}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Order(); err.Error() != `the claims are not an order's: "exp": want seconds since 1970 as a number, 1 to 253402300799` {
		t.Error(err)
	}
}

// TestMain: this binary also evaluates apart.
func TestMain(m *testing.M) {
	if status, played := apart.Main(os.Args); played {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
