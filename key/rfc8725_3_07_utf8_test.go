package key_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// TestRule3_07UTF8: a key or key set is JSON in UTF-8, with one reading.
func TestRule3_07UTF8(t *testing.T) {
	t.Parallel()
	good := string(must(t)(generate(t, key.EdDSA, "k").Public().MarshalJSON()))
	other := string(must(t)(generate(t, key.EdDSA, "o").Public().MarshalJSON()))
	more := func(text string) string { return "{" + text + "," + good[1:] }
	utf16 := func(text string) string { // of ASCII, little-endian
		var out strings.Builder
		for _, r := range text {
			out.WriteString(string(r) + "\x00")
		}
		return out.String()
	}
	for name, text := range map[string]string{
		"Latin-1": more("\"x\":\"caf\xe9\""), "overlong": more("\"x\":\"\xc0\xaf\""), "surrogate": more("\"x\":\"\xed\xa0\x80\""), "lone surrogate, escaped": more(`"x":"\ud800"`),
		"in a name": more("\"x\xff\":1"), "byte order mark": "\ufeff" + good, "UTF-16": utf16(good), "UTF-16 with mark": "\xff\xfe" + utf16(good),
		"kid twice": more(`"kid":"a"`), "kid twice, escaped": more(`"k\u0069d":"a"`), "x twice": more(`"x":"AAAA"`), "unknown twice": more(`"z":1,"z":1`), "twice deep within": more(`"z":[{"a":1,"a":1}]`),
	} {
		if k, err := key.ParsePublic([]byte(text)); err == nil {
			t.Errorf("%s: taken as %s", name, k.ID())
		}
		if set, err := key.ParseSet([]byte(`{"keys":[` + text + `,` + other + `]}`)); err == nil {
			t.Errorf("%s in a set: %d keys", name, len(set.Keys()))
		}
	}
	if set, err := key.ParseSet([]byte(`{"keys":[` + good + `],"keys":[` + other + `]}`)); err == nil {
		t.Errorf("keys twice: %d keys", len(set.Keys()))
	}
	if _, err := key.ParsePublic([]byte(more(`"z":"отдел 😀"`))); err != nil {
		t.Errorf("UTF-8: %v", err)
	}
}
