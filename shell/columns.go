package shell

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// spans are what cut's -f, -c and -b list: from and to, counted from 1.
func spans(text string) (list [][2]int, ok bool) {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		first, second, ranged := strings.Cut(part, "-")
		from, to := 1, math.MaxInt
		var err error
		if first != "" {
			if from, err = strconv.Atoi(first); err != nil {
				return nil, false
			}
		}
		if !ranged {
			to = from
		} else if second != "" {
			if to, err = strconv.Atoi(second); err != nil {
				return nil, false
			}
		}
		if from < 1 || to < from || part == "-" {
			return nil, false
		}
		list = append(list, [2]int{from, to})
	}
	return list, len(list) > 0
}

func selects(list [][2]int, number int, complement bool) bool {
	for _, span := range list {
		if number >= span[0] && number <= span[1] {
			return !complement
		}
	}
	return complement
}

// cutMain is cut -f|-c|-b LIST [-d DELIMITER] [-s] [--complement] [--output-delimiter].
func cutMain(c *command) int {
	if !c.parse("f:c:b:d:snz", "fields:=f", "characters:=c", "bytes:=b", "delimiter:=d", "only-delimited=s", "complement=X", "output-delimiter:=O") {
		return 1
	}
	kind := c.last("fcb")
	if kind == 0 {
		return c.misused(1, "you must specify a list of bytes, characters, or fields")
	}
	list, ok := spans(c.value(kind, ""))
	if !ok {
		return c.misused(1, "invalid field range")
	}
	delimiter := c.value('d', "\t")
	if kind != 'f' && c.has("d") {
		return c.misused(1, "an input delimiter may be specified only when operating on fields")
	}
	if utf8.RuneCountInString(delimiter) > 1 {
		return c.misused(1, "the delimiter must be a single character")
	}
	if delimiter == "" {
		delimiter = "\x00"
	}
	between := c.value('O', delimiter)
	return c.eachInput(func(name string, content io.Reader) error {
		return eachLine(content, func(line string, _ bool) bool {
			if kind == 'f' {
				if !strings.Contains(line, delimiter) {
					if !c.has("s") {
						c.out.WriteString(line + "\n")
					}
					return true
				}
				var kept []string
				for i, field := range strings.Split(line, delimiter) {
					if selects(list, i+1, c.has("X")) {
						kept = append(kept, field)
					}
				}
				c.out.WriteString(strings.Join(kept, between) + "\n")
				return true
			}
			for i := range len(line) {
				if selects(list, i+1, c.has("X")) {
					c.out.WriteByte(line[i])
				}
			}
			c.out.WriteByte('\n')
			return true
		})
	})
}

// trMain is tr [-cds] SET1 [SET2]; sets are of bytes.
func trMain(c *command) int {
	if !c.parse("+cCdst", "complement=c", "delete=d", "squeeze-repeats=s", "truncate-set1=t") {
		return 1
	}
	switch {
	case len(c.args) == 0:
		return c.misused(1, "missing operand")
	case len(c.args) == 1 && !c.has("ds"):
		return c.misused(1, "missing operand after '%s'", c.args[0])
	case len(c.args) > 2 || len(c.args) == 2 && c.has("d") && !c.has("s"):
		return c.misused(1, "extra operand '%s'", c.args[len(c.args)-1])
	}
	first, problem := trSet(c.args[0], 0)
	if problem != "" {
		return c.fail("%s", problem)
	}
	if c.has("cC") {
		first = trComplement(first)
	}
	second := first
	if len(c.args) == 2 {
		if second, problem = trSet(c.args[1], len(first)); problem != "" {
			return c.fail("%s", problem)
		}
		if len(second) == 0 && !c.has("d") {
			return c.fail("when not truncating set1, string2 must be non-empty")
		}
	}
	var member, squeeze [256]bool
	var to [256]byte
	for i := range to {
		to[i] = byte(i)
	}
	for i, b := range first {
		member[b] = true
		if len(c.args) == 2 && !c.has("d") && !(c.has("t") && i >= len(second)) {
			to[b] = second[min(i, len(second)-1)]
		}
	}
	if c.has("s") {
		for _, b := range second {
			squeeze[b] = true
		}
	}
	last := -1
	buffer := make([]byte, 32<<10)
	for {
		length, err := c.in.Read(buffer)
		for _, b := range buffer[:length] {
			if c.has("d") && member[b] {
				continue
			}
			if !c.has("d") {
				b = to[b]
			}
			if squeeze[b] && int(b) == last {
				continue
			}
			last = int(b)
			c.out.WriteByte(b)
		}
		if err == io.EOF {
			return 0
		}
		if err != nil {
			return c.fail("read error: %s", reason(err))
		}
	}
}

