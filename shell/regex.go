//lint:file-ignore ST1005 the messages are those of the programs that are played
package shell

import (
	"errors"
	"strings"
)

// posix translates a regular expression of POSIX, basic or extended with GNU's additions, to Go's syntax. What Go's engine
// cannot do, references back, is an error.
func posix(pattern string, extended bool) (string, error) {
	var out strings.Builder
	depth := 0
	start := true // of the expression or of a group: * is itself there
	for i := 0; i < len(pattern); i++ {
		character := pattern[i]
		escaped := character == '\\'
		if escaped {
			i++
			if i == len(pattern) {
				return "", errors.New("trailing backslash")
			}
			character = pattern[i]
		}
		special := strings.IndexByte("(){}+?|", character) >= 0
		switch {
		case special && escaped != extended: // an operator in this syntax
			switch {
			case character == '(':
				depth++
				out.WriteByte('(')
				start = true
				continue
			case character == '|':
				out.WriteByte('|')
				start = true
				continue
			case character == ')' && depth == 0 && extended:
				out.WriteString(`\)`)
			case character == ')' && depth == 0:
				return "", errors.New("unmatched ) or \\)")
			case character == ')':
				depth--
				out.WriteByte(')')
			case start && extended && character != '{' || character == '}':
				out.WriteString(`\` + string(character))
			case character == '{':
				length := interval(pattern[i:], extended)
				if length == 0 || start {
					if !extended {
						return "", errors.New("invalid preceding regular expression")
					}
					out.WriteString(`\{`)
					break
				}
				text := strings.TrimSuffix(pattern[i+1:i+length-1], `\`)
				if strings.HasPrefix(text, ",") {
					text = "0" + text
				}
				out.WriteString("{" + text + "}")
				i += length - 1
			default:
				out.WriteByte(character)
			}
		case escaped:
			if character >= '1' && character <= '9' {
				return "", errors.New("references back are not supported")
			}
			out.WriteString(escape(character))
		case character == '[':
			text, length, err := bracket(pattern[i:])
			if err != nil {
				return "", err
			}
			out.WriteString(text)
			i += length - 1
		case character == '*':
			if start {
				out.WriteString(`\*`)
			} else {
				out.WriteByte('*')
			}
		case character == '^':
			if !extended && !start {
				out.WriteString(`\^`)
				break
			}
			out.WriteByte('^')
			continue
		case character == '$':
			rest := pattern[i+1:]
			if !extended && rest != "" && !strings.HasPrefix(rest, `\)`) && !strings.HasPrefix(rest, `\|`) {
				out.WriteString(`\$`)
			} else {
				out.WriteByte('$')
			}
		case character == '.':
			out.WriteByte('.')
		default:
			if strings.IndexByte(`(){}+?|`, character) >= 0 {
				out.WriteByte('\\')
			}
			out.WriteByte(character)
		}
		start = false
	}
	if depth > 0 {
		return "", errors.New("unmatched ( or \\(")
	}
	return out.String(), nil
}

func escape(character byte) string {
	switch character {
	case '<':
		return `\b(?:)`
	case '>':
		return `\b(?:)`
	case 'b', 'B', 'w', 'W', 's', 'S':
		return `\` + string(character)
	case '`':
		return `\A`
	case '\'':
		return `\z`
	case 'n', 't', 'r', 'f', 'v':
		return `\` + string(character)
	}
	if strings.IndexByte(`.[]*^$\/(){}+?|`, character) >= 0 {
		if character == '/' {
			return "/"
		}
		return `\` + string(character)
	}
	return string(character)
}

// interval is the length of {n}, {n,}, {,m} or {n,m} (in basic syntax with \}), 0 if it is none.
func interval(text string, extended bool) int {
	i := 1
	for i < len(text) && (text[i] >= '0' && text[i] <= '9' || text[i] == ',') {
		i++
	}
	if !extended {
		if i >= len(text) || text[i] != '\\' {
			return 0
		}
		i++
	}
	if i >= len(text) || text[i] != '}' || i == 1 {
		return 0
	}
	return i + 1
}

// bracket translates [...]: a backslash is itself there, and "]" may come first.
func bracket(text string) (translated string, length int, err error) {
	var out strings.Builder
	out.WriteByte('[')
	i := 1
	if i < len(text) && text[i] == '^' {
		out.WriteByte('^')
		i++
	}
	for first := true; i < len(text); first = false {
		switch {
		case text[i] == ']' && !first:
			out.WriteByte(']')
			return out.String(), i + 1, nil
		case strings.HasPrefix(text[i:], "[:"):
			end := strings.Index(text[i:], ":]")
			if end < 2 {
				return "", 0, errors.New("unmatched [, [^, [:, [., or [=")
			}
			out.WriteString(text[i : i+end+2])
			i += end + 2
			continue
		case strings.IndexByte(`\[]^`, text[i]) >= 0:
			out.WriteByte('\\')
			out.WriteByte(text[i])
		case text[i] == '-' && !first && i+1 < len(text) && text[i+1] == ']':
			out.WriteString(`\-`)
		case text[i] == '-' && first:
			out.WriteString(`\-`)
		default:
			out.WriteByte(text[i])
		}
		i++
	}
	return "", 0, errors.New("unmatched [, [^, [:, [., or [=")
}
