// Package address reads URLs in Etcha's form, URL#NAME:VALUE, and asks their servers with care: what a program tells one
// server in confidence goes to no other server and into no error.
//
//	"https://h/p#NAME:VALUE" --Split--> "https://h/p", Options --ParseURL, Set--> request --Follow--> a redirect, or none
//	                                                                              \--Reason--> an error that may be shown
package address

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Options are what stands behind the # of a URL.
type Options struct {
	Header     http.Header
	SkipVerify bool          // of the server's certificate
	Timeout    time.Duration // 0: none is given
}

// Split cuts a URL from what follows its #: a header a line (\n or \r\n), NAME:VALUE, spaces around either not counted.
// Two names are not sent, in letters of any case: clientSkipVerify (older: skipVerify), which needs no value, and
// clientTimeout, in whole seconds up to longest. Errors hold nothing of what follows the #.
func Split(text string, longest time.Duration) (plain string, o Options, err error) {
	plain, headers, _ := strings.Cut(text, "#")
	o.Header = http.Header{}
	number := 0
	for line := range strings.SplitSeq(headers, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		number++
		name, value, found := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "clientskipverify", "skipverify":
			if o.SkipVerify, err = strconv.ParseBool(value); err != nil && value != "" {
				return "", Options{}, errors.New("skipVerify after # is neither alone, nor true or false")
			}
			o.SkipVerify = o.SkipVerify || value == ""
		case "clienttimeout":
			most := uint64(longest / time.Second)
			seconds, err := strconv.ParseUint(value, 10, 31)
			if err != nil || seconds < 1 || seconds > most {
				return "", Options{}, fmt.Errorf("clientTimeout after # is no whole number of seconds from 1 to %d", most)
			}
			o.Timeout = time.Duration(seconds) * time.Second
		default:
			if !found || !isHeader(name, value) {
				return "", Options{}, fmt.Errorf("header %d after # is not NAME:VALUE", number)
			}
			o.Header.Add(name, value)
		}
	}
	return plain, o, nil
}

// isHeader is true for a field that may be sent: RFC 9110, sections 5.6.2 (its name) and 5.5 (its value).
func isHeader(name, value string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}) && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// ParseURL reads an http or https URL with a host. Its error holds nothing of the text, which may have a password.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || !isWeb(u) {
		return nil, errors.New("is not an http or https URL with a host")
	}
	return u, nil
}

// Shown is a URL, cut from its options, without its password.
func Shown(plain string) string {
	u, err := url.Parse(plain)
	if err != nil {
		return "(a URL that cannot be read)"
	}
	return u.Redacted()
}

func isWeb(u *url.URL) bool { return u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") }

// Set gives a request its headers, in place of those of the same names.
func Set(request *http.Request, header http.Header) error {
	for name, values := range header {
		request.Header.Del(name)
		for _, value := range values {
			if !isHeader(name, value) {
				return errors.New("a header is not valid")
			}
			request.Header.Add(name, value)
			if strings.EqualFold(name, "Host") { // the standard library looks for it there alone
				request.Host = value
			}
		}
	}
	return nil
}

const maxRedirects = 10

// RedirectError is a redirect that is not followed.
type RedirectError string

func (e RedirectError) Error() string { return string(e) }

// Follow decides on redirects, as a client's CheckRedirect: at most ten, to http and https alone, never from https to
// http. A request to another server loses the given headers, and any way to know the first: so does one to the first by
// another port, but for the way from a host's http to its https.
func Follow(header http.Header) func(next *http.Request, before []*http.Request) error {
	return func(next *http.Request, before []*http.Request) error {
		first, last := before[0].URL, before[len(before)-1].URL
		switch {
		case len(before) > maxRedirects:
			return RedirectError(fmt.Sprintf("more than %d redirects", maxRedirects))
		case !isWeb(next.URL):
			return RedirectError("a redirect leads to what is no http or https URL")
		case last.Scheme == "https" && next.URL.Scheme != "https":
			return RedirectError("a redirect leads from https to http")
		}
		next.Header.Del("Referer") // the query of the first
		if !sameServer(first, next.URL) {
			for name := range header {
				next.Header.Del(name)
			}
			next.Header.Del("Authorization") // of a password in the URL
			next.Host = ""                   // a header, too: what the redirect names is asked
		}
		return nil
	}
}

// sameServer is true where both are one host, by a connection that is no less private.
func sameServer(a, b *url.URL) bool {
	return strings.EqualFold(a.Host, b.Host) && a.Scheme == b.Scheme ||
		strings.EqualFold(a.Hostname(), b.Hostname()) && a.Port() == "" && b.Port() == "" && b.Scheme == "https"
}

// Reason is an error of a request or of its body without the URL, whose query may be secret, and without what the server
// said, but of its certificate.
func Reason(err error) error {
	var redirect RedirectError
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	var invalid x509.CertificateInvalidError
	var late net.Error
	switch {
	case errors.As(err, &redirect):
		return redirect
	case errors.As(err, &certificate):
		return certificate
	case errors.As(err, new(x509.UnknownAuthorityError)): // a client may verify by itself, as fleet.Transport does
		return errors.New("the server's certificate is signed by unknown authority")
	case errors.As(err, new(x509.HostnameError)):
		return errors.New("the server's certificate is for another name")
	case errors.As(err, &invalid):
		return invalid
	case errors.As(err, &network):
		return network
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the server closed the connection before its answer was whole")
	case errors.As(err, &late) && late.Timeout():
		return errors.New("the server does not answer in time")
	}
	return errors.New("what the server answers is not understood")
}
