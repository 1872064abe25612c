package vault

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestParseAuthPath(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, want string
		seed       string // what the first seed's sed chain makes of it, where that differs, and why we do not
	}{
		{text: "concourse", want: "concourse"},
		{text: "/auth/concourse", want: "concourse"},
		{text: "auth/concourse", want: "concourse"},
		{text: "/auth/concourse/login", want: "concourse"},
		{text: "concourse/login/", want: "concourse"},
		{text: "/ci/eu/jwt/", want: "ci/eu/jwt"},
		{text: "//auth/concourse//login//", want: "concourse", seed: `"concourse/": it strips the slash before login before it folds slashes`},
		{text: "auth//concourse", want: "concourse", seed: `"/concourse", so a URL with auth//concourse`},
		{text: "authentik", want: "authentik", seed: `"entik": auth is stripped from within a segment`},
		{text: "auth/authentik/login", want: "authentik"},
		{text: "mylogin", want: "mylogin", seed: `"my": login is stripped from within a segment`},
		{text: "auth/mylogin/login", want: "mylogin"},
		{text: "auth/auth", want: "auth"},
		{text: "login/login", want: "login"},
		{text: "auth/jwt-auth", want: "jwt-auth"},
		{text: "loginauth", want: "loginauth", seed: `"loginauth", but "authlogin" becomes ""`},
		{text: "authlogin", want: "authlogin", seed: `"": both within one segment`},
		{text: "jwt/login/ci", want: "jwt/login/ci"},
	} {
		got, err := parseAuthPath(test.text)
		if err != nil || got.String() != test.want {
			t.Errorf("%q: %q, %v; want %q (the seed's chain: %s)", test.text, got, err, test.want, test.seed)
		}
	}
	for text, want := range map[string]string{
		"": "names no mount", "/": "names no mount", "auth": "names no mount", "auth/login": "names no mount", "/login/": "names no mount",
		"auth/../sys": `no ".." in a path`, "./jwt": `no "." in a path`, "a\nb": "a control character",
	} {
		if got, err := parseAuthPath(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v; want the error %q", text, got, err, want)
		}
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	documented := []string{"/{{.Team}}/{{.Pipeline}}/{{.Secret}}", "/{{.Team}}/{{.Secret}}"}
	for _, test := range []struct {
		name, prefix string
		templates    []string
		shared       string
		pipeline     string
		secret       string
		want         string
	}{
		{"Concourse's default", "/concourse", documented, "", "pipe", "foo", "concourse/team/pipe/foo concourse/team/foo concourse/foo"},
		{"a one-off run", "/concourse", documented, "", "", "foo", "concourse/team/foo concourse/foo"},
		{"Concourse's custom example", "/secrets", []string{"/{{.Team}}/concourse/{{.Pipeline}}/{{.Secret}}", "/{{.Team}}/concourse/{{.Secret}}", "/common/{{.Secret}}"}, "", "mypipeline", "password",
			"secrets/team/concourse/mypipeline/password secrets/team/concourse/password secrets/common/password secrets/password"},
		{"a plain shared path", "concourse/", documented, "some-shared/path", "pipe", "foo", "concourse/team/pipe/foo concourse/team/foo concourse/some-shared/path/foo concourse/foo"},
		{"the first seed's shared path", "/concourse", documented, "/shared/{{.Pipeline}}/{{.Secret}}", "pipe", "foo", "concourse/team/pipe/foo concourse/team/foo concourse/shared/pipe/foo concourse/foo"},
		{"that, without a pipeline", "/concourse", documented, "/shared/{{.Pipeline}}/{{.Secret}}", "", "foo", "concourse/team/foo concourse/foo"},
		{"a path as the secret", "/a/b", []string{"{{ .Team }}-{{.Secret}}"}, "", "pipe", "/x//y/z", "a/b/team-x/y/z a/b/x/y/z"},
		{"no templates", "/a", nil, "", "pipe", "x", "a/x"},
	} {
		l, err := parseLookup(test.prefix, test.templates, test.shared)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		candidates, err := l.candidates("team", test.pipeline, test.secret)
		var got []string
		for _, c := range candidates {
			got = append(got, c.path.String())
		}
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
	}
}

