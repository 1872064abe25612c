package library_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"

	"mvdan.cc/sh/v3/syntax"

	"github.com/writ-run/writ/jsonnet"
)

// hostile is text that each kind of quoting has to withstand.
var hostile = []string{
	`it's`, `say "x"`, `$(touch pwned)`, "`touch pwned`", "two\nlines\n", `$HOME ${HOME}`, `a b  c`, `*`, `?[a-z]`, `~`, `~root`, `#no`, `a;b`,
	`a&b`, `a|b`, `<a`, `>b`, `!x`, `\`, `\\n`, `'`, `''`, `'"'"'`, `=`, `a=b`, `{a,b}`, `-n`, `--help`, "tab\tand\rreturn", "\x01\x7f", "ü ✓ 𝄞", ``, `%s`, `%%`,
}

// TestQuote: shells read back each word, whatever is in it.
func TestQuote(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"sh", "bash"} {
		readBack(t, shell, hostile)
	}
}

// readBack quotes words and lets a shell print them.
func readBack(t *testing.T, shell string, words []string) {
	t.Helper()
	list, err := json.Marshal(words)
	if err != nil {
		t.Fatal(err)
	}
	var quoted string
	if err := json.Unmarshal(evaluate(t, fmt.Sprintf("(import '../writ/shell.libsonnet').join(['printf', '%%s\\\\0', %s])", list), jsonnet.Access{}), &quoted); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), shell, "-c", quoted).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, quoted)
	}
	if want := strings.Join(words, "\x00") + "\x00"; string(output) != want {
		t.Errorf("%s reads back %q, want %q, of %s", shell, output, want, quoted)
	}
}

// FuzzQuote: the same for any text that can be an argument.
func FuzzQuote(f *testing.F) {
	for _, word := range hostile {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if strings.ContainsRune(word, 0) {
			return
		}
		readBack(t, "sh", []string{strings.ToValidUTF8(word, "?")})
	})
}

func TestShellFunctions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`join(['a', null, ['b', [], ['c d']], 7, true])`:                                                   `a b 'c d' 7 true`,
		`join([(import '../writ/shell.libsonnet').flags({ a: 1, b: true, c: false, d: null, e: 'x y' })])`: `--a 1 --b --e 'x y'`,
		`quote('/usr/bin/a_b-c.d:e@f%g+h,i')`:                                                              `/usr/bin/a_b-c.d:e@f%g+h,i`,
		`all(['a', null, 'b'])`:                                                                            "a &&\nb\n",
		`name('user', 'a b')`:                                                                              `a b`,
		`quote({})`:                                                                                        "error: a word of a command must be a string, a number or a boolean, and is of type object",
		`quote('a\u0000b')`:                                                                                "error: a word of a command holds a NUL character",
		`name('user', '-r')`:                                                                               `error: user "-r": begins with -`,
		`name('user', '')`:                                                                                 "error: user is empty",
		`name('user', 'a\nb')`:                                                                             `error: user "a\nb": holds a control character`,
		`name('user', 7)`:                                                                                  "error: user must be a string, and is of type number",
	} {
		out, err := attempt(t, "(import '../writ/shell.libsonnet')."+text, jsonnet.Access{})
		if problem, isError := strings.CutPrefix(want, "error: "); isError {
			if err == nil || !strings.Contains(err.Error(), problem) {
				t.Errorf("%s: got %v, want %s", text, err, problem)
			}
			continue
		}
		var got string
		if err == nil {
			err = json.Unmarshal(out, &got)
		}
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// TestBreakOut: a hostile argument of a function changes the words of its scripts, and never their structure: the tree of
// each script is that of a harmless one, or the argument is refused.
func TestBreakOut(t *testing.T) {
	t.Parallel()
	printable := strings.Join(slices.DeleteFunc(slices.Clone(hostile), func(word string) bool {
		return strings.ContainsFunc(word, unicode.IsControl) || strings.Contains(word, "=")
	}), " ")
	words := []string{printable, "two\nlines", "$(a)", "`a`", "'$(a)'", `\`, " ", "*"} // TestQuote has them all one by one
	tried, refused := 0, 0
	for _, example := range examples {
		plain := scripts(commands(t, strings.ReplaceAll(example, "MARK", "mark")))
		if !strings.Contains(example, "MARK") {
			t.Errorf("%s has no place to try", example)
		}
		trees := map[string]int{}
		for name, script := range plain {
			kind := name[strings.LastIndex(name, ":"):]
			trees[kind+tree(t, script)]++
		}
		for _, word := range words {
			word = "x" + word + "y" // begins and ends like a name
			literal, err := json.Marshal(word)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(example, "'MARK'", string(literal))
			if strings.Contains(text, "MARK") {
				t.Fatalf("a place without its own quotes in %s", example)
			}
			out, err := attempt(t, "["+text+"]", jsonnet.Access{})
			if err != nil {
				if !strings.Contains(err.Error(), "holds a control character") && !strings.Contains(err.Error(), "not the name of a package") &&
					!strings.Contains(err.Error(), "not a version") && !strings.Contains(err.Error(), "holds a line end") && !strings.Contains(err.Error(), "holds a #") {
					t.Errorf("%q in %s: %v", word, example, err)
				}
				refused++
				continue
			}
			tried++
			got := map[string]int{}
			for name, script := range scripts(parse(t, out)) {
				kind := name[strings.LastIndex(name, ":"):]
				got[kind+tree(t, script)]++
			}
			for shape, count := range trees {
				if got[shape] != count {
					t.Errorf("%q breaks out of %s: there is no %s", word, text, shape)
				}
			}
		}
	}
	if tried < 100 || refused < 20 {
		t.Errorf("%d tried, %d refused", tried, refused)
	}
}

// tree is the structure of a script: its nodes, with words reduced to whether they are made by the shell.
func tree(t *testing.T, script string) string {
	t.Helper()
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
	if err != nil {
		t.Fatalf("%v in\n%s", err, script)
	}
	var shape strings.Builder
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case nil:
			shape.WriteByte(')')
			return true
		case *syntax.Word:
			if constant(n.Parts) {
				shape.WriteString("(word)")
				return false
			}
		case *syntax.Lit, *syntax.SglQuoted:
			shape.WriteString("(text)")
			return false
		}
		fmt.Fprintf(&shape, "(%T", node)
		return true
	})
	return shape.String()
}

// constant tells whether nothing of a word is made by the shell.
func constant(parts []syntax.WordPart) bool {
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if strings.ContainsAny(p.Value, "*?[~{") && p.Value != "{" {
				return false
			}
		case *syntax.SglQuoted:
		case *syntax.DblQuoted:
			if !constant(p.Parts) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
