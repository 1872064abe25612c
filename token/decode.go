package token

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// strict takes base64url without padding, and only the one text that each value has, so that a token cannot be
// rewritten into another that verifies too (RFC 7515 section 2).
var strict = base64.RawURLEncoding.Strict()

// segments are the parts of a compact JWS (RFC 7515 section 7.1), decoded but not believed.
type segments struct {
	signed    []byte // header "." payload, as text
	payload64 []byte
	header    []byte
	signature []byte
	free      []byte // room for the payload
}

// split decodes the header and the signature of a text that it copies. Errors never quote the token.
func split(raw string, maxBytes int) (segments, error) {
	if maxBytes == 0 {
		maxBytes = DefaultMaxBytes
	}
	if err := checkForm(len(raw), maxBytes, strings.Count(raw, "."), strings.HasPrefix(raw, "{")); err != nil {
		return segments{}, err
	}
	room := make([]byte, 0, len(raw)+strict.DecodedLen(len(raw))) // one piece of memory for the text and what it holds
	return decodeParts(append(room, raw...), room[len(raw):cap(room)])
}

// splitBytes is split of a text that stays as it is until the signature is checked. It may be large: it is not copied, there
// is no room for the payload yet, and header and signature are bounded by themselves.
func splitBytes(raw []byte, maxBytes int) (segments, error) {
	if err := checkForm(len(raw), maxBytes, bytes.Count(raw, []byte(".")), len(raw) > 0 && raw[0] == '{'); err != nil {
		return segments{}, err
	}
	if bytes.IndexByte(raw, '.') > DefaultMaxBytes || len(raw)-bytes.LastIndexByte(raw, '.') > DefaultMaxBytes {
		return segments{}, fmt.Errorf("a header or a signature of more than %d bytes", DefaultMaxBytes)
	}
	return decodeParts(raw, nil)
}

// checkForm says what a text is that is not three parts of a bounded size.
func checkForm(size, maxBytes, dots int, object bool) error {
	switch {
	case size > maxBytes:
		return fmt.Errorf("%d bytes; at most %d are taken", size, maxBytes)
	case size == 0:
		return errors.New("nothing")
	case dots == 4:
		return errors.New("five parts: an encrypted token (JWE)")
	case dots != 2 && object:
		return errors.New("a JSON object")
	case dots != 2:
		return fmt.Errorf("%d part(s)", dots+1)
	}
	return nil
}

// decodeParts decodes the header and the signature of three parts, into room where there is some.
func decodeParts(text, room []byte) (segments, error) {
	first, last := bytes.IndexByte(text, '.'), bytes.LastIndexByte(text, '.')
	s := segments{signed: text[:last], payload64: text[first+1 : last]}
	var err error
	if s.header, room, err = decodeSegment(room, text[:first]); err != nil {
		return segments{}, fmt.Errorf("a header that is %w", err)
	}
	if s.signature, room, err = decodeSegment(room, text[last+1:]); err != nil {
		return segments{}, fmt.Errorf("a signature that is %w", err)
	}
	s.free = room
	return s, nil
}

// payload decodes the payload.
func (s segments) payload() ([]byte, error) {
	data, _, err := decodeSegment(s.free, s.payload64)
	return data, err
}

var errBase64 = errors.New("not base64url without padding")

// decodeSegment decodes into room, or where that is too small into room of its own, and returns what is left.
func decodeSegment(room, text []byte) (data, left []byte, err error) {
	if bytes.IndexByte(text, '\r') >= 0 || bytes.IndexByte(text, '\n') >= 0 { // the decoder would skip them
		return nil, nil, errBase64
	}
	n := strict.DecodedLen(len(text))
	if len(room) < n {
		room = make([]byte, n)
	}
	if _, err := strict.Decode(room[:n], text); err != nil {
		return nil, nil, errBase64
	}
	return room[:n:n], room[n:], nil
}

// header are the parameters that matter (RFC 7515 section 4.1). jku, jwk, x5u and x5c are never looked at: a token does
// not say which key it is to be verified with.
type header struct {
	Algorithm parameter      `json:"alg"`
	KeyID     parameter      `json:"kid"`
	Type      parameter      `json:"typ"`
	Content   parameter      `json:"cty"`
	Critical  jsontext.Value `json:"crit"`
	Base64    jsontext.Value `json:"b64"`
	Encrypted jsontext.Value `json:"enc"`
}

// plainHeader reads the header that nearly every token has, {"alg":"A","kid":"K","typ":"T"} in this order and without
// escapes, at a tenth of the cost. Any other text is left to the JSON decoder.
func plainHeader(data []byte) (header, bool) {
	rest := string(data)
	var values [3]string
	for i, before := range [...]string{`{"alg":"`, `","kid":"`, `","typ":"`} {
		if !strings.HasPrefix(rest, before) {
			return header{}, false
		}
		rest = rest[len(before):]
		end := 0
		for end < len(rest) && rest[end] >= ' ' && rest[end] <= '~' && rest[end] != '"' && rest[end] != '\\' {
			end++
		}
		values[i], rest = rest[:end], rest[end:]
	}
	if rest != `"}` {
		return header{}, false
	}
	return header{Algorithm: parameter{true, values[0]}, KeyID: parameter{true, values[1]}, Type: parameter{true, values[2]}}, true
}

