package journal

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
)

// minSecret is the least length of what is redacted: shorter, and ordinary text would be unreadable.
const minSecret = 4

// What is as large as a file is masked line by line and as it is: the forms of all of it would take many times its memory.
const (
	large     = 16 << 10 // from here on
	leastLine = 8        // shorter lines of it are ordinary text
	mostLine  = 4 << 10  // longer ones are masked in pieces
	mostForms = 1 << 17  // of one value
)

// largeForms are the lines of a large value, and whether those are all.
func largeForms(value string) (all []string, whole bool) {
	for line := range strings.Lines(value) {
		line = strings.TrimSpace(line)
		for len(line) >= leastLine {
			if len(all) == mostForms {
				return all, false
			}
			piece := line[:min(len(line), mostLine)]
			all = append(all, piece)
			line = line[len(piece):]
		}
	}
	return all, true
}

// forms are the texts in which a secret may show up: itself, each of its lines, and how programs encode it.
func forms(secret string) []string {
	var all []string
	add := func(text string) {
		if len(text) >= minSecret {
			all = append(all, text)
		}
	}
	values := []string{secret}
	if trimmed := strings.TrimSpace(secret); trimmed != secret {
		values = append(values, trimmed)
	}
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); line != secret {
			values = append(values, line)
		}
	}
	for _, value := range values {
		if len(value) < minSecret {
			continue
		}
		add(value)
		for _, text := range jsonForms(value) {
			add(text)
		}
		add(url.QueryEscape(value))
		add(strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
		add(url.PathEscape(value))
		for _, text := range shellForms(value) {
			add(text)
		}
		for _, text := range base64Forms(value) {
			add(text)
		}
		add(hex.EncodeToString([]byte(value)))
		add(strings.ToUpper(hex.EncodeToString([]byte(value))))
	}
	// The last part of a token alone makes the other two, which are no secret, valid.
	if parts := strings.Split(secret, "."); len(parts) == 3 && strings.HasPrefix(secret, "eyJ") && len(parts[2]) >= 40 {
		add(parts[2])
	}
	return all
}

// jsonForms are the insides of JSON strings: as most encoders write them, as those that escape HTML do, with slashes
// escaped, and in ASCII alone.
func jsonForms(value string) []string {
	escaped, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	html := string(escaped[1 : len(escaped)-1])
	plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(html)
	var ascii strings.Builder
	for _, r := range plain {
		switch {
		case r < 0x80:
			ascii.WriteRune(r)
		default:
			encoded, _ := json.Marshal(utf16Escape(r)) // plain ASCII
			ascii.Write(encoded[1 : len(encoded)-1])
		}
	}
	slashes := strings.NewReplacer("/", `\/`)
	return []string{html, plain, slashes.Replace(html), slashes.Replace(plain), strings.ReplaceAll(ascii.String(), `\\u`, `\u`)}
}

// utf16Escape is \uXXXX, or a pair of them.
func utf16Escape(r rune) string {
	const digits = "0123456789abcdef"
	unit := func(u rune) string {
		return `\u` + string([]byte{digits[u>>12&15], digits[u>>8&15], digits[u>>4&15], digits[u&15]})
	}
	if r < 0x10000 {
		return unit(r)
	}
	r -= 0x10000
	return unit(0xd800+r>>10) + unit(0xdc00+r&0x3ff)
}

// shellForms are how shells print a quoted value: 'it'\”s, "a \$b", a\ b, $'a\nb'.
func shellForms(value string) []string {
	var backslashed, double, dollar strings.Builder
	for _, r := range value {
		if strings.ContainsRune(" \t!\"#$&'()*,;<>?[\\]^`{|}~", r) {
			backslashed.WriteByte('\\')
		}
		backslashed.WriteRune(r)
		if strings.ContainsRune("$`\"\\!", r) {
			double.WriteByte('\\')
		}
		double.WriteRune(r)
		switch r {
		case '\'', '\\':
			dollar.WriteByte('\\')
			dollar.WriteRune(r)
		case '\n':
			dollar.WriteString(`\n`)
		case '\t':
			dollar.WriteString(`\t`)
		default:
			dollar.WriteRune(r)
		}
	}
	return []string{
		strings.ReplaceAll(value, "'", `'\''`), strings.ReplaceAll(value, "'", `'"'"'`),
		backslashed.String(), double.String(), dollar.String(),
	}
}

// base64Forms are the parts of base64 text that a value alone decides, whatever stands before and after it: in the
// standard and the URL alphabet, at each of the three alignments, and as lines of 76 and 64 characters where programs
// wrap it.
func base64Forms(value string) []string {
	var all []string
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString(append(make([]byte, before), value...))
			first := []int{0, 2, 3}[before] // characters that what stands before shares
			last := len(text)
			if (before+len(value))%3 != 0 {
				last-- // a character that what follows shares
			}
			if first < last {
				all = append(all, text[first:last])
			}
		}
		text := encoding.EncodeToString([]byte(value))
		for _, width := range []int{76, 64} {
			for at := 0; len(text) > width && at < len(text); at += width {
				end := min(at+width, len(text))
				if end == len(text) {
					end-- // what follows the value, a line break say, shares it
				}
				if end-at >= 8 {
					all = append(all, text[at:end])
				}
			}
		}
	}
	return all
}
