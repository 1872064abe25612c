package key

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// The sizes of a shared secret: as long as the hash (RFC 7518 section 3.2), and bounded.
const (
	minSecretBytes = 32
	maxSecretBytes = 1024
)

// minSecretValues is how many different bytes a secret has at least: 32 random ones have over 16, and random digits 8.
const minSecretValues = 8

// HMAC is a shared secret for orders, HS256. Whoever can verify with it can also sign, so it is of a type of its own: no
// Public, no Signer, in no Set and in no JWKS. It prints as its id, never its bytes; Text is the only way out.
type HMAC struct {
	id string

	secret func() []byte // a function for the reason that Private has
}

// GenerateHMAC makes a new secret of 32 random bytes. An empty id is none: nothing about a secret is published that could
// be its name.
func GenerateHMAC(id string) (HMAC, error) {
	secret := make([]byte, minSecretBytes)
	rand.Read(secret)
	return NewHMAC(secret, id)
}

// NewHMAC makes an HMAC of a secret of 32 to 1024 bytes, which have to be random. What can be seen not to be is refused,
// and so is any key in any of its forms: public ones everybody has, private ones are not to be shared (rfc8725bis
// sections 3.1 and 3.5).
func NewHMAC(secret []byte, id string) (HMAC, error) {
	if n := len(secret); n < minSecretBytes || n > maxSecretBytes {
		return HMAC{}, fmt.Errorf("hmac: the secret has %d bytes, want %d to %d", n, minSecretBytes, maxSecretBytes)
	}
	different := map[byte]bool{}
	for _, b := range secret {
		different[b] = true
	}
	if len(different) < minSecretValues {
		return HMAC{}, fmt.Errorf("hmac: the secret is not random: it has %d different bytes", len(different))
	}
	if isKey(secret) {
		return HMAC{}, errors.New("hmac: the secret is a key of two halves, the public one of which everybody may have")
	}
	if err := checkTextID(id); err != nil {
		return HMAC{}, fmt.Errorf("hmac: %w", err)
	}
	own := slices.Clone(secret)
	return HMAC{id, func() []byte { return own }}, nil
}

// isKey tells whether bytes are a key or a certificate, in text or in DER.
func isKey(data []byte) bool {
	if _, err := ParseAll(data); err == nil || errors.Is(err, ErrPrivate) {
		return true
	}
	for _, read := range []func([]byte) error{
		func(der []byte) error { _, err := x509.ParsePKIXPublicKey(der); return err },
		func(der []byte) error { _, err := x509.ParsePKCS1PublicKey(der); return err },
		func(der []byte) error { _, err := x509.ParsePKCS8PrivateKey(der); return err },
		func(der []byte) error { _, err := x509.ParsePKCS1PrivateKey(der); return err },
		func(der []byte) error { _, err := x509.ParseECPrivateKey(der); return err },
		func(der []byte) error { _, err := x509.ParseCertificate(der); return err },
	} {
		if read(data) == nil {
			return true
		}
	}
	return false
}

// ParseHMAC reads one shared secret, hmac:BASE64[:KID] in standard base64. No other text is one, a JWK "oct" neither.
func ParseHMAC(data []byte) (HMAC, error) {
	if err := checkSize(data); err != nil {
		return HMAC{}, err
	}
	if !IsHMAC(data) {
		return HMAC{}, errors.New("not a shared secret: want hmac:BASE64[:KID]")
	}
	line, err := onlyLine(data)
	if err != nil {
		return HMAC{}, err
	}
	return hmacLine(line)
}

// IsHMAC tells whether a text is, by its first word, one of a shared secret.
func IsHMAC(data []byte) bool {
	if formOf(data) != formText {
		return false
	}
	for _, line := range lines(data) {
		return isHMACLine(line)
	}
	return false
}

func isHMACLine(line string) bool {
	return len(line) > len(hmacType) && line[:len(hmacType)+1] == hmacType+":"
}

func hmacLine(line string) (HMAC, error) {
	_, secret, id, err := splitLine(line)
	if err != nil {
		return HMAC{}, err
	}
	return NewHMAC(secret, id)
}

// ID returns the id, which may be empty.
func (h HMAC) ID() string { return h.id }

// Text returns hmac:BASE64[:KID]. The caller keeps it secret.
func (h HMAC) Text() (string, error) {
	if h.secret == nil {
		return "", errNoSecret
	}
	return joinText(hmacType, h.secret(), h.id)
}

var errNoSecret = errors.New("no shared secret")

// Sign returns HMAC-SHA-256 of input (RFC 7518 section 3.2).
func (h HMAC) Sign(_ context.Context, input []byte) ([]byte, error) {
	if h.secret == nil {
		return nil, errNoSecret
	}
	mac := hmac.New(sha256.New, h.secret())
	mac.Write(input)
	return mac.Sum(nil), nil
}

// Verify tells, in constant time, whether signature is the one of input.
func (h HMAC) Verify(input, signature []byte) bool {
	want, err := h.Sign(context.Background(), input)
	return err == nil && hmac.Equal(want, signature)
}

// Equal tells, in constant time, whether both are the same secret with the same id.
func (h HMAC) Equal(other HMAC) bool {
	if h.secret == nil || other.secret == nil {
		return h.secret == nil && other.secret == nil
	}
	return h.id == other.id && hmac.Equal(h.secret(), other.secret())
}

// Warning says what everybody who gives or takes orders with this secret has to know.
func (h HMAC) Warning() string {
	return "hmac: whoever can verify with this shared secret can also sign with it: each machine that has it can give orders to all others; with an Ed25519 key they could not"
}

// String returns the algorithm and the id.
func (h HMAC) String() string {
	switch {
	case h.secret == nil:
		return errNoSecret.Error()
	case h.id == "":
		return "shared secret for HS256"
	}
	return "shared secret for HS256, " + h.id
}

// GoString is String.
func (h HMAC) GoString() string { return h.String() }

// Format prints String for every verb.
func (h HMAC) Format(f fmt.State, _ rune) { io.WriteString(f, h.String()) }

// LogValue is String.
func (h HMAC) LogValue() slog.Value { return slog.StringValue(h.String()) }

// MarshalJSON refuses: a shared secret is written by Text, on purpose.
func (h HMAC) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a shared secret is not written as part of something else; use Text")
}

// MarshalText refuses, as MarshalJSON does.
func (h HMAC) MarshalText() ([]byte, error) { return h.MarshalJSON() }
