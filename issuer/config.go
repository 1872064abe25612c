// Package issuer mints identity tokens and publishes what is needed to check them: discovery, key set, introspection.
//
// Invariants: a token is only minted for a registered run, within its grant and its time; nothing of a token is kept;
// a run is inactive the moment it has ended, and a child run never outlives its build.
//
//	Begin ─▶ registered ─Mint─▶ token (jti = run's public part "." random) ... End ─▶ gone: /introspect says run_ended
//	            └─ children (tasks) end with it
//
// A key signs only after every relying party can have it, and is published until the last token that it signed has
// expired (rotation.go has the arithmetic, keyring.go the file that several processes share):
//
//	made ─▶ next ───────────────▶ active ─────────────▶ retired ─────────────────▶ gone
//	        published for max-age   signs for a period    its private half is        not published
//	        and a cache; exported   (default 7 days)      destroyed; published for
//	        where files are read                          its longest token + 5 min
//	           └────────────────────────┴── withdraw ────────┴── at once ──▶ gone
//
// So whoever caches the key set no longer than Rotation.Cache never meets an unknown kid, but for a rotation or a
// withdrawal that is asked to take effect now.
package issuer

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/workload"
)

// Config says how an issuer mints and answers.
type Config struct {
	URL       string        // issuer URL: iss, and where discovery is found
	Algorithm key.Algorithm // of tokens that ask for none; empty: RS256
	Identity  []Rule        // what runs are granted; the first that holds counts
	Rate      float64       // introspections a second for each peer address; 0: 1000

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: none
}

// Rule grants an identity to the runs for which its expression holds (DESIGN.md, "Delivery into a run").
type Rule struct {
	Rule      string          `json:"rule,omitempty"`      // over the run's identity claims; empty: always holds
	Enabled   *bool           `json:"enabled,omitempty"`   // nil: true
	Env       *bool           `json:"env,omitempty"`       // nil: true
	Audiences []string        `json:"audiences,omitempty"` // nil: the issuer's URL, without restricting var sources
	Files     []workload.File `json:"files,omitempty"`
}

// defaultRate is how many introspections a second one peer address may ask for.
const defaultRate = 1000

// The bounds of audiences.
const (
	maxAudiences = 16
	maxAudience  = 1024
)

// Validate checks the configuration; errors name the field.
func (c Config) Validate() error {
	if err := checkURL(c.URL); err != nil {
		return fmt.Errorf("issuer.url %q: %w", c.URL, err)
	}
	if c.Algorithm != "" {
		if _, err := key.ParseAlgorithm(string(c.Algorithm)); err != nil {
			return fmt.Errorf("issuer.algorithm: %w", err)
		}
	}
	if c.Rate < 0 {
		return fmt.Errorf("issuer.introspectRate %v is negative", c.Rate)
	}
	for i, r := range c.Identity {
		if err := r.validate(); err != nil {
			return fmt.Errorf("issuer.identity[%d].%w", i, err)
		}
	}
	return nil
}

// checkURL takes what OpenID Connect Discovery 1.0 section 3 takes as an issuer, and http on loopback.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("want https://HOST[:PORT][/PATH]")
	}
	if u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "?#") {
		return errors.New("an issuer URL has no query and no fragment")
	}
	if strings.HasSuffix(text, "/") {
		return errors.New("want no slash at the end: relying parties compare the text")
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
	case u.Scheme == "http":
		return errors.New("plain http is for loopback only; want https")
	default:
		return fmt.Errorf("scheme %q; want https", u.Scheme)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (r Rule) validate() error {
	if r.Rule != "" {
		if _, err := policy.Compile(r.Rule); err != nil {
			return fmt.Errorf("rule %q: %w", r.Rule, err)
		}
	}
	if r.Audiences != nil && len(r.Audiences) == 0 {
		return errors.New("audiences is empty; leave it out for the issuer's URL")
	}
	if err := checkAudiences(r.Audiences); err != nil {
		return fmt.Errorf("audiences: %w", err)
	}
	var taken []string
	for i, f := range r.Files {
		if f.Path == "" || strings.ContainsAny(f.Path, "/\x00") || strings.HasPrefix(f.Path, ".") || len(f.Path) > 100 {
			return fmt.Errorf("files[%d].path %q: want one path element without a leading dot", i, f.Path)
		}
		if slices.Contains([]string{"token", "issuer", "api.sock"}, f.Path) {
			return fmt.Errorf("files[%d].path %q: this name is always there", i, f.Path)
		}
		if slices.Contains(taken, f.Path) {
			return fmt.Errorf("files[%d].path %q: named twice", i, f.Path)
		}
		taken = append(taken, f.Path)
		if err := checkAudiences([]string{f.Audience}); err != nil {
			return fmt.Errorf("files[%d].audience: %w", i, err)
		}
	}
	return nil
}

// checkAudiences refuses audiences that no relying party can mean.
func checkAudiences(audiences []string) error {
	if len(audiences) > maxAudiences {
		return fmt.Errorf("%d audiences; at most %d are taken", len(audiences), maxAudiences)
	}
	for _, a := range audiences {
		if a == "" {
			return errors.New("an audience is empty")
		}
		if len(a) > maxAudience {
			return fmt.Errorf("audience %.40q... has %d bytes; at most %d are taken", a, len(a), maxAudience)
		}
		if strings.ContainsFunc(a, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }) {
			return fmt.Errorf("audience %q has a character that is not printable", a)
		}
	}
	return nil
}
