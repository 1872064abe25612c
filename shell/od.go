package shell

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// odMain is od [-A RADIX] [-t x1|x2|x4|o1|o2|d1|u1|c] [-N COUNT] [-j SKIP] [-v] [-c] [-b] [-x] [-w WIDTH].
func odMain(c *command) int {
	if !c.parse("A:t:N:j:vcbxw:od", "address-radix:=A", "format:=t", "read-bytes:=N", "skip-bytes:=j", "output-duplicates=v", "width?=w") {
		return 1
	}
	kind := c.value('t', map[rune]string{'c': "c", 'b': "o1", 'x': "x2", 'o': "o2", 'd': "u2", 0: "o2"}[c.last("cbxod")])
	if kind == "x" || kind == "o" || kind == "d" || kind == "u" {
		kind += "4"
	}
	size, err := strconv.Atoi(strings.TrimLeft(kind, "xoduac") + "")
	if kind == "c" || kind == "a" {
		size, err = 1, nil
	}
	if err != nil || size != 1 && size != 2 && size != 4 && size != 8 {
		return c.fail("invalid type string '%s'", kind)
	}
	width, err := strconv.Atoi(c.value('w', "16"))
	if err != nil || width < 1 || width%size != 0 {
		return c.fail("invalid width '%s'", c.value('w', ""))
	}
	var all []byte
	status := c.eachInput(func(name string, content io.Reader) error {
		part, err := readAll(content)
		all = append(all, part...)
		return err
	})
	offset := 0
	if text := c.value('j', ""); text != "" {
		skipped, ok := blocks(text)
		if !ok || skipped > int64(len(all)) {
			return c.fail("cannot skip past end of combined input")
		}
		offset = int(skipped)
		all = all[offset:]
	}
	if text := c.value('N', ""); text != "" {
		if most, ok := blocks(text); ok && most < int64(len(all)) {
			all = all[:most]
		}
	}
	address := func(at int) string {
		switch c.value('A', "o") {
		case "x":
			return fmt.Sprintf("%06x", at)
		case "d":
			return fmt.Sprintf("%07d", at)
		case "n":
			return ""
		}
		return fmt.Sprintf("%07o", at)
	}
	starred := false
	for at := 0; at < len(all); at += width {
		row := all[at:min(at+width, len(all))]
		if !c.has("v") && at > 0 && len(row) == width && bytes.Equal(row, all[at-width:at]) {
			if !starred {
				c.out.WriteString("*\n")
			}
			starred = true
			continue
		}
		starred = false
		c.out.WriteString(address(offset + at))
		for i := 0; i < len(row); i += size {
			value := uint64(0)
			for j := 0; j < size && i+j < len(row); j++ {
				value |= uint64(row[i+j]) << (8 * j)
			}
			c.out.WriteString(odValue(kind, size, value))
		}
		c.out.WriteByte('\n')
	}
	if end := address(offset + len(all)); end != "" {
		c.out.WriteString(end + "\n")
	}
	return status
}

func odValue(kind string, size int, value uint64) string {
	switch kind[0] {
	case 'x':
		return fmt.Sprintf(" %0*x", 2*size, value)
	case 'o':
		return fmt.Sprintf(" %0*o", map[int]int{1: 3, 2: 6, 4: 11, 8: 22}[size], value)
	case 'u':
		return fmt.Sprintf(" %*d", map[int]int{1: 3, 2: 5, 4: 10, 8: 20}[size], value)
	case 'd':
		signed := int64(value<<(64-8*size)) >> (64 - 8*size)
		return fmt.Sprintf(" %*d", map[int]int{1: 4, 2: 6, 4: 11, 8: 20}[size], signed)
	}
	if at := strings.IndexByte("\x00\a\b\f\n\r\t\v", byte(value)); at >= 0 {
		return "  " + []string{`\0`, `\a`, `\b`, `\f`, `\n`, `\r`, `\t`, `\v`}[at]
	}
	if value >= ' ' && value < 0x7f {
		return "   " + string(rune(value))
	}
	return fmt.Sprintf(" %03o", value)
}
