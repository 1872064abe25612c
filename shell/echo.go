package shell

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// echoMain is echo, as in bash and coreutils: -n, -e and -E, also combined; anything else is text.
func echoMain(c *command) int {
	args := c.args
	newline, escapes := true, false
	for len(args) > 0 && isEchoOption(args[0]) {
		for _, letter := range args[0][1:] {
			switch letter {
			case 'n':
				newline = false
			case 'e':
				escapes = true
			case 'E':
				escapes = false
			}
		}
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes {
		var stop bool
		if text, stop = unescape(text, true); stop {
			newline = false
		}
	}
	c.out.WriteString(text)
	if newline {
		c.out.WriteByte('\n')
	}
	return 0
}

func isEchoOption(argument string) bool {
	return len(argument) > 1 && argument[0] == '-' && strings.Trim(argument[1:], "neE") == ""
}

// unescape replaces backslash escapes. In echo -e and printf %b octal numbers are \0nnn, in printf's format \nnn too.
// Stop is true after \c: nothing more is to be printed.
func unescape(text string, zeroOctal bool) (result string, stop bool) {
	if !strings.Contains(text, `\`) {
		return text, false
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		if at := strings.IndexByte(`abefnrtv\`, text[i]); at >= 0 {
			out.WriteByte("\a\b\x1b\f\n\r\t\v\\"[at])
			continue
		}
		switch letter := text[i]; {
		case letter == 'c':
			return out.String(), true
		case letter == 'E':
			out.WriteByte('\x1b')
		case letter == 'x':
			i += number(&out, text, i, 2, 16)
		case letter == 'u':
			i += number(&out, text, i, 4, 16)
		case letter == 'U':
			i += number(&out, text, i, 8, 16)
		case letter == '0' && zeroOctal:
			i += octal(&out, text[i+1:], 3)
		case letter >= '0' && letter <= '7':
			i += octal(&out, text[i:], 3) - 1
		case !zeroOctal && (letter == '"' || letter == '\''):
			out.WriteByte(letter)
		default:
			out.WriteByte('\\')
			out.WriteByte(letter)
		}
	}
	return out.String(), false
}

func octal(out *strings.Builder, text string, most int) (length int) {
	value := 0
	for length < most && length < len(text) && text[length] >= '0' && text[length] <= '7' {
		value = value*8 + int(text[length]-'0')
		length++
	}
	out.WriteByte(byte(value))
	return length
}

// number writes the character of the digits after text[at], a letter x, u or U, or the letter itself if there are none.
func number(out *strings.Builder, text string, at, most, base int) (length int) {
	rest := text[at+1:]
	for length < most && length < len(rest) && strings.IndexByte("0123456789abcdefABCDEF", rest[length]) >= 0 {
		length++
	}
	value, err := strconv.ParseUint(rest[:length], base, 32)
	switch {
	case err != nil:
		out.WriteString(text[at-1 : at+1])
	case most == 2:
		out.WriteByte(byte(value))
	default:
		out.WriteRune(rune(value))
	}
	return length
}

// printfMain is printf, the format used again while there are arguments.
func printfMain(c *command) int {
	args := c.args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		c.complain("missing operand")
		return 2 - map[bool]int{true: 1}[c.name == "printf"]
	}
	p := &printer{command: c, format: args[0], args: args[1:]}
	for {
		before := len(p.args)
		if stop := p.once(); stop || len(p.args) == 0 || len(p.args) == before {
			return p.status
		}
	}
}

type printer struct {
	command *command
	format  string
	args    []string
	status  int
}

func (p *printer) next() string {
	if len(p.args) == 0 {
		return ""
	}
	first := p.args[0]
	p.args = p.args[1:]
	return first
}

// once prints the format one time and reports whether \c or an error says to stop.
func (p *printer) once() (stop bool) {
	rest := p.format
	for rest != "" {
		at := strings.IndexByte(rest, '%')
		if at < 0 {
			at = len(rest)
		}
		text, stop := unescape(rest[:at], false)
		p.command.out.WriteString(text)
		if stop || at == len(rest) {
			return stop
		}
		rest = rest[at+1:]
		if strings.HasPrefix(rest, "%") {
			p.command.out.WriteByte('%')
			rest = rest[1:]
			continue
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return !strings.ContainsRune("-+ #0123456789.*", r) })
		if end < 0 {
			p.command.complain("%%%s: invalid directive", rest)
			p.status = 1
			return true
		}
		flags, verb := rest[:end], rest[end]
		rest = rest[end+1:]
		for strings.Contains(flags, "*") {
			flags = strings.Replace(flags, "*", strconv.FormatInt(p.integer(p.next()), 10), 1)
		}
		if stop := p.verb(flags, verb); stop {
			return true
		}
	}
	return false
}

func (p *printer) verb(flags string, verb byte) (stop bool) {
	out := p.command.out
	switch verb {
	case 's':
		fmt.Fprintf(out, "%"+strings.NewReplacer("#", "", "+", "", "0", "0").Replace(flags)+"s", p.next())
	case 'b':
		text, stop := unescape(p.next(), true)
		fmt.Fprintf(out, "%"+flags+"s", text)
		return stop
	case 'q':
		fmt.Fprintf(out, "%"+flags+"s", quoteWord(p.next()))
	case 'c':
		text := p.next()
		if text != "" {
			text = text[:1]
		}
		fmt.Fprintf(out, "%"+flags+"s", text)
	case 'd', 'i':
		fmt.Fprintf(out, "%"+flags+"d", p.integer(p.next()))
	case 'u':
		fmt.Fprintf(out, "%"+flags+"d", uint64(p.integer(p.next())))
	case 'o', 'x', 'X':
		fmt.Fprintf(out, "%"+flags+string(verb), uint64(p.integer(p.next())))
	case 'e', 'E', 'f', 'F', 'g', 'G':
		fmt.Fprintf(out, "%"+flags+string(verb), p.float(p.next()))
	default:
		p.command.complain("%%%s%c: invalid directive", flags, verb)
		p.status = 1
		return true
	}
	return false
}

func (p *printer) integer(text string) int64 {
	if len(text) > 1 && (text[0] == '\'' || text[0] == '"') {
		first, _ := utf8.DecodeRuneInString(text[1:])
		return int64(first)
	}
	trimmed := strings.TrimLeft(text, " \t\n+")
	if trimmed == "" {
		if text != "" {
			p.invalid(text)
		}
		return 0
	}
	for end := len(trimmed); end > 0; end-- {
		if strings.ContainsAny(trimmed[:end], "_oObB") && !strings.HasPrefix(trimmed, "0x") {
			continue
		}
		value, err := strconv.ParseInt(trimmed[:end], 0, 64)
		if err != nil {
			if unsigned, problem := strconv.ParseUint(trimmed[:end], 0, 64); problem == nil {
				value, err = int64(unsigned), nil
			}
		}
		if err == nil {
			if end < len(trimmed) {
				p.invalid(text)
			}
			return value
		}
	}
	p.invalid(text)
	return 0
}

func (p *printer) float(text string) float64 {
	if text == "" {
		return 0
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		p.invalid(text)
	}
	return value
}

func (p *printer) invalid(text string) {
	p.command.complain("%s: invalid number", text)
	p.status = 1
}

// quoteWord is bash's %q.
func quoteWord(text string) string {
	if text == "" {
		return "''"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "$'" + strings.NewReplacer("\\", `\\`, "'", `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`, "\a", `\a`, "\x1b", `\E`).Replace(text) + "'"
	}
	var out strings.Builder
	for i, r := range text {
		if strings.ContainsRune(" !\"$&'()*,;<>?[\\]^`{|}", r) || i == 0 && (r == '~' || r == '#') {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}
