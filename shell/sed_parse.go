package shell

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// sedParser reads a script.
type sedParser struct {
	text     string
	at       int
	extended bool
	previous *regexp.Regexp // what an empty pattern means
	problem  string
}

func (p *sedParser) wrong(format string, arguments ...any) {
	if p.problem == "" {
		p.problem = fmt.Sprintf(format, arguments...)
	}
}

func (p *sedParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *sedParser) skip(characters string) {
	for p.at < len(p.text) && strings.IndexByte(characters, p.text[p.at]) >= 0 {
		p.at++
	}
}

// block reads commands up to "}" (depth over 0) or the end.
func (p *sedParser) block(depth int) []*sedCommand {
	var commands []*sedCommand
	for p.problem == "" {
		p.skip(" \t\n;")
		switch p.peek() {
		case 0:
			if depth > 0 {
				p.wrong("unmatched `{'")
			}
			return commands
		case '#':
			p.line()
			continue
		case '}':
			if depth == 0 {
				p.wrong("unexpected `}'")
			}
			p.at++
			return commands
		}
		k := &sedCommand{number: 1}
		if k.first = p.address(); k.first != nil {
			p.skip(" \t")
			if p.peek() == ',' {
				p.at++
				p.skip(" \t")
				if k.second = p.address(); k.second == nil {
					p.wrong("unexpected `,'")
				}
			}
		}
		p.skip(" \t")
		if p.peek() == '!' {
			p.at++
			k.negated = true
			p.skip(" \t")
		}
		k.letter = p.peek()
		p.at++
		p.command(k, depth)
		commands = append(commands, k)
	}
	return commands
}

func (p *sedParser) command(k *sedCommand, depth int) {
	switch k.letter {
	case '{':
		k.block = p.block(depth + 1)
	case 's':
		p.substitution(k)
	case 'y':
		p.table(k)
	case 'a', 'i', 'c':
		p.skip(" \t")
		if p.peek() == '\\' {
			p.at++
			p.skip(" \t")
			if p.peek() == '\n' {
				p.at++
			}
		}
		if p.at >= len(p.text) {
			p.wrong("expected \\ after `a', `c' or `i'")
		}
		k.text = p.lines()
	case ':', 'b', 't', 'r':
		p.skip(" \t")
		end := p.at
		stops := "\n;}"
		if k.letter == 'r' || k.letter == ':' {
			stops = "\n"
		}
		for end < len(p.text) && strings.IndexByte(stops, p.text[end]) < 0 {
			end++
		}
		if k.text = strings.TrimSpace(p.text[p.at:end]); k.letter == ':' {
			k.text, _, _ = strings.Cut(k.text, ";")
			end = p.at + strings.Index(p.text[p.at:], k.text) + len(k.text)
		}
		p.at = end
	case 'q', 'Q':
		k.number = 0
		p.skip(" \t")
		start := p.at
		p.skip("0123456789")
		k.number, _ = strconv.Atoi(p.text[start:p.at])
		p.ends()
	case 'p', 'd', 'D', 'P', 'n', 'N', '=', 'h', 'H', 'g', 'G', 'x':
		p.ends()
	case 0, '\n', ';', '}':
		p.wrong("missing command")
	default:
		p.wrong("unknown command: `%c'", k.letter)
	}
}

// ends: after a command there is nothing, or a separator.
func (p *sedParser) ends() {
	p.skip(" \t")
	if next := p.peek(); next != 0 && strings.IndexByte("\n;}#", next) < 0 {
		p.wrong("extra characters after command")
	}
}

func (p *sedParser) line() string {
	rest := p.text[p.at:]
	line, _, _ := strings.Cut(rest, "\n")
	p.at += len(line)
	return line
}

// lines is the text of a, i and c: to the end of the line, on past a backslash before it.
func (p *sedParser) lines() string {
	var out strings.Builder
	for p.at < len(p.text) && p.text[p.at] != '\n' {
		if p.text[p.at] == '\\' && p.at+1 < len(p.text) {
			p.at++
		}
		out.WriteByte(p.text[p.at])
		p.at++
	}
	return out.String()
}

func (p *sedParser) number() int {
	start := p.at
	p.skip("0123456789")
	value, err := strconv.Atoi(p.text[start:p.at])
	if err != nil {
		p.wrong("unexpected address")
	}
	return value
}

