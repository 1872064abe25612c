package shell

import (
	"strings"
)

// globToRegex translates a pattern of the shell, in which * matches a slash and a leading dot too.
func globToRegex(glob string) string {
	var out strings.Builder
	for i := 0; i < len(glob); i++ {
		switch character := glob[i]; character {
		case '*':
			out.WriteString(".*")
		case '?':
			out.WriteByte('.')
		case '[':
			text := glob[i:]
			if strings.HasPrefix(text, "[!") {
				text = "[^" + text[2:]
			}
			translated, length, err := bracket(text)
			if err != nil {
				out.WriteString(`\[`)
				continue
			}
			out.WriteString(translated)
			i += length - 1
		case '\\':
			if i+1 < len(glob) {
				i++
			}
			out.WriteString(quoteMeta(glob[i]))
		default:
			out.WriteString(quoteMeta(character))
		}
	}
	return out.String()
}

func quoteMeta(character byte) string {
	if strings.IndexByte(`\.+*?()|[]{}^$`, character) >= 0 {
		return `\` + string(character)
	}
	return string([]byte{character})
}
