package machine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The bounds of a download. There is none on the whole, unless clientTimeout sets one: it may be large.
const (
	answerTimeout = 30 * time.Second // until the answer begins
	stallTimeout  = 60 * time.Second // without a byte
	maxRedirects  = 10
)

// headerPattern is a header of HTTP (RFC 9110, 5.1 and 5.5).
var headerPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$")
})

// address is contents to be had by HTTP.
type address struct {
	url     *url.URL
	header  http.Header
	skip    bool          // the server's certificate is not verified
	timeout time.Duration // of the whole; 0: none
}

// parseAddress reads URL#NAME:VALUE\r\nNAME:VALUE. Two names are for us: clientSkipVerify (or skipVerify) and
// clientTimeout, in seconds. No value enters an error: it may be a secret.
func parseAddress(text string) (*address, error) {
	plain, headers, _ := strings.Cut(text, "#")
	parsed, err := url.Parse(plain)
	if err != nil || parsed.Host == "" {
		return nil, mistake("source: not an http or https URL with a host")
	}
	a := &address{url: parsed, header: http.Header{}}
	for line := range strings.SplitSeq(headers, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "clientskipverify", "skipverify":
			a.skip = true
		case "clienttimeout":
			seconds, err := strconv.ParseUint(value, 10, 31)
			if err != nil || seconds == 0 {
				return nil, mistake("source: clientTimeout %q: want seconds", value)
			}
			a.timeout = time.Duration(seconds) * time.Second
		default:
			if !headerPattern().MatchString(line) {
				return nil, mistake("source: header %d after # is not NAME:VALUE", len(a.header)+1)
			}
			a.header.Add(name, value)
		}
	}
	return a, nil
}

// String leaves out what may be secret: the query, a password, headers.
func (a *address) String() string {
	return (&url.URL{Scheme: a.url.Scheme, Host: a.url.Host, Path: a.url.Path}).String()
}

// open begins the download. A redirect to another host does not get the headers, and none leads from https to http.
func (a *address) open(ctx context.Context) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var expire context.CancelFunc = func() {}
	if a.timeout > 0 {
		ctx, expire = context.WithTimeoutCause(ctx, a.timeout, fmt.Errorf("not done within %s", a.timeout))
	}
	body, err := a.request(ctx, cancel)
	if err != nil {
		defer expire()
		defer cancel(nil)
		return nil, fmt.Errorf("%s: %w", a, a.reason(ctx, err))
	}
	body.expire = expire
	return body, nil
}

func (a *address) request(ctx context.Context, cancel context.CancelCauseFunc) (*download, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url.String(), nil)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	request.Header = a.header.Clone()
	if host := a.header.Get("Host"); host != "" {
		request.Host = host
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DisableCompression:    true, // what is stored is what was published
		DisableKeepAlives:     true,
		ResponseHeaderTimeout: answerTimeout,
		TLSHandshakeTimeout:   answerTimeout,
		ForceAttemptHTTP2:     true,
		TLSClientConfig:       &tls.Config{InsecureSkipVerify: a.skip},
	}
	client := &http.Client{Transport: transport, CheckRedirect: a.redirect}
	stall := time.AfterFunc(answerTimeout+stallTimeout, func() { cancel(fmt.Errorf("nothing came for %s", stallTimeout)) })
	response, err := client.Do(request)
	if err != nil {
		stall.Stop()
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		stall.Stop()
		response.Body.Close()
		return nil, fmt.Errorf("answers %s", response.Status)
	}
	return &download{address: a, ctx: ctx, cancel: cancel, body: response.Body, stall: stall}, nil
}

// redirect strips what was meant for the first host.
func (a *address) redirect(request *http.Request, before []*http.Request) error {
	if len(before) >= maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if before[0].URL.Scheme == "https" && request.URL.Scheme != "https" {
		return errors.New("redirects from https to http")
	}
	if request.URL.Host != a.url.Host {
		for name := range a.header {
			request.Header.Del(name)
		}
	}
	request.Header.Del("Referer") // the query of the first
	return nil
}

// reason is an error without the URL, which may hold a secret.
func (a *address) reason(ctx context.Context, err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// download is a body that ends when nothing comes for a while.
type download struct {
	address *address
	ctx     context.Context
	cancel  context.CancelCauseFunc
	expire  context.CancelFunc
	body    io.ReadCloser
	stall   *time.Timer
}

func (d *download) Read(into []byte) (int, error) {
	d.stall.Reset(stallTimeout)
	n, err := d.body.Read(into)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w", d.address, d.address.reason(d.ctx, err))
	}
	return n, err
}

func (d *download) Close() error {
	d.stall.Stop()
	defer d.expire()
	defer d.cancel(nil)
	return d.body.Close()
}
