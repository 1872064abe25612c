// Package key holds signing and verification keys: their algorithms, their text forms (JWK, PEM, Etcha's) and their ids.
// How a private key rests on disk is key/atrest.
//
// Invariant: one key has one algorithm (RFC 8725 section 3.1), fixed when the key is made or read. A shared secret (HMAC) is
// of another type than keys of two halves, and neither reads as the other. No value of this package prints private key
// material: not with %v, not through slog, not in an error.
//
//	JWK, PEM, TYPE:BASE64 ──▶ Private ──▶ Public ──▶ Set (ids are unique)     identities, published as JWKS
//	                                        └──────▶ OrderKeys (any ids)      orders: public keys,
//	hmac:BASE64 ────────────▶ HMAC ────────────────▶ OrderKeys                or secrets, never both
package key

import "context"

// Algorithm is a JWS algorithm name (RFC 7518 section 3.1, RFC 8037 section 3.1).
type Algorithm string

// The algorithms of keys of two halves. RS256 is accepted by every relying party measured; it is the default.
const (
	RS256 Algorithm = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits or more
	ES256 Algorithm = "ES256" // ECDSA on P-256 with SHA-256, signature r||s
	EdDSA Algorithm = "EdDSA" // Ed25519; the header name "Ed25519" (RFC 9864) is accepted for it too
)

// HS256 is HMAC with SHA-256: of shared secrets alone. No Public and no Private has it, and ParseAlgorithm does not know it.
const HS256 Algorithm = "HS256"

// A Signer signs bytes with one key and one algorithm. Sign returns a JWS signature (for ES256: r||s, 64 bytes).
type Signer interface {
	Public() Public
	Sign(ctx context.Context, input []byte) ([]byte, error)
}
