package token

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzScan: of every JSON object scan finds the members that a decoder finds, with their values.
func FuzzScan(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { } `, `{"a":1}`, `{ "a" : 1 , "b" : [ ] }`, `{"a":{"b":[1,{"c":"}"}]},"d":"\"\\","e\u0041":null}`,
		"{\n\t\"a\"\r\n: \"x\" ,\"b\":-1.5e3\n}", `{"":""}`, `{"a":[[],[{}]],"b":true}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value := jsontext.Value(bytes.Clone(text))
		if value.Kind() != '{' || !value.IsValid() {
			t.Skip()
		}
		type member struct{ name, value string }
		var want []member
		decoder := jsontext.NewDecoder(bytes.NewReader(text))
		if _, err := decoder.ReadToken(); err != nil {
			t.Fatal(err)
		}
		for decoder.PeekKind() != '}' {
			name, err := decoder.ReadToken()
			if err != nil {
				t.Fatal(err)
			}
			plain := name.String()
			inner, err := decoder.ReadValue()
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, member{plain, string(inner)})
		}
		var got []member
		if err := scan(text, func(name, value []byte) error {
			got = append(got, member{string(name), string(value)})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%q: got %q, want %q", text, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%q: member %d: got %q, want %q", text, i, got[i], want[i])
			}
		}
	})
}
