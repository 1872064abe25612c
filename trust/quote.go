package trust

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shell quotes one word for sh (POSIX 2.2.2): nothing inside is expanded.
func shell(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@=,+", r)
	}
	if word != "" && word[0] != '=' && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// hereDocument is a document on a command's standard input. The delimiter is quoted, so nothing is expanded; it is made
// longer until no line of the document is it.
func hereDocument(command, document string) string {
	end := "END"
	for slices.Contains(strings.Split(document, "\n"), end) {
		end += "_"
	}
	return fmt.Sprintf("%s <<'%s'\n%s\n%s\n", command, end, strings.TrimSuffix(document, "\n"), end)
}

// document is indented JSON in ASCII (AWS takes no policy with a character beyond U+00FF, and a terminal shows no name
// that looks like another). Members are sorted.
func document(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		panic("trust: " + err.Error()) // maps, lists, strings, numbers and booleans of ours
	}
	return ascii(strings.TrimSuffix(out.String(), "\n"))
}

// quoteJSON is a JSON string, which is also one of YAML and of CEL.
func quoteJSON(s string) string { return document(s) }

// ascii writes every other character as \uXXXX.
func ascii(s string) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf && r != 0x7f:
			out.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return out.String()
}

// quoteCEL is a CEL string literal: unlike JSON, CEL has no surrogate pairs.
func quoteCEL(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r >= ' ' && r < 0x7f:
			out.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// number writes a number without exponent.
func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
