package format_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/writ-run/writ/jsonnet/format"
)

// That texts are those of std.format, package jsonnet tests against the evaluator.

func TestFill(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		format string
		values []any
		byKey  bool
		want   string
	}{
		{"plain", nil, false, "plain"},
		{"%s and %s: 100%%", []any{"a", 1.0}, false, "a and 1: 100%"},
		{"%5d|%-5d|%05d|%+d|% d", []any{42.0, 42.0, 42.0, 42.0, 42.0}, false, "   42|42   |00042|+42| 42"},
		{"%.2f %e %g %#o %#X %c", []any{2.345, 12345.678, 0.5, 8.0, 255.0, 65.0}, false, "2.35 1.234568e+04 0.5 010 0XFF A"},
		{"%(b)s %(a)s %(b)5s", []any{"x", true}, true, "x true     x"},
		{"%s", []any{nil}, false, "null"},
	} {
		f, known := format.Parse(test.format)
		var out strings.Builder
		if err := f.Fill(&out, test.values, test.byKey); err != nil || !known || out.String() != test.want {
			t.Errorf("%s: got %q, %v, %v; want %q", test.format, out.String(), known, err, test.want)
		}
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"%(b)s %(a)d %(b)s %%": `3 ["b" "a"] true`, "%(b)s %d %(c)s": `3 [] false`, "%%": `0 [] true`, "%()s": `1 [""] true`} {
		f, _ := format.Parse(text)
		count, keys := f.Codes()
		if got := fmt.Sprintf("%d %q %v", count, keys, keys != nil); got != want {
			t.Errorf("%s: got %s; want %s", text, got, want)
		}
	}
}

// TestLeft: what std.format has to say something of, or does otherwise, is left to it.
func TestLeft(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"%", "%(a", "%5", "%.", "%l", "%z", "%*d", "%.*f", "%201s", "%.999999999999999999999f", "%é", strings.Repeat("%%", 100_001)} {
		if _, known := format.Parse(text); known {
			t.Errorf("%.20s: taken", text)
		}
	}
	for text, values := range map[string][]any{"%s": nil, "x": {1.0}, "%d": {"1"}, "%c": {"ab"}, "%5s": {[]any{}}, "%x": {true}, "%f": {1.8e308 / 2}, "%s %s": {1.0}} {
		f, _ := format.Parse(text)
		if err := f.Fill(&strings.Builder{}, values, false); !errors.Is(err, format.ErrNotHere) {
			t.Errorf("%s of %v: got %v", text, values, err)
		}
	}
}
