// Package remote is an issuer's key set, read over HTTP: found by discovery, cached, and asked again with restraint. It is
// also the keys that a list for orders names, by URL, DNS name or file (Reference, ResolveKeys), read once.
//
// Invariant: keys come only from the configured issuer, whose discovery document must name exactly that issuer
// (OpenID Connect Discovery 1.0 section 4.3). Nothing in a token ever says where keys come from, and an issuer elsewhere
// cannot name a service of this machine. What is not secured on its way counts with a pinned fingerprint alone.
//
//	            max-age over, or unknown kid and cooldown over
//	fresh ───────────────────────────────▶ fetching ──200, 304──▶ fresh
//	                                          └──── unreachable ──▶ stale (keys served until MaxStale) ─▶ ErrUnreachable
package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/writ-run/writ/key"
)

// ErrUnreachable is the cause of an error where the issuer does not answer, as opposed to answering something wrong.
var ErrUnreachable = errors.New("issuer is unreachable")

// The defaults of Config, and the bounds of what an issuer's Cache-Control may ask for.
const (
	DefaultMaxAge   = 5 * time.Minute
	DefaultCooldown = 10 * time.Second
	DefaultMaxStale = 24 * time.Hour

	minMaxAge = 10 * time.Second
	maxMaxAge = 24 * time.Hour
	timeout   = 15 * time.Second // of one request, connection and body
)

// Config says whose keys.
type Config struct {
	Issuer   string        // issuer URL: https, or http on loopback
	JWKS     string        // the key set's URL; empty: the one that discovery names
	Pins     []string      // thumbprints (RFC 7638): only these keys count; allows plain http to any host
	MaxAge   time.Duration // how long keys are fresh where the issuer does not say; 0: DefaultMaxAge
	Cooldown time.Duration // least time between two fetches for unknown kids; 0: DefaultCooldown
	MaxStale time.Duration // how long keys serve while the issuer is away; 0: DefaultMaxStale

	Client *http.Client     // nil: one of our own; its redirects are not followed, its cookies not sent
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: none
}

// Set is the issuer's key set. It is safe for concurrent use.
type Set struct {
	config Config
	local  bool // the issuer is on this machine
	group  singleflight.Group

	mu      sync.RWMutex
	current state
}

// state is what the last fetches gave.
type state struct {
	document  Document
	keys      key.Set
	etag      string
	known     bool      // keys were fetched at least once
	fetched   time.Time // when keys were last confirmed
	expires   time.Time // until when they are fresh
	attempted time.Time // when they were last asked for, in vain or not
}

// New returns the set; nothing is fetched yet.
func New(c Config) (*Set, error) {
	issuer, err := checkURL(c.Issuer, len(c.Pins) > 0)
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", c.Issuer, err)
	}
	if issuer.RawQuery != "" || issuer.Fragment != "" || strings.HasSuffix(c.Issuer, "?") || strings.HasSuffix(c.Issuer, "#") {
		return nil, fmt.Errorf("issuer %q: an issuer URL has no query and no fragment", c.Issuer)
	}
	if c.JWKS != "" {
		if _, err := checkURL(c.JWKS, len(c.Pins) > 0); err != nil {
			return nil, fmt.Errorf("key set %q: %w", c.JWKS, err)
		}
	}
	c.MaxAge = orDefault(c.MaxAge, DefaultMaxAge)
	c.Cooldown = orDefault(c.Cooldown, DefaultCooldown)
	c.MaxStale = orDefault(c.MaxStale, DefaultMaxStale)
	c.Client = restrained(c.Client)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Set{config: c, local: loopback(issuer.Hostname())}, nil
}

// restrained is a client that sends no cookies, of its own or the caller's, to whom a document names, and follows no
// redirects; nil: one of our own.
func restrained(c *http.Client) *http.Client {
	if c == nil {
		c = &http.Client{Timeout: timeout}
	}
	client := *c
	client.Jar, client.Timeout = nil, orDefault(client.Timeout, timeout)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d <= 0 {
		return fallback
	}
	return d
}

// checkURL takes https, and http on loopback or where the keys are pinned.
func checkURL(text string, pinned bool) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	if u.Host == "" || u.User != nil {
		return nil, errors.New("want https://HOST[:PORT][/PATH]")
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && (pinned || loopback(u.Hostname())):
	case u.Scheme == "http":
		return nil, errors.New("plain http is for loopback only: anyone on the way could put in keys of their own; use https")
	default:
		return nil, fmt.Errorf("scheme %q; want https", u.Scheme)
	}
	return u, nil
}

