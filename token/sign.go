package token

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/key"
)

// Signer signs claims into a token of a type: a key, or a command that returns a whole token.
type Signer interface {
	SignToken(ctx context.Context, typ string, claims any) (string, error)
}

// KeySigner signs with one key.
type KeySigner struct {
	signer key.Signer
	jwt    string // encoded header for the type "JWT", with its dot
}

// NewSigner returns the Signer of a key.
func NewSigner(s key.Signer) *KeySigner {
	return &KeySigner{signer: s, jwt: encodeHeader(s.Public(), "JWT")}
}

// encodeHeader encodes alg, kid and typ (RFC 7515 section 4.1).
func encodeHeader(k key.Public, typ string) string {
	text := fmt.Sprintf(`{"alg":%s,"kid":%s,"typ":%s}`, strconv.Quote(string(k.Algorithm())), quoteJSON(k.ID()), quoteJSON(typ))
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
	head := s.jwt
	if typ != "JWT" {
		head = encodeHeader(s.signer.Public(), typ)
	}
	payload, err := json.Marshal(claims, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	const signatureRoom = 1 + 700 // the base64url of an RSA signature with 4096 bits fits
	raw := make([]byte, 0, len(head)+base64.RawURLEncoding.EncodedLen(len(payload))+signatureRoom)
	raw = append(raw, head...)
	raw = base64.RawURLEncoding.AppendEncode(raw, payload)
	signature, err := s.signer.Sign(ctx, raw)
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", s.signer.Public().ID(), err)
	}
	raw = append(raw, '.')
	raw = base64.RawURLEncoding.AppendEncode(raw, signature)
	return string(raw), nil
}
