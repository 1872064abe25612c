package key

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/go-json-experiment/json"
)

// Etcha's text form is one line, TYPE:BASE64[:KID]: PKIX (public) or PKCS #8 (private) DER in standard base64 (Etcha's
// reference, "Cryptography"). A file may have several, a line each, with blank lines and lines that begin with "#".

// hmacType begins the text of a shared secret, which is no key of two halves: see HMAC.
const hmacType = "hmac"

// textTypes are for messages.
const textTypes = "ed25519public, ecp256public, rsa2048public, ed25519private, ecp256private, rsa2048private, hmac"

// textType returns the algorithm of a type, and whether its keys are private.
func textType(name string) (a Algorithm, private, known bool) {
	name, private = strings.CutSuffix(name, "private")
	if !private {
		if name, known = strings.CutSuffix(name, "public"); !known {
			return "", false, false
		}
	}
	switch name {
	case "ed25519":
		return EdDSA, private, true
	case "ecp256":
		return ES256, private, true
	case "rsa2048":
		return RS256, private, true
	}
	return "", false, false
}

// typeText is the type's name without "public" or "private".
func typeText(a Algorithm) string {
	switch a {
	case EdDSA:
		return "ed25519"
	case ES256:
		return "ecp256"
	}
	return "rsa2048"
}

// Text returns the public key in Etcha's text form, with its id unless that is the thumbprint. RSA has the name rsa2048
// there, so other sizes cannot be written; nor can an id with a colon or a space.
func (p Public) Text() (string, error) {
	if p.key == nil {
		return "", errors.New("no public key")
	}
	der, err := x509.MarshalPKIXPublicKey(p.key)
	if err != nil {
		return "", err
	}
	return p.text("public", der)
}

// Text returns the private key in Etcha's text form, as Public.Text does. The caller keeps it secret.
func (p Private) Text() (string, error) {
	if p.key == nil {
		return "", errors.New("no private key")
	}
	der, err := x509.MarshalPKCS8PrivateKey(p.key())
	if err != nil {
		return "", errors.New("private key cannot be encoded as PKCS #8")
	}
	return p.public.text("private", der)
}

func (p Public) text(half string, der []byte) (string, error) {
	name := typeText(p.algorithm) + half
	if err := checkTextSize(name, p); err != nil {
		return "", err
	}
	id := p.id
	if id == p.Thumbprint() {
		id = ""
	}
	return joinText(name, der, id)
}

func joinText(name string, data []byte, id string) (string, error) {
	text := name + ":" + base64.StdEncoding.EncodeToString(data)
	if id == "" {
		return text, nil
	}
	if err := checkTextID(id); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return text + ":" + id, nil
}

// checkTextSize holds RSA keys to what the name says.
func checkTextSize(name string, p Public) error {
	if k, is := p.key.(*rsa.PublicKey); is && k.N.BitLen() != 2048 {
		return fmt.Errorf("%s: the key has %d bits; the text form has no name for it, PEM and JWK do", name, k.N.BitLen())
	}
	return nil
}

func checkTextID(id string) error {
	if strings.ContainsAny(id, ": ") {
		return fmt.Errorf("kid %.80q has a colon or a space, which the text form has no room for", id)
	}
	return checkID(id)
}

// isText tells whether the first line is WORD:..., be the word a type or a mistake for one.
func isText(data []byte) bool {
	for _, line := range lines(data) {
		word, _, found := strings.Cut(line, ":")
		return found && isWord(word)
	}
	return false
}

// isWord tells what could be the name of a type; it is short enough to be quoted.
func isWord(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return text != "" && len(text) <= 20
}

// lines are the lines that count, with their numbers.
func lines(data []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range bytes.Lines(data) {
			number++
			if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
				continue
			}
			if !yield(number, string(line)) {
				return
			}
		}
	}
}

// atLine adds the line, where there are several.
func atLine(number int, data []byte, err error) error {
	if !bytes.ContainsRune(bytes.TrimSpace(data), '\n') {
		return err
	}
	return fmt.Errorf("line %d: %w", number, err)
}

func onlyLine(data []byte) (string, error) {
	only, count := "", 0
	for _, line := range lines(data) {
		only = line
		count++
	}
	if count != 1 {
		return "", fmt.Errorf("%d lines with keys; want one key", count)
	}
	return only, nil
}

func parseLines(data []byte) ([]Public, error) {
	var keys []Public
	for number, line := range lines(data) {
		k, err := publicLine(line)
		if err != nil {
			return nil, atLine(number, data, err)
		}
		if keys = append(keys, k); len(keys) > maxKeys {
			return nil, fmt.Errorf("more than %d lines with keys", maxKeys)
		}
	}
	return keys, nil
}

