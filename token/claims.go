package token

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Fielder is a claims type that says itself where each claim goes, so that Verify need not find out by reflection, which
// is half of what Verify costs beside the signature. Field returns a pointer to the field of a claim, or nil for one that
// the type does not have; the name must not be kept. What is stored is what the JSON decoder would store.
type Fielder interface{ Field(claim []byte) any }

// Field is Field of the registered claims, for types that embed them. (It is no method, so that a type which embeds
// Registered is no Fielder by accident.)
func Field(r *Registered, claim []byte) any {
	switch string(claim) {
	case "iss":
		return &r.Issuer
	case "sub":
		return &r.Subject
	case "aud":
		return &r.Audience
	case "exp":
		return &r.Expiry
	case "nbf":
		return &r.NotBefore
	case "iat":
		return &r.IssuedAt
	case "jti":
		return &r.ID
	}
	return nil
}

// decodeClaims reads one JSON object: in UTF-8, without duplicate members at any depth, and without a name that differs
// from a registered claim's in case only. The registered claims are read by themselves, whatever the type of the claims
// makes of them: a field that shadows nbf must not switch its check off. whole: exp, nbf and iat are whole numbers.
func decodeClaims(payload []byte, claims any, whole bool) (Registered, error) {
	var standard Registered
	object := jsontext.Value(payload)
	fielder, is := claims.(Fielder)
	if !is || object.Kind() != '{' || !object.IsValid() {
		// The whole at once, also for the reason of what is wrong.
		if err := json.Unmarshal(payload, claims); err != nil {
			return standard, jsonError(err)
		}
		if object.Kind() != '{' { // null is taken by the decoder
			return standard, errors.New("not a JSON object")
		}
		fielder = nil
	}
	var text string // strings of claims are parts of it; of a large payload each is a string of its own
	if len(payload) <= DefaultMaxBytes {
		text = string(payload)
	}
	err := scan(payload, func(name, value []byte) error {
		var one string
		if text != "" {
			at := cap(payload) - cap(value) // scan cuts values out of the payload, whose end they share
			one = text[at : at+len(value)]
		}
		own := Field(&standard, name)
		if _, date := own.(*NumericDate); date && whole {
			if _, plain := plainNumber(value); !plain {
				return fmt.Errorf("%q of the wrong type: %w", name, errWholeDate)
			}
		}
		if own != nil {
			if err := store(name, own, value, one); err != nil {
				return err
			}
		}
		var field any
		if fielder != nil {
			field = fielder.Field(name)
		}
		switch {
		case own == nil && field == nil:
			return foldsTo(name, registered[:])
		case field == nil || own != nil && copied(field, own):
			return nil
		}
		return store(name, field, value, one)
	})
	return standard, err
}

// copied stores what was already read, where the field is of the same type.
func copied(field, read any) bool {
	switch f := field.(type) {
	case *string:
		if r, same := read.(*string); same {
			*f = *r
			return true
		}
	case *NumericDate:
		if r, same := read.(*NumericDate); same {
			*f = *r
			return true
		}
	case *Audience:
		if r, same := read.(*Audience); same {
			*f = *r
			return true
		}
	}
	return false
}

// store stores a claim in a field; a nil one has no place for it. text is value as a string, or empty where that is to be
// made yet.
func store(name []byte, field any, value []byte, text string) error {
	if field == nil || set(field, value, text) {
		return nil
	}
	if err := json.Unmarshal(value, field); err != nil {
		return claimError(name, err)
	}
	return nil
}

// set stores the plain forms that nearly every claim has; false leaves the value to the JSON decoder. text is as in store.
func set(field any, value []byte, text string) bool {
	switch f := field.(type) {
	case *string:
		if plainString(value) {
			if text == "" {
				text = string(value)
			}
			*f = text[1 : len(text)-1]
			return true
		}
	case *int64:
		if number, plain := plainNumber(value); plain {
			*f = number
			return true
		}
	case *NumericDate:
		if number, plain := plainNumber(value); plain && number >= 1 && number <= maxDate {
			*f = NumericDate(number)
			return true
		}
	case *Audience: // a list of one
		if len(value) > 2 && value[0] == '[' {
			if text == "" {
				text = string(value)
			}
			if one := strings.Trim(text[1:len(text)-1], " \t\r\n"); plainString([]byte(one)) {
				*f = Audience{one[1 : len(one)-1]}
				return true
			}
		}
	case *bool:
		if value[0] == 't' || value[0] == 'f' {
			*f = value[0] == 't'
			return true
		}
	}
	return false
}

// plainString tells a JSON string without escapes. A list of two strings is none: it has quotes inside.
func plainString(value []byte) bool {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return false
	}
	inside := value[1 : len(value)-1]
	return bytes.IndexByte(inside, '\\') < 0 && bytes.IndexByte(inside, '"') < 0
}

// plainNumber is a JSON number of up to 18 digits and nothing else.
func plainNumber(value []byte) (int64, bool) {
	if len(value) == 0 || len(value) > 18 {
		return 0, false
	}
	for _, b := range value {
		if b < '0' || b > '9' {
			return 0, false
		}
	}
	number, err := strconv.ParseInt(string(value), 10, 64)
	return number, err == nil
}

// claimError says what is wrong with a claim without quoting it.
func claimError(name []byte, err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return wrongType(string(name)+string(semantic.JSONPointer), semantic)
	}
	return fmt.Errorf("%.80q of the wrong type", name)
}
