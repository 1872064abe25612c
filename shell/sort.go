package shell

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A sortKey is one -k of sort: from field and character to field and character, and its own letters.
type sortKey struct {
	startField, startCharacter, endField, endCharacter int
	letters                                            string
}

// sortMain is sort [-bcdfghMnrsuVz] [-k KEY] [-t SEPARATOR] [-o FILE]; bytes are compared, as in the C locale.
func sortMain(c *command) int {
	if !c.parse("bcCdfghiMnrsuVzk:t:o:mT:S:", "ignore-leading-blanks=b", "check?=c", "ignore-case=f", "general-numeric-sort=g", "human-numeric-sort=h",
		"numeric-sort=n", "reverse=r", "stable=s", "unique=u", "version-sort=V", "zero-terminated=z", "key:=k", "field-separator:=t", "output:=o",
		"dictionary-order=d", "month-sort=M", "merge=m", "ignore-nonprinting=i", "parallel:=p") {
		return 2
	}
	s := &sorter{separator: c.value('t', ""), end: '\n'}
	for _, o := range c.options {
		if strings.ContainsRune("bdfghiMnrV", o.letter) {
			s.letters += string(o.letter)
		}
	}
	if c.has("z") {
		s.end = 0
	}
	if s.separator == `\0` {
		s.separator = "\x00"
	}
	if len(s.separator) > 1 {
		c.complain("multi-character tab '%s'", s.separator)
		return 2
	}
	for _, text := range c.values('k') {
		key, ok := parseKey(text)
		if !ok {
			c.complain("invalid number at field start: invalid count at start of '%s'", text)
			return 2
		}
		s.keys = append(s.keys, key)
	}
	var lines []string
	total := 0
	status := c.eachInput(func(name string, content io.Reader) error {
		return eachRecord(content, s.end, func(line string, _ bool) bool {
			lines = append(lines, line)
			total += len(line)
			return total < maxHeld
		})
	})
	if status != 0 {
		return 2
	}
	last := s.letters != "" && strings.Contains(s.letters, "r")
	compare := func(a, b string) int {
		order := s.compare(a, b)
		if order == 0 && !c.has("su") {
			if order = strings.Compare(a, b); last {
				order = -order
			}
		}
		return order
	}
	if c.has("cC") {
		for i := 1; i < len(lines); i++ {
			if order := compare(lines[i-1], lines[i]); order > 0 || order == 0 && c.has("u") {
				if c.has("c") {
					c.complain("%s:%d: disorder: %s", append(c.args, "-")[0], i+1, lines[i])
				}
				return 1
			}
		}
		return 0
	}
	slices.SortStableFunc(lines, compare)
	if c.has("u") {
		lines = slices.CompactFunc(lines, func(a, b string) bool { return s.compare(a, b) == 0 })
	}
	out := c.out
	if path := c.value('o', ""); path != "" {
		file, err := os.Create(path)
		if err != nil {
			c.complain("open failed: %s: %s", path, reason(err))
			return 2
		}
		defer file.Close()
		out = bufio.NewWriter(file)
		defer out.Flush()
	}
	for _, line := range lines {
		out.WriteString(line)
		out.WriteByte(s.end)
	}
	return 0
}

type sorter struct {
	letters   string
	separator string
	end       byte
	keys      []sortKey
}

// parseKey reads F[.C][OPTS][,F[.C][OPTS]].
func parseKey(text string) (sortKey, bool) {
	key := sortKey{}
	start, end, both := strings.Cut(text, ",")
	var ok bool
	if key.startField, key.startCharacter, key.letters, ok = parsePosition(start); !ok || key.startField == 0 {
		return key, false
	}
	if both {
		var letters string
		if key.endField, key.endCharacter, letters, ok = parsePosition(end); !ok {
			return key, false
		}
		key.letters += letters
	}
	return key, true
}

func parsePosition(text string) (field, character int, letters string, ok bool) {
	digits := strings.TrimRight(text, "bdfghiMnrV")
	letters = text[len(digits):]
	first, second, dotted := strings.Cut(digits, ".")
	field, err := strconv.Atoi(first)
	if err == nil && dotted {
		character, err = strconv.Atoi(second)
	}
	return field, character, letters, err == nil && field >= 0 && character >= 0
}

func (s *sorter) compare(a, b string) int {
	if len(s.keys) == 0 {
		return compareBy(a, b, s.letters)
	}
	for _, key := range s.keys {
		letters := key.letters
		if letters == "" {
			letters = s.letters
		}
		if order := compareBy(s.part(a, key, letters), s.part(b, key, letters), letters); order != 0 {
			return order
		}
	}
	return 0
}

// part is what a key takes of a line.
func (s *sorter) part(line string, key sortKey, letters string) string {
	bounds := s.fields(line)
	if key.startField > len(bounds) {
		return ""
	}
	start := bounds[key.startField-1][0]
	if strings.Contains(letters, "b") {
		start += len(line[start:]) - len(strings.TrimLeft(line[start:], " \t"))
	}
	start = min(start+max(0, key.startCharacter-1), len(line))
	end := len(line)
	if key.endField > 0 && key.endField <= len(bounds) {
		end = bounds[key.endField-1][1]
		if key.endCharacter > 0 {
			end = min(bounds[key.endField-1][0]+key.endCharacter, len(line))
		}
	}
	return line[start:max(start, end)]
}

