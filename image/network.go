package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// errStalled ends a request that is not worth another attempt.
var errStalled = errors.New("no byte came in time")

// A dialFunc connects to address. It calls check with each resolved address ("192.0.2.1:443") before it connects there.
type dialFunc func(ctx context.Context, network, address string, check func(resolved string) error) (net.Conn, error)

func dialNetwork(ctx context.Context, network, address string, check func(string) error) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, resolved string, _ syscall.RawConn) error { return check(resolved) }}
	return dialer.DialContext(ctx, network, address)
}

// A network is how one registry is reached. It keeps that registry from leading us where it is not itself: into
// loopback or link-local addresses, and from TLS to plain HTTP.
type network struct {
	host     string // the registry's own, with its port where one is named
	insecure func(host string) bool
	limits   Limits
	dial     dialFunc
	http     *http.Transport

	mu      sync.Mutex
	place   place           // of the registry itself, once a connection to it was made
	proxies map[string]bool // "host:port" of the proxies that the environment names
	overTLS error           // why the registry itself could not be reached with TLS
}

// A place is where an address belongs.
type place int

const (
	elsewhere place = iota
	loopback
	linkLocal
)

func (p place) String() string { return [...]string{"public", "loopback", "link-local"}[p] }

func newNetwork(host string, insecure func(string) bool, limits Limits, dial dialFunc) *network {
	n := &network{host: host, insecure: insecure, limits: limits, dial: dial, proxies: map[string]bool{}}
	n.http = &http.Transport{
		Proxy:                  n.proxy,
		DialContext:            n.connect,
		TLSHandshakeTimeout:    limits.Connect,
		ResponseHeaderTimeout:  limits.Stall,
		MaxResponseHeaderBytes: 1 << 20,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // digests are over what is sent
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
	}
	if insecure(host) {
		n.http.DialTLSContext = n.connectTLS
	}
	return n
}

// connectTLS takes an unknown certificate from the hosts that the user named, and from no other that they lead to.
func (n *network) connectTLS(ctx context.Context, network, address string) (net.Conn, error) {
	plain, err := n.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, n.limits.Connect)
	defer cancel()
	conn := tls.Client(plain, &tls.Config{
		ServerName:         hostOnly(address),
		NextProtos:         []string{"h2", "http/1.1"},
		InsecureSkipVerify: n.insecure(strings.TrimSuffix(address, ":443")),
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, err
	}
	return conn, nil
}

func (n *network) proxy(request *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(request)
	if proxy != nil {
		n.mu.Lock()
		n.proxies[withPort(proxy.Host, proxy.Scheme)] = true
		n.mu.Unlock()
	}
	return proxy, err
}

func (n *network) connect(ctx context.Context, network, address string) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, n.limits.Connect)
	defer cancel()
	host, _, _ := net.SplitHostPort(address)
	own := strings.EqualFold(host, hostOnly(n.host))
	conn, err := n.dial(limited, network, address, func(resolved string) error {
		return n.mayConnect(own, address, resolved)
	})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("registry %s: no connection to %s within %v", n.host, address, n.limits.Connect)
	}
	return conn, err
}

// mayConnect decides on one resolved address: the registry and the proxies may be anywhere, and others only where the
// registry itself is, or at a public address.
func (n *network) mayConnect(own bool, address, resolved string) error {
	where, err := placeOf(resolved)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case own:
		n.place = where
	case n.proxies[address], where == elsewhere, where == n.place:
	default:
		return &problem{message: fmt.Sprintf("registry %s leads to %s, a %s address; refused", n.host, address, where)}
	}
	return nil
}

func placeOf(resolved string) (place, error) {
	at, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return elsewhere, fmt.Errorf("address %q: %w", resolved, err)
	}
	address := at.Addr().Unmap()
	switch {
	case address.IsLoopback(), address.IsUnspecified():
		return loopback, nil
	case address.IsLinkLocalUnicast(), address.IsMulticast():
		return linkLocal, nil
	}
	return elsewhere, nil
}

// checkRedirect refuses a way from TLS to plain HTTP, and too many ways. The client library sets credentials only for
// the registry's own host; what it sent there is taken off here.
func (n *network) checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) >= 5 {
		return errors.New("redirected more than 5 times")
	}
	if request.URL.Host != via[0].URL.Host {
		request.Header.Del("Authorization")
		request.Header.Del("Cookie")
	}
	if literal, err := netip.ParseAddr(request.URL.Hostname()); err == nil { // also where a proxy would connect
		return n.mayConnect(request.URL.Hostname() == hostOnly(n.host), request.URL.Host, netip.AddrPortFrom(literal, 0).String())
	}
	return nil
}

// RoundTrip sends one request: again, with growing pauses, where the answer is 429 or 5xx, or where the connection broke.
func (n *network) RoundTrip(request *http.Request) (*http.Response, error) {
	switch request.URL.Scheme {
	case "https":
	case "http":
		if !n.insecure(request.URL.Host) {
			return nil, &problem{message: fmt.Sprintf("registry %s: plain HTTP to %s is refused", n.host, request.URL.Host),
				hint: fmt.Sprintf("name %s as insecure if it is meant to have no TLS", request.URL.Host)}
		}
	default:
		return nil, fmt.Errorf("registry %s: leads to a %q address; allowed are https and http", n.host, request.URL.Scheme)
	}
	for attempt := 1; ; attempt++ {
		response, err := n.send(request)
		last := attempt >= n.limits.Attempts || (request.Method != http.MethodGet && request.Method != http.MethodHead)
		if last || request.Context().Err() != nil || err != nil && !isBroken(err) || err == nil && !isBusy(response.StatusCode) {
			return response, err
		}
		pause := n.pause(attempt, "")
		if err == nil {
			pause = n.pause(attempt, response.Header.Get("Retry-After"))
			response.Body.Close()
		}
		if err := wait(request.Context(), pause); err != nil {
			return nil, err
		}
	}
}

func isBusy(status int) bool {
	return status == http.StatusTooManyRequests || status >= 500 && status != 501
}

func isBroken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// pause is the wait after an attempt, doubled each time and scattered, or what the registry asks for: at most 30 s.
func (n *network) pause(attempt int, retryAfter string) time.Duration {
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds >= 0 {
		return min(time.Duration(min(seconds, 30))*time.Second, 30*n.limits.Backoff)
	}
	pause := n.limits.Backoff << (attempt - 1)
	return min(pause+rand.N(pause/4+1), 30*time.Second)
}

func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// send gives up when no byte comes for limits.Stall, before the answer or in the middle of its body.
func (n *network) send(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	response, err := n.http.RoundTrip(request.WithContext(ctx))
	if err != nil {
		cancel(err)
		if request.URL.Scheme == "https" && request.URL.Host == n.host {
			n.mu.Lock()
			n.overTLS = err
			n.mu.Unlock()
		}
		return nil, err
	}
	stalled := fmt.Errorf("registry %s: %w (%v)", n.host, errStalled, n.limits.Stall)
	timer := time.AfterFunc(n.limits.Stall, func() { cancel(stalled) })
	timer.Stop()
	response.Body = &watchedBody{response.Body, ctx, cancel, timer, n.limits.Stall}
	return response, nil
}

// A watchedBody ends its request when one Read takes longer than limit.
type watchedBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	count, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	return count, err
}

func (b *watchedBody) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(context.Canceled)
	return err
}

func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

func withPort(host, scheme string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[scheme]
	return net.JoinHostPort(hostOnly(host), port)
}
