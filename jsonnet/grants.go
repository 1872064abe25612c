package jsonnet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/internal/address"
)

// What a caller grants with one line each:
//
//	Access{Env: os.LookupEnv, File: LocalFile, Fetch: HTTPFetch(nil), Record: DNSRecords("")}

// LocalFile reads a regular file of at most 32 MiB. "~" at the beginning is the home directory.
func LocalFile(_ context.Context, path string) ([]byte, error) {
	if path == "~" || strings.HasPrefix(path, "~/") {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(home, path[1:])
	}
	return readRegular(path, os.Stat, os.OpenFile)
}

// The bounds of a request.
const (
	maxBody   = 10 << 20
	fetchTime = 10 * time.Second
)

// HTTPFetch returns a Fetch that gets URLs with client (nil: one of its own): http and https only, bodies of at most 10
// MiB, within ten seconds where the request does not say otherwise. Only an answer of 200 to 299 is one. A redirect stays
// with http and https and never leaves https, and the request's headers are not sent to another host. Errors hold nothing
// that a server said, but of its certificate.
func HTTPFetch(client *http.Client) func(ctx context.Context, r Request) ([]byte, error) {
	by := func() *http.Client { return client }
	if client == nil { // it is made once it is needed: most Patterns get nothing
		by = sync.OnceValue(func() *http.Client {
			return &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
		})
	}
	return func(ctx context.Context, r Request) ([]byte, error) {
		timeout := r.Timeout
		if timeout <= 0 {
			timeout = fetchTime
		}
		within, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		body, err := fetch(within, *by(), r)
		if err != nil && ctx.Err() == nil && within.Err() != nil {
			return nil, fmt.Errorf("no answer within %s", timeout)
		}
		return body, err
	}
}

func fetch(ctx context.Context, client http.Client, r Request) ([]byte, error) {
	u, err := address.ParseURL(r.URL)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("is no URL")
	}
	if err := address.Set(request, r.Header); err != nil {
		return nil, err
	}
	client.CheckRedirect = address.Follow(r.Header)
	if r.SkipVerify {
		if client.Transport, err = unverified(client.Transport); err != nil {
			return nil, err
		}
		defer client.CloseIdleConnections()
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, address.Reason(err)
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, address.Reason(err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxBody)
	}
	return body, nil
}

func unverified(transport http.RoundTripper) (http.RoundTripper, error) {
	if transport == nil {
		transport = http.DefaultTransport
	}
	known, isKnown := transport.(*http.Transport)
	if !isKnown {
		return nil, errors.New("clientSkipVerify is not possible here")
	}
	known = known.Clone()
	if known.TLSClientConfig == nil {
		known.TLSClientConfig = &tls.Config{}
	}
	known.TLSClientConfig.InsecureSkipVerify = true // as the program asked
	return known, nil
}

// DNSRecords returns a Record that asks a name server (HOST:PORT; "": those of this machine). A cname is given without its
// last dot, and is the last of a chain; the strings of a txt record are joined.
func DNSRecords(server string) func(ctx context.Context, kind, name string) ([]string, error) {
	resolver := &net.Resolver{PreferGo: true}
	if server != "" {
		resolver.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server)
		}
	}
	return func(ctx context.Context, kind, name string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, fetchTime)
		defer cancel()
		switch kind {
		case "a":
			return addresses(ctx, resolver, "ip4", name)
		case "aaaa":
			return addresses(ctx, resolver, "ip6", name)
		case "cname":
			target, err := resolver.LookupCNAME(ctx, name)
			if err != nil {
				return nil, err
			}
			if target = strings.TrimSuffix(target, "."); strings.EqualFold(target, strings.TrimSuffix(name, ".")) {
				return nil, errors.New("no such record")
			}
			return []string{target}, nil
		case "txt":
			return resolver.LookupTXT(ctx, name)
		}
		return nil, fmt.Errorf("%s is no kind of record that can be asked for", kind)
	}
}

func addresses(ctx context.Context, resolver *net.Resolver, network, name string) ([]string, error) {
	found, err := resolver.LookupNetIP(ctx, network, name)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, address := range found {
		texts = append(texts, address.Unmap().String())
	}
	return texts, nil
}
