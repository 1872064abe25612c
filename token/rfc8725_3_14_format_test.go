package token_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/token"
)

// TestRule3_14Format: three parts of base64url without padding, and no other character.
func TestRule3_14Format(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			k := generate(t, algorithm)
			raw := sign(t, k, good())
			parts := strings.Split(raw, ".")
			header, payload, signature := parts[0], parts[1], parts[2]
			texts := map[string]string{
				"empty": "", "dots": "..", "one part": header, "two parts": header + "." + payload, "four parts": raw + "." + signature, "a dot after": raw + ".", "a dot before": "." + raw,
				"no header": "." + payload + "." + signature, "five parts": raw + "." + signature + "." + signature, "Bearer": "Bearer " + raw, "quoted": `"` + raw + `"`,
				"in braces": "{" + raw + "}", "JSON, flattened": `{"protected":"` + header + `","payload":"` + payload + `","signature":"` + signature + `"}`,
				"JSON, general": `{"payload":"` + payload + `","signatures":[{"protected":"` + header + `","signature":"` + signature + `"}]}`,
				"polyglot":      `{"a.` + raw + `.b":1}`, "detached": header + ".." + signature + ".",
				"unused bits of the signature": unusedBits(t, raw),
			}
			for name, inserted := range map[string]string{
				"newline": "\n", "return": "\r", "blank": " ", "tab": "\t", "NUL": "\x00", "padding": "=", "plus": "+", "slash": "/", "comma": ",", "tilde": "~",
				"no-break space": "\u00a0", "zero width space": "\u200b", "full stop of another script": "\u3002", "percent": "%2E", "high byte": "\xff",
			} {
				texts[name+" before"], texts[name+" after"] = inserted+raw, raw+inserted
				texts[name+" in the header"] = header[:8] + inserted + header[8:] + "." + payload + "." + signature
				texts[name+" in the signature"] = header + "." + payload + "." + signature[:8] + inserted + signature[8:]
			}
			for name, text := range texts {
				t.Run(name, func(t *testing.T) { refused(t, text, set(t, k), profile(), token.ErrMalformed) })
			}
			// The payload is decoded only after the signature, which covers its text.
			refused(t, header+"."+payload[:8]+"\n"+payload[8:]+"."+signature, set(t, k), profile(), token.ErrSignature)
			refused(t, header+"."+payload+"=."+signature, set(t, k), profile(), token.ErrSignature)
			for _, text := range []string{"e30=", "e30 ", "e31", "e3\n0", "e+0", "e"} { // the issuer itself wrote this
				input := encode(`{"alg":"`+string(algorithm)+`"}`) + "." + text
				own, err := k.Sign(t.Context(), []byte(input))
				if err != nil {
					t.Fatal(err)
				}
				refused(t, input+"."+encode(string(own)), set(t, k), profile(), token.ErrClaims)
			}
		})
	}
}

// unusedBits sets the last bit of the signature's text, which stands for nothing.
func unusedBits(t *testing.T, raw string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, raw[len(raw)-1])
	if last&1 != 0 {
		t.Fatal("the last character has no unused bits")
	}
	return raw[:len(raw)-1] + alphabet[last|1:last|1+1]
}
