// Package token is the JOSE envelope: it signs any claims into a JWT and verifies one into typed claims, strictly.
//
// A relying party embeds Registered in a struct with the claims that it wants, says in a Profile whose tokens it takes and
// for whom they must be, and calls Verify with the issuer's keys: a remote.Set that reads them from the issuer's URL and
// caches them, or a key.Set out of a file. Rules over the claims are package policy's. The examples are whole programs.
//
//	keys, err := remote.New(remote.Config{Issuer: "https://ci.example.com"}) // once
//	profile := token.Profile{Issuer: "https://ci.example.com", Audience: []string{"https://registry.example.com"}}
//	verified, report, err := token.Verify[Run](ctx, raw, keys, profile)
//
// Verify takes RS256, ES256 and EdDSA and nothing else. It does not know whether a run still lives: the issuer's
// introspection endpoint does. sub is only compared where a rule or the caller does so.
//
// VerifyOrder is for orders, tokens that carry a Pattern. It tries every key, and takes HS256 where that is all there is; it
// reports the same checks, and iat against the clock. Whether an order is an old one is for who remembers the last.
//
// Invariant: a Verified exists only where every check passed. What Parse returns is Unverified, another type, so that
// the compiler keeps them apart. The zero Profile refuses everything. rfc8725bis (JWT best practice) holds rule by rule, see
// rfc8725_test.go and SECURITY.md.
//
//	raw ─▶ format ─▶ header ─▶ key(s) ─▶ signature ─▶ claims ─▶ iss, aud, nbf, exp, ... ─▶ Verified
//	         └─────────┴─────────┴───────────┴──────────┴─▶ the rest is reported as skipped; after the signature,
//	                                                        every claim is checked, so that the report names all that fails
package token

import (
	"context"

	"github.com/writ-run/writ/key"
)

// DefaultMaxBytes bounds a token where its Profile does not: HTTP servers take no larger header than this anyway.
const DefaultMaxBytes = 64 << 10

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

// KeySet finds the keys that may have signed a token. An empty kid asks for every key.
type KeySet interface {
	Find(ctx context.Context, kid string) ([]key.Public, error)
}