// parameter is a string that may be absent; null is neither.
type parameter struct {
	set  bool
	text string
}

// UnmarshalJSONFrom reads a string.
func (p *parameter) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '"' {
		return errString
	}
	read, err := dec.ReadToken()
	if err != nil {
		return err
	}
	*p = parameter{true, read.String()}
	return nil
}

var errString = errors.New("want a string")

// decodeHeader reads the header: one JSON object in UTF-8 without duplicate members.
func decodeHeader(data []byte) (header, error) {
	if h, plain := plainHeader(data); plain {
		return h, nil
	}
	var h header
	if err := json.Unmarshal(data, &h); err != nil {
		return header{}, jsonError(err)
	}
	if err := scan(data, func(name, _ []byte) error {
		return foldsTo(name, parameters[:])
	}); err != nil {
		return header{}, err
	}
	if !h.Algorithm.set {
		return header{}, errors.New(`no "alg"`)
	}
	return h, nil
}

// jsonError says what is wrong with a JSON text without quoting it.
func jsonError(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return errors.New("a duplicate member")
	}
	if tooDeep(err) {
		return errors.New("values nested too deep")
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		name := string(semantic.JSONPointer)
		if name == "" {
			return errors.New("not a JSON object")
		}
		return wrongType(strings.TrimPrefix(name, "/"), semantic)
	}
	return errors.New("not JSON in UTF-8")
}

// tooDeep tells the error of JSON that is nested deeper than the decoder goes, which has no name for it.
func tooDeep(err error) bool {
	var syntax *jsontext.SyntacticError
	return errors.As(err, &syntax) && syntax.Err != nil && strings.Contains(syntax.Err.Error(), "max depth")
}

// wrongType says which member has another type than it may have, and which that is.
func wrongType(name string, e *json.SemanticError) error {
	switch {
	case errors.Is(e.Err, errDate), errors.Is(e.Err, errAudience), errors.Is(e.Err, errAudiences), errors.Is(e.Err, errString):
		return fmt.Errorf("%.80q of the wrong type: %w", name, e.Err)
	case e.GoType == nil:
		return fmt.Errorf("%.80q of the wrong type", name)
	}
	want := "another"
	switch e.GoType.Kind() {
	case reflect.String:
		want = "a string"
	case reflect.Bool:
		want = "true or false"
	case reflect.Map, reflect.Struct:
		want = "an object"
	case reflect.Slice:
		want = "a list"
	case reflect.Int, reflect.Int64:
		want = "a whole number"
	}
	return fmt.Errorf("%.80q of the wrong type: want %s", name, want)
}

// The names that no other may resemble: of the header, and of the claims.
var (
	parameters = [...]string{"alg", "kid", "typ", "cty", "crit", "b64", "enc"}
	registered = [...]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}
)

// foldsTo refuses a name that differs from a known one in case only: which of both counts would be anyone's guess.
func foldsTo(name []byte, known []string) error {
	if lower(name) { // nearly every name: what it folds to is itself
		return nil
	}
	for _, k := range known {
		if len(name) <= 2*len(k) && string(name) != k && bytes.EqualFold(name, []byte(k)) {
			return fmt.Errorf("%.20q, which differs from %q in case only", name, k)
		}
	}
	return nil
}

// lower tells a name of ASCII without capitals.
func lower(name []byte) bool {
	for _, b := range name {
		if b >= 'A' && b <= 'Z' || b >= 0x80 {
			return false
		}
	}
	return true
}

// scan calls f with the name and the JSON of every member of an object that is known to be well-formed.
func scan(object []byte, f func(name, value []byte) error) error {
	i := bytes.IndexByte(object, '{') + 1
	if i == 0 {
		return nil
	}
	for {
		for object[i] != '"' { // white space and a comma
			if object[i] == '}' {
				return nil
			}
			i++
		}
		start := i
		i = stringEnd(object, i)
		name := object[start+1 : i-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			plain, err := jsontext.AppendUnquote(nil, object[start:i])
			if err != nil {
				return errors.New("a member name that cannot be read")
			}
			name = plain
		}
		for object[i] != ':' {
			i++
		}
		value := skipSpace(object, i+1)
		i = valueEnd(object, value)
		if err := f(name, object[value:i]); err != nil {
			return err
		}
	}
}

func skipSpace(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r' {
		i++
	}
	return i
}

// stringEnd returns where the string that starts at i has ended.
func stringEnd(text []byte, i int) int {
	start := i + 1
	for i = start; ; i++ {
		i += bytes.IndexByte(text[i:], '"')
		before := i // an even number of backslashes before a quote escapes none
		for before > start && text[before-1] == '\\' {
			before--
		}
		if (i-before)%2 == 0 {
			return i + 1
		}
	}
}

// valueEnd returns where the value that starts at i has ended.
func valueEnd(text []byte, i int) int {
	if text[i] == '"' {
		return stringEnd(text, i)
	}
	for depth := 0; ; i++ {
		switch text[i] {
		case '"':
			i = stringEnd(text, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
	}
}
