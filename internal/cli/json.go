package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// printJSON prints a value, indented.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(jsonWriter{w})
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// jsonWriter passes JSON on, with \u escapes for those characters of its strings that could steer a terminal and that
// encoders leave as they are: DEL, C1, and what turns the direction of text. A character does not go across two writes.
type jsonWriter struct{ io.Writer }

func (w jsonWriter) Write(text []byte) (int, error) {
	_, err := w.Writer.Write(escaped(text))
	return len(text), err
}

func escaped(text []byte) []byte {
	steers := func(r rune) bool { return r >= 0x7f && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) }
	if bytes.IndexFunc(text, steers) < 0 {
		return text
	}
	var out []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if steers(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	return out
}
