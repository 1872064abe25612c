package token

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxAudiences bounds aud: more is not a list of receivers but an attack on whoever compares.
const MaxAudiences = 256

// maxDate is the last second of the year 9999: beyond, other libraries overflow.
const maxDate = 253402300799

// NumericDate is Unix seconds (RFC 7519 section 2). A fraction is dropped when read, and refused in an order: Etcha refuses
// it, and no two machines may differ on whether an order holds.
type NumericDate int64

// Time returns the instant.
func (d NumericDate) Time() time.Time { return time.Unix(int64(d), 0) }

// UnmarshalJSONFrom reads a JSON number from 1 to the end of the year 9999. Zero is refused, since it means absent.
func (d *NumericDate) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	text := string(value)
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		float, err := strconv.ParseFloat(text, 64)
		if value.Kind() != '0' || err != nil || !(float >= 1 && float <= maxDate) {
			return errDate
		}
		seconds = int64(float)
	}
	if seconds < 1 || seconds > maxDate {
		return errDate
	}
	*d = NumericDate(seconds)
	return nil
}

var (
	errDate      = errors.New("want seconds since 1970 as a number, 1 to 253402300799")
	errWholeDate = errors.New("want seconds since 1970 as a whole number, 1 to 253402300799")
)

// Audience is written as an array; it is read from an array of strings or from one string.
type Audience []string

// UnmarshalJSONFrom reads a string or an array of at most 256 strings.
func (a *Audience) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch kind := dec.PeekKind(); kind {
	case '"':
		var one string
		if err := json.UnmarshalDecode(dec, &one); err != nil {
			return err
		}
		*a = Audience{one}
		return nil
	case '[':
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		list := make(Audience, 0, 1)
		for dec.PeekKind() == '"' {
			element, err := dec.ReadToken()
			if err != nil {
				return err
			}
			if list = append(list, element.String()); len(list) > MaxAudiences {
				return errAudiences
			}
		}
		if end, err := dec.ReadToken(); err != nil {
			return err
		} else if end.Kind() != ']' {
			return errAudience
		}
		*a = list
		return nil
	}
	return errAudience
}

var (
	errAudience  = errors.New("want a string or an array of strings")
	errAudiences = fmt.Errorf("want at most %d elements", MaxAudiences)
)
