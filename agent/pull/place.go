// Package pull gets what a source pulls: from files and from web servers, which are not trusted.
//
//	Place --Get--> body, with what to ask for the next time --> verified by the caller
//	  |      \---> ErrUnchanged
//	  +--Watch--> a file may have changed
//
// Invariant: a body has at most MaxBytes, after it was unpacked too; it comes from a regular file or over http and https,
// never from what a server points to by another scheme; and what a place tells its server in confidence goes to no other
// host and into no error.
package pull

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/writ-run/writ/internal/address"
)

// Place is a file or a URL, with the headers that are sent there.
type Place struct {
	path string // of a file
	url  *url.URL
	told address.Options // where it is a URL
}

// IsURL tells a URL from a file.
func IsURL(path string) bool { return strings.Contains(path, "://") }

// Parse reads a path, or a URL in Etcha's form: URL#NAME:VALUE, further headers after a line break each, with
// skipVerify and clientTimeout (address.Split). Errors hold nothing of what follows the #.
func Parse(path string) (Place, error) {
	if path == "" {
		return Place{}, errors.New("is empty")
	}
	if !IsURL(path) {
		if strings.ContainsRune(path, 0) {
			return Place{}, errors.New("holds a NUL byte")
		}
		return Place{path: path}, nil
	}
	plain, told, err := address.Split(path, maxTimeout)
	if err != nil {
		return Place{}, fmt.Errorf("%q: %w", Shown(path), err)
	}
	u, err := url.Parse(plain)
	if err != nil || u.Host == "" {
		return Place{}, errors.New("is not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return Place{}, fmt.Errorf("%q: scheme %q; want a file, http or https", Shown(path), u.Scheme)
	}
	return Place{url: u, told: told}, nil
}

// File is the path of a file; empty: it is a URL.
func (p Place) File() string { return p.path }

// Shown is a path as it may be shown: without what goes to the server as a header, or as a password.
func Shown(path string) string {
	if !IsURL(path) {
		return path
	}
	plain, _, headers := strings.Cut(path, "#")
	if headers {
		return address.Shown(plain) + "#(secret)"
	}
	return address.Shown(plain)
}
