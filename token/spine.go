// Package token is the JOSE envelope: it signs any claims into a JWT and verifies one into typed claims, strictly.
package token

import (
	"context"
	"time"

	"github.com/writ-run/writ/key"
)

// Claims is what a payload type embeds Registered for.
type Claims interface{ Standard() Registered }

// Registered are the registered claims (RFC 7519 section 4.1). A zero field is absent.
type Registered struct {
	Issuer    string      `json:"iss,omitzero"`
	Subject   string      `json:"sub,omitzero"`
	Audience  Audience    `json:"aud,omitzero"`
	Expiry    NumericDate `json:"exp,omitzero"`
	NotBefore NumericDate `json:"nbf,omitzero"`
	IssuedAt  NumericDate `json:"iat,omitzero"`
	ID        string      `json:"jti,omitzero"`
}

// Standard returns the registered claims; it makes every struct that embeds Registered a Claims.
func (r Registered) Standard() Registered { return r }

// Audience is written as an array; it is read from an array or from one string.
type Audience []string

// NumericDate is Unix seconds (RFC 7519 section 2).
type NumericDate int64

// Time returns the instant.
func (d NumericDate) Time() time.Time { return time.Unix(int64(d), 0) }

// KeySet finds the keys that may have signed a token. An empty kid asks for every key.
type KeySet interface {
	Find(ctx context.Context, kid string) ([]key.Public, error)
}

// Profile says what a verifier demands.
type Profile struct {
	Types    []string         // allowed header typ, compared without case and without "application/"; empty: JWT or absent
	Audience []string         // one of these must be in aud; empty: aud is reported as not checked
	Issuer   string           // iss must equal this; empty: not checked
	Required []string         // claims that must be present, beyond what the other fields imply
	Leeway   time.Duration    // on exp and nbf
	MaxLife  time.Duration    // exp - iat at most; 0: no limit
	MaxBytes int              // 0: DefaultMaxBytes
	Now      func() time.Time // nil: time.Now
}

// Outcome of a check.
type Outcome string

// The outcomes of a check.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // not checked: not asked for, or an earlier check failed
)

// Check is one line of a Report. Name is a stable code: format, type, crit, algorithm, key, signature, claims, iss, aud, nbf, exp, life, ... or rule.
// Want and Got never hold a token or a secret.
type Check struct {
	Name      string `json:"name"`
	Want, Got string
	Outcome   Outcome `json:"outcome"`
}

// Report lists every check in order; introspection, show and verify print the same list.
type Report []Check
