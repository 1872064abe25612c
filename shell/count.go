package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"unicode"
	"unicode/utf8"
)

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