// fields are where each field begins and ends; without a separator a field's leading blanks are its own.
func (s *sorter) fields(line string) [][2]int {
	var bounds [][2]int
	start := 0
	if s.separator != "" {
		for i := 0; i < len(line); i++ {
			if line[i] == s.separator[0] {
				bounds = append(bounds, [2]int{start, i})
				start = i + 1
			}
		}
		return append(bounds, [2]int{start, len(line)})
	}
	blank := func(i int) bool { return line[i] == ' ' || line[i] == '\t' }
	for i := 1; i < len(line); i++ {
		if blank(i) && !blank(i-1) {
			bounds = append(bounds, [2]int{start, i})
			start = i
		}
	}
	return append(bounds, [2]int{start, len(line)})
}

// compareBy compares as the letters of sort's options say.
func compareBy(a, b, letters string) int {
	has := func(letter string) bool { return strings.Contains(letters, letter) }
	if has("b") {
		a, b = strings.TrimLeft(a, " \t"), strings.TrimLeft(b, " \t")
	}
	order := 0
	switch {
	case has("n"), has("h"), has("g"):
		order = compareNumbers(a, b, letters)
	case has("V"):
		order = compareVersions(a, b)
	case has("M"):
		order = month(a) - month(b)
	default:
		if has("d") {
			a, b = dictionary(a), dictionary(b)
		}
		if has("f") {
			a, b = strings.ToUpper(a), strings.ToUpper(b)
		}
		order = strings.Compare(a, b)
	}
	if has("r") {
		return -order
	}
	return order
}

func month(text string) int {
	text = strings.ToUpper(strings.TrimLeft(text, " \t"))
	if len(text) < 3 {
		return 0
	}
	return (strings.Index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", text[:3]) + 3) / 3
}

func dictionary(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return -1
	}, text)
}

func compareNumbers(a, b, letters string) int {
	x, y := leading(a, letters), leading(b, letters)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// leading is the number at the beginning of a text, 0 if there is none.
func leading(text, letters string) float64 {
	text = strings.TrimLeft(text, " \t")
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.' || text[end] == '-' && end == 0 ||
		strings.Contains(letters, "g") && strings.IndexByte("eE+-", text[end]) >= 0) {
		end++
	}
	for length := end; length > 0; length-- {
		if value, err := strconv.ParseFloat(text[:length], 64); err == nil {
			if strings.Contains(letters, "h") && length < len(text) {
				for range strings.IndexByte("_KMGTPE", text[length]) {
					value *= 1024
				}
			}
			return value
		}
	}
	return 0
}

// compareVersions compares runs of digits by their value.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		textA, textB := untilDigit(a), untilDigit(b)
		if order := strings.Compare(textA, textB); order != 0 {
			return order
		}
		a, b = a[len(textA):], b[len(textB):]
		digitsA, digitsB := a[:len(a)-len(strings.TrimLeft(a, "0123456789"))], b[:len(b)-len(strings.TrimLeft(b, "0123456789"))]
		x, _ := strconv.ParseUint("0"+digitsA, 10, 64)
		y, _ := strconv.ParseUint("0"+digitsB, 10, 64)
		if x != y {
			if x < y {
				return -1
			}
			return 1
		}
		a, b = a[len(digitsA):], b[len(digitsB):]
	}
	return strings.Compare(a, b)
}

func untilDigit(text string) string {
	if at := strings.IndexAny(text, "0123456789"); at >= 0 {
		return text[:at]
	}
	return text
}

// uniqMain is uniq [-cdui] [-f N] [-s N] [-w N] [IN [OUT]].
func uniqMain(c *command) int {
	if !c.parse("cduDif:s:w:z", "count=c", "repeated=d", "unique=u", "ignore-case=i", "skip-fields:=f", "skip-chars:=s", "check-chars:=w", "all-repeated?=D") {
		return 1
	}
	if len(c.args) > 2 {
		return c.misused(1, "extra operand '%s'", c.args[2])
	}
	skipFields, _ := strconv.Atoi(c.value('f', "0"))
	skipped, _ := strconv.Atoi(c.value('s', "0"))
	width, limited := strconv.Atoi(c.value('w', ""))
	out := c.out
	if len(c.args) == 2 {
		file, err := os.Create(c.args[1])
		if err != nil {
			return c.fail("%s: %s", c.args[1], reason(err))
		}
		defer file.Close()
		out = bufio.NewWriter(file)
		defer out.Flush()
		c.args = c.args[:1]
	}
	comparable := func(line string) string {
		for range skipFields {
			line = strings.TrimLeft(line, " \t")
			line = line[len(line)-len(strings.TrimLeftFunc(line, func(r rune) bool { return r != ' ' && r != '\t' })):]
		}
		line = line[min(skipped, len(line)):]
		if limited == nil {
			line = line[:min(width, len(line))]
		}
		if c.has("i") {
			line = strings.ToLower(line)
		}
		return line
	}
	count, first := 0, ""
	flush := func() {
		if count == 0 || c.has("d") && count == 1 || c.has("u") && count > 1 {
			return
		}
		if c.has("c") {
			fmt.Fprintf(out, "%7d ", count)
		}
		out.WriteString(first + "\n")
	}
	status := c.eachInput(func(name string, content io.Reader) error {
		return eachLine(content, func(line string, _ bool) bool {
			if count > 0 && comparable(line) == comparable(first) {
				count++
				return true
			}
			flush()
			count, first = 1, line
			return true
		})
	})
	flush()
	return status
}
