package remote_test

import (
	"fmt"
	"testing"
)

// TestRule3_07UTF8: a discovery document is JSON in UTF-8 with one reading, and so is the key set that it names.
func TestRule3_07UTF8(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{
		"Latin-1": "\"x\":\"caf\xe9\"", "overlong": "\"x\":\"\xc0\xaf\"", "lone surrogate": `"x":"\ud800"`, "issuer twice": `"issuer":"x"`, "jwks_uri twice, escaped": `"jwks\u005furi":"x"`,
	} {
		i := newIssuer(t, generate(t))
		i.change(func() {
			i.document = func(url string) string {
				return fmt.Sprintf(`{%s,"issuer":%q,"jwks_uri":%q}`, more, url, url+"/keys")
			}
		})
		if found, err := open(t, i, new(clock)).Find(t.Context(), ""); err == nil {
			t.Errorf("%s: %d keys", name, len(found))
		}
	}
	for name, body := range map[string]string{"Latin-1": "{\"keys\":[],\"x\":\"\xe9\"}", "byte order mark": "\ufeff{\"keys\":[]}", "empty key set": `{"keys":[]}`, "keys twice": `{"keys":[],"keys":[]}`} {
		i := newIssuer(t, generate(t))
		i.change(func() { i.body = body })
		if found, err := open(t, i, new(clock)).Find(t.Context(), ""); err == nil {
			t.Errorf("key set, %s: %d keys", name, len(found))
		}
	}
}
