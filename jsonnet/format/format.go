// Package format makes texts of formats as Jsonnet's % and std.format do, to the byte: their code in Jsonnet is the source here
// (std.jsonnet of the language's release 0.22). Whatever may end in an error there, or has a width or precision that is an argument,
// is left to it.
package format

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrNotHere is the error of what is left to std.format.
var ErrNotHere = errors.New("left to std.format")

// Format is a format whose codes are known.
type Format []part

// part is a text, or a code with what it says.
type part struct {
	text string // where verb is 0

	verb      byte // d, o, x, e, f, g, c, s or %
	upper     bool // X, E, F, G
	key       string
	keyed     bool
	alternate bool // #
	zero      bool // 0
	left      bool // -
	blank     bool // a space
	plus      bool // +
	width     int
	precision int // -1: none
}

// maxParts bounds what a format takes in memory.
const maxParts = 100_000

// maxPadding is the widest code that is formatted here: not far above it, the evaluator's own meets its limit of stack.
const maxPadding = 200

// Codes returns how many values a format takes, and their keys, each once. No keys: it has codes without one.
func (f Format) Codes() (count int, keys []string) {
	keys = []string{}
	known := map[string]bool{}
	for _, p := range f {
		if !p.takes() {
			continue
		}
		count++
		switch {
		case !p.keyed:
			keys = nil
		case keys != nil && !known[p.key]:
			known[p.key] = true
			keys = append(keys, p.key)
		}
	}
	return count, keys
}

// Fill writes a format with values, each of which is a string, float64, bool or nil: one for each code or, by key, one for each key of Codes.
// Its error is ErrNotHere, or that of out.
func (f Format) Fill(out io.Writer, values []any, byKey bool) error {
	next, places := 0, map[string]int{}
	for _, p := range f {
		text := p.text
		if p.verb != 0 {
			var value any
			if p.takes() {
				at, known := places[p.key]
				if !known || !byKey {
					at, next = next, next+1
					places[p.key] = at
				}
				if at >= len(values) {
					return ErrNotHere
				}
				value = values[at]
			}
			var ok bool
			if text, ok = p.format(value); !ok {
				return ErrNotHere
			}
		}
		if _, err := out.Write([]byte(text)); err != nil {
			return err
		}
	}
	if next != len(values) {
		return ErrNotHere
	}
	return nil
}

// Parse is false for a format that is left to std.format.
func Parse(format string) (f Format, ok bool) {
	for {
		text, code, more := strings.Cut(format, "%")
		if len(f) >= maxParts {
			return nil, false
		}
		if text != "" {
			f = append(f, part{text: text})
		}
		if !more {
			return f, true
		}
		p, rest, ok := parseCode(code)
		if !ok {
			return nil, false
		}
		f, format = append(f, p), rest
	}
}

// parseCode reads what follows a %.
func parseCode(code string) (p part, rest string, ok bool) {
	if after, keyed := strings.CutPrefix(code, "("); keyed {
		if p.key, code, p.keyed = strings.Cut(after, ")"); !p.keyed {
			return p, "", false
		}
	}
	flags := map[byte]*bool{'#': &p.alternate, '0': &p.zero, '-': &p.left, ' ': &p.blank, '+': &p.plus}
	for code != "" && flags[code[0]] != nil {
		*flags[code[0]], code = true, code[1:]
	}
	if p.width, code, ok = parseWidth(code); !ok {
		return p, "", false
	}
	p.precision = -1
	if after, is := strings.CutPrefix(code, "."); is {
		if p.precision, code, ok = parseWidth(after); !ok {
			return p, "", false
		}
	}
	if code != "" && strings.IndexByte("hlL", code[0]) >= 0 {
		code = code[1:]
	}
	if code == "" {
		return p, "", false
	}
	switch verb := code[0]; verb {
	case 'd', 'i', 'u':
		p.verb = 'd'
	case 'X', 'E', 'F', 'G':
		p.verb, p.upper = verb|0x20, true
	case 'o', 'x', 'e', 'f', 'g', 'c', 's', '%':
		p.verb = verb
	default:
		return p, "", false
	}
	return p, code[1:], true
}

// parseWidth reads digits, of which there may be none.
func parseWidth(code string) (width int, rest string, ok bool) {
	for code != "" && code[0] >= '0' && code[0] <= '9' {
		if width = 10*width + int(code[0]-'0'); width > maxPadding {
			return 0, "", false
		}
		code = code[1:]
	}
	return width, code, code == "" || code[0] != '*'
}

// takes tells whether a code stands for a value.
func (p part) takes() bool { return p.verb != 0 && p.verb != '%' }

// format is false where the value is none of the code's.
func (p part) format(value any) (string, bool) {
	text, isText := value.(string)
	number, isNumber := value.(float64)
	truth, isTruth := value.(bool)
	ok := true
	switch {
	case p.verb == '%':
		text = "%"
	case p.verb == 's' && isNumber:
		text = showNumber(number)
	case p.verb == 's' && isTruth:
		text = strconv.FormatBool(truth)
	case p.verb == 's' && value == nil:
		text = "null"
	case p.verb == 's':
		ok = isText
	case p.verb == 'c' && isNumber:
		ok = number >= 0 && number <= utf8.MaxRune
		text = string(rune(number))
	case p.verb == 'c':
		ok = isText && utf8.RuneCountInString(text) == 1
	case !isNumber:
		ok = false
	default:
		text, ok = p.number(number)
	}
	if p.left {
		return text + p.padding(text, " ", p.width), ok
	}
	return p.padding(text, " ", p.width) + text, ok
}

