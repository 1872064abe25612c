package key

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// The sizes of RSA moduli that are taken. Below, a signature can be forged; above, one verification costs whole milliseconds.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// maxIDBytes bounds a key id.
const maxIDBytes = 256

// ParseAlgorithm reads an algorithm's name: RS256, ES256 or EdDSA.
func ParseAlgorithm(name string) (Algorithm, error) {
	switch a := Algorithm(name); a {
	case RS256, ES256, EdDSA:
		return a, nil
	}
	return "", fmt.Errorf("algorithm %.40q is not one of RS256, ES256, EdDSA", name)
}

// Public is a verification key with its id and its one algorithm. The zero value verifies nothing.
type Public struct {
	id        string
	algorithm Algorithm
	key       crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// NewPublic makes a Public of an RSA (2048 to 8192 bits), P-256 or Ed25519 public key; the algorithm follows from the
// key's type. An empty id becomes the thumbprint (RFC 7638). A key that can be seen to be weak, a point that is not on
// its curve and one of small order are refused (rfc8725bis sections 3.4 and 3.5).
func NewPublic(pub crypto.PublicKey, id string) (Public, error) {
	p := Public{id: id, key: pub}
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if err := checkRSA(k); err != nil {
			return Public{}, err
		}
		p.algorithm = RS256
	case *ecdsa.PublicKey:
		if k == nil || k.Curve != elliptic.P256() {
			return Public{}, errors.New("elliptic curve is not P-256")
		}
		if _, err := k.ECDH(); err != nil {
			return Public{}, errors.New("public key is not a point of P-256")
		}
		p.algorithm = ES256
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return Public{}, fmt.Errorf("Ed25519 public key has %d bytes, want %d", len(k), ed25519.PublicKeySize)
		}
		if err := checkEd25519(k); err != nil {
			return Public{}, err
		}
		p.algorithm = EdDSA
	default:
		return Public{}, fmt.Errorf("key type %T is not one of RSA, P-256, Ed25519", pub)
	}
	if p.id == "" {
		p.id = p.Thumbprint()
	}
	if err := checkID(p.id); err != nil {
		return Public{}, err
	}
	return p, nil
}

func checkRSA(k *rsa.PublicKey) error {
	if k == nil || k.N == nil {
		return errors.New("RSA key without a modulus")
	}
	if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
		return fmt.Errorf("RSA modulus has %d bits, want %d to %d", n, minRSABits, maxRSABits)
	}
	if k.N.Bit(0) == 0 {
		return errors.New("RSA modulus is even")
	}
	if k.E < 3 || k.E&1 == 0 || k.E > 1<<31-1 {
		return fmt.Errorf("RSA exponent %d is not an odd number from 3 to 2^31-1", k.E)
	}
	return checkModulus(k.N)
}

// checkID refuses ids that could not be printed or compared safely: they stand in headers, logs and file names of others.
func checkID(id string) error {
	if len(id) > maxIDBytes {
		return fmt.Errorf("kid has %d bytes, want at most %d", len(id), maxIDBytes)
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return fmt.Errorf("kid %.80q has a character that is not printable ASCII", id)
		}
	}
	return nil
}

// ID returns the key id, "kid".
func (p Public) ID() string { return p.id }

// Algorithm returns the key's one algorithm.
func (p Public) Algorithm() Algorithm { return p.algorithm }

// Crypto returns the standard library's key: *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey. It must not be changed.
func (p Public) Crypto() crypto.PublicKey { return p.key }

// Equal tells whether both are the same key with the same id.
func (p Public) Equal(other Public) bool {
	if p.key == nil || other.key == nil {
		return p.key == nil && other.key == nil
	}
	type equaler interface{ Equal(crypto.PublicKey) bool }
	return p.id == other.id && p.key.(equaler).Equal(other.key)
}

// Thumbprint returns the base64url SHA-256 of the key's required members (RFC 7638 section 3, RFC 8037 section 2).
func (p Public) Thumbprint() string {
	var members string
	switch k := p.key.(type) {
	case *rsa.PublicKey:
		members = `{"e":"` + encode(exponent(k.E)) + `","kty":"RSA","n":"` + encode(k.N.Bytes()) + `"}`
	case *ecdsa.PublicKey:
		x, y := coordinates(k)
		members = `{"crv":"P-256","kty":"EC","x":"` + encode(x) + `","y":"` + encode(y) + `"}`
	case ed25519.PublicKey:
		members = `{"crv":"Ed25519","kty":"OKP","x":"` + encode(k) + `"}`
	default:
		return ""
	}
	sum := sha256.Sum256([]byte(members))
	return encode(sum[:])
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// exponent is e as big-endian bytes without leading zeros.
func exponent(e int) []byte {
	var out []byte
	for shift := 24; shift >= 0; shift -= 8 {
		if b := byte(e >> shift); b != 0 || len(out) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// coordinates are x and y of a P-256 point, 32 bytes each.
func coordinates(k *ecdsa.PublicKey) (x, y []byte) {
	point, err := k.Bytes()
	if err != nil {
		panic("key: P-256 point cannot be encoded: " + err.Error()) // NewPublic checked it
	}
	return point[1:33], point[33:65]
}
