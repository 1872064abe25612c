package key

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrPrivate is a private key where a public one belongs: it is refused, so that nobody publishes one by mistake.
var ErrPrivate = errors.New("this is a private key where a public one belongs; convert it first, and treat it as published if others saw it")

// ParsePublic reads one public key: a JWK, PEM with a "PUBLIC KEY" (PKIX) or "RSA PUBLIC KEY" (PKCS #1) block, or
// Etcha's text form. A private key is refused with ErrPrivate.
func ParsePublic(data []byte) (Public, error) {
	if err := checkSize(data); err != nil {
		return Public{}, err
	}
	switch formOf(data) {
	case formNone:
		return Public{}, errForm
	case formPEM:
		block, rest := nextBlock(data)
		if err := checkAlone(block, rest); err != nil {
			return Public{}, err
		}
		return publicBlock(block)
	case formText:
		line, err := onlyLine(data)
		if err != nil {
			return Public{}, err
		}
		return publicLine(line)
	}
	if _, is := etchaPairs(data); is {
		return Public{}, ErrPrivate
	}
	k, err := decodeJWK(data)
	if err != nil {
		return Public{}, err
	}
	if k.private() {
		return Public{}, ErrPrivate
	}
	return k.public()
}

// ParsePrivate reads one private key: a JWK, PEM with a "PRIVATE KEY" (PKCS #8), "RSA PRIVATE KEY" (PKCS #1) or "EC
// PRIVATE KEY" (SEC 1) block, Etcha's text form, or the JSON that its generate-keys prints.
func ParsePrivate(data []byte) (Private, error) {
	if err := checkSize(data); err != nil {
		return Private{}, err
	}
	switch formOf(data) {
	case formNone:
		return Private{}, errForm
	case formPEM:
		block, rest := nextBlock(data)
		if err := checkAlone(block, rest); err != nil {
			return Private{}, err
		}
		return privateBlock(block)
	case formText:
		line, err := onlyLine(data)
		if err != nil {
			return Private{}, err
		}
		return privateLine(line)
	}
	if pairs, is := etchaPairs(data); is {
		return privatePair(pairs)
	}
	k, err := decodeJWK(data)
	if err != nil {
		return Private{}, err
	}
	return k.secret()
}

// ParseSet reads a JWKS, one JWK, PEM blocks with public keys, or lines of Etcha's text form. In a JWKS, keys of unknown
// types, curves, algorithms and uses are skipped (RFC 7517 section 5); a broken or a private one is refused with its
// place. A set without one usable key is refused.
func ParseSet(data []byte) (Set, error) {
	keys, err := ParseAll(data)
	if err != nil {
		return Set{}, err
	}
	return NewSet(keys...)
}

// ParseAll reads what ParseSet reads, as a list of 1 to 256 keys in which two may share an id.
func ParseAll(data []byte) ([]Public, error) {
	if err := checkSize(data); err != nil {
		return nil, err
	}
	switch formOf(data) {
	case formNone:
		return nil, errForm
	case formPEM:
		return parsePEMs(data)
	case formText:
		return parseLines(data)
	}
	if _, is := etchaPairs(data); is {
		return nil, ErrPrivate
	}
	var members struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, jsonError("JWKS", err)
	}
	if members.Keys == nil {
		k, err := ParsePublic(data)
		if err != nil {
			return nil, err
		}
		return []Public{k}, nil
	}
	return parseJWKs(members.Keys)
}

func parseJWKs(list []jsontext.Value) ([]Public, error) {
	if len(list) > maxKeys {
		return nil, fmt.Errorf("JWKS has %d keys, want at most %d", len(list), maxKeys)
	}
	var keys []Public
	for i, text := range list {
		k, err := ParsePublic(text)
		if errors.Is(err, errUnknownType) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("JWKS: key %d: %w", i+1, err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("JWKS has no key that this program can use: want RSA, EC with P-256, or OKP with Ed25519, for signatures")
	}
	return keys, nil
}

func parsePEMs(data []byte) ([]Public, error) {
	var keys []Public
	for len(bytes.TrimSpace(data)) > 0 {
		block, rest := nextBlock(data)
		if block == nil {
			if bytes.Contains(data, []byte("-----BEGIN ")) || len(keys) == 0 {
				return nil, errors.New("PEM: no complete block")
			}
			break
		}
		k, err := publicBlock(block)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(keys)+1, err)
		}
		if keys = append(keys, k); len(keys) > maxKeys {
			return nil, fmt.Errorf("PEM has more than %d keys", maxKeys)
		}
		data = rest
	}
	return keys, nil
}

func checkSize(data []byte) error {
	if len(data) > maxBytes {
		return fmt.Errorf("key text has %d bytes, want at most %d", len(data), maxBytes)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("no key: the text is empty")
	}
	return nil
}

// form is how keys are written.
type form int

const (
	formNone form = iota
	formJSON      // JWK, JWKS, and any other JSON, also what is broken within
	formPEM
	formText
)

var errForm = errors.New("not a key: want Etcha's text, TYPE:BASE64[:KID] with a type of " + textTypes + "; PEM; or JSON, a JWK or JWKS")

func formOf(data []byte) form {
	switch {
	case isPEM(data):
		return formPEM
	case isText(data):
		return formText
	case isJSON(data):
		return formJSON
	}
	return formNone
}

// isJSON tells what begins as an object or a list, for which the decoder says what is wrong within, and any other value.
func isJSON(data []byte) bool {
	text := bytes.TrimSpace(data)
	return bytes.HasPrefix(text, []byte("{")) || bytes.HasPrefix(text, []byte("[")) || jsontext.Value(data).IsValid()
}

func isPEM(data []byte) bool {
	return bytes.Contains(data, []byte("-----BEGIN ")) && !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
}
