package machine

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// File is a regular file. A symbolic link at its path is followed.
type File struct {
	Path     string
	Contents *string // nil: any; empty where the file is made
	Attributes
}

func (f File) regular() (regular, error) {
	resolved, err := f.resolve(f.Path)
	r := regular{path: f.Path, attributes: resolved}
	if f.Contents != nil {
		r.contents = text(*f.Contents)
	}
	return r, err
}

// Check compares it with what is there.
func (f File) Check(ctx context.Context) (Differences, error) {
	r, err := f.regular()
	if err != nil {
		return nil, err
	}
	return r.check(ctx)
}

// Change writes it: 0644 and ours where it is new and nothing else is said, else with the mode and owner that it had.
func (f File) Change(ctx context.Context) (Differences, error) {
	r, err := f.regular()
	if err != nil {
		return nil, err
	}
	return r.change(ctx)
}

// Remove removes it.
func (f File) Remove(ctx context.Context) (bool, error) {
	r, err := f.regular()
	if err != nil {
		return false, err
	}
	return r.remove(ctx)
}

// text is contents that are in memory.
type text string

func (t text) differ(ctx context.Context, file io.Reader, size int64) (*Difference, error) {
	if size == int64(len(t)) {
		same, err := sameBytes(reader{ctx, file}, strings.NewReader(string(t)), size)
		if err != nil || same {
			return nil, err
		}
	}
	return sizes(size, int64(len(t))), nil
}

func (t text) write(_ context.Context, to io.Writer) error {
	_, err := io.WriteString(to, string(t))
	return err
}

// sizes is a difference of contents, which are never shown.
func sizes(got, want int64) *Difference {
	if got == want {
		return &Difference{What: fmt.Sprintf("contents differ (%d bytes both)", got)}
	}
	return &Difference{What: fmt.Sprintf("contents differ (%d bytes, want %d)", got, want)}
}
