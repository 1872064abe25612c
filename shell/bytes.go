package shell

import (
	"bufio"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strconv"
	"strings"
)

// ddMain is dd with if, of, bs, ibs, obs, count, skip, seek, conv=notrunc,fsync,sync and status.
func ddMain(c *command) int {
	d := map[string]string{"bs": "512"}
	for _, argument := range c.args {
		key, value, ok := strings.Cut(argument, "=")
		switch key {
		case "if", "of", "bs", "ibs", "obs", "count", "skip", "seek", "conv", "status", "iflag", "oflag":
		default:
			ok = false
		}
		if !ok {
			return c.misused(1, "unrecognized operand '%s'", argument)
		}
		if key == "ibs" || key == "obs" {
			key = "bs"
		}
		d[key] = value
	}
	numbers := map[string]int64{"count": -1}
	for _, key := range []string{"bs", "count", "skip", "seek"} {
		if text, given := d[key]; given {
			value, ok := blocks(text)
			if !ok || key == "bs" && (value < 1 || value > maxHeld) {
				return c.fail("invalid number: '%s'", text)
			}
			numbers[key] = value
		}
	}
	in, out := c.in, io.Writer(os.Stdout)
	if path := d["if"]; path != "" {
		file, err := os.Open(path)
		if err != nil {
			return c.fail("failed to open '%s': %s", path, reason(err))
		}
		defer file.Close()
		in = file
	}
	if path := d["of"]; path != "" {
		mode := os.O_WRONLY | os.O_CREATE
		if !strings.Contains(d["conv"], "notrunc") && numbers["seek"] == 0 {
			mode |= os.O_TRUNC
		}
		file, err := os.OpenFile(path, mode, 0o666)
		if err != nil {
			return c.fail("failed to open '%s': %s", path, reason(err))
		}
		defer file.Close()
		if offset := numbers["seek"] * numbers["bs"]; offset > 0 {
			if !strings.Contains(d["conv"], "notrunc") {
				err = file.Truncate(offset)
			}
			if _, problem := file.Seek(offset, io.SeekStart); err == nil {
				err = problem
			}
			if err != nil {
				return c.fail("%s: cannot seek: %s", path, reason(err))
			}
		}
		out = file
	}
	return c.copyBlocks(in, out, numbers, d)
}

func (c *command) copyBlocks(in io.Reader, out io.Writer, numbers map[string]int64, d map[string]string) int {
	if offset := numbers["skip"] * numbers["bs"]; offset > 0 {
		if _, err := io.CopyN(io.Discard, in, offset); err != nil && !errors.Is(err, io.EOF) {
			return c.fail("cannot skip: %s", reason(err))
		}
	}
	buffer := make([]byte, numbers["bs"])
	var full, partial, written int64
	status := 0
	for numbers["count"] < 0 || full+partial < numbers["count"] {
		var length int
		var err error
		if strings.Contains(d["iflag"], "fullblock") {
			length, err = io.ReadFull(in, buffer)
		} else {
			length, err = in.Read(buffer)
		}
		if length > 0 {
			if length == len(buffer) {
				full++
			} else {
				partial++
			}
			n, problem := out.Write(buffer[:length])
			written += int64(n)
			if problem != nil {
				status = c.fail("error writing '%s': %s", d["of"], reason(problem))
				break
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				status = c.fail("error reading '%s': %s", d["if"], reason(err))
			}
			break
		}
	}
	if d["status"] != "none" {
		fmt.Fprintf(c.err, "%d+%d records in\n%d+%d records out\n", full, partial, full, partial)
		if d["status"] != "noxfer" {
			fmt.Fprintf(c.err, "%d bytes copied\n", written)
		}
	}
	return status
}

