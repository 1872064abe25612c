package key

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxKeys bounds a key set: each key of it may cost a verification where a token names none.
const maxKeys = 256

// Set is a fixed set of public keys. Ids need not be unique: keys of different algorithms may share one.
type Set struct {
	keys []Public
	byID map[string][]Public
}

// NewSet makes a set of at most 256 keys. The same key twice counts once; two different keys with one id and one
// algorithm are refused, since nobody could tell which is meant.
func NewSet(keys ...Public) (Set, error) {
	if len(keys) > maxKeys {
		return Set{}, fmt.Errorf("key set has %d keys, want at most %d", len(keys), maxKeys)
	}
	s := Set{byID: make(map[string][]Public, len(keys))}
next:
	for _, k := range keys {
		if k.key == nil {
			return Set{}, errors.New("key set has an empty key")
		}
		for _, other := range s.byID[k.id] {
			if other.Equal(k) {
				continue next
			}
			if other.algorithm == k.algorithm {
				return Set{}, fmt.Errorf("key set has two different %s keys with kid %q", k.algorithm, k.id)
			}
		}
		s.keys = append(s.keys, k)
		s.byID[k.id] = append(s.byID[k.id], k)
	}
	return s, nil
}

// Find returns the keys with exactly this id; every key for an empty id; none for an unknown one.
func (s Set) Find(_ context.Context, kid string) ([]Public, error) {
	if kid == "" {
		return s.keys, nil
	}
	return s.byID[kid], nil
}

// Keys returns the keys in their order.
func (s Set) Keys() []Public { return append([]Public(nil), s.keys...) }

// MarshalJSON returns the JWKS (RFC 7517 section 5).
func (s Set) MarshalJSON() ([]byte, error) {
	keys := s.keys
	if keys == nil {
		keys = []Public{}
	}
	return json.Marshal(struct {
		Keys []Public `json:"keys"`
	}{keys})
}

// ParseSet reads a JWKS, one JWK, or PEM blocks with public keys. In a JWKS, keys of unknown types, curves, algorithms
// and uses are skipped (RFC 7517 section 5); a broken or a private one is refused with its place. A set without one
// usable key is refused.
func ParseSet(data []byte) (Set, error) {
	if err := checkSize(data); err != nil {
		return Set{}, err
	}
	if isPEM(data) {
		return parsePEMs(data)
	}
	var members struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(data, &members); err != nil {
		return Set{}, jsonError("JWKS", err)
	}
	if members.Keys == nil {
		k, err := ParsePublic(data)
		if err != nil {
			return Set{}, err
		}
		return NewSet(k)
	}
	if len(members.Keys) > maxKeys {
		return Set{}, fmt.Errorf("JWKS has %d keys, want at most %d", len(members.Keys), maxKeys)
	}
	var keys []Public
	for i, text := range members.Keys {
		k, err := ParsePublic(text)
		if errors.Is(err, errUnknownType) {
			continue
		}
		if err != nil {
			return Set{}, fmt.Errorf("JWKS: key %d: %w", i+1, err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return Set{}, errors.New("JWKS has no key that this program can use: want RSA, EC with P-256, or OKP with Ed25519, for signatures")
	}
	return NewSet(keys...)
}

func parsePEMs(data []byte) (Set, error) {
	var keys []Public
	for len(bytes.TrimSpace(data)) > 0 {
		block, rest := pem.Decode(data)
		if block == nil {
			if bytes.Contains(data, []byte("-----BEGIN ")) || len(keys) == 0 {
				return Set{}, errors.New("PEM: no complete block")
			}
			break
		}
		k, err := publicBlock(block)
		if err != nil {
			return Set{}, fmt.Errorf("key %d: %w", len(keys)+1, err)
		}
		if keys = append(keys, k); len(keys) > maxKeys {
			return Set{}, fmt.Errorf("PEM has more than %d keys", maxKeys)
		}
		data = rest
	}
	return NewSet(keys...)
}
