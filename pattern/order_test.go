package pattern_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/pattern"
)

func order(t *testing.T, p pattern.Pattern, files map[string]string, vars map[string]any) pattern.Order {
	t.Helper()
	return pattern.NewOrder(p, pattern.Bundle{Entrypoint: "/main.jsonnet", Files: files}, "built\n", vars, "v1", time.Unix(1795441584, 500))
}

// TestPayload pins the bytes of an order's claims: what Etcha writes for the same order, but for escapes.
func TestPayload(t *testing.T) {
	t.Parallel()
	files := map[string]string{"/main.jsonnet": "{}", "/a.libsonnet": "<>"}
	for name, c := range map[string]struct {
		pattern pattern.Pattern
		vars    map[string]any
		want    string
	}{
		"bare": {want: `{"etchaBuildManifest":"built\n","etchaPattern":{"entrypoint":"/main.jsonnet","files":{"/a.libsonnet":"<>","/main.jsonnet":"{}"}},"etchaRunVars":{},"etchaVersion":"v1","iat":1795441584,"nbf":1795441584}`},
		"all": {
			pattern: pattern.Pattern{Audience: []string{"one"}, ID: "i", Issuer: "me", Subject: "s", ExpiresIn: time.Hour, NotBefore: pattern.NotBefore{After: time.Minute},
				RunVars: map[string]any{"b": 1, "a": "static"}, RunEnv: map[string]string{"a": "old", "c": "old"}},
			vars: map[string]any{"a": "built"},
			want: `{"aud":"one","etchaBuildManifest":"built\n","etchaPattern":{"entrypoint":"/main.jsonnet","files":{"/a.libsonnet":"<>","/main.jsonnet":"{}"}},"etchaRunVars":{"a":"built","b":1,"c":"old"},"etchaVersion":"v1","exp":1795445184,"iat":1795441584,"iss":"me","jti":"i","nbf":1795441644,"sub":"s"}`,
		},
		"audiences and a time": {
			pattern: pattern.Pattern{Audience: []string{"web", "db"}, NotBefore: pattern.NotBefore{At: time.Unix(1795441000, 0)}, ExpiresIn: -time.Hour},
			want:    `{"aud":["web","db"],"etchaBuildManifest":"built\n","etchaPattern":{"entrypoint":"/main.jsonnet","files":{"/a.libsonnet":"<>","/main.jsonnet":"{}"}},"etchaRunVars":{},"etchaVersion":"v1","exp":1795437984,"iat":1795441584,"nbf":1795441000}`,
		},
	} {
		o := order(t, c.pattern, files, c.vars)
		got, err := o.Payload()
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, c.want)
		}
		var again pattern.Order
		if err := json.Unmarshal(got, &again); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if differences := pattern.Compare(o, again, false); len(differences) != 0 {
			t.Errorf("%s: what is read is another order: %+v", name, differences)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	base := func() pattern.Order {
		return order(t, pattern.Pattern{RunVars: map[string]any{"n": 1.0, "o": map[string]any{"x": "y"}}}, map[string]string{"/main.jsonnet": "a\nb\nc\n", "/lib": "x\n"}, nil)
	}
	if found := pattern.Compare(base(), base(), false); len(found) != 0 {
		t.Errorf("the same: %+v", found)
	}
	later := base()
	later.IssuedAt, later.Expiry, later.Audience, later.ID = 1, 2, []string{"x"}, "other"
	if found := pattern.Compare(base(), later, false); len(found) != 0 {
		t.Errorf("who made it when: %+v", found)
	}
	for name, c := range map[string]struct {
		change             func(*pattern.Order)
		what, of, contains string
	}{
		"manifest":   {func(o *pattern.Order) { o.BuildManifest = "other\n" }, "manifest", "", "-built\n+other\n"},
		"entrypoint": {func(o *pattern.Order) { o.Bundle.Entrypoint = "/lib" }, "entrypoint", "", `was "/main.jsonnet", is "/lib"`},
		"file":       {func(o *pattern.Order) { o.Bundle.Files["/main.jsonnet"] = "a\nB\nc\n" }, "file", "/main.jsonnet", "--- a/main.jsonnet\n+++ b/main.jsonnet\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
		"new file":   {func(o *pattern.Order) { o.Bundle.Files["/new"] = "n\n" }, "file", "/new", "is new\n"},
		"empty file": {func(o *pattern.Order) { o.Bundle.Files["/new"] = "" }, "file", "/new", "is new\n"},
		"gone file":  {func(o *pattern.Order) { delete(o.Bundle.Files, "/lib") }, "file", "/lib", "is gone\n"},
		"var":        {func(o *pattern.Order) { o.RunVars["n"] = 2.0 }, "runVars", "n", "was 1, is 2"},
		"gone var":   {func(o *pattern.Order) { delete(o.RunVars, "o") }, "runVars", "o", `was {"x":"y"}, is not there`},
		"type":       {func(o *pattern.Order) { o.RunVars["n"] = "1" }, "runVars", "n", `was 1, is "1"`},
		"version":    {func(o *pattern.Order) { o.Version = "v2" }, "version", "", `was "v1", is "v2"`},
	} {
		other := base()
		c.change(&other)
		found := pattern.Compare(base(), other, false)
		if len(found) != 1 || found[0].What != c.what || found[0].Name != c.of || !strings.Contains(found[0].Text, c.contains) {
			t.Errorf("%s: %+v", name, found)
		}
		if ignoring := pattern.Compare(base(), other, true); (len(ignoring) == 0) != (name == "version") {
			t.Errorf("%s without the version: %+v", name, ignoring)
		}
	}
	old := base()
	old.RunEnv = map[string]string{"e": "1"}
	renamed := base()
	renamed.RunVars["e"] = "1"
	if found := pattern.Compare(old, renamed, false); len(found) != 0 {
		t.Errorf("the old name of run vars: %+v", found)
	}
}

func TestBundleValidate(t *testing.T) {
	t.Parallel()
	good := pattern.Bundle{Entrypoint: "main.jsonnet", Files: map[string]string{"/main.jsonnet": ""}}
	if err := good.Validate(); err != nil || good.Entrypoint != "/main.jsonnet" {
		t.Errorf("an entrypoint without a slash: %v, %q", err, good.Entrypoint)
	}
	for name, bad := range map[string]pattern.Bundle{
		"no files":      {Entrypoint: "/x"},
		"no entrypoint": {Files: map[string]string{"/x": ""}},
		"another":       {Entrypoint: "/y", Files: map[string]string{"/x": ""}},
		"no slash":      {Entrypoint: "/x", Files: map[string]string{"/x": "", "y": ""}},
		"dots":          {Entrypoint: "/x", Files: map[string]string{"/x": "", "/../y": ""}},
		"NUL":           {Entrypoint: "/x", Files: map[string]string{"/x": "", "/y\x00": ""}},
		"long":          {Entrypoint: "/x", Files: map[string]string{"/x": "", "/" + strings.Repeat("y", 5000): ""}},
	} {
		if err := bad.Validate(); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestDigest: what is not the same has another digest, also where names and texts only change places.
func TestDigest(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for i, b := range []pattern.Bundle{
		{Entrypoint: "/a", Files: map[string]string{"/a": "b"}}, {Entrypoint: "/a", Files: map[string]string{"/a": "c"}}, {Entrypoint: "/b", Files: map[string]string{"/a": "b"}},
		{Entrypoint: "/a", Files: map[string]string{"/ab": ""}}, {Entrypoint: "/a", Files: map[string]string{"/a": "b", "/c": ""}}, {Entrypoint: "/a", Files: map[string]string{"/a": "b/c"}},
	} {
		if other, twice := seen[b.Digest()]; twice {
			t.Errorf("%d and %d have one digest", other, i)
		}
		seen[b.Digest()] = i
	}
}

// TestPayloadRefuses what no verifier would take.
func TestPayloadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern pattern.Pattern
		files   map[string]string
		want    string
	}{
		"before 1970":      {pattern: pattern.Pattern{ExpiresIn: -100 * 365 * 24 * time.Hour}, want: "expiresIn: the token's exp would be 19"},
		"1970 itself":      {pattern: pattern.Pattern{ExpiresIn: -1795441584 * time.Second}, want: "expiresIn: the token's exp would be 1969"},
		"nbf in year zero": {pattern: pattern.Pattern{NotBefore: pattern.NotBefore{At: time.Unix(-1e11, 0)}}, want: "notBefore: the token's nbf would be -"},
		"nbf in 10000":     {pattern: pattern.Pattern{NotBefore: pattern.NotBefore{At: time.Unix(253402300800, 0)}}, want: "notBefore: the token's nbf would be 10000"},
		"too much":         {files: map[string]string{"/main.jsonnet": strings.Repeat("\x01", 9<<20)}, want: "the order would have about 75"},
	} {
		if _, err := order(t, c.pattern, c.files, nil).Payload(); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
}

func TestOrderWarnings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern pattern.Pattern
		want    string
	}{
		"never expires": {pattern.Pattern{NotBefore: pattern.NotBefore{After: time.Hour}}, ""},
		"fine":          {pattern.Pattern{ExpiresIn: time.Hour, NotBefore: pattern.NotBefore{After: time.Minute}}, ""},
		"expired":       {pattern.Pattern{ExpiresIn: -time.Hour}, "has expired already, at 2026-11-23T12:46:24Z"},
		"never valid":   {pattern.Pattern{ExpiresIn: time.Hour, NotBefore: pattern.NotBefore{After: time.Hour}}, "it never is"},
	} {
		got := order(t, c.pattern, nil, nil).Warnings()
		if len(got) > 1 || len(got) == 1 != (c.want != "") || len(got) == 1 && !strings.Contains(got[0], c.want) {
			t.Errorf("%s: %q; want %q", name, got, c.want)
		}
	}
}
