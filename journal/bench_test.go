package journal_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/journal"
)

// BenchmarkRedaction measures lines of 120 bytes through a Redactor that knows fifty secrets, thirty of them passwords and
// twenty tokens, against the same lines written without one.
func BenchmarkRedaction(b *testing.B) {
	line := []byte(strings.Repeat("step output 0123456789 ", 5) + "\n")
	bare := journal.NewWriter(journal.NewText(io.Discard), journal.Entry{Kind: journal.Output, Job: "job", Step: "step"})
	redactor := journal.NewRedactor(journal.NewText(io.Discard))
	for i := range 30 {
		redactor.Add(fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i)}))[:16+i])
	}
	for i := range 20 {
		redactor.Add("eyJhbGciOiJSUzI1NiJ9." + strings.Repeat(string(rune('a'+i)), 400) + "." + strings.Repeat(string(rune('A'+i)), 342))
	}
	door := journal.NewWriter(redactor, journal.Entry{Kind: journal.Output, Job: "job", Step: "step"})
	write := func(w io.Writer) func() error {
		return func() error {
			for range 100 {
				if _, err := w.Write(line); err != nil {
					return err
				}
			}
			return nil
		}
	}
	ratio.Run(b, 1.5, write(bare), write(door))
}
