package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A counter is what is left of a limit.
type counter struct{ left atomic.Int64 }

// take takes n, and reports whether there was enough.
func (c *counter) take(n int64) bool { return n >= 0 && c.left.Add(-n) >= 0 }

// give gives back what was taken.
func (c *counter) give(n int64) { c.left.Add(n) }

// A compressed reads a layer as it is stored: it counts and hashes, and ends with an error where there is more than size.
type compressed struct {
	ctx   context.Context
	from  io.Reader
	hash  hash.Hash
	count int64
	size  int64 // -1: not known
	tell  func(done int64)
	err   error // what the source itself ended with, but for its end

	abandoned atomic.Bool
}

// abandon closes the source, so that nobody waits for it. What it ends with then is no error of its own.
func (c *compressed) abandon(source io.Closer) {
	c.abandoned.Store(true)
	source.Close()
}

func (c *compressed) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil { // files do not know of it
		return 0, context.Cause(c.ctx)
	}
	count, err := c.from.Read(p)
	c.hash.Write(p[:count])
	c.count += int64(count)
	c.tell(c.count)
	if c.size >= 0 && c.count > c.size {
		return count, fmt.Errorf("holds more than the %d bytes that its manifest names", c.size)
	}
	if err != nil && err != io.EOF && !c.abandoned.Load() {
		c.err = err
	}
	return count, err
}

// check drains what decompression did not need, and compares with what the manifest names. An empty digest is any.
func (c *compressed) check(digest string) error {
	if _, err := io.Copy(io.Discard, c); err != nil {
		return err
	}
	if c.size >= 0 && c.count != c.size {
		return fmt.Errorf("holds %d bytes; its manifest names %d", c.count, c.size)
	}
	return compareSums("digest", digest, c.hash)
}

func compareSums(what, want string, got hash.Hash) error {
	if sum := "sha256:" + hex.EncodeToString(got.Sum(nil)); want != "" && sum != want {
		return fmt.Errorf("%s does not match: want %s, got %s", what, want, sum)
	}
	return nil
}

// decompress knows gzip and zstd by their first bytes, and takes everything else for a plain archive: what a manifest
// says of the compression does not matter.
func decompress(from io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(from, 64<<10)
	first, err := buffered.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch compressionOf(first) {
	case gzipForm:
		return gzip.NewReader(buffered)
	case zstdForm:
		decoder, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	case otherForm:
		return nil, errors.New("compression is neither gzip nor zstd")
	}
	return io.NopCloser(buffered), nil
}

// A form is how an archive is compressed.
type form int

const (
	uncompressedForm form = iota
	gzipForm
	zstdForm
	otherForm // xz or bzip2
)

func compressionOf(first []byte) form {
	switch {
	case bytes.HasPrefix(first, []byte{0x1f, 0x8b}):
		return gzipForm
	case bytes.HasPrefix(first, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstdForm
	case bytes.HasPrefix(first, []byte{0xfd, '7', 'z', 'X', 'Z'}), bytes.HasPrefix(first, []byte("BZh")):
		return otherForm
	}
	return uncompressedForm
}

// isSparse reports whether a file has holes, which are not in the archive but count all the same.
func isSparse(header *tar.Header) bool {
	if header.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// A readAhead reads in a goroutine of its own, so that decompression and the writing of files overlap.
type readAhead struct {
	chunks  chan []byte
	free    chan []byte
	stop    context.CancelFunc
	current []byte
	whole   []byte
	err     error // valid once chunks is closed
}

func newReadAhead(from io.Reader) *readAhead {
	const chunk, ahead = 256 << 10, 4
	ctx, stop := context.WithCancel(context.Background())
	r := &readAhead{chunks: make(chan []byte, ahead), free: make(chan []byte, ahead+2), stop: stop}
	for range ahead + 2 {
		r.free <- make([]byte, chunk)
	}
	go func() {
		defer close(r.chunks)
		for {
			var buffer []byte
			select {
			case <-ctx.Done():
				r.err = ctx.Err()
				return
			case buffer = <-r.free:
			}
			var count, n int
			var err error
			for buffer = buffer[:cap(buffer)]; count < len(buffer) && err == nil; count += n {
				n, err = from.Read(buffer[count:])
			}
			if count > 0 {
				r.chunks <- buffer[:count]
			}
			if err != nil {
				r.err = err
				return
			}
		}
	}()
	return r
}

func (r *readAhead) Read(p []byte) (int, error) {
	for len(r.current) == 0 {
		if r.whole != nil {
			r.free <- r.whole
			r.whole = nil
		}
		next, more := <-r.chunks
		if !more {
			return 0, r.err
		}
		r.current, r.whole = next, next
	}
	count := copy(p, r.current)
	r.current = r.current[count:]
	return count, nil
}

// Close ends the goroutine. Its source must have been closed, or be one that does not block.
func (r *readAhead) Close() error {
	r.stop()
	for range r.chunks { // until the goroutine has ended
	}
	return nil
}

// An uncompressed hashes an archive and takes its bytes from the image's budget, file contents and padding alike.
type uncompressed struct {
	from  io.Reader
	hash  hash.Hash
	taken int64
	left  *counter
	total int64
}

func newUncompressed(from io.Reader, left *counter, total int64) *uncompressed {
	return &uncompressed{from: from, hash: sha256.New(), left: left, total: total}
}

func (u *uncompressed) Read(p []byte) (int, error) {
	count, err := u.from.Read(p)
	u.hash.Write(p[:count])
	u.taken += int64(count)
	if !u.left.take(int64(count)) {
		return count, &problem{message: fmt.Sprintf("image unpacks to more than the %d bytes allowed", u.total)}
	}
	return count, err
}
