package jsonnet

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// masked stands where a value from outside stood.
const masked = "((redacted))"

// A stretch of this many bytes that a message shares with a value is masked, whatever was done to the rest of the value.
const gram = 6

// A piece of a value (a line of it, a text within its JSON) that is shorter is masked from this length on, as a word.
const minPiece = 4

// mask hides the values from outside in a message: a program may put them into an error of its own, and so may functions
// that do not understand them.
func (s *session) mask(text string) string {
	if len(s.brought) == 0 || text == "" {
		return text
	}
	covered := make([]bool, len(text))
	places := map[[gram]byte][]int{}
	for i := 0; i+gram <= len(text); i++ {
		key := [gram]byte([]byte(text[i:]))
		places[key] = append(places[key], i)
	}
	for _, value := range s.brought {
		for i := 0; i+gram <= len(value); i++ {
			for _, at := range places[[gram]byte([]byte(value[i:i+gram]))] {
				cover(covered, at, gram)
			}
		}
		for _, piece := range pieces(value) {
			coverWord(covered, text, piece)
		}
	}
	var out strings.Builder
	for i := range len(text) {
		switch {
		case !covered[i]:
			out.WriteByte(text[i])
		case i == 0 || !covered[i-1]:
			out.WriteString(masked)
		}
	}
	return strings.ToValidUTF8(out.String(), "")
}

func cover(covered []bool, at, length int) {
	for i := range length {
		covered[at+i] = true
	}
}

// pieces are the short texts that a value is, or is made of.
func pieces(value string) []string {
	var list []string
	add := func(piece string, least int) {
		if piece = strings.TrimSpace(piece); len(piece) >= least && len(piece) < gram {
			list = append(list, piece)
		}
	}
	add(value, 2)
	for line := range strings.Lines(value) {
		add(line, minPiece)
	}
	var decoded any
	if json.Unmarshal([]byte(value), &decoded) == nil {
		leaves(decoded, func(leaf string) { add(leaf, minPiece) })
	}
	return list
}

func leaves(value any, use func(string)) {
	switch value := value.(type) {
	case string:
		use(value)
	case []any:
		for _, one := range value {
			leaves(one, use)
		}
	case map[string]any:
		for _, one := range value {
			leaves(one, use)
		}
	}
}

// coverWord covers a piece where it stands by itself.
func coverWord(covered []bool, text, piece string) {
	for at := 0; ; {
		next := strings.Index(text[at:], piece)
		if next < 0 {
			return
		}
		at += next
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(piece):])
		if !isWord(before) && !isWord(after) {
			cover(covered, at, len(piece))
		}
		at++
	}
}

func isWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_')
}
