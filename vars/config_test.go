package vars_test

import (
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/vars"
)

func TestFields(t *testing.T) {
	t.Parallel()
	f := vars.NewFields(map[string]any{
		"s": "text", "b": true, "bs": "false", "d": "90s", "zero": 0, "l": []any{"a", "b"}, "m": map[string]any{"k": 1, "t": "x"}, "null": nil,
	}, true)
	if f.String("s") != "text" || !f.Bool("b") || f.Bool("bs") || f.String("null") != "" || f.Has("null") || !f.Has("s") {
		t.Error("a scalar is read wrongly")
	}
	if d, set := f.Duration("d"); d != 90*time.Second || !set {
		t.Errorf("d: %v, %v", d, set)
	}
	if d, set := f.Duration("zero"); d != 0 || !set {
		t.Errorf("zero: %v, %v", d, set)
	}
	if _, set := f.Duration("absent"); set {
		t.Error("absent: set")
	}
	if got := f.Strings("l"); len(got) != 2 || got[1] != "b" {
		t.Errorf("l: %q", got)
	}
	if got := f.Texts("m"); got["k"] != "1" || got["t"] != "x" {
		t.Errorf("m: %q", got)
	}
	if err := f.Err(); err != nil {
		t.Error(err)
	}
}

func TestFieldsReportsEveryMistake(t *testing.T) {
	t.Parallel()
	f := vars.NewFields(map[string]any{
		"s": 1, "b": "maybe", "d": 3600, "d2": "soon", "l": "one", "l2": []any{1}, "m": []any{}, "m2": map[string]any{"k": []any{}}, "audiense": 1, "zzzzzz": 1,
	}, true)
	f.String("s")
	f.Bool("b")
	f.Duration("d")
	f.Duration("d2")
	f.Strings("l")
	f.Strings("l2")
	f.Map("m")
	f.Texts("m2")
	f.Strings("audience")
	want := strings.Join([]string{
		"s: a number; it must be a string",
		"b: a string; it must be true or false",
		`d: 3600: a duration needs a unit, as in "1h" or "90s"`,
		`d2: "soon" is not a duration such as "1h" or "90s"`,
		"l: a string; it must be a list of strings",
		"l2: item 1 is a number; it must be a list of strings",
		"m: a list; it must be a map with strings as keys",
		"m2: k is a list; it must be a string",
		`unknown field "audiense"; did you mean "audience"?`,
		`unknown field "zzzzzz"`,
	}, "; ")
	if err := f.Err(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestFieldsBeforeVarsAreReplaced(t *testing.T) {
	t.Parallel()
	config := map[string]any{"b": "((b))", "d": "((s:d))", "l": "((l))", "s": "a-((x))", "m": map[string]any{"k": "((k))"}}
	read := func(final bool) error {
		f := vars.NewFields(config, final)
		f.Bool("b")
		f.Duration("d")
		f.Strings("l")
		if s := f.String("s"); final != (s == "a-((x))") {
			t.Errorf("final %v: s is %q", final, s)
		}
		f.Map("m")
		if f.Pending("b") == final || f.Pending("m", "k") == final || f.Pending("m", "absent") {
			t.Errorf("final %v: wrong about what is pending", final)
		}
		return f.Err()
	}
	if err := read(false); err != nil {
		t.Errorf("pending: %v", err)
	}
	if err := read(true); err == nil {
		t.Error("final: what looks like a var passes for a boolean")
	}
}

func TestErrorsAreFour(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  interface{ Hint() string }
		want string
	}{
		{&vars.DeniedError{Server: "https://v", Path: "c/x", Reason: "permission denied", Advice: "a"}, "https://v: denied: read c/x: permission denied"},
		{&vars.LoginError{Server: "https://v", Path: "auth/jwt/login", Advice: "a"}, "https://v: login refused at auth/jwt/login"},
		{&vars.UnreachableError{Server: "https://v", Reason: "status 500", Advice: "a"}, "https://v: no usable answer: status 500"},
	} {
		if got := test.err.(error).Error(); got != test.want || test.err.Hint() != "a" {
			t.Errorf("got %q with hint %q, want %q", got, test.err.Hint(), test.want)
		}
	}
}
