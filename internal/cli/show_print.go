package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/term"

	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

// maxShown is how much of the files' text show prints without being asked for one by name, and how much of a claim.
const maxShown = 64 << 10

// display is what show prints.
type display struct {
	name           string
	heading        string // "verified", or "UNVERIFIED: " and why
	notes          []string
	header, claims []byte // JSON; no header: it is not known
	bundle         pattern.Bundle
	checks         token.Report
}

func (a *app) display(d display, f showFlags) error {
	switch {
	case f.file != "":
		return a.displayFile(d, f.file)
	case f.asJSON:
		return printJSON(a.stdout, struct {
			Verified bool            `json:"verified"`
			Notes    []string        `json:"notes,omitempty"`
			Header   json.RawMessage `json:"header,omitempty"`
			Claims   json.RawMessage `json:"claims"`
			Checks   token.Report    `json:"checks"`
		}{d.heading == "verified", d.notes, d.header, d.claims, d.checks})
	}
	return d.print(a.stdout)
}

func (d display) print(w io.Writer) error {
	fmt.Fprintln(w, safe(d.heading))
	for _, note := range d.notes {
		fmt.Fprintln(w, "note: "+safe(note))
	}
	if d.header != nil {
		if err := printObject(w, "header", d.header); err != nil {
			return err
		}
	}
	claims, err := d.withoutFiles()
	if err != nil {
		return err
	}
	if err := printObject(w, "claims", claims); err != nil {
		return err
	}
	d.printFiles(w)
	if len(d.checks) == 0 {
		return nil
	}
	fmt.Fprintln(w, "checks")
	return printChecks(w, d.checks)
}

// withoutFiles are the claims with the Pattern's entrypoint and the number of its files in the place of the Pattern.
func (d display) withoutFiles() ([]byte, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(d.claims))
	if _, err := decoder.ReadToken(); err != nil {
		return nil, err
	}
	short := []byte("{")
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadValue()
		if err != nil {
			return nil, err
		}
		if len(short) > 1 {
			short = append(short, ',')
		}
		short = append(append(short, name...), ':')
		isPattern := string(name) == `"etchaPattern"`
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, err
		}
		if isPattern && d.bundle.Files != nil {
			if value, err = json.Marshal(map[string]any{"entrypoint": d.bundle.Entrypoint, "files": len(d.bundle.Files)}); err != nil {
				return nil, err
			}
		}
		short = append(short, value...)
	}
	return append(short, '}'), nil
}

// printFiles prints each file's text, its lines set off so that none looks like one of ours.
func (d display) printFiles(w io.Writer) {
	left := maxShown
	for _, name := range slices.Sorted(maps.Keys(d.bundle.Files)) {
		text := d.bundle.Files[name]
		fmt.Fprintf(w, "file %s, %d bytes\n", safe(name), len(text))
		if len(text) > left {
			fmt.Fprintf(w, "  (not shown: --file %s prints it)\n", safe(name))
			continue
		}
		left -= len(text)
		for line := range strings.Lines(text) {
			fmt.Fprintln(w, "  | "+safeLine(line))
		}
	}
}

// safeLine is a line of somebody's text as a terminal may have it, without its end.
func safeLine(line string) string {
	return safe(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "))
}

// displayFile prints a file as it is, or to a terminal as it may have it.
func (a *app) displayFile(d display, name string) error {
	text, there := d.bundle.Files[name]
	if !there {
		text, there = d.bundle.Files["/"+name]
	}
	if !there {
		names := slices.Sorted(maps.Keys(d.bundle.Files))
		return fmt.Errorf("%s carries no file %q%s", d.name, name, nearest.Suggestion(name, names))
	}
	if !a.onTerminal() {
		_, err := io.WriteString(a.stdout, text)
		return err
	}
	for line := range strings.Lines(text) {
		fmt.Fprintln(a.stdout, safeLine(line))
	}
	return nil
}

func (a *app) onTerminal() bool {
	file, isFile := a.stdout.(*os.File)
	return isFile && term.IsTerminal(int(file.Fd()))
}
