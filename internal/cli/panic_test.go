package cli

import (
	"bytes"
	"strings"
	"testing"
)

// TestInternalError: a panic is one line that says where, and a hint.
func TestInternalError(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	a := &app{stderr: &said} // without a place to write to
	if status := a.run(t.Context(), []string{"version"}); status != statusErrored {
		t.Errorf("status %d", status)
	}
	lines := strings.Split(said.String(), "\n")
	if !strings.HasPrefix(lines[0], "writ: error: internal error: runtime error: ") || !strings.Contains(lines[0], ", at cli.") || !strings.HasPrefix(lines[1], "writ: hint: this is a bug") {
		t.Errorf("%s", said.String())
	}
}