// blocks reads dd's numbers: 4, 4k, 1M, 2x512.
func blocks(text string) (int64, bool) {
	total := int64(1)
	for part := range strings.SplitSeq(text, "x") {
		part = strings.TrimSuffix(strings.TrimSuffix(part, "iB"), "B")
		unit := int64(1)
		units := map[byte]int64{'c': 1, 'w': 2, 'b': 512, 'k': 1 << 10, 'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
		if part != "" && units[part[len(part)-1]] != 0 {
			unit, part = units[part[len(part)-1]], part[:len(part)-1]
		}
		value, err := strconv.ParseInt(part, 10, 62)
		if err != nil || value < 0 {
			return 0, false
		}
		total *= value * unit
	}
	return total, true
}

// base64Main is base64 [-d] [-i] [-w COLUMNS].
func base64Main(c *command) int {
	if !c.parse("diw:D", "decode=d", "ignore-garbage=i", "wrap:=w") {
		return 1
	}
	width, err := strconv.Atoi(c.value('w', "76"))
	if err != nil || width < 0 {
		return c.fail("invalid wrap size: '%s'", c.value('w', ""))
	}
	if len(c.args) > 1 {
		return c.misused(1, "extra operand '%s'", c.args[1])
	}
	invalid := false
	status := c.eachInput(func(name string, content io.Reader) error {
		if !c.has("d") {
			lines := &wrapped{out: c.out, width: width}
			encoder := base64.NewEncoder(base64.StdEncoding, lines)
			if _, err := io.Copy(encoder, content); err != nil {
				return err
			}
			encoder.Close()
			lines.end()
			return nil
		}
		all, err := readAll(content)
		if err != nil {
			return err
		}
		text := strings.Map(func(r rune) rune {
			if r == '\n' || c.has("i") && !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", r) {
				return -1
			}
			return r
		}, string(all))
		decoded := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		length, err := base64.StdEncoding.Decode(decoded, []byte(text))
		c.out.Write(decoded[:length])
		invalid = err != nil
		return nil
	})
	if invalid {
		return c.fail("invalid input")
	}
	return status
}

// wrapped breaks lines at a width; 0 is never.
type wrapped struct {
	out    *bufio.Writer
	width  int
	column int
}

func (w *wrapped) Write(p []byte) (int, error) {
	for _, b := range p {
		if w.width > 0 && w.column == w.width {
			w.out.WriteByte('\n')
			w.column = 0
		}
		w.column++
		if err := w.out.WriteByte(b); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (w *wrapped) end() {
	if w.width > 0 && w.column > 0 {
		w.out.WriteByte('\n')
	}
}

// sumMain is md5sum, sha1sum, sha256sum and sha512sum [-c] [-b] [--status] [--quiet].
func sumMain(c *command) int {
	if !c.parse("cbtwz", "check=c", "binary=b", "text=t", "status=s", "quiet=q", "warn=w", "ignore-missing=i", "strict=S", "tag=T") {
		return 1
	}
	if c.has("c") {
		return c.checkSums()
	}
	mark := " "
	if c.has("b") {
		mark = "*"
	}
	return c.eachInput(func(name string, content io.Reader) error {
		sum, err := c.sum(content)
		if err == nil {
			fmt.Fprintf(c.out, "%s %s%s\n", sum, mark, name)
		}
		return err
	})
}

func (c *command) sum(content io.Reader) (string, error) {
	kinds := map[string]func() hash.Hash{"md5sum": md5.New, "sha1sum": sha1.New, "sha256sum": sha256.New, "sha512sum": sha512.New}
	h := kinds[c.name]()
	_, err := io.Copy(h, content)
	return hex.EncodeToString(h.Sum(nil)), err
}

func (c *command) checkSums() int {
	bad, unread, improper, good := 0, 0, 0, 0
	status := c.eachInput(func(name string, content io.Reader) error {
		return eachLine(content, func(line string, _ bool) bool {
			want, path, ok := strings.Cut(line, " ")
			if !ok || len(path) < 2 || len(want) < 32 {
				improper++
				return true
			}
			path = path[1:]
			file, err := c.open(path)
			got := ""
			if err == nil {
				got, err = c.sum(file)
				file.Close()
			}
			result := "OK"
			switch {
			case err != nil && c.has("i") && errors.Is(err, os.ErrNotExist):
				return true
			case err != nil:
				unread++
				c.complain("%s: %s", path, reason(err))
				result = "FAILED open or read"
			case !strings.EqualFold(got, want):
				bad++
				result = "FAILED"
			default:
				good++
			}
			if !c.has("s") && (result != "OK" || !c.has("q")) {
				fmt.Fprintf(c.out, "%s: %s\n", path, result)
			}
			return true
		})
	})
	plural := func(count int, one, many string) string {
		if count == 1 {
			return one
		}
		return many
	}
	if status == 0 && bad+unread+good == 0 {
		return c.fail("%s: no properly formatted checksum lines found", append(c.args, "'standard input'")[0])
	}
	if !c.has("s") {
		if unread > 0 {
			c.complain("WARNING: %d listed %s could not be read", unread, plural(unread, "file", "files"))
		}
		if improper > 0 {
			c.complain("WARNING: %d %s improperly formatted", improper, plural(improper, "line is", "lines are"))
		}
		if bad > 0 {
			c.complain("WARNING: %d computed %s did NOT match", bad, plural(bad, "checksum", "checksums"))
		}
	}
	if bad+unread > 0 {
		return 1
	}
	return status
}