func TestCandidatesRefusesWhatWouldLeaveItsPlace(t *testing.T) {
	t.Parallel()
	l, err := parseLookup("/concourse", []string{"/{{.Team}}/{{.Pipeline}}/{{.Secret}}"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ team, pipeline, secret, want string }{
		{"team", "pipe", "../other/secret", `no ".." in a path`},
		{"team", "pipe", "a/./b", `no "." in a path`},
		{"team", "pipe", "..", `no ".." in a path`},
		{"team", "pipe", "/", "no name"},
		{"team", "pipe", "a\tb", "a control character"},
		{"a/b", "pipe", "s", `team "a/b" cannot be part of a path in Vault`},
		{"..", "pipe", "s", `team ".." cannot be part of a path in Vault`},
		{"", "pipe", "s", `team "" cannot be part of a path in Vault`},
		{"team", "../x", "s", `pipeline "../x" cannot be part of a path in Vault`},
		{"team", "/p", "s", `pipeline "/p" cannot be part of a path in Vault`},
	} {
		if got, err := l.candidates(test.team, test.pipeline, test.secret); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, %v", test, got, err)
		}
	}
}

func TestEscaped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a b/c?d":      "a%20b/c%3Fd",
		"a%2Fb/%2e%2e": "a%252Fb/%252e%252e",
		"a#b/ü":        "a%23b/%C3%BC",
		`a\..\b`:       "a%5C..%5Cb",
	} {
		p, err := parsePath(text)
		if err != nil || p.escaped() != want {
			t.Errorf("%q: %q, %v; want %q", text, p.escaped(), err, want)
		}
	}
}

func TestParseTemplateRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/{{.Team}}/{{.Job}}": "{{.Job}} is not known; there are {{.Team}}, {{.Pipeline}} and {{.Secret}}",
		"/{{.Team":            "{{ without }}",
		"/.Team}}":            "}} without {{",
		"/{{range .}}{{end}}": "{{range .}} is not known",
		"/../{{.Secret}}":     `no ".." in a path`,
		"//":                  "an empty path",
		"":                    "an empty path",
	} {
		_, err := parseLookup("/c", []string{text}, "")
		if err == nil || !strings.HasPrefix(err.Error(), "lookup_templates: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	token := "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJtYWluIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
	for _, text := range []string{
		token, "bad " + token + "!", "part c2lnbmF0dXJlLXNpZ25hdHVyZQ", "password=hunter22", "hvs.CAESIJ_abcdefghijklmnopqrstuv", "eyJmb3JlaWduIjoxfQ.eyJ4Ijox.abc",
	} {
		got := clean(text, []string{token, "hunter22"})
		for _, secret := range []string{"eyJ", "c2lnbmF0", "hunter22", "CAESIJ"} {
			if strings.Contains(got, secret) {
				t.Errorf("%q: %q still holds %q", text, got, secret)
			}
		}
	}
	if got := clean("a\r\n\x1b[31mb\xff"+strings.Repeat("x", 1000), nil); len(got) > maxReason+3 || strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("%q is not one bounded line", got)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	decoder := json.NewDecoder(strings.NewReader(`{"a":[1,-2.5,1e3,12345678901234567890,0.1,{"b":9007199254740993}],"s":"1"}`))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"a": []any{int64(1), -2.5, json.Number("1e3"), json.Number("12345678901234567890"), 0.1, map[string]any{"b": int64(9007199254740993)}}, "s": "1",
	}
	if got := plain(value); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

func FuzzCandidates(f *testing.F) {
	for _, seed := range []string{"a", "../x", "a/b", "..", "%2e%2e/x", "a?b", "{{.Team}}", `..\..`} {
		f.Add(seed, "pipe")
	}
	f.Fuzz(func(t *testing.T, secret, pipeline string) {
		l, err := parseLookup("/concourse", []string{"/{{.Team}}/{{.Pipeline}}/{{.Secret}}", "/{{.Team}}/{{.Secret}}"}, "shared")
		if err != nil {
			t.Fatal(err)
		}
		candidates, err := l.candidates("team", pipeline, secret)
		if err != nil {
			return
		}
		for i, c := range candidates {
			under := []string{"concourse/team/", "concourse/team/", "concourse/shared/", "concourse/"}[i+4-len(candidates)]
			if !strings.HasPrefix(c.path.escaped(), under) || strings.ContainsAny(c.path.escaped(), "?#\\ ") ||
				strings.Contains("/"+c.path.escaped()+"/", "/../") || strings.Contains("/"+c.path.escaped()+"/", "/./") {
				t.Fatalf("%q in pipeline %q: %s", secret, pipeline, c.path.escaped())
			}
		}
	})
}
