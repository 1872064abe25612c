package token

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/key"
)

// Signer signs claims into a token of a type: a key, or a command that returns a whole token.
type Signer interface {
	SignToken(ctx context.Context, typ string, claims any) (string, error)
}

// KeySigner signs with one key.
type KeySigner struct {
	algorithm key.Algorithm
	id        string
	sign      func(ctx context.Context, input []byte) ([]byte, error)
	jwt       string // encoded header for the type "JWT", with its dot
	warning   string
}

// NewSigner returns the Signer of a key.
func NewSigner(s key.Signer) *KeySigner {
	public := s.Public()
	return newSigner(public.Algorithm(), public.ID(), s.Sign)
}

// NewHMACSigner returns the Signer of a shared secret, for orders: nothing else is verified with one.
func NewHMACSigner(k key.HMAC) *KeySigner {
	s := newSigner(key.HS256, k.ID(), k.Sign)
	s.warning = k.Warning()
	return s
}

// ParseSigner reads a key that signs orders: a private key in any form that key.ParsePrivate reads, or a shared secret,
// hmac:BASE64[:KID].
func ParseSigner(text []byte) (*KeySigner, error) {
	if key.IsHMAC(text) {
		k, err := key.ParseHMAC(text)
		if err != nil {
			return nil, err
		}
		return NewHMACSigner(k), nil
	}
	k, err := key.ParsePrivate(text)
	if err != nil {
		return nil, err
	}
	return NewSigner(k), nil
}

func newSigner(algorithm key.Algorithm, id string, sign func(context.Context, []byte) ([]byte, error)) *KeySigner {
	return &KeySigner{algorithm: algorithm, id: id, sign: sign, jwt: encodeHeader(algorithm, id, "JWT")}
}

// Warning is what whoever signs with this key has to be told, or empty.
func (s *KeySigner) Warning() string { return s.warning }

// encodeHeader encodes alg, kid (unless empty) and typ (RFC 7515 section 4.1).
func encodeHeader(algorithm key.Algorithm, id, typ string) string {
	text := `{"alg":` + strconv.Quote(string(algorithm))
	if id != "" {
		text += `,"kid":` + quoteJSON(id)
	}
	text += `,"typ":` + quoteJSON(typ) + `}`
	return base64.RawURLEncoding.EncodeToString([]byte(text)) + "."
}

func quoteJSON(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic("token: header is not UTF-8") // a kid is ASCII, and typ is ours
	}
	return string(quoted)
}

// SignToken returns the compact JWS of the claims' JSON. Maps are written with sorted keys.
func (s *KeySigner) SignToken(ctx context.Context, typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	return s.compact(ctx, typ, payload)
}

// SignPayload returns the compact JWS of these very bytes, which must be one JSON object in UTF-8 without duplicate
// members. What is to be compared byte by byte, an order, is written once and signed so.
func (s *KeySigner) SignPayload(ctx context.Context, typ string, payload []byte) (string, error) {
	if object := jsontext.Value(payload); object.Kind() != '{' || !object.IsValid() {
		return "", errors.New("the payload to sign is not one JSON object in UTF-8 without duplicate members")
	}
	return s.compact(ctx, typ, payload)
}

func (s *KeySigner) compact(ctx context.Context, typ string, payload []byte) (string, error) {
	head := s.jwt
	if typ != "JWT" {
		head = encodeHeader(s.algorithm, s.id, typ)
	}
	const signatureRoom = 1 + 700 // the base64url of an RSA signature with 4096 bits fits
	raw := make([]byte, 0, len(head)+base64.RawURLEncoding.EncodedLen(len(payload))+signatureRoom)
	raw = append(raw, head...)
	raw = base64.RawURLEncoding.AppendEncode(raw, payload)
	signature, err := s.sign(ctx, raw)
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", s.id, err)
	}
	raw = append(raw, '.')
	raw = base64.RawURLEncoding.AppendEncode(raw, signature)
	return string(raw), nil
}
