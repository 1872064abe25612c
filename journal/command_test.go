package journal_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/journal"
)

// TestCommandEntries pins how the entries of Commands look: silent starts and ends, and ends with more to say than a status.
func TestCommandEntries(t *testing.T) {
	t.Parallel()
	one := 1
	entries := []journal.Entry{
		{Kind: journal.Start, Job: "local", Step: "a"},
		{Kind: journal.Output, Job: "local", Step: "a", Text: "hello"},
		{Kind: journal.Finish, Job: "local", Step: "a", Status: "changed", Text: "12 ms"},
		{Kind: journal.Finish, Job: "local", Step: "b", Status: "failed", Exit: &one, Text: "set off by a\x1b[31m"},
		{Kind: journal.Finish, Job: "local", Step: "c", Status: "well"},
		{Kind: journal.Start, Job: "local", Step: "d"},
		{Kind: journal.Finish, Job: "local", Step: "d"},
	}
	var plain strings.Builder
	text := journal.NewText(&plain)
	for _, e := range entries {
		if err := text.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	const want = "local/a | hello\nlocal/a: changed, 12 ms\nlocal/b: failed (exit status 1), set off by a\nlocal/c: well\n"
	if plain.String() != want {
		t.Errorf("%q\nwant %q", plain.String(), want)
	}
	var screen strings.Builder
	terminal := journal.NewTerminal(&screen, journal.TerminalConfig{})
	for _, e := range entries {
		if err := terminal.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	if got := screen.String(); !strings.HasPrefix(got, "running: local/a 0s\r") || strings.Contains(got, "local/a: \n") || strings.Contains(got, "local/d: ") || !strings.Contains(got, "local/b: failed (exit status 1), set off by a\n") {
		t.Errorf("%q", got)
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	r := journal.NewRedactor(&memory{})
	r.Add("hunter2hunter2")
	if got := r.Mask("a hunter2hunter2\nb hunter2hunter2"); got != "a ((redacted))\nb ((redacted))" {
		t.Errorf("%q", got)
	}
}
