package jsonnet

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-jsonnet"
)

// canonical is JSON in the one form that equal values have.
func canonical(t *testing.T, text []byte) string {
	t.Helper()
	value := jsontext.Value(text)
	if err := value.Canonicalize(); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return string(value)
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{ a: 1, 'b': [true, null, -2.5e3, { c: "x\u00e9\n" }], "d e": |||
			block
		|||, f::: 1 }`: `{"a":1,"b":[true,null,-2500,{"c":"xé\n"}],"d e":"block\n","f":1}`,
		"{}": "{}", "[]": "[]", "// only\n'x'": `"x"`, `@"a\b"`: `"a\\b"`, "0x": "", "1_000": "1000",
		"{ a: 1 + 1 }": "", "{ a: self.b, b: 1 }": "", "{ a:: 1 }": "", "{ a+: 1 }": "", "{ a: 1, a: 2 }": "", "{ ['a']: 1 }": `{"a":1}`,
		"local a = 1; a": "", "{ local a = 1, b: a }": "", "{ assert true, a: 1 }": "", "import 'x'": "", "{ a: std.length('x') }": "", "(1)": "1",
		"{ a: $ }": "", "function(x) x": "", "error 'x'": "", "1e999": "", "if true then 1": "", "-(1)": "-1",
	} {
		node, err := jsonnet.SnippetToAST("/x", text)
		if err != nil {
			if want != "" {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		got, is := literal(node)
		if is != (want != "") || is && canonical(t, []byte(got)) != canonical(t, []byte(want)) {
			t.Errorf("%s: %s, %v; want %s", text, got, is, want)
		}
	}
}

// FuzzLiteral: what is taken for a literal evaluates to the same.
func FuzzLiteral(f *testing.F) {
	for _, text := range []string{`{ a: 1, b: [true, null, -2.5e3, { c: "x\u00e9\n" }], d:: 2 }`, "|||\n  x\n|||", "@'a''b'", "{ 'a': 1, a: 1 }", `{ "\ud800": -0 }`, "[1e308, 0.1, 1_0]", "{ a: -$ }"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		node, err := parse("/x", []byte(text))
		if err != nil {
			return
		}
		got, is := literal(node)
		if !is {
			return
		}
		vm := jsonnet.MakeVM()
		vm.MaxStack = 500
		want, err := vm.Evaluate(node)
		if err != nil {
			t.Fatalf("%q is taken for %s, and evaluates to %v", text, got, err)
		}
		if canonical(t, []byte(got)) != canonical(t, []byte(want)) {
			t.Fatalf("%q is taken for %s, and evaluates to %s", text, got, want)
		}
	})
}

// TestLiteralProgram: what is plain data is what Run makes of it, and all else is left to Run.
func TestLiteralProgram(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 300) + strings.Repeat("]", 300)
	for text, want := range map[string]bool{
		`{ run: [{ id: "a", change: 'echo "1"' }], n: [-1.5e3, 0.1, null, true] }`: true,
		"[]": true, `"text"`: true, "|||\n  a\n|||": true, `{ "a b": 1, }`: true, " # a comment\n{}": true,
		`{ a: 1, b: self.a }`: false, `{ a:: 1 }`: false, `1 + 1`: false, `local a = 1; a`: false, `import "b"`: false, `{ a: 1, a: 2 }`: false,
		`function() 1`: false, `std`: false, `{ ["a" + 1]: 2 }`: false, `{ assert true }`: false, "{": false, "": false, "\xff": false,
		deep: false, `"` + strings.Repeat("x", 65<<10) + `"`: false,
	} {
		program := Program{Entrypoint: "/main.jsonnet", Import: Memory(map[string]string{"/main.jsonnet": text})}
		got, is := Literal(program, Limits{})
		if is != want {
			t.Errorf("%.60q: %v", text, is)
		}
		if !is {
			continue
		}
		if ran, err := Run(t.Context(), program, Access{}, Limits{Time: 5 * time.Minute}); err != nil || string(ran) != string(got) {
			t.Errorf("%.60q: %s; Run: %s, %v", text, got, ran, err)
		}
	}
	small := Program{Entrypoint: "/main.jsonnet", Import: Memory(map[string]string{"/main.jsonnet": `"four"`})}
	if got, is := Literal(small, Limits{Bytes: 5}); is {
		t.Errorf("%s is over the limit of bytes", got)
	}
}