func trComplement(set []byte) []byte {
	var has [256]bool
	for _, b := range set {
		has[b] = true
	}
	var rest []byte
	for i, present := range has {
		if !present {
			rest = append(rest, byte(i))
		}
	}
	return rest
}

// trSet expands a set: escapes, a-z, [:class:], [x*n]; [x*] is as long as the first set needs.
func trSet(text string, wanted int) (set []byte, problem string) {
	classes := map[string]func(byte) bool{
		"alpha": func(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }, "digit": func(b byte) bool { return b >= '0' && b <= '9' },
		"alnum": func(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9' },
		"upper": func(b byte) bool { return b >= 'A' && b <= 'Z' }, "lower": func(b byte) bool { return b >= 'a' && b <= 'z' },
		"space": func(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }, "blank": func(b byte) bool { return b == ' ' || b == '\t' },
		"punct": func(b byte) bool {
			return b > ' ' && b < 0x7f && !(b|0x20 >= 'a' && b|0x20 <= 'z') && !(b >= '0' && b <= '9')
		},
		"print": func(b byte) bool { return b >= ' ' && b < 0x7f }, "graph": func(b byte) bool { return b > ' ' && b < 0x7f },
		"cntrl":  func(b byte) bool { return b < ' ' || b == 0x7f },
		"xdigit": func(b byte) bool { return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'f' },
	}
	for i := 0; i < len(text); {
		if strings.HasPrefix(text[i:], "[:") {
			if end := strings.Index(text[i:], ":]"); end > 1 {
				name := text[i+2 : i+end]
				in, known := classes[name]
				if !known {
					return nil, fmt.Sprintf("invalid character class '%s'", name)
				}
				for b := range 256 {
					if in(byte(b)) {
						set = append(set, byte(b))
					}
				}
				i += end + 2
				continue
			}
		}
		if text[i] == '[' && i+2 < len(text) && text[i+2] == '*' {
			if end := strings.IndexByte(text[i+3:], ']') + 3; end > 2 {
				count, err := strconv.ParseInt(text[i+3:i+end], 0, 16)
				if text[i+3:i+end] == "" {
					count, err = int64(max(0, wanted-len(set))), nil
				}
				if err == nil {
					for range count {
						set = append(set, text[i+1])
					}
					i += end + 1
					continue
				}
			}
		}
		from, length := trCharacter(text[i:])
		i += length
		if i+1 < len(text) && text[i] == '-' {
			to, length := trCharacter(text[i+1:])
			if to < from {
				return nil, fmt.Sprintf("range-endpoints of '%s' are in reverse collating sequence order", text[i-1:i+2])
			}
			for b := int(from); b <= int(to); b++ {
				set = append(set, byte(b))
			}
			i += 1 + length
			continue
		}
		set = append(set, from)
	}
	return set, ""
}

func trCharacter(text string) (b byte, length int) {
	if text[0] != '\\' || len(text) == 1 {
		return text[0], 1
	}
	if at := strings.IndexByte(`abfnrtv\`, text[1]); at >= 0 {
		return "\a\b\f\n\r\t\v\\"[at], 2
	}
	value, length := 0, 1
	for length < 4 && length < len(text) && text[length] >= '0' && text[length] <= '7' {
		value = value*8 + int(text[length]-'0')
		length++
	}
	if length == 1 {
		return text[1], 2
	}
	return byte(value), length
}

// seqMain is seq [-w] [-s SEPARATOR] [-f FORMAT] [FIRST [STEP]] LAST.
func seqMain(c *command) int {
	for i, argument := range c.args { // a negative number is no option
		if !strings.HasPrefix(argument, "-") && (i == 0 || c.args[i-1] != "-s" && c.args[i-1] != "-f") {
			break
		}
		if len(argument) > 1 && argument[0] == '-' && strings.IndexByte("0123456789.", argument[1]) >= 0 {
			c.args = append(append(append([]string{}, c.args[:i]...), "--"), c.args[i:]...)
			break
		}
	}
	if !c.parse("+ws:f:", "equal-width=w", "separator:=s", "format:=f") {
		return 1
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing operand")
	}
	if len(c.args) > 3 {
		return c.misused(1, "extra operand '%s'", c.args[3])
	}
	values, decimals := []float64{1, 1, 0}, 0
	for i, text := range c.args {
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return c.misused(1, "invalid floating point argument: '%s'", text)
		}
		if _, fraction, ok := strings.Cut(text, "."); ok && i < max(1, len(c.args)-1) {
			decimals = max(decimals, len(fraction))
		}
		at := map[int][]int{1: {2}, 2: {0, 2}, 3: {0, 1, 2}}[len(c.args)][i]
		values[at] = value
	}
	first, step, last := values[0], values[1], values[2]
	if step == 0 {
		return c.misused(1, "invalid Zero increment value: '%s'", c.args[1])
	}
	show := func(value float64) string { return strconv.FormatFloat(value, 'f', decimals, 64) }
	width := 0
	if c.has("w") {
		width = max(len(show(first)), len(show(last)))
	}
	separator := c.value('s', "\n")
	count := math.Floor((last-first)/step + 1e-9)
	for i := 0.0; i <= count; i++ {
		if i > 0 {
			c.out.WriteString(separator)
		}
		text := show(first + i*step)
		if format := c.value('f', ""); format != "" {
			text = fmt.Sprintf(format, first+i*step)
		} else if len(text) < width {
			sign := ""
			if text[0] == '-' {
				sign, text = "-", text[1:]
			}
			text = sign + strings.Repeat("0", width-len(sign)-len(text)) + text
		}
		if _, err := c.out.WriteString(text); err != nil {
			return 1
		}
	}
	if count >= 0 {
		c.out.WriteByte('\n')
	}
	return 0
}

// yesMain is yes [TEXT].
func yesMain(c *command) int {
	line := "y\n"
	if len(c.args) > 0 {
		line = strings.Join(c.args, " ") + "\n"
	}
	for {
		if _, err := c.out.WriteString(line); err != nil {
			return 1
		}
	}
}

func tacMain(c *command) int {
	if !c.parse("") {
		return 1
	}
	return c.eachInput(func(name string, content io.Reader) error {
		var lines []string
		err := eachLine(content, func(line string, newline bool) bool {
			if newline {
				line += "\n"
			}
			lines = append(lines, line)
			return true
		})
		for i := len(lines) - 1; i >= 0; i-- {
			c.out.WriteString(lines[i])
		}
		return err
	})
}

func revMain(c *command) int {
	if !c.parse("") {
		return 1
	}
	return c.eachInput(func(name string, content io.Reader) error {
		return eachLine(content, func(line string, newline bool) bool {
			runes := []rune(line)
			for i := len(runes) - 1; i >= 0; i-- {
				c.out.WriteRune(runes[i])
			}
			if newline {
				c.out.WriteByte('\n')
			}
			return true
		})
	})
}
