package machine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"time"

	web "github.com/writ-run/writ/internal/address"
)

// The bounds of a download. There is none on the whole, unless clientTimeout sets one: it may be large.
const (
	answerTimeout = 30 * time.Second            // until the answer begins
	stallTimeout  = 60 * time.Second            // without a byte
	maxTime       = math.MaxInt32 * time.Second // that clientTimeout may set
)

// address is contents to be had by HTTP.
type address struct {
	url  *url.URL
	told web.Options
}

// parseAddress reads Etcha's form of a request (web.Split). No value enters an error: it may be a secret.
func parseAddress(text string) (*address, error) {
	plain, told, err := web.Split(text, maxTime)
	if err != nil {
		return nil, mistake("source: %v", err)
	}
	parsed, err := web.ParseURL(plain)
	if err != nil {
		return nil, mistake("source: %v", err)
	}
	return &address{url: parsed, told: told}, nil
}

// String leaves out what may be secret: the query, a password, headers.
func (a *address) String() string {
	return (&url.URL{Scheme: a.url.Scheme, Host: a.url.Host, Path: a.url.Path}).String()
}

// open begins the download. A redirect to another host does not get the headers, and none leads from https to http.
func (a *address) open(ctx context.Context) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var expire context.CancelFunc = func() {}
	if a.told.Timeout > 0 {
		ctx, expire = context.WithTimeoutCause(ctx, a.told.Timeout, fmt.Errorf("not done within %s", a.told.Timeout))
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
	if err := web.Set(request, a.told.Header); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DisableCompression:    true, // what is stored is what was published
		DisableKeepAlives:     true,
		ResponseHeaderTimeout: answerTimeout,
		TLSHandshakeTimeout:   answerTimeout,
		ForceAttemptHTTP2:     true,
		TLSClientConfig:       &tls.Config{InsecureSkipVerify: a.told.SkipVerify},
	}
	client := &http.Client{Transport: transport, CheckRedirect: web.Follow(a.told.Header)}
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
