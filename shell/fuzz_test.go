package shell

import (
	"regexp"
	"strings"
	"testing"
)

// FuzzRegularExpression: no panic, and what is translated is what Go's engine takes, or it refuses it for its size.
func FuzzRegularExpression(f *testing.F) {
	for _, seed := range []string{`a\(b\)*c`, `^[]a-z[:digit:]]\{2,3\}$`, `(a|b)+\.x?`, `\<w\>`, `a{`, `[`, `\`, `*a`, `x\{1`, `()`, `a**`, `^*`} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, pattern string, extended bool) {
		translated, err := posix(pattern, extended)
		if err != nil {
			return
		}
		if expression, err := regexp.Compile(translated); err == nil {
			expression.MatchString("ab c\n")
		}
	})
}

// FuzzSed: no panic and an end for any script that does not jump.
func FuzzSed(f *testing.F) {
	for _, seed := range []string{`s/a/b/g`, `/x/,/y/{p;d}`, `1!G;h;$!d`, `y/ab/cd/`, `2,+3s|a|\U&|2p`, `a\` + "\ntext", `$!N;P;D`, `s/[/]/x/`, `{`, `s/a`} {
		f.Add(seed, "one\ntwo\nx")
	}
	f.Fuzz(func(t *testing.T, script, input string) {
		p := &sedParser{text: script}
		commands := p.block(0)
		if p.problem != "" || strings.ContainsAny(script, "btDrGHx") {
			return
		}
		c := &command{name: "sed", in: strings.NewReader(input), out: discard(), err: discard()}
		s := &sed{command: c, commands: commands, out: c.out}
		s.run(strings.Split(input, "\n"), true)
	})
}

// FuzzWords: no panic for any words given to the shell and to parsers of the utilities.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{"-exc true", "%5.2f%q x", "( a -o b ) -a c", "a-z [:upper:]", "1-3,5-", "2 days ago", "[!a-c]*?", "u+x,go=rwX", "x*3k"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Fields(text)
		parseCall(words)
		if len(text) > 40 {
			return // a width may be large
		}
		for _, run := range []utility{echoMain, testMain, exprMain} {
			c := &command{name: "x", args: words, in: strings.NewReader(text), out: discard(), err: discard()}
			run(c)
		}
		trSet(text, 3)
		spans(text)
		globToRegex(text)
		parseMode(text, 0o644, 0o022, true)
		blocks(text)
		duration(text)
		parseKey(text)
		unescape(text, true)
		quoteWord(text)
		xargsItems(&command{}, text)
	})
}
