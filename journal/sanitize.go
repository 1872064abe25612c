package journal

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Plain returns a text of one line without escape sequences, and without control characters but the tab: it is safe to look at.
func Plain(text string) string { return sanitize(text, false) }

// sanitize leaves out what could steer a terminal: escape sequences (with colour, those that set colours stay), control
// characters but the tab, and what turns the direction of text, so that a line shows in the order in which it is written.
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

// harmless tells, fast, that a text has nothing of that; it may say false of one that has not.
func harmless(text string) bool {
	for i := range len(text) {
		if b := text[i]; suspicious[b] && (b != firstOfDirections || i+1 < len(text) && text[i+1] <= 0x81) {
			return false
		}
	}
	return true
}

// U+0080 to U+009F are C2 80 to C2 9F, U+2000 to U+207F are E2 80 and E2 81.
const firstOfC1, firstOfDirections = 0xc2, 0xe2

// suspicious are the bytes that what has to be left out is of, or begins with.
var suspicious = func() (is [256]bool) {
	for b := range byte(' ') {
		is[b] = b != '\t'
	}
	is[0x7f], is[firstOfC1], is[firstOfDirections] = true, true, true
	return is
}()

// control tells control characters, of C0 and C1 alike, and those of the direction of text.
func control(r rune) bool {
	return r != '\t' && r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// isColour tells a select-graphic-rendition sequence, ESC [ numbers m.
func isColour(sequence string) bool {
	return strings.HasSuffix(sequence, "m") && strings.Trim(sequence[2:len(sequence)-1], "0123456789;:") == ""
}
