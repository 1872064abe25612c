package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
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
