package shell

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// gzipMain is gzip, gunzip and zcat [-cdfklnqtv1-9]: 1 for an error, 2 for a warning.
func gzipMain(c *command) int {
	if !c.parse("cdfhklnNqrtv123456789S:", "stdout=c", "to-stdout=c", "decompress=d", "uncompress=d", "force=f", "keep=k", "quiet=q", "test=t", "verbose=v", "fast=1", "best=9", "no-name=n") {
		return 1
	}
	switch c.name {
	case "gunzip":
		c.options = append(c.options, option{'d', ""})
	case "zcat":
		c.options = append(c.options, option{'d', ""}, option{'c', ""})
	}
	if len(c.args) == 0 {
		c.args = []string{"-"}
	}
	status := 0
	for _, path := range c.args {
		var err error
		if path == "-" || c.has("ct") {
			err = c.gzipStream(path)
		} else {
			err = c.gzipFile(path)
		}
		var warning gzipWarning
		switch {
		case errors.As(err, &warning):
			c.complain("%s", warning)
			status = max(status, 2)
		case err != nil:
			c.complain("%s: %s", path, strings.TrimPrefix(reason(err), "gzip: "))
			status = 1
		}
	}
	return status
}

type gzipWarning string

func (w gzipWarning) Error() string { return string(w) }

func (c *command) gzipStream(path string) error {
	file, err := c.open(path)
	if errors.Is(err, os.ErrNotExist) && c.has("d") && !strings.HasSuffix(path, ".gz") {
		file, err = c.open(path + ".gz")
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if c.has("t") {
		return c.transform(io.Discard, file)
	}
	return c.transform(c.out, file)
}

func (c *command) transform(out io.Writer, in io.Reader) error {
	if c.has("dt") {
		reader, err := gzip.NewReader(bufio.NewReaderSize(in, 64<<10))
		if errors.Is(err, io.EOF) {
			err = errors.New("unexpected end of file")
		}
		if errors.Is(err, gzip.ErrHeader) {
			err = errors.New("not in gzip format")
		}
		if err != nil {
			return err
		}
		_, err = io.Copy(out, reader)
		return err
	}
	level := gzip.DefaultCompression
	if digit := c.last("123456789"); digit != 0 {
		level = int(digit - '0')
	}
	writer, err := gzip.NewWriterLevel(out, level)
	if err != nil {
		return err
	}
	if _, err := io.Copy(writer, in); err != nil {
		return err
	}
	return writer.Close()
}

// gzipFile makes FILE.gz of FILE or the other way, and removes what it was made of unless -k.
func (c *command) gzipFile(path string) error {
	to := path + ".gz"
	if c.has("d") {
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) && !strings.HasSuffix(path, ".gz") {
			path += ".gz"
		}
		rest, ok := strings.CutSuffix(path, ".gz")
		if base, tgz := strings.CutSuffix(path, ".tgz"); tgz {
			rest, ok = base+".tar", true
		}
		if !ok {
			return gzipWarning(path + ": unknown suffix -- ignored")
		}
		to = rest
	} else if strings.HasSuffix(path, ".gz") && !c.has("f") {
		return gzipWarning(path + " already has .gz suffix -- unchanged")
	}
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return gzipWarning(path + " is a directory -- ignored")
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.has("f") {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	out, err := os.OpenFile(to, mode, info.Mode().Perm())
	if errors.Is(err, os.ErrExist) {
		return gzipWarning(to + " already exists; not overwritten")
	}
	if err != nil {
		return err
	}
	err = errors.Join(c.transform(out, in), out.Close())
	if err != nil {
		os.Remove(to)
		return err
	}
	os.Chtimes(to, info.ModTime(), info.ModTime())
	if c.has("v") {
		fmt.Fprintf(c.err, "%s:\t -- replaced with %s\n", path, to)
	}
	if c.has("k") {
		return nil
	}
	return os.Remove(path)
}
