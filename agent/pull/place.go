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
	"net/http"
	"net/url"
	"strings"
)

// Place is a file or a URL, with the headers that are sent there.
type Place struct {
	path       string // of a file
	url        *url.URL
	header     http.Header
	skipVerify bool // of the server's certificate
}

// IsURL tells a URL from a file.
func IsURL(path string) bool { return strings.Contains(path, "://") }

// Parse reads a path, or a URL in Etcha's form: URL#NAME:VALUE, further headers after a line break each, where skipVerify
// stands for not verifying the server's certificate. Errors hold nothing of what follows the #.
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
	plain, headers, _ := strings.Cut(path, "#")
	u, err := url.Parse(plain)
	if err != nil || u.Host == "" {
		return Place{}, errors.New("is not a URL")
	}
	p := Place{url: u, header: http.Header{}}
	if u.Scheme != "http" && u.Scheme != "https" {
		return Place{}, fmt.Errorf("%q: scheme %q; want a file, http or https", Shown(path), u.Scheme)
	}
	for line := range strings.SplitSeq(headers, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "skipVerify"), strings.EqualFold(name, "clientSkipVerify"):
			p.skipVerify = true
		case !found, !isToken(name), strings.ContainsFunc(value, isControl):
			return Place{}, fmt.Errorf("%q: what follows the # is NAME:VALUE, a header a line", Shown(path))
		default:
			p.header.Add(name, value)
		}
	}
	return p, nil
}

// isToken is true for the name of a header (RFC 9110 section 5.6.2).
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// File is the path of a file; empty: it is a URL.
func (p Place) File() string { return p.path }

// Shown is a path as it may be shown: without what goes to the server as a header, or as a password.
func Shown(path string) string {
	if !IsURL(path) {
		return path
	}
	shown, _, headers := strings.Cut(path, "#")
	if u, err := url.Parse(shown); err == nil {
		shown = u.Redacted()
	} else {
		shown = "(a URL that cannot be read)" // it may hold a password
	}
	if headers {
		shown += "#(secret)"
	}
	return shown
}