func (p part) padding(text, with string, width int) string {
	return strings.Repeat(with, max(0, width-utf8.RuneCountInString(text)))
}

// number is what a code makes of a number. false: it is too large for the code.
func (p part) number(v float64) (string, bool) {
	zeros := 0 // how wide it is to be with zeros
	if p.zero && !p.left {
		zeros = p.width
	}
	whole, precision := max(0, p.precision), p.precision
	if precision < 0 {
		precision = 6
	}
	switch p.verb {
	case 'd':
		return p.sign(v <= -1, digits(math.Floor(math.Abs(v)), 10, ""), zeros, whole), true
	case 'o':
		prefix := ""
		if p.alternate {
			prefix = "0"
		}
		return p.sign(v <= -1, digits(math.Floor(math.Abs(v)), 8, prefix), zeros, whole), true
	case 'x':
		return p.hexadecimal(math.Floor(v), zeros, whole), true
	case 'f':
		return p.decimal(v, zeros, precision, true)
	case 'e':
		return p.scientific(v, zeros, precision, true)
	}
	exponent := exponentOf(v) // g
	if exponent < -4 || exponent >= float64(precision) {
		return p.scientific(v, zeros, precision-1, p.alternate)
	}
	return p.decimal(v, zeros, precision-int(max(1, exponent+1)), p.alternate)
}

// sign puts zeros and a sign before digits: to a width with the sign, and to a number of digits.
func (p part) sign(negative bool, digits string, width, least int) string {
	sign := ""
	switch {
	case negative:
		sign = "-"
	case p.plus:
		sign = "+"
	case p.blank:
		sign = " "
	}
	return sign + p.padding(digits, "0", max(width-len(sign), least)) + digits
}

func (p part) hexadecimal(v float64, width, least int) string {
	prefix, all := "", digits(math.Abs(v), 16, "")
	if p.alternate {
		prefix = "0x"
		width -= len(prefix)
	}
	sign := p.sign(v < 0, "", 0, 0)
	text := prefix + p.padding(all, "0", max(width-len(sign), least)) + all
	if p.upper {
		text = strings.ToUpper(text)
	}
	return sign + text
}

// decimal is a number with so many digits after its point. trailing keeps zeros at its end.
func (p part) decimal(v float64, width, precision int, trailing bool) (string, bool) {
	denominator := math.Pow(10, float64(precision))
	numerator := float64(math.Abs(v)*denominator) + 0.5 // rounded twice, as there, and not fused
	if math.IsInf(denominator, 0) || math.IsInf(numerator, 0) {
		return "", false
	}
	whole := 0.0
	if v != 0 {
		whole = math.Floor(numerator / denominator)
	}
	fraction := math.Mod(math.Floor(numerator), denominator)
	point := 1
	if precision == 0 && !p.alternate {
		point = 0
	}
	text := p.sign(v < 0, digits(whole, 10, ""), width-precision-point, 0)
	switch {
	case precision == 0 && p.alternate:
		text += "."
	case precision == 0:
	case trailing || fraction > 0:
		after := digits(fraction, 10, "")
		after = p.padding(after, "0", precision) + after
		if !trailing {
			after = strings.TrimRight(after, "0")
		}
		text += "." + after
	}
	return text, true
}

// scientific is a number with an exponent.
func (p part) scientific(v float64, width, precision int, trailing bool) (string, bool) {
	exponent := exponentOf(v)
	suffix := "e"
	if p.upper {
		suffix = "E"
	}
	suffix += part{plus: true}.sign(exponent < 0, digits(math.Abs(exponent), 10, ""), 3, 0)
	mantissa := v / math.Pow(10, exponent)
	if exponent == -324 { // the power is 0
		mantissa = v * 10 / math.Pow(10, exponent+1)
	}
	text, ok := p.decimal(mantissa, width-len(suffix), precision, trailing)
	return text + suffix, ok && !math.IsNaN(mantissa)
}

func exponentOf(v float64) float64 {
	if v == 0 {
		return 0
	}
	return math.Floor(math.Log(math.Abs(v)) / math.Log(10))
}

// digits are those of a number that is no less than 0, of which there is one at least, after a prefix that 0 has not.
func digits(n, radix float64, prefix string) string {
	if n == 0 {
		return "0"
	}
	var all []string // from the last
	for ; n != 0; n = math.Floor(n / radix) {
		all = append(all, showDigit(math.Mod(n, radix)))
	}
	slices.Reverse(all)
	return prefix + strings.Join(all, "")
}

// showDigit is a digit, or what is left of a number that is not whole.
func showDigit(n float64) string {
	const hexadecimal = "0123456789abcdef"
	if n == math.Floor(n) {
		return hexadecimal[int(n) : int(n)+1]
	}
	return showNumber(n)
}

// showNumber is a number as the evaluator shows it.
func showNumber(v float64) string {
	if v == math.Floor(v) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.17g", v)
}