// splitLine splits TYPE:BASE64[:KID]. No error quotes more than the type.
func splitLine(line string) (name string, data []byte, id string, err error) {
	name, rest, found := strings.Cut(line, ":")
	text, id, _ := strings.Cut(rest, ":")
	if !found || !isWord(name) {
		return "", nil, "", fmt.Errorf("not a key: want TYPE:BASE64[:KID] with a type of %s", textTypes)
	}
	if _, _, known := textType(name); !known && name != hmacType {
		return "", nil, "", fmt.Errorf("type %q is not one of %s", name, textTypes)
	}
	if err := checkTextID(id); err != nil {
		return "", nil, "", fmt.Errorf("%s: %w", name, err)
	}
	data, err = base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(data) == 0 || strings.ContainsAny(text, "\r\n") { // the decoder would skip them
		return "", nil, "", fmt.Errorf("%s: not standard base64 with padding between the type and the kid", name)
	}
	return name, data, id, nil
}

var errShared = errors.New("hmac: this is a shared secret, which verifies and signs orders; a key of two halves belongs here")

// publicLine reads a public key. Of Ed25519 also the bare 32 bytes, which is what Vault exports.
func publicLine(line string) (Public, error) {
	name, data, id, err := splitLine(line)
	if err != nil {
		return Public{}, err
	}
	algorithm, private, _ := textType(name)
	switch {
	case name == hmacType:
		return Public{}, errShared
	case private:
		return Public{}, ErrPrivate
	}
	var pub any = ed25519.PublicKey(data)
	if algorithm != EdDSA || len(data) != ed25519.PublicKeySize {
		if pub, err = x509.ParsePKIXPublicKey(data); err != nil {
			return Public{}, fmt.Errorf("%s: not a public key in PKIX DER", name)
		}
	}
	public, err := NewPublic(pub, id)
	if err != nil {
		return Public{}, fmt.Errorf("%s: %w", name, err)
	}
	if err := checkLine(name, algorithm, public); err != nil {
		return Public{}, err
	}
	return public, nil
}

func privateLine(line string) (Private, error) {
	name, data, id, err := splitLine(line)
	if err != nil {
		return Private{}, err
	}
	algorithm, isPrivate, _ := textType(name)
	switch {
	case name == hmacType:
		return Private{}, errShared
	case !isPrivate:
		return Private{}, fmt.Errorf("%s: this is a public key where a private one belongs", name)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(data)
	if rest, cut := asn1.Unmarshal(data, new(asn1.RawValue)); err != nil || cut != nil || len(rest) > 0 { // the parser lets a rest be
		return Private{}, fmt.Errorf("%s: not a private key in PKCS #8 DER", name)
	}
	switch k := parsed.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		private, err := newPrivate(k.(crypto.Signer), id)
		if err != nil {
			return Private{}, fmt.Errorf("%s: %w", name, err)
		}
		if err := checkLine(name, algorithm, private.public); err != nil {
			return Private{}, err
		}
		return private, nil
	}
	return Private{}, fmt.Errorf("%s: key type %T is not one of RSA, P-256, Ed25519", name, parsed)
}

// checkLine compares a key with the type before it.
func checkLine(name string, algorithm Algorithm, p Public) error {
	if p.algorithm != algorithm {
		return fmt.Errorf("%s: the key is of another type, for %s", name, p.algorithm)
	}
	return checkTextSize(name, p)
}

// etchaPair is what Etcha's generate-keys prints: an object, or a list of them.
type etchaPair struct {
	Private string `json:"privateKey"`
	Public  string `json:"publicKey"`
}

// etchaPairs reads pairs, if these are some.
func etchaPairs(data []byte) ([]etchaPair, bool) {
	if !bytes.Contains(data, []byte(`"privateKey"`)) {
		return nil, false
	}
	var pairs []etchaPair
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		if json.Unmarshal(data, &pairs) != nil {
			return nil, false
		}
	} else {
		var one etchaPair
		if json.Unmarshal(data, &one) != nil {
			return nil, false
		}
		pairs = []etchaPair{one}
	}
	for _, pair := range pairs {
		if pair.Private == "" {
			return nil, false
		}
	}
	return pairs, len(pairs) > 0
}

func privatePair(pairs []etchaPair) (Private, error) {
	if len(pairs) != 1 {
		return Private{}, fmt.Errorf("%d pairs of keys; want one", len(pairs))
	}
	private, err := privateLine(pairs[0].Private)
	if err != nil {
		return Private{}, fmt.Errorf(`member "privateKey": %w`, err)
	}
	if pairs[0].Public == "" {
		return private, nil
	}
	public, err := publicLine(pairs[0].Public)
	if err != nil {
		return Private{}, fmt.Errorf(`member "publicKey": %w`, err)
	}
	if public.Thumbprint() != private.public.Thumbprint() {
		return Private{}, errors.New("privateKey and publicKey are of different keys")
	}
	return private, nil
}
