package verifiers

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/badtokens"
)

// The files that the verdicts are kept in, and the marks between which the page has them.
const (
	begin = "<!-- verdicts: written by the tests of test/verifiers -->\n"
	end   = "<!-- end of verdicts -->\n"
)

var (
	verdictsFile = filepath.Join("testdata", "verdicts.json")
	page         = filepath.Join("..", "..", "docs", "verify.md")
)

// compare holds what was said against what is written down, or writes it down.
func compare(t *testing.T, bad []badtokens.Token, rows []row) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the verdicts", page)
	}
	known := read(t)
	for i, l := range libraries {
		if written := known[l.name]; rows[i].Version == "" { // skipped: it is not installed
			rows[i] = written
		}
	}
	if os.Getenv("WRIT_UPDATE_GOLDEN") != "" {
		write(t, rows)
		made := before + begin + table(bad, rows) + end + after
		if err := os.WriteFile(page, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for i, l := range libraries {
		written, there := known[l.name]
		switch {
		case !there:
			t.Errorf("%s: nothing is written down", l.name)
		case written.Version != rows[i].Version:
			t.Logf("NOT COMPARED: %s is %s here, and its verdicts are written down of %s", l.name, rows[i].Version, written.Version)
			rows[i] = written
		case !reflect.DeepEqual(written, rows[i]):
			t.Errorf("%s said %+v\nwritten down is %+v", l.name, rows[i], written)
		}
	}
	if made := before + begin + table(bad, rows) + end + after; made != string(text) {
		t.Errorf("%s differs from what was said; WRIT_UPDATE_GOLDEN=1 rewrites it", page)
	}
}

func read(t *testing.T) map[string]row {
	t.Helper()
	text, err := os.ReadFile(verdictsFile)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]row{}
	if err := json.Unmarshal(text, &known); err != nil {
		t.Fatalf("%s: %v", verdictsFile, err)
	}
	return known
}

func write(t *testing.T, rows []row) {
	t.Helper()
	known := map[string]row{}
	for i, l := range libraries {
		known[l.name] = rows[i]
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(known); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(verdictsFile, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// table is what the page says of the libraries.
func table(bad []badtokens.Token, rows []row) string {
	var out strings.Builder
	line := func(cells ...string) { out.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	rule := func(cells int) { out.WriteString(strings.Repeat("|---", cells) + "|\n") }

	line("library", "for", "version", "RS256", "ES256", "EdDSA")
	rule(6)
	names := []string{"bad token"}
	for i, l := range libraries {
		names = append(names, l.name)
		cells := []string{l.name, l.where, rows[i].Version}
		for _, algorithm := range algorithms {
			cells = append(cells, word(rows[i].Takes[algorithm], "yes", "no"))
		}
		line(cells...)
	}
	out.WriteString("\n")
	line(names...)
	rule(len(names))
	for _, token := range bad {
		cells := []string{token.Name}
		for _, r := range rows {
			cells = append(cells, word(slices.Contains(r.Through, token.Name), "asked", "refused"))
		}
		line(cells...)
	}
	out.WriteString("\n")
	line("library", "lets through, unless asked", "what to ask for")
	rule(3)
	for i, l := range libraries {
		for _, token := range bad {
			if slices.Contains(rows[i].Through, token.Name) {
				line(l.name, token.Name, l.asked[token.Check])
			}
		}
	}
	return out.String()
}

func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
