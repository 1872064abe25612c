package remote

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/writ-run/writ/key"
)

// Reference says where keys for orders are:
//
//	ed25519public:BASE64[:KID], hmac:..., a JWK, JWKS or PEM   the keys themselves
//	https://HOST/PATH                                          a JWKS, PEM or lines of text at this URL
//	http://HOST/PATH#sha256=THUMBPRINT                         of what is there, the one key that has it
//	dns:NAME#sha256=THUMBPRINT                                 of the TXT records there, the one key that has it
//	anything else                                              a file with any of the first
//
// THUMBPRINT is the RFC 7638 thumbprint of the key, 43 characters of base64url. Over plain http and from DNS anyone on the
// way could put in keys of their own, so these count with a thumbprint alone; https may have one. What others publish
// must be public keys: neither private ones nor shared secrets come from a URL or from DNS.
type Reference struct {
	kind kind
	text string // URL without fragment, name or path
	pin  string // thumbprint
	keys key.OrderKeys
}

type kind int

const (
	ofKeys kind = iota
	ofURL
	ofDNS
	ofFile
)

// ParseReference reads a value of a list of keys; keys that stand in it are read, too. Nothing is fetched or opened.
func ParseReference(value string) (Reference, error) {
	value = strings.TrimSpace(value)
	scheme, rest, found := strings.Cut(value, ":")
	switch {
	case value == "":
		return Reference{}, errors.New("empty")
	case scheme == "dns" && found:
		return dnsReference(rest)
	case (scheme == "https" || scheme == "http") && strings.HasPrefix(rest, "//"):
		return urlReference(value)
	case found && isWord(scheme) && strings.HasPrefix(rest, "//"):
		return Reference{}, fmt.Errorf("scheme %q; want https, http or dns", scheme)
	case value[0] == '{' || value[0] == '[' || strings.ContainsRune(value, '\n') || found && isWord(scheme):
		keys, err := key.ParseOrderKeys([]byte(value))
		return Reference{keys: keys}, err
	case bareKey(value):
		return Reference{}, errors.New("a key without its type; want ed25519public:BASE64[:KID], say")
	}
	return Reference{kind: ofFile, text: value}, nil
}

// isWord tells what could be a scheme, or the type of a key's text. It is short enough to be quoted.
func isWord(text string) bool {
	return text != "" && len(text) <= 20 && strings.IndexFunc(text, notAlphanumeric) < 0
}

func notAlphanumeric(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
}

// bareKey tells the base64 of a key, which is not to be shown in the error of a file that is not there.
func bareKey(value string) bool {
	data, err := base64.StdEncoding.Strict().DecodeString(value)
	return err == nil && (len(data) == 32 || len(data) > 40 && data[0] == 0x30) // Ed25519, or DER
}

func urlReference(value string) (Reference, error) {
	location, fragment, pinned := strings.Cut(value, "#")
	pin, err := parsePin(fragment, pinned)
	if err != nil {
		return Reference{}, err
	}
	u, err := checkURL(location, true)
	if err != nil {
		return Reference{}, err
	}
	if u.Scheme == "http" && pin == "" {
		return Reference{}, errors.New("plain http counts only with the key's fingerprint: http://HOST/PATH#sha256=THUMBPRINT")
	}
	return Reference{kind: ofURL, text: location, pin: pin}, nil
}

// isDNSName tells a host name, the labels of which may have underscores.
func isDNSName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		plain := strings.NewReplacer("_", "a", "-", "a").Replace(label)
		if plain == "" || len(plain) > 63 || strings.IndexFunc(plain, notAlphanumeric) >= 0 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

func dnsReference(rest string) (Reference, error) {
	name, fragment, pinned := strings.Cut(rest, "#")
	pin, err := parsePin(fragment, pinned)
	if err != nil {
		return Reference{}, err
	}
	if !isDNSName(name) {
		return Reference{}, errors.New("not a DNS name; want dns:NAME#sha256=THUMBPRINT")
	}
	if pin == "" {
		return Reference{}, errors.New("DNS counts only with the key's fingerprint: dns:NAME#sha256=THUMBPRINT")
	}
	return Reference{kind: ofDNS, text: name, pin: pin}, nil
}

// parsePin reads what follows "#". It is not quoted: elsewhere secrets stand there.
func parsePin(fragment string, pinned bool) (string, error) {
	if !pinned {
		return "", nil
	}
	pin, found := strings.CutPrefix(fragment, "sha256=")
	sum, err := base64.RawURLEncoding.Strict().DecodeString(pin)
	if !found || err != nil || len(sum) != 32 || strings.ContainsAny(pin, "\r\n") {
		return "", errors.New("after # want sha256= and the key's RFC 7638 thumbprint, 43 characters of base64url")
	}
	return pin, nil
}

// Fetched tells whether the keys come from elsewhere, so that they may be away, or others another time.
func (r Reference) Fetched() bool { return r.kind == ofURL || r.kind == ofDNS }

// String says where the keys are, without what might be secret: a URL's query, and keys themselves.
func (r Reference) String() string {
	switch r.kind {
	case ofURL:
		u, err := url.Parse(r.text)
		if err != nil {
			return "URL"
		}
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	case ofDNS:
		return "dns:" + r.text
	case ofFile:
		return r.text
	}
	return "key"
}
