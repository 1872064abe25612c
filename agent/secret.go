package agent

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Secret is a text that no log, error or listing shows. Convert it to a string to use it.
type Secret string

// hidden stands in a secret's place.
const hidden = "(secret)"

// String hides what is there.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides what is there.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText hides what is there.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ShownKey is a key as it may be shown: a public one as it is, anything else hidden.
func ShownKey(k Secret) string {
	text := strings.TrimSpace(string(k))
	if text == "" || isPublic(text) {
		return text
	}
	return hidden
}

// isPublic knows public keys by their form. What it does not know is no public key.
func isPublic(text string) bool {
	switch {
	case strings.HasPrefix(text, "{"):
		return isPublicJWK([]byte(text))
	case strings.HasPrefix(text, "-----BEGIN "):
		return strings.Count(text, "-----BEGIN ") == countPublicBlocks(text)
	}
	kind, rest, found := strings.Cut(text, ":")
	return found && rest != "" && strings.HasSuffix(kind, "public") && !strings.ContainsAny(text, "\r\n")
}

// countPublicBlocks counts the blocks of PEM that hold a public key.
func countPublicBlocks(text string) (n int) {
	for _, label := range []string{"PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"} {
		n += strings.Count(text, "-----BEGIN "+label+"-----")
	}
	return n
}

// publicMembers are those of a JSON Web Key that are no secret (RFC 7517 section 4, RFC 7518 section 6).
var publicMembers = []string{"kty", "use", "key_ops", "alg", "kid", "x5u", "x5c", "x5t", "x5t#S256", "crv", "x", "y", "n", "e"}

// isPublicJWK is true for a JSON Web Key, or a set of them, in which no member can be a secret.
func isPublicJWK(text []byte) bool {
	var k map[string]any
	if json.Unmarshal(text, &k) != nil {
		return false
	}
	keys := []any{k}
	if set, isSet := k["keys"].([]any); isSet && len(k) == 1 {
		keys = set
	}
	for _, one := range keys {
		members, isObject := one.(map[string]any)
		if !isObject || members["kty"] == nil {
			return false
		}
		for name := range members {
			if !slices.Contains(publicMembers, name) {
				return false
			}
		}
	}
	return true
}
