package token

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Unverified is a decoded token that nobody has checked.
type Unverified struct{ header, payload []byte }

// Parse decodes a token of at most maxBytes (0: DefaultMaxBytes) without checking its signature. Header and payload
// must be JSON objects in UTF-8 without duplicate members.
func Parse(raw string, maxBytes int) (Unverified, error) {
	return parse(split(raw, maxBytes))
}

// ParseOrder is Parse of at most MaxOrderBytes. raw is neither copied nor kept.
func ParseOrder(raw []byte) (Unverified, error) {
	return parse(splitBytes(raw, MaxOrderBytes))
}

func parse(s segments, err error) (Unverified, error) {
	if err != nil {
		return Unverified{}, fmt.Errorf("%w: want a signed token of three parts, got %w", ErrMalformed, err)
	}
	payload, err := s.payload()
	if err != nil {
		return Unverified{}, fmt.Errorf("%w: the payload is %w", ErrMalformed, err)
	}
	for _, part := range []struct {
		name string
		data []byte
	}{{"header", s.header}, {"payload", payload}} {
		value := jsontext.Value(part.data)
		if value.Kind() != '{' {
			return Unverified{}, fmt.Errorf("%w: the %s is not a JSON object", ErrMalformed, part.name)
		}
		if !value.IsValid() {
			return Unverified{}, fmt.Errorf("%w: the %s %s", ErrMalformed, part.name, invalid(part.data))
		}
	}
	return Unverified{s.header, payload}, nil
}

// Header returns the header's JSON as it stands in the token.
func (u Unverified) Header() []byte { return u.header }

// Payload returns the payload's JSON as it stands in the token.
func (u Unverified) Payload() []byte { return u.payload }

// invalid says why a text is not the JSON that it has to be, without quoting it.
func invalid(data []byte) string {
	_, err := jsontext.NewDecoder(bytes.NewReader(data)).ReadValue()
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "has a duplicate member"
	case tooDeep(err):
		return "is nested too deep"
	}
	return "is not JSON in UTF-8"
}
