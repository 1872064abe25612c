package lint

import (
	"bytes"
	"fmt"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/writ-run/writ/jsonnet"
)

// Formatted returns the text of a file and as Jsonnet's formatter writes it. One that does not parse is a *jsonnet.Error.
func Formatted(file string) (text, formatted []byte, err error) {
	_, text, err = jsonnet.Disk("")("", file)
	if err != nil {
		return nil, nil, err
	}
	formatted, err = jsonnet.Format(file, text)
	return text, formatted, err
}

// unformatted finds what the formatter would change.
func unformatted(program jsonnet.Program) []Finding {
	text, formatted, err := Formatted(program.Entrypoint)
	if err != nil {
		return mistakes(program.Entrypoint, err)
	}
	if bytes.Equal(text, formatted) {
		return nil
	}
	line := 1
	for i := range min(len(text), len(formatted)) {
		if text[i] != formatted[i] {
			break
		}
		if text[i] == '\n' {
			line++
		}
	}
	difference := diff.Diff(program.Entrypoint, text, fmt.Sprintf("%s (formatted)", program.Entrypoint), formatted)
	return []Finding{{File: program.Entrypoint, Line: line, Linter: ofFormat, Text: "not formatted", Diff: string(difference)}}
}
