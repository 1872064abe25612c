package vars

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IdentityName is the one name that a leading dot may stand before: ((.CONCOURSE_CI_JWT)).
const IdentityName = "CONCOURSE_CI_JWT"

// LocalSource is the source name of local vars: ((.:name)).
const LocalSource = "."

// maxRef bounds the text between (( and )) in bytes. A longer one is not a reference.
const maxRef = 1024

// Ref is one reference: ((source:path.field.field)). Quoted parts keep their dots and colons.
type Ref struct {
	Source string   // "" none named; "." local
	Path   string   // the secret's name
	Fields []string // members below it

	// Identity is true for ((.CONCOURSE_CI_JWT)), the build's own identity token, and for nothing else; Path is then
	// IdentityName. It is neither a secret of a source nor a local var, both of which could bear that name.
	Identity bool
}

// ParseRef parses the text between (( and )). A source, a path and fields consist of letters, digits and - _ / @ (a
// source also of dots); a path or field in double quotes may hold anything but a double quote and control characters.
// At most 1024 bytes.
//
// The first seed writes ((.CONCOURSE_CI_JWT)), a form that Concourse does not have: a leading dot and no source. It means
// the build's own identity token; any other name after a leading dot is an error.
func ParseRef(text string) (Ref, error) {
	r, err := parseRef(text)
	if err != nil {
		return Ref{}, fmt.Errorf("invalid var ((%s)): %w", shorten(text), err)
	}
	return r, nil
}

func parseRef(text string) (Ref, error) {
	if len(text) > maxRef {
		return Ref{}, fmt.Errorf("longer than %d bytes", maxRef)
	}
	if !utf8.ValidString(text) {
		return Ref{}, errors.New("not UTF-8")
	}
	var r Ref
	rest := text
	if colon := indexUnquoted(text, ':'); colon >= 0 {
		r.Source, rest = text[:colon], text[colon+1:]
		if err := checkSource(r.Source); err != nil {
			return Ref{}, err
		}
	} else if name, dotted := strings.CutPrefix(text, "."); dotted {
		if name != IdentityName {
			return Ref{}, fmt.Errorf("a leading dot is for ((.%s)) alone; a local var is written ((.:name))", IdentityName)
		}
		return Ref{Path: IdentityName, Identity: true}, nil
	}
	for first := true; ; first = false {
		segment, more := rest, false
		if dot := indexUnquoted(rest, '.'); dot >= 0 {
			segment, rest, more = rest[:dot], rest[dot+1:], true
		}
		name, err := parseSegment(segment)
		if err != nil {
			return Ref{}, err
		}
		if first {
			r.Path = name
		} else {
			r.Fields = append(r.Fields, name)
		}
		if !more {
			return r, nil
		}
	}
}

// Equal says whether two references are the same.
func (r Ref) Equal(other Ref) bool {
	return r.Source == other.Source && r.Path == other.Path && r.Identity == other.Identity && slices.Equal(r.Fields, other.Fields)
}

// String is the reference as it is written between (( and )), with quotes where they are needed.
func (r Ref) String() string {
	if r.Identity {
		return "." + r.Path
	}
	var b strings.Builder
	if r.Source != "" {
		b.WriteString(r.Source + ":")
	}
	b.WriteString(quoteSegment(r.Path))
	for _, field := range r.Fields {
		b.WriteString("." + quoteSegment(field))
	}
	return b.String()
}

func checkSource(source string) error {
	if source == "" {
		return errors.New("no source name before the colon")
	}
	for _, c := range source {
		if c == '"' {
			return errors.New("a source name is not quoted")
		}
		if !isPlain(c) && c != '.' {
			return fmt.Errorf("source name %q: %q is not allowed in it", source, c)
		}
	}
	return nil
}

func parseSegment(segment string) (string, error) {
	if inner, quoted := strings.CutPrefix(segment, `"`); quoted {
		inner, closed := strings.CutSuffix(inner, `"`)
		switch {
		case !closed || strings.Contains(inner, `"`):
			return "", errors.New("double quotes must surround a whole path or field")
		case inner == "":
			return "", errors.New("empty path or field")
		case strings.ContainsFunc(inner, unicode.IsControl):
			return "", errors.New("a control character in a path or field")
		}
		return inner, nil
	}
	if segment == "" {
		return "", errors.New("empty path or field")
	}
	for _, c := range segment {
		switch {
		case c == '"':
			return "", errors.New("double quotes must surround a whole path or field")
		case c == ':':
			return "", errors.New("a second colon; put the path or field in double quotes")
		case !isPlain(c):
			return "", fmt.Errorf("%q is not allowed in it without double quotes", c)
		}
	}
	return segment, nil
}

func quoteSegment(segment string) string {
	if segment != "" && !strings.ContainsFunc(segment, func(c rune) bool { return !isPlain(c) }) {
		return segment
	}
	return `"` + segment + `"`
}

// isPlain says whether c may stand in a path or field without quotes. Concourse's set, less the dot and the colon.
func isPlain(c rune) bool {
	return c == '-' || c == '_' || c == '/' || c == '@' || '0' <= c && c <= '9' || unicode.IsLetter(c)
}

// indexUnquoted returns the index of c in s outside double quotes, or -1.
func indexUnquoted(s string, c byte) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			return i
		}
	}
	return -1
}

// shorten keeps a message readable whatever the text is.
func shorten(text string) string {
	const limit = 80
	if len(text) <= limit {
		return strings.ToValidUTF8(text, "?")
	}
	return strings.ToValidUTF8(text[:limit], "") + "..."
}