func (p *sedParser) address() *sedAddress {
	a := &sedAddress{}
	switch next := p.peek(); {
	case next >= '0' && next <= '9':
		a.line = p.number()
		if p.peek() == '~' {
			p.at++
			a.step = p.number()
		}
	case next == '+':
		p.at++
		a.plus, a.line = true, p.number()
	case next == '$':
		p.at++
		a.last = true
	case next == '/' || next == '\\':
		if next == '\\' {
			p.at++
		}
		pattern, ok := p.delimited(p.peek())
		if !ok {
			p.wrong("unterminated address regex")
			return nil
		}
		fold := p.peek() == 'I'
		if fold {
			p.at++
		}
		a.pattern = p.compile(pattern, fold)
	default:
		return nil
	}
	return a
}

// delimited reads from one delimiter to the next; a backslash takes the delimiter's meaning away.
func (p *sedParser) delimited(delimiter byte) (string, bool) {
	p.at++
	var out strings.Builder
	bracketed := false
	for ; p.at < len(p.text); p.at++ {
		character := p.text[p.at]
		switch {
		case character == '\\' && p.at+1 < len(p.text):
			p.at++
			switch next := p.text[p.at]; {
			case next == delimiter:
				out.WriteByte(delimiter)
			case next == 'n' && !bracketed:
				out.WriteString(`\n`)
			default:
				out.WriteByte('\\')
				out.WriteByte(next)
			}
			continue
		case character == delimiter && !bracketed:
			p.at++
			return out.String(), true
		case character == '[' && !bracketed:
			bracketed = true
			out.WriteByte(character)
			if rest := p.text[p.at+1:]; strings.HasPrefix(rest, "^]") || strings.HasPrefix(rest, "]") {
				length := strings.IndexByte(rest, ']') + 1
				out.WriteString(rest[:length])
				p.at += length
			}
			continue
		case character == ']':
			bracketed = false
		}
		out.WriteByte(character)
	}
	return "", false
}

func (p *sedParser) compile(pattern string, fold bool) *regexp.Regexp {
	if pattern == "" {
		if p.previous == nil {
			p.wrong("no previous regular expression")
		}
		return p.previous
	}
	translated, err := posix(pattern, p.extended)
	if err != nil {
		p.wrong("%v", err)
		return nil
	}
	prefix := ""
	if fold {
		prefix = "(?i)"
	}
	expression, err := regexp.Compile(prefix + translated)
	if err != nil {
		p.wrong("invalid regular expression")
		return nil
	}
	expression.Longest()
	p.previous = expression
	return expression
}

func (p *sedParser) substitution(k *sedCommand) {
	delimiter := p.peek()
	// A bracket in the replacement is nothing special; delimited is right for the pattern only.
	pattern, ok := p.delimited(delimiter)
	if !ok || delimiter == '\n' || delimiter == '\\' {
		p.wrong("unterminated `s' command")
		return
	}
	var out strings.Builder
	closed := false
	for ; p.at < len(p.text) && !closed; p.at++ {
		character := p.text[p.at]
		switch {
		case character == delimiter:
			closed = true
		case character == '\\' && p.at+1 < len(p.text):
			p.at++
			if next := p.text[p.at]; next == '\n' {
				out.WriteByte('\n')
			} else if next == delimiter && next != '&' {
				out.WriteByte(next)
			} else {
				out.WriteByte('\\')
				out.WriteByte(next)
			}
		default:
			out.WriteByte(character)
		}
	}
	if !closed {
		p.wrong("unterminated `s' command")
		return
	}
	k.replacement = out.String()
	fold := false
	for {
		switch next := p.peek(); {
		case next == 'g':
			k.global = true
		case next == 'p':
			k.print = true
		case next == 'i' || next == 'I':
			fold = true
		case next >= '1' && next <= '9':
			k.number = p.number()
			continue
		default:
			k.pattern = p.compile(pattern, fold)
			if next != 0 && strings.IndexByte(" \t\n;}#", next) < 0 {
				p.wrong("unknown option to `s'")
			}
			return
		}
		p.at++
	}
}

func (p *sedParser) table(k *sedCommand) {
	delimiter := p.peek()
	from, ok := p.delimited(delimiter)
	p.at--
	to, closed := p.delimited(delimiter)
	if !ok || !closed {
		p.wrong("unterminated `y' command")
		return
	}
	unescaped := func(text string) []rune {
		return []rune(strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(text))
	}
	a, b := unescaped(from), unescaped(to)
	if len(a) != len(b) {
		p.wrong("strings for `y' command are different lengths")
		return
	}
	k.table = map[rune]rune{}
	for i, r := range a {
		if _, before := k.table[r]; !before {
			k.table[r] = b[i]
		}
	}
}