func loopback(host string) bool {
	if host = strings.ToLower(strings.TrimSuffix(host, ".")); host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761 section 6.3
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Find returns the keys with this id (every key for an empty one). An unknown id has the keys fetched again, once per
// cooldown, since the issuer may have rotated. While the issuer is away, known keys serve on until MaxStale.
func (s *Set) Find(ctx context.Context, kid string) ([]key.Public, error) {
	current, err := s.fresh(ctx)
	if err != nil {
		return nil, err
	}
	found, err := current.keys.Find(ctx, kid)
	if err != nil || len(found) > 0 {
		return found, err
	}
	if now := s.config.Now(); now.Sub(current.attempted) < s.config.Cooldown {
		return nil, nil
	}
	if current, err = s.fetchOnce(ctx); err != nil {
		s.config.Log.Warn("key set could not be fetched again for an unknown kid", "issuer", s.config.Issuer, "error", err)
		return nil, nil // as far as anyone can tell the key does not exist
	}
	return current.keys.Find(ctx, kid)
}

// Discovery returns the issuer's discovery document.
func (s *Set) Discovery(ctx context.Context) (Document, error) {
	current := s.load()
	if current.document.Issuer != "" {
		return current.document, nil
	}
	return s.discover(ctx)
}

func (s *Set) load() state {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current
}

// fresh returns keys that are fresh, or stale ones where the issuer is away.
func (s *Set) fresh(ctx context.Context) (state, error) {
	current, now := s.load(), s.config.Now()
	if current.known && now.Before(current.expires) && !now.Before(current.fetched) {
		return current, nil
	}
	// Who was just refused is not asked by every caller: stale keys serve through the cooldown.
	if current.known && now.Sub(current.attempted) < s.config.Cooldown && now.Sub(current.fetched) < s.config.MaxStale {
		return current, nil
	}
	next, err := s.fetchOnce(ctx)
	if err == nil {
		return next, nil
	}
	if age := now.Sub(current.fetched); current.known && age < s.config.MaxStale {
		s.config.Log.Warn("stale keys serve on: the key set could not be fetched", "issuer", s.config.Issuer, "age", age.Round(time.Second), "error", err)
		return current, nil
	}
	return state{}, err
}

// fetchOnce collapses concurrent fetches into one. The fetch goes on when the caller who started it gives up.
func (s *Set) fetchOnce(ctx context.Context) (state, error) {
	result := s.group.DoChan("keys", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*timeout)
		defer cancel()
		return s.fetch(ctx)
	})
	select {
	case r := <-result:
		next, _ := r.Val.(state)
		return next, r.Err
	case <-ctx.Done():
		return state{}, ctx.Err()
	}
}

// fetch asks the issuer, and keeps what it answers.
func (s *Set) fetch(ctx context.Context) (state, error) {
	s.mu.Lock()
	s.current.attempted = s.config.Now()
	s.mu.Unlock()

	current := s.load()
	location := s.config.JWKS
	if location == "" {
		document, err := s.discover(ctx)
		if err != nil {
			return state{}, err
		}
		if document.JWKS != current.document.JWKS {
			current.etag = ""
		}
		current.document, location = document, document.JWKS
	}
	answer, err := get(ctx, s.config.Client, location, acceptJSON, current.etag)
	if err != nil {
		return state{}, fmt.Errorf("key set %s: %w", location, err)
	}
	now := s.config.Now()
	current.fetched, current.expires, current.known = now, now.Add(s.life(answer.cacheControl)), true
	if !answer.unchanged {
		keys, err := key.ParseSet(answer.body)
		if err != nil {
			return state{}, fmt.Errorf("key set %s: %w", location, err)
		}
		if current.keys, err = s.pinned(keys); err != nil {
			return state{}, fmt.Errorf("key set %s: %w", location, err)
		}
		current.etag = answer.etag
	}
	s.mu.Lock()
	s.current = current
	s.mu.Unlock()
	return current, nil
}

// pinned drops keys that are not pinned.
func (s *Set) pinned(keys key.Set) (key.Set, error) {
	if len(s.config.Pins) == 0 {
		return keys, nil
	}
	kept := slices.DeleteFunc(keys.Keys(), func(k key.Public) bool { return !slices.Contains(s.config.Pins, k.Thumbprint()) })
	if len(kept) == 0 {
		return key.Set{}, errors.New("none of its keys is pinned")
	}
	return key.NewSet(kept...)
}
