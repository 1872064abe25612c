package jsonnet_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/writ-run/writ/jsonnet"
)

func TestEvaluate(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "other.libsonnet"), []byte("{ b: 2 }"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := jsonnet.Evaluate(t.Context(), filepath.Join(directory, "main.jsonnet"), []byte("local a = 1; { a: a } + import 'other.libsonnet'"))
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(string(got)), ""); text != `{"a":1,"b":2}` {
		t.Errorf("got %s", text)
	}
}

// TestSelfImport: a text that imports itself.
func TestSelfImport(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "main.jsonnet")
	text := []byte("{ a: 1, b:: 2, c: (import 'main.jsonnet').b }")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := jsonnet.Evaluate(t.Context(), file, text)
	if err != nil || !strings.Contains(string(got), `"c": 2`) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestEvaluateErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\n  a: ,\n}":             "f.jsonnet:2:6: ",
		"{\n  a: b,\n}":            "f.jsonnet:2:6: Unknown variable: b",
		"{\n  a: '\\$',\n}":        "f.jsonnet:2:6: Unknown escape sequence in string literal: \\$",
		"{\n  a: error 'oh',\n}":   "f.jsonnet:2:6: oh",
		"{ a: self.b }":            "f.jsonnet:1:6: ",
		"import 'nowhere.jsonnet'": "f.jsonnet:1:1: couldn't open import",
		"":                         "f.jsonnet",
		"local f(x) = f(x); f(1)":  "f.jsonnet",
		"{ a: function(x) x }":     "f.jsonnet",
		"\x00":                     "f.jsonnet",
	} {
		_, err := jsonnet.Evaluate(t.Context(), "f.jsonnet", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") || !jsonnet.IsError(err) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestEvaluateBounds(t *testing.T) {
	t.Parallel()
	if _, err := jsonnet.Evaluate(t.Context(), "f.jsonnet", make([]byte, 5<<20)); err == nil || !strings.Contains(err.Error(), "5242880 bytes") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := jsonnet.Evaluate(ctx, "f.jsonnet", []byte("std.foldl(function(a, b) a + b, std.range(1, 3000000), 0)")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	got := jsonnet.Fields("f", []byte("local x = 1;\n{\n  a: {\n    b: x,\n  },\n  'c': [\n    { d: 1 },\n  ],\n  ['e' + x]: 1,\n} + {\n  g: 2,\n}"))
	want := map[string]int{"a": 3, "a.b": 4, "c": 6, "c[0]": 7, "c[0].d": 7, "g": 11}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := jsonnet.Fields("f", []byte("{")); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func FuzzFields(f *testing.F) {
	f.Add("{ a: 1 }")
	f.Add("local f(x) = x; [f(1)]")
	f.Fuzz(func(t *testing.T, text string) {
		for path, line := range jsonnet.Fields("f", []byte(text)) {
			if line < 1 || line > strings.Count(text, "\n")+1 {
				t.Errorf("%s is on line %d", path, line)
			}
		}
	})
}
