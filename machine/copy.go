package machine

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Copy is a file with the contents of another one, or of an address.
type Copy struct {
	Path string
	// From is a path, or an http or https URL; that may carry headers: URL#NAME:VALUE\r\nNAME:VALUE.
	From string
	// Checksum is sha256:HEX or sha512:HEX. With it, a file that has it is well, whatever From has now.
	Checksum string
	Attributes
}

func (c Copy) regular(needed bool) (regular, func(), error) {
	none := func() {}
	resolved, err := c.resolve(c.Path)
	r := regular{path: c.Path, attributes: resolved}
	if err != nil {
		return r, none, err
	}
	sum, err := parseChecksum(c.Checksum)
	if err != nil {
		return r, none, err
	}
	if c.From == "" {
		if needed {
			return r, none, mistake("a copy needs what it is copied from")
		}
		if sum != nil {
			r.contents = &copied{sum: sum}
		}
		return r, none, nil
	}
	from, err := parseSource(c.From)
	if err != nil {
		return r, none, err
	}
	contents := &copied{from: from, sum: sum}
	r.contents = contents
	return r, contents.close, nil
}

// Check compares it with what is there: by the checksum alone where there is one, else with the source itself.
func (c Copy) Check(ctx context.Context) (Differences, error) {
	r, done, err := c.regular(c.Checksum == "")
	defer done()
	if err != nil {
		return nil, err
	}
	return r.check(ctx)
}

// Change copies. What does not have the checksum is not kept.
func (c Copy) Change(ctx context.Context) (Differences, error) {
	r, done, err := c.regular(true)
	defer done()
	if err != nil {
		return nil, err
	}
	return r.change(ctx)
}

// Remove removes the copy; without From and Checksum, whatever is in it.
func (c Copy) Remove(ctx context.Context) (bool, error) {
	r, done, err := c.regular(false)
	defer done()
	if err != nil {
		return false, err
	}
	return r.remove(ctx)
}

// checksum is what contents must come to.
type checksum struct {
	name string
	new  func() hash.Hash
	want string // lower-case hexadecimal digits
}

func parseChecksum(text string) (*checksum, error) {
	if text == "" {
		return nil, nil
	}
	name, digits, _ := strings.Cut(text, ":")
	sum := &checksum{name: name, want: strings.ToLower(digits)}
	switch name {
	case "sha256":
		sum.new = sha256.New
	case "sha512":
		sum.new = sha512.New
	default:
		return nil, mistake("checksum %q: want sha256:HEX or sha512:HEX", text)
	}
	raw, err := hex.DecodeString(sum.want)
	if size := sum.new().Size(); err != nil || len(raw) != size {
		return nil, mistake("checksum %q: %s has %d hexadecimal digits", text, name, 2*size)
	}
	return sum, nil
}

// verify copies, and returns an error where the contents come to something else.
func (s *checksum) verify(to io.Writer, from io.Reader, source string) error {
	if s == nil {
		_, err := io.Copy(to, from)
		return err
	}
	digest := s.new()
	if _, err := io.Copy(io.MultiWriter(to, digest), from); err != nil {
		return err
	}
	if got := hex.EncodeToString(digest.Sum(nil)); got != s.want {
		return fmt.Errorf("%s of %s is %s, want %s", s.name, source, got, s.want)
	}
	return nil
}

// source is where contents come from.
type source interface {
	open(ctx context.Context) (io.ReadCloser, error)
	fmt.Stringer // for messages: no query, no header
}

// copied are the contents of a source.
type copied struct {
	from  source
	sum   *checksum
	spool *os.File // what an address gave when it was compared, so that the same is written
}

func (c *copied) differ(ctx context.Context, file io.Reader, size int64) (*Difference, error) {
	if c.sum != nil {
		digest := c.sum.new()
		if _, err := io.Copy(digest, reader{ctx, file}); err != nil {
			return nil, err
		}
		if got := hex.EncodeToString(digest.Sum(nil)); got != c.sum.want {
			return &Difference{c.sum.name, got, c.sum.want}, nil
		}
		return nil, nil
	}
	from, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	info, err := from.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != size {
		return sizes(size, info.Size()), nil
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	same, err := sameBytes(reader{ctx, file}, reader{ctx, from}, size)
	if err != nil || same {
		return nil, err
	}
	return sizes(size, size), nil
}

// open returns the contents as a file without a name.
func (c *copied) open(ctx context.Context) (*os.File, error) {
	from, err := c.from.open(ctx)
	if err != nil {
		return nil, err
	}
	if file, is := from.(*os.File); is {
		c.spool = file
		return file, nil
	}
	defer from.Close()
	spool, err := os.CreateTemp("", "writ-copy-")
	if err != nil {
		return nil, err
	}
	c.spool = spool
	if err := os.Remove(spool.Name()); err != nil {
		return nil, err
	}
	if _, err := io.Copy(spool, from); err != nil {
		return nil, err
	}
	return spool, nil
}

func (c *copied) write(ctx context.Context, to io.Writer) error {
	if c.spool != nil {
		if _, err := c.spool.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return c.sum.verify(to, reader{ctx, c.spool}, c.from.String())
	}
	from, err := c.from.open(ctx)
	if err != nil {
		return err
	}
	defer from.Close()
	return c.sum.verify(to, reader{ctx, from}, c.from.String())
}

func (c *copied) close() {
	if c.spool != nil {
		c.spool.Close()
	}
}

// local is a file of this machine. Links, symbolic and hard, are looked at as on the path of the copy: else a stranger could
// have root publish what only root can read.
type local string

func (l local) String() string { return Show(string(l)) }

func (l local) open(context.Context) (io.ReadCloser, error) {
	place, err := find(string(l))
	if err != nil {
		return nil, err
	}
	defer place.close()
	if !place.exists {
		return nil, fmt.Errorf("%s: %w", l, os.ErrNotExist)
	}
	if place.stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("%s: is %s, want a file", l, isA(&place.stat))
	}
	if err := place.otherNames(); err != nil {
		return nil, err
	}
	return place.open(unix.O_RDONLY)
}

// parseSource tells a path from an address.
func parseSource(text string) (source, error) {
	if scheme, _, found := strings.Cut(text, "://"); found && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
		return parseAddress(text)
	}
	if rest, found := strings.CutPrefix(text, "~/"); found {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, errors.Join(mistake("source %s", Show(text)), err)
		}
		text = filepath.Join(home, rest)
	}
	return local(text), nil
}
