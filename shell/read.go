package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

// catMain is cat [-nbsEATvu].
func catMain(c *command) int {
	if !c.parse("nbsEATvetu", "number=n", "number-nonblank=b", "squeeze-blank=s", "show-ends=E", "show-all=A", "show-tabs=T", "show-nonprinting=v") {
		return 1
	}
	plain := !c.has("nbsEATvet")
	line, blank := 0, 0
	return c.eachInput(func(name string, content io.Reader) error {
		if plain {
			return c.pour(content)
		}
		return eachLine(content, func(text string, newline bool) bool {
			if text == "" && newline {
				blank++
			} else {
				blank = 0
			}
			if c.has("s") && blank > 1 {
				return true
			}
			if c.has("b") && text != "" || c.has("n") && !c.has("b") {
				line++
				fmt.Fprintf(c.out, "%6d\t", line)
			}
			c.out.WriteString(shown(text, c.has("ATt"), c.has("Avet")))
			if newline {
				if c.has("EAe") {
					c.out.WriteByte('$')
				}
				c.out.WriteByte('\n')
			}
			return true
		})
	})
}

// pour copies content to the output as it comes, so that what follows a pipe sees it at once.
func (c *command) pour(content io.Reader) error {
	buffer := make([]byte, 64<<10)
	for {
		length, err := content.Read(buffer)
		if length > 0 {
			c.out.Write(buffer[:length])
			if problem := c.out.Flush(); problem != nil {
				return nil // finish reports it
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func shown(text string, tabs, unprintable bool) string {
	if !tabs && !unprintable {
		return text
	}
	var out strings.Builder
	for _, b := range []byte(text) {
		if b == '\t' {
			if tabs {
				out.WriteString("^I")
			} else {
				out.WriteByte(b)
			}
			continue
		}
		if !unprintable {
			out.WriteByte(b)
			continue
		}
		if b >= 0x80 {
			out.WriteString("M-")
			b -= 0x80
		}
		switch {
		case b < ' ':
			out.WriteByte('^')
			out.WriteByte(b + 64)
		case b == 0x7f:
			out.WriteString("^?")
		default:
			out.WriteByte(b)
		}
	}
	return out.String()
}

// amount reads a count of head and tail: digits and a unit (b, K, M, G, kB, MB).
func amount(text string) (int64, bool) {
	digits := strings.TrimRight(text, "bkKMGTB")
	value, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || value < 0 {
		return 0, false
	}
	units := map[string]int64{"": 1, "b": 512, "k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "kB": 1000, "KB": 1000, "MB": 1e6, "GB": 1e9}
	unit, known := units[text[len(digits):]]
	return value * unit, known
}

// counts parses -n and -c of head and tail, and the old form -5.
func (c *command) counts() (count int64, sign byte, bytes, ok bool) {
	if len(c.args) > 0 {
		if first := c.args[0]; len(first) > 1 && first[0] == '-' && strings.Trim(first[1:], "0123456789") == "" {
			c.args[0] = "-n" + first[1:]
		}
	}
	if !c.parse("n:c:qvfFs:z", "lines:=n", "bytes:=c", "quiet=q", "silent=q", "verbose=v", "follow?=f", "retry=F", "pid:=p", "zero-terminated=z") {
		return 0, 0, false, false
	}
	text := "10"
	for _, o := range c.options {
		if o.letter == 'n' || o.letter == 'c' {
			text, bytes = o.value, o.letter == 'c'
		}
	}
	if text != "" && (text[0] == '-' || text[0] == '+') {
		sign, text = text[0], text[1:]
	}
	count, ok = amount(text)
	if !ok {
		c.complain("invalid number of %s: '%s'", map[bool]string{true: "bytes", false: "lines"}[bytes], text)
	}
	return count, sign, bytes, ok
}

// header prints "==> name <==" before a file's lines.
func (c *command) header(name string, first *bool) {
	if len(c.args) > 1 && !c.has("q") || c.has("v") {
		if name == "-" {
			name = "standard input"
		}
		if !*first {
			fmt.Fprintln(c.out)
		}
		fmt.Fprintf(c.out, "==> %s <==\n", name)
	}
	*first = false
}

func headMain(c *command) int {
	count, sign, bytes, ok := c.counts()
	if !ok {
		return 1
	}
	first := true
	return c.eachInput(func(name string, content io.Reader) error {
		if file, isFile := content.(stated); isFile {
			if info, err := file.Stat(); err == nil && info.IsDir() {
				c.header(name, &first)
				return fmt.Errorf("error reading: %w", syscall.EISDIR)
			}
		}
		c.header(name, &first)
		if sign == '-' {
			return c.allBut(content, count, bytes)
		}
		if bytes {
			_, err := io.CopyN(c.out, content, count)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		if count == 0 {
			return nil
		}
		left := count
		return eachLine(content, func(line string, newline bool) bool {
			c.out.WriteString(line)
			if newline {
				c.out.WriteByte('\n')
			}
			left--
			return left > 0
		})
	})
}

// maxHeld bounds what a utility holds of its input, in bytes.
const maxHeld = 1 << 30

func readAll(content io.Reader) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(content, maxHeld+1))
	if err == nil && len(all) > maxHeld {
		err = fmt.Errorf("input over %d bytes", maxHeld)
	}
	return all, err
}

// allBut prints all but the last lines or bytes.
func (c *command) allBut(content io.Reader, count int64, bytes bool) error {
	all, err := readAll(content)
	if err != nil {
		return err
	}
	c.out.Write(all[:tailStart(all, count, bytes)])
	return nil
}

// tailStart is where the last lines or bytes begin.
func tailStart(all []byte, count int64, bytes bool) int {
	if bytes {
		return int(max(0, int64(len(all))-count))
	}
	at := len(all)
	if count == 0 {
		return at
	}
	if at > 0 && all[at-1] == '\n' {
		at--
	}
	for ; at > 0; at-- {
		if all[at-1] == '\n' {
			if count--; count == 0 {
				break
			}
		}
	}
	return at
}

// tailMain is tail [-ncqvfF]. It holds what it reads.
func tailMain(c *command) int {
	if len(c.args) > 0 && len(c.args[0]) > 1 && c.args[0][0] == '+' && strings.Trim(c.args[0][1:], "0123456789") == "" {
		c.args[0] = "-n" + c.args[0]
	}
	count, sign, bytes, ok := c.counts()
	if !ok {
		return 1
	}
	first := true
	status := c.eachInput(func(name string, content io.Reader) error {
		c.header(name, &first)
		all, err := readAll(content)
		if err != nil {
			return err
		}
		if sign == '+' {
			c.out.Write(all[skip(all, count-1, bytes):])
		} else {
			c.out.Write(all[tailStart(all, count, bytes):])
		}
		if c.has("fF") && name != "-" {
			return c.followFile(name, int64(len(all)))
		}
		return nil
	})
	return status
}

func skip(all []byte, count int64, bytes bool) int {
	if bytes {
		return int(min(max(0, count), int64(len(all))))
	}
	at := 0
	for ; count > 0 && at < len(all); at++ {
		if all[at] == '\n' {
			count--
		}
	}
	return at
}

// followFile prints what is added to a file, until the process ends.
func (c *command) followFile(name string, from int64) error {
	for {
		file, err := os.Open(name)
		if err == nil {
			if info, problem := file.Stat(); problem == nil && info.Size() < from {
				from = 0
			}
			file.Seek(from, io.SeekStart)
			var length int64
			length, err = io.Copy(c.out, file)
			from += length
			file.Close()
		}
		if err != nil && !c.has("F") {
			return err
		}
		if err := c.out.Flush(); err != nil {
			return nil
		}
		time.Sleep(time.Second / 5)
	}
}

// teeMain is tee [-ai].
func teeMain(c *command) int {
	if !c.parse("aip", "append=a", "ignore-interrupts=i", "output-error?=p") {
		return 1
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if c.has("a") {
		mode = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	status := 0
	var files []*os.File
	for _, path := range c.args {
		file, err := os.OpenFile(path, mode, 0o666)
		if err != nil {
			status = c.fail("%s: %s", path, reason(err))
			continue
		}
		defer file.Close()
		files = append(files, file)
	}
	buffer := make([]byte, 64<<10)
	for {
		length, err := c.in.Read(buffer)
		for _, file := range files {
			if _, problem := file.Write(buffer[:length]); problem != nil {
				status = c.fail("%s: %s", file.Name(), reason(problem))
			}
		}
		c.out.Write(buffer[:length])
		if c.out.Flush() != nil {
			return 1
		}
		if err != nil {
			return status
		}
	}
}

type counted struct{ lines, words, characters, bytes, longest int64 }

// wcMain is wc [-lwcmL].
func wcMain(c *command) int {
	if !c.parse("lwcmL", "lines=l", "words=w", "bytes=c", "chars=m", "max-line-length=L") {
		return 1
	}
	var total counted
	type row struct {
		counted
		name string
	}
	var rows []row
	regular := true
	status := c.eachInput(func(name string, content io.Reader) error {
		file, isFile := content.(stated)
		if isFile {
			info, err := file.Stat()
			regular = regular && err == nil && info.Mode().IsRegular()
		} else {
			regular = false
		}
		n, err := count(content)
		total = counted{total.lines + n.lines, total.words + n.words, total.characters + n.characters, total.bytes + n.bytes, max(total.longest, n.longest)}
		rows = append(rows, row{n, name})
		return err
	})
	if len(c.args) > 1 {
		rows = append(rows, row{total, "total"})
	}
	width := len(strconv.FormatInt(max(total.bytes, total.lines), 10))
	if !regular {
		width = max(width, 7)
	}
	for _, r := range rows {
		values := c.selected(r.counted)
		if len(values) == 1 && len(rows) == 1 {
			width = 1
		}
		for i, value := range values {
			if i > 0 {
				c.out.WriteByte(' ')
			}
			fmt.Fprintf(c.out, "%*d", width, value)
		}
		if len(c.args) > 0 {
			c.out.WriteString(" " + r.name)
		}
		c.out.WriteByte('\n')
	}
	return status
}

func (c *command) selected(n counted) []int64 {
	if !c.has("lwcmL") {
		return []int64{n.lines, n.words, n.bytes}
	}
	var values []int64
	for _, one := range []struct {
		letter string
		value  int64
	}{{"l", n.lines}, {"w", n.words}, {"m", n.characters}, {"c", n.bytes}, {"L", n.longest}} {
		if c.has(one.letter) {
			values = append(values, one.value)
		}
	}
	return values
}

func count(content io.Reader) (n counted, err error) {
	reader := bufio.NewReaderSize(content, 64<<10)
	inWord := false
	column := int64(0)
	for {
		r, size, err := reader.ReadRune()
		if errors.Is(err, io.EOF) {
			n.longest = max(n.longest, column)
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n.bytes += int64(size)
		if r != utf8.RuneError || size > 1 {
			n.characters++
		}
		column++
		if r == '\n' {
			n.lines++
			n.longest, column = max(n.longest, column-1), 0
		}
		if unicode.IsSpace(r) {
			inWord = false
		} else if !inWord {
			inWord = true
			n.words++
		}
	}
}
