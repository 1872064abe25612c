package trust

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// hostile are names that want to be more than names.
var hostile = []string{
	`we'b`, `a"b`, `$(touch pwned)`, "`touch pwned`", `${HOME}`, `%{ if true }x%{ endif }`, `\`, `\\`, `a b`, ` `, ``, `-x`, `=x`, `*`, `?`, `[a]`,
	`~`, `#x`, `a;b`, `a&b`, `a|b`, `a>b`, `a<b`, "a\nb", "END", "x\nEND\ny", `!x`, `{a,b}`, `ünïcode`, `日本`, `😀`, `$`, `$$`, `$${x}`, `a,b`, `'''`, `it's "$x"`,
}

func TestShell(t *testing.T) {
	t.Parallel()
	for _, word := range hostile {
		process := exec.Command("sh", "-c", "printf '%s|' "+shell(word)+" end")
		process.Dir = t.TempDir()
		output, err := process.CombinedOutput()
		if err != nil || string(output) != word+"|end|" {
			t.Errorf("%q: %q, %v", word, output, err)
		}
		process = exec.Command("sh", "-c", hereDocument("cat", word+"\nlast"))
		output, err = process.CombinedOutput()
		if err != nil || string(output) != word+"\nlast\n" {
			t.Errorf("here document of %q: %q, %v", word, output, err)
		}
	}
}

func TestRegexGlobs(t *testing.T) {
	t.Parallel()
	corpus := []string{"", "a", "b", "rel", "release", "rel-1", "web", "west", "api", "xweb", "webx", "a.b", "axb", "rel*", "main/web", "main/web/x", "release-notes", "notes"}
	for pattern, want := range map[string]bool{
		"rel": true, "rel.*": true, ".*": true, "web|west|api": true, "we(b|st)": true, "a[.x]b": true, `a\.b`: true, "rel(ease)?": true,
		".*notes": true, "main/.*/x": true, "rel.*notes|api": true, "": true, "(?:web)": true,
		"rel.+": false, "[a-z]*": false, "(?i)web": false, "^rel": false, "rel{2,}": false, ".": false, `\w+`: false, "[^a]": false,
	} {
		globs, known := regexGlobs(pattern)
		if known != want {
			t.Errorf("%q: %v, want %v", pattern, known, want)
			continue
		}
		if !known {
			continue
		}
		exact := regexp.MustCompile(`\A(?:` + pattern + `)\z`)
		for _, text := range corpus {
			matched := false
			for _, g := range globs {
				matched = matched || globMatch(g, text)
			}
			if matched != exact.MatchString(text) {
				t.Errorf("%q as %q over %q: %v", pattern, globs, text, matched)
			}
		}
	}
}

// FuzzRegexGlobs: what is said with globs says the same as the pattern.
func FuzzRegexGlobs(f *testing.F) {
	f.Add("rel.*|we(b|st)?", "release")
	f.Add("a.*b.*c", "abbbc")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		exact, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
		if err != nil || strings.ContainsAny(text, "\x00\n") || strings.ToValidUTF8(text, "") != text {
			return
		}
		globs, known := regexGlobs(pattern)
		if !known {
			return
		}
		matched := false
		for _, g := range globs {
			matched = matched || globMatch(g, text)
		}
		if matched != exact.MatchString(text) {
			t.Errorf("%q as %q over %q: %v", pattern, globs, text, matched)
		}
	})
}

func TestCEL(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		`team == "main"`:                               `c.team == "main"`,
		`team == "main" && not privileged`:             `(c.team == "main" && c.privileged == false)`,
		`runtime == "oci" || team == "x"`:              `(c.runtime == "oci" ? true : (c.team == "x"))`,
		`team == "x" || runtime == "oci"`:              `(c.team == "x" || c.runtime == "oci")`,
		`runtime == "oci" && job == "a"`:               `(c.runtime == "oci" ? (c.job == "a") : false)`,
		`!has("runtime") || runtime == "oci"`:          `(!((has(c.runtime))) || c.runtime == "oci")`,
		`has("instance_vars.env")`:                     `(has(c.instance_vars) && has(c.instance_vars.env))`,
		`instance_vars["a-b"] == "x\"y"`:               `c.instance_vars["a-b"] == "x\"y"`,
		`job matches "rel.*"`:                          `c.job.matches("^(?:rel.*)$")`,
		`teamid in [1, 2] `:                            `double(c.teamid) in [double(1), double(2)]`,
		`3 > teamid`:                                   `double(c.teamid) < double(3)`,
		`"x" in aud`:                                   `"x" in c.aud`,
		`pipeline startsWith "a" and job contains "😀"`: `(c.pipeline.startsWith("a") ? (c.job.contains("\U0001f600")) : false)`,
		`job == "a" || job == "b"`:                     `c.job in ["a", "b"]`,
		`true`:                                         `true`,
		`any(aud, # == "x")`:                           ``,
		`team == pipeline`:                             ``,
		`team == "x" ? true : false`:                   ``,
		`not (any(aud, # == "x"))`:                     ``,
	} {
		n, err := parseRule(rule)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		if got := cel(n, "c"); got != want {
			t.Errorf("%s: %s, want %s", rule, got, want)
		}
	}
}
