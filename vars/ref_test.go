package vars_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/writ-run/writ/vars"
)

func TestParseRef(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want vars.Ref
	}{
		{"foo", vars.Ref{Path: "foo"}},
		{"foo.bar", vars.Ref{Path: "foo", Fields: []string{"bar"}}},
		{"foo.bar.baz", vars.Ref{Path: "foo", Fields: []string{"bar", "baz"}}},
		{"foo/bar/baz.qux", vars.Ref{Path: "foo/bar/baz", Fields: []string{"qux"}}},
		{"src:foo", vars.Ref{Source: "src", Path: "foo"}},
		{`src:"my.secret"."field:1"`, vars.Ref{Source: "src", Path: "my.secret", Fields: []string{"field:1"}}},
		{`hvjwt:"secret with_spaces.etc".some_key`, vars.Ref{Source: "hvjwt", Path: "secret with_spaces.etc", Fields: []string{"some_key"}}},
		{`"github.com".private_key`, vars.Ref{Path: "github.com", Fields: []string{"private_key"}}},
		{`"a:b"`, vars.Ref{Path: "a:b"}},
		{".:local", vars.Ref{Source: ".", Path: "local"}},
		{".:local.field", vars.Ref{Source: ".", Path: "local", Fields: []string{"field"}}},
		{".:CONCOURSE_CI_JWT", vars.Ref{Source: ".", Path: "CONCOURSE_CI_JWT"}},
		{".CONCOURSE_CI_JWT", vars.Ref{Path: "CONCOURSE_CI_JWT", Identity: true}},
		{`".CONCOURSE_CI_JWT"`, vars.Ref{Path: ".CONCOURSE_CI_JWT"}},
		{"my.source:foo", vars.Ref{Source: "my.source", Path: "foo"}},
		{"größe@eins-2", vars.Ref{Path: "größe@eins-2"}},
		{`"in (brackets))"`, vars.Ref{Path: "in (brackets))"}},
	} {
		got, err := vars.ParseRef(test.text)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("ParseRef(%q) = %+v, %v; want %+v", test.text, got, err, test.want)
		}
		if again, err := vars.ParseRef(got.String()); err != nil || !again.Equal(got) {
			t.Errorf("%q: its text %q reads back as %+v, %v", test.text, got.String(), again, err)
		}
	}
}

func TestParseRefRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "empty path or field",
		"foo.":                    "empty path or field",
		"foo..bar":                "empty path or field",
		":foo":                    "no source name before the colon",
		"src:":                    "empty path or field",
		"src:foo:bar":             "a second colon; put the path or field in double quotes",
		`"src":foo`:               "a source name is not quoted",
		`a b:foo`:                 `source name "a b": ' ' is not allowed in it`,
		`""`:                      "empty path or field",
		`a"b"`:                    "double quotes must surround a whole path or field",
		`"a"b`:                    "double quotes must surround a whole path or field",
		`"a`:                      "double quotes must surround a whole path or field",
		`"`:                       "double quotes must surround a whole path or field",
		"a b":                     "' ' is not allowed in it without double quotes",
		"\"a\x00\"":               "a control character in a path or field",
		"a\xff":                   "not UTF-8",
		".foo":                    "a leading dot is for ((.CONCOURSE_CI_JWT)) alone; a local var is written ((.:name))",
		".CONCOURSE_CI_JWT.field": "a leading dot is for ((.CONCOURSE_CI_JWT)) alone",
		"..CONCOURSE_CI_JWT":      "a leading dot",
		strings.Repeat("a", 1025): "longer than 1024 bytes",
	} {
		r, err := vars.ParseRef(text)
		if err == nil {
			t.Errorf("ParseRef(%q) = %+v, want an error", text, r)
		} else if !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("ParseRef(%q): %q, want %q in it, briefly", text, err, want)
		}
	}
}

func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{"foo", `s:"a.b".c`, ".:x", ".CONCOURSE_CI_JWT", `"a:b"."c d"`, "a..b", `a"b`, "::", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := vars.ParseRef(text)
		if err != nil {
			return
		}
		again, err := vars.ParseRef(r.String())
		if err != nil || !again.Equal(r) {
			t.Fatalf("%q: %+v is written %q, which reads as %+v, %v", text, r, r.String(), again, err)
		}
		found, err := vars.References("a-((" + text + "))-b")
		if err != nil || len(found) != 1 || !found[0].Equal(r) {
			t.Fatalf("%q parses alone but within a text it is %+v, %v", text, found, err)
		}
	})
}
