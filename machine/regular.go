package machine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// The default modes of what is made; the process's umask does not count, so that a Pattern makes the same everywhere.
const (
	fileMode      = 0o644
	directoryMode = 0o755
)

// contents are what is in a file.
type contents interface {
	// differ compares with an open file; nil: they are the same.
	differ(ctx context.Context, file io.Reader, size int64) (*Difference, error)
	// write writes them.
	write(ctx context.Context, to io.Writer) error
}

// regular is a file as it should be: what File, Line and Copy come to.
type regular struct {
	path       string
	attributes attributes
	contents   contents // nil: any, empty where the file is made
}

// state is what is at a path.
type state struct {
	*place
	file        *os.File // nil: there is no file, or it did not have to be read
	differences Differences
	contents    bool // they differ
}

func (s *state) close() {
	if s == nil {
		return
	}
	if s.file != nil {
		s.file.Close()
	}
	s.place.close()
}

// look finds out what is there. Where the directory does not exist, state is nil.
func (r regular) look(ctx context.Context) (*state, Differences, error) {
	if r.path != "" && r.path[len(r.path)-1] == '/' {
		return nil, nil, mistake("path %s: ends in /, so it names a directory", Show(r.path))
	}
	place, err := find(r.path)
	if err != nil {
		return nil, place.differ("a file", unix.S_IFREG), err
	}
	s := &state{place: place}
	if err := r.compare(ctx, s); err != nil {
		s.close()
		return nil, nil, err
	}
	return s, s.differences, nil
}

func (r regular) compare(ctx context.Context, s *state) error {
	if s.differences = s.differ("a file", unix.S_IFREG); s.differences != nil {
		return nil
	}
	if r.attributes.uid == nil {
		if err := s.squatted(); err != nil {
			return err
		}
	}
	if r.contents != nil {
		if err := s.read(); err != nil {
			return err
		}
		difference, err := r.contents.differ(ctx, s.file, s.stat.Size)
		if err != nil {
			return fmt.Errorf("%s: %w", Show(r.path), err)
		}
		if difference != nil {
			s.contents = true
			s.differences = append(s.differences, *difference)
		}
	}
	s.differences = append(s.differences, r.attributes.differ(&s.stat)...)
	return nil
}

// read opens the file, and takes its word for what it is: the name may have another one since.
func (s *state) read() error {
	file, err := s.open(unix.O_RDONLY)
	if err != nil {
		return err
	}
	s.file = file
	before := s.stat
	if err := unix.Fstat(int(file.Fd()), &s.stat); err != nil {
		return fmt.Errorf("%s: %w", Show(s.path), err)
	}
	if before.Ino != s.stat.Ino || before.Dev != s.stat.Dev {
		return fmt.Errorf("%s: replaced by somebody else meanwhile", Show(s.path))
	}
	return nil
}

func (r regular) check(ctx context.Context) (Differences, error) {
	s, differences, err := r.look(ctx)
	defer s.close()
	return checked(differences, err)
}

func (r regular) change(ctx context.Context) (Differences, error) {
	s, differences, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if len(differences) == 0 {
		return nil, nil
	}
	if differences.wrongKind() {
		return nil, fmt.Errorf("%s: %s", Show(r.path), differences)
	}
	if err := r.settle(ctx, s); err != nil {
		return nil, err
	}
	return differences, nil
}

// settle makes the file as it should be. One that is known by other names as well is replaced also where only its mode or
// owner changes: the other name may be somebody's trap. So is one that is taken from a stranger, who may have it open; it
// keeps nothing of hers.
func (r regular) settle(ctx context.Context, s *state) error {
	stranger := s.exists && s.squatted() != nil
	if s.exists && !s.contents && s.stat.Nlink == 1 && !stranger {
		if s.file == nil {
			if err := s.read(); err != nil {
				return err
			}
		}
		return r.attributes.apply(s.file, r.path, &s.stat, 0)
	}
	write := func(io.Writer) error { return nil }
	switch {
	case r.contents != nil:
		write = func(to io.Writer) error { return r.contents.write(ctx, to) }
	case s.exists:
		if err := s.otherNames(); err != nil {
			return err
		}
		if s.file == nil {
			if err := s.read(); err != nil {
				return err
			}
		}
		write = func(to io.Writer) error { _, err := io.Copy(to, reader{ctx, s.file}); return err }
	}
	if !s.exists || stranger {
		return s.replace(r.attributes, nil, nil, write)
	}
	return s.replace(r.attributes, &s.stat, s.file, write)
}

func (r regular) remove(ctx context.Context) (bool, error) {
	s, differences, err := r.look(ctx)
	defer s.close()
	if there, err := removable(r.path, differences, err); !there {
		return false, err
	}
	return true, s.unlink()
}

// reader ends with the context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(into)
}

// sameBytes compares two streams, of which each is probably so long.
func sameBytes(a, b io.Reader, size int64) (bool, error) {
	// One more than there should be: so the first read finds the end.
	length := min(max(size, bytes.MinRead)+1, 32<<10)
	left, right := make([]byte, length), make([]byte, length)
	for {
		n, err := io.ReadFull(a, left)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return false, err
		}
		m, err := io.ReadFull(b, right)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return false, err
		}
		if !bytes.Equal(left[:n], right[:m]) {
			return false, nil
		}
		if n < len(left) {
			return true, nil
		}
	}
}
