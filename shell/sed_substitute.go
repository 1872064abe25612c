package shell

import (
	"strings"
)

func (s *sed) substitute(k *sedCommand) {
	var out strings.Builder
	end, count, changed := 0, 0, false
	for _, at := range k.pattern.FindAllStringSubmatchIndex(s.space, -1) {
		count++
		if count < k.number || count > k.number && !k.global {
			continue
		}
		changed = true
		out.WriteString(s.space[end:at[0]])
		writeReplacement(&out, k.replacement, s.space, at)
		end = at[1]
	}
	if !changed {
		return
	}
	s.substituted = true
	s.space = out.String() + s.space[end:]
	if k.print {
		s.print(s.space)
	}
}

// writeReplacement writes a replacement: & and \1, \n, \t, and \U \L \u \l \E.
func writeReplacement(out *strings.Builder, replacement, text string, at []int) {
	var mode, once byte
	write := func(piece string) {
		switch mode {
		case 'U':
			piece = strings.ToUpper(piece)
		case 'L':
			piece = strings.ToLower(piece)
		}
		if once != 0 && piece != "" {
			first := strings.ToUpper(piece[:1])
			if once == 'l' {
				first = strings.ToLower(piece[:1])
			}
			piece, once = first+piece[1:], 0
		}
		out.WriteString(piece)
	}
	group := func(number int) {
		if 2*number+1 < len(at) && at[2*number] >= 0 {
			write(text[at[2*number]:at[2*number+1]])
		}
	}
	for i := 0; i < len(replacement); i++ {
		switch character := replacement[i]; {
		case character == '&':
			group(0)
		case character != '\\' || i+1 == len(replacement):
			write(string([]byte{character}))
		default:
			i++
			switch next := replacement[i]; {
			case next >= '0' && next <= '9':
				group(int(next - '0'))
			case next == 'n':
				write("\n")
			case next == 't':
				write("\t")
			case next == 'U' || next == 'L':
				mode = next
			case next == 'E':
				mode = 0
			case next == 'u' || next == 'l':
				once = next
			default:
				write(string([]byte{next}))
			}
		}
	}
}
