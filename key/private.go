package key

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
)

// Private is a signing key. It prints as its algorithm and id, never its material; JWK, PEM and
// Text are the only ways out.
type Private struct {
	public Public

	// key returns a *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey. It is a function since fmt calls no method
	// on a Private in an unexported field of another struct: there it prints what the fields hold, of a function only an
	// address.
	key func() crypto.Signer
}

// Generate makes a new key: RS256 with 2048 bits, ES256, or EdDSA. An empty id becomes the thumbprint (RFC 7638), which does not
// begin with "-" then: on a command line, as after `writ key withdraw`, that would be taken for an option.
func Generate(algorithm Algorithm, id string) (Private, error) {
	for {
		made, err := generate(algorithm, id)
		if err != nil || id != "" || !strings.HasPrefix(made.Public().ID(), "-") {
			return made, err
		}
	}
}

func generate(algorithm Algorithm, id string) (Private, error) {
	var k crypto.Signer
	var err error
	switch algorithm {
	case RS256:
		k, err = rsa.GenerateKey(rand.Reader, minRSABits)
	case ES256:
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, k, err = ed25519.GenerateKey(rand.Reader)
	default:
		_, err = ParseAlgorithm(string(algorithm))
	}
	if err != nil {
		return Private{}, err
	}
	return newPrivate(k, id)
}

// newPrivate checks that the halves belong together.
func newPrivate(k crypto.Signer, id string) (Private, error) {
	public, err := NewPublic(k.Public(), id)
	if err != nil {
		return Private{}, err
	}
	if k, isRSA := k.(*rsa.PrivateKey); isRSA {
		if len(k.Primes) != 2 {
			return Private{}, fmt.Errorf("RSA key has %d primes, want 2", len(k.Primes))
		}
		if err := k.Validate(); err != nil {
			return Private{}, errors.New("RSA private key does not fit together")
		}
		k.Precompute()
	}
	return Private{public, func() crypto.Signer { return k }}, nil
}

// Public returns the verification half.
func (p Private) Public() Public { return p.public }

// Sign returns the JWS signature of input: RSASSA-PKCS1-v1_5 with SHA-256, r||s (RFC 7518 section 3.4), or Ed25519
// (RFC 8037 section 3.1). Every one is deterministic, ECDSA by RFC 6979 (rfc8725bis section 3.2): no weakness of the
// machine's randomness leaks the key.
func (p Private) Sign(_ context.Context, input []byte) ([]byte, error) {
	if p.key == nil {
		return nil, errors.New("no private key")
	}
	switch k := p.key().(type) {
	case *rsa.PrivateKey:
		sum := sha256.Sum256(input)
		return rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:])
	case *ecdsa.PrivateKey:
		sum := sha256.Sum256(input)
		der, err := k.Sign(nil, sum[:], crypto.SHA256) // without a source of randomness: deterministic
		if err != nil {
			return nil, err
		}
		return rawSignature(der)
	case ed25519.PrivateKey:
		return ed25519.Sign(k, input), nil
	}
	return nil, errors.New("key of a type that cannot sign")
}

// rawSignature turns an ASN.1 signature into r||s, 32 bytes each.
func rawSignature(der []byte) ([]byte, error) {
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &pair); err != nil || len(rest) != 0 {
		return nil, errors.New("signature is not ASN.1")
	}
	raw := make([]byte, 64)
	pair.R.FillBytes(raw[:32])
	pair.S.FillBytes(raw[32:])
	return raw, nil
}

// String returns the algorithm and the id.
func (p Private) String() string {
	if p.key == nil {
		return "no private key"
	}
	return fmt.Sprintf("private %s key %s", p.public.algorithm, p.public.id)
}

// GoString is String: %#v prints no material either.
func (p Private) GoString() string { return p.String() }

// Format prints String for every verb.
func (p Private) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// LogValue is String.
func (p Private) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalJSON refuses: a private key is written by JWK, on purpose.
func (p Private) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a private key is not written as part of something else; use JWK")
}

// MarshalText refuses, as MarshalJSON does.
func (p Private) MarshalText() ([]byte, error) { return p.MarshalJSON() }
