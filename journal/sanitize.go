package journal

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Plain returns a text of one line without escape sequences, and without control characters but the tab: it is safe to look at.
func Plain(text string) string { return sanitize(text, false) }

// sanitize leaves out what could steer a terminal: escape sequences (with colour, those that set colours stay) and
// control characters but the tab.
func sanitize(text string, colour bool) string {
	if harmless(text) {
		return text
	}
	var out strings.Builder
	parser := ansi.NewParser()
	coloured := false
	for state := byte(0); text != ""; {
		sequence, width, n, next := ansi.DecodeSequence(text, state, parser)
		switch {
		case width > 0 || sequence == "\t" || !strings.ContainsFunc(sequence, control):
			out.WriteString(sequence)
		case colour && strings.HasPrefix(sequence, "\x1b[") && isColour(sequence):
			out.WriteString(sequence)
			coloured = true
		}
		text, state = text[n:], next
	}
	if coloured {
		out.WriteString(ansi.ResetStyle)
	}
	return out.String()
}

// harmless tells, fast, that a text has no control character; it may say false of one that has none.
func harmless(text string) bool {
	const firstOfC1 = 0xc2 // U+0080 to U+009F are C2 80 to C2 9F
	for i := range len(text) {
		if b := text[i]; b < ' ' && b != '\t' || b == 0x7f || b == firstOfC1 {
			return false
		}
	}
	return true
}

// control tells control characters, of C0 and C1 alike.
func control(r rune) bool { return r != '\t' && r < ' ' || r >= 0x7f && r < 0xa0 }

// isColour tells a select-graphic-rendition sequence, ESC [ numbers m.
func isColour(sequence string) bool {
	return strings.HasSuffix(sequence, "m") && strings.Trim(sequence[2:len(sequence)-1], "0123456789;:") == ""
}
