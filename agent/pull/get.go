package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/writ-run/writ/internal/address"
)

// MaxBytes bounds a body.
const MaxBytes = 32 << 20

const (
	timeout    = time.Minute // of one request with its body
	maxTimeout = time.Hour   // that a place may set
)

// ErrUnchanged means that what is there is what was got before.
var ErrUnchanged = errors.New("not modified")

// ErrMissing means that there is no such file.
var ErrMissing = errors.New("there is no such file")

// Seen is by what a body is known again. It is kept for a body that is of use, and for no other.
type Seen struct {
	etag, modified string
	file           stamp
}

// stamp is by what a file is known again.
type stamp struct {
	device, inode    uint64
	size             int64
	modified, change syscall.Timespec
}

// Getter gets bodies. It is safe for concurrent use.
type Getter struct {
	Client     *http.Client  // nil: one of its own. Its CheckRedirect does not count
	Unverified *http.Client  // the same, but for not verifying certificates; nil: none
	Timeout    time.Duration // of one request with its body, where its place sets none; 0: a minute
}

// Get returns a body, or ErrUnchanged where it is the one that was seen. Its errors hold nothing that a server said but
// the status.
func (g *Getter) Get(ctx context.Context, p Place, seen Seen) ([]byte, Seen, error) {
	if p.url == nil {
		return getFile(p.path, seen)
	}
	limit := cmp.Or(p.told.Timeout, g.Timeout, timeout)
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	body, now, err := g.fetch(within, p, seen)
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return nil, Seen{}, fmt.Errorf("no whole answer within %s", limit)
	}
	return body, now, err
}

// getFile reads a regular file; it never waits for the other end of a pipe.
func getFile(path string, seen Seen) ([]byte, Seen, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, Seen{}, ErrMissing
	}
	if err != nil {
		return nil, Seen{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, Seen{}, err
	}
	if !info.Mode().IsRegular() {
		return nil, Seen{}, errors.New("is no regular file")
	}
	now := Seen{file: stampOf(info)}
	if now == seen {
		return nil, seen, ErrUnchanged
	}
	body, err := read(file)
	return body, now, err
}

// Look is what a file is known by now, without reading it: the zero Seen where there is none, and for a URL.
func (p Place) Look() Seen {
	if p.path == "" {
		return Seen{}
	}
	info, err := os.Stat(p.path)
	if err != nil {
		return Seen{}
	}
	return Seen{file: stampOf(info)}
}

func stampOf(info os.FileInfo) stamp {
	s, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return stamp{}
	}
	return stamp{uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim}
}

func read(from io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(from, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > MaxBytes {
		return nil, errTooLarge
	}
	return body, nil
}

var errTooLarge = fmt.Errorf("has more than %d bytes", MaxBytes)

// fetch asks a web server. What it packs is unpacked by the transport as it is read, and so within the bound.
func (g *Getter) fetch(ctx context.Context, p Place, seen Seen) ([]byte, Seen, error) {
	client, err := g.client(p)
	if err != nil {
		return nil, Seen{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url.String(), nil)
	if err != nil {
		return nil, Seen{}, errors.New("is not a URL")
	}
	request.Header.Set("Accept", "application/jwt, text/plain, */*;q=0.1")
	if err := address.Set(request, p.told.Header); err != nil {
		return nil, Seen{}, err
	}
	if seen.etag != "" {
		request.Header.Set("If-None-Match", seen.etag)
	}
	if seen.modified != "" {
		request.Header.Set("If-Modified-Since", seen.modified)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, Seen{}, address.Reason(err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotModified && seen != (Seen{}):
		return nil, seen, ErrUnchanged
	case response.StatusCode != http.StatusOK:
		return nil, Seen{}, fmt.Errorf("the server answers with status %d", response.StatusCode)
	}
	body, err := read(response.Body)
	if errors.Is(err, errTooLarge) {
		return nil, Seen{}, err
	}
	if err != nil {
		return nil, Seen{}, address.Reason(err)
	}
	if young(response.Header) {
		return body, Seen{}, nil
	}
	now := Seen{etag: bounded(response.Header.Get("ETag")), modified: bounded(response.Header.Get("Last-Modified"))}
	return body, now, nil
}

// young is true for what changed so recently that it may change again without being told from what it is now: dates are
// whole seconds, and nginx makes its ETag of one and of the length (RFC 9110 section 8.8.2.2).
func young(h http.Header) bool {
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		return false
	}
	date, err := http.ParseTime(h.Get("Date"))
	age := date.Sub(modified)
	return err == nil && age >= 0 && age < 2*time.Second
}

// bounded drops what no server has a reason to send.
func bounded(validator string) string {
	if len(validator) > 1<<10 {
		return ""
	}
	return validator
}

// client is the one for a place.
func (g *Getter) client(p Place) (*http.Client, error) {
	of, client := g.Client, http.Client{}
	if p.told.SkipVerify {
		if of = g.Unverified; of == nil {
			return nil, errors.New("skipVerify is not possible here")
		}
	}
	if of != nil {
		client = *of
	}
	client.CheckRedirect = address.Follow(p.told.Header)
	return &client, nil
}
