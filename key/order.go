package key

import (
	"errors"
	"fmt"
	"slices"
)

// maxOrderKeys bounds the keys of one verifier of orders: each may cost a verification for every token.
const maxOrderKeys = 64

// OrderKeys are what orders are verified with: public keys, or shared secrets, never both. Unlike a Set's, their ids say
// nothing: two may share one, since Etcha tries every key whatever the id. The zero value verifies nothing.
type OrderKeys struct {
	public []Public
	shared []HMAC
}

// ErrMixed is both kinds of keys in one verifier. A verifier that takes HS256 beside public keys is one mistake away from taking a
// public key for a secret (rfc8725bis section 3.1).
var ErrMixed = errors.New("public keys and shared secrets (hmac) do not verify side by side: give one kind or the other")

// NewOrderKeys makes OrderKeys of at most 64 keys of one kind. The same key twice counts once.
func NewOrderKeys(public []Public, shared []HMAC) (OrderKeys, error) {
	if len(public) > 0 && len(shared) > 0 {
		return OrderKeys{}, ErrMixed
	}
	var o OrderKeys
	for _, k := range public {
		if k.key == nil {
			return OrderKeys{}, errors.New("an empty key is among the keys for orders")
		}
		if !slices.ContainsFunc(o.public, k.Equal) {
			o.public = append(o.public, k)
		}
	}
	for _, k := range shared {
		if k.secret == nil {
			return OrderKeys{}, errNoSecret
		}
		if !slices.ContainsFunc(o.shared, k.Equal) {
			o.shared = append(o.shared, k)
		}
	}
	if n := len(o.public) + len(o.shared); n > maxOrderKeys {
		return OrderKeys{}, fmt.Errorf("%d keys for orders, want at most %d: each is tried", n, maxOrderKeys)
	}
	return o, nil
}

// ParseOrderKeys reads what ParseAll reads, or lines of shared secrets.
func ParseOrderKeys(data []byte) (OrderKeys, error) {
	if err := checkSize(data); err != nil {
		return OrderKeys{}, err
	}
	if formOf(data) != formText {
		public, err := ParseAll(data)
		if err != nil {
			return OrderKeys{}, err
		}
		return NewOrderKeys(public, nil)
	}
	var public []Public
	var shared []HMAC
	for number, line := range lines(data) {
		var err error
		if isHMACLine(line) {
			var k HMAC
			k, err = hmacLine(line)
			shared = append(shared, k)
		} else {
			var k Public
			k, err = publicLine(line)
			public = append(public, k)
		}
		if err != nil {
			return OrderKeys{}, atLine(number, data, err)
		}
		if len(public)+len(shared) > maxOrderKeys {
			return OrderKeys{}, fmt.Errorf("more than %d lines with keys for orders", maxOrderKeys)
		}
	}
	return NewOrderKeys(public, shared)
}

// Public returns the public keys. The list must not be changed.
func (o OrderKeys) Public() []Public { return o.public }

// Shared returns the shared secrets. The list must not be changed.
func (o OrderKeys) Shared() []HMAC { return o.shared }

// Empty tells whether there is nothing to verify with.
func (o OrderKeys) Empty() bool { return len(o.public)+len(o.shared) == 0 }

// Warning is what whoever relies on these keys has to be told, or empty.
func (o OrderKeys) Warning() string {
	if len(o.shared) == 0 {
		return ""
	}
	return o.shared[0].Warning()
}
