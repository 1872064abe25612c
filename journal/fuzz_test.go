package journal_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/writ-run/writ/journal"
)

// FuzzRedactor writes text with a secret in it in pieces of any size. The secret never comes out, and what is no part of
// it does.
func FuzzRedactor(f *testing.F) {
	f.Add("secret", "before ", " after", uint8(3))
	f.Add("aaaa", "aaa", "aaaaa", uint8(1))
	f.Add("abab", "ab", "abx", uint8(2))
	f.Fuzz(func(t *testing.T, secret, before, after string, size uint8) {
		if len(strings.TrimSpace(secret)) < 4 || !utf8.ValidString(secret+before+after) || strings.ContainsAny(secret, "\r\n") || strings.ContainsAny(before+after, "\r") || size == 0 {
			t.Skip()
		}
		sink := &memory{}
		redactor := journal.NewRedactor(sink)
		redactor.Add(secret)
		w := journal.NewWriter(redactor, journal.Entry{Kind: journal.Output})
		for text := before + secret + after; text != ""; {
			n := min(int(size), len(text))
			if _, err := w.Write([]byte(text[:n])); err != nil {
				t.Fatal(err)
			}
			text = text[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, piece := range strings.Split(sink.text(), journal.Mask) {
			if strings.Contains(piece, secret) {
				t.Fatalf("%q came out of %q", secret, sink.text())
			}
		}
		if !strings.Contains(sink.text(), journal.Mask) {
			t.Fatalf("no mask in %q", sink.text())
		}
	})
}
