package key

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
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
