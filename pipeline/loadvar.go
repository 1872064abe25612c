package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// LoadVar sets the local var ((.:Name)) to what a file holds.
type LoadVar struct {
	Name   string
	File   string // ARTIFACT/PATH
	Format string // raw, trim, json or yaml
	Reveal bool   // the value is no secret
}

func loadFormats() []string { return []string{"json", "raw", "trim", "yaml", "yml"} }

func (r *reader) loadVar(n *node, fields map[string]*node) *LoadVar {
	l := &LoadVar{Name: r.localName(fields["load_var"], "a load_var's name"), Reveal: r.boolean(fields["reveal"], "reveal")}
	if slices.Contains(r.iterated, l.Name) {
		r.fail(n, "load_var %q: a var of the across around it has this name", l.Name)
	}
	if first, twice := r.locals[l.Name]; twice && l.Name != "" {
		r.fail(n, "load_var %q is there twice; first in line %d", l.Name, first)
	}
	r.locals[l.Name] = n.line
	if fields["file"] == nil {
		r.fail(n, "load_var %q needs a file: ARTIFACT/PATH", l.Name)
		return l
	}
	l.File = r.taskFile(fields["file"])
	l.Format = r.loadFormat(fields["format"], l.File)
	return l
}

// loadFormat is the format that is given, else that of the file's extension, else trim.
func (r *reader) loadFormat(n *node, file string) string {
	format := strings.TrimPrefix(path.Ext(file), ".")
	if n != nil && !n.null() {
		text, ok := r.text(n, "format")
		if !ok {
			return ""
		}
		format = text
	}
	switch format {
	case "yml":
		return "yaml"
	case "json", "raw", "trim", "yaml":
		return format
	}
	if n != nil && !n.null() {
		r.fail(n, "unknown format %s; allowed: %s", n.quoted(), strings.Join(loadFormats(), ", "))
	}
	return "trim"
}

// Value reads the value out of the file's bytes: at most 1 MiB, 64 levels and 100,000 values. Its error names the file and
// the format, and never shows what is in the file: it may be a secret.
func (l *LoadVar) Value(data []byte) (any, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("file %q: at most %d bytes are read", l.File, maxBytes)
	}
	switch l.Format {
	case "raw":
		return string(data), nil
	case "json":
		value, err := jsonValue(data)
		if err != nil {
			return nil, fmt.Errorf("file %q as json: %w", l.File, err)
		}
		return value, nil
	case "yaml":
		n, err := readYAML(l.File, data)
		var wrong Error
		switch {
		case errors.As(err, &wrong) && wrong.Line > 0:
			return nil, fmt.Errorf("file %q as yaml: line %d is not what writ reads", l.File, wrong.Line)
		case err != nil:
			return nil, fmt.Errorf("file %q as yaml: it cannot be read", l.File)
		}
		return n.plain(), nil
	}
	return strings.TrimSpace(string(data)), nil
}

func jsonValue(data []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, errors.New("malformed")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the value")
	}
	count := 0
	return value, bounded(value, 0, &count)
}

// bounded refuses a value that is larger than a file of YAML may hold.
func bounded(value any, depth int, count *int) error {
	*count++
	switch {
	case *count > maxNodes:
		return fmt.Errorf("more than %d values", maxNodes)
	case depth > maxDepth:
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if err := bounded(item, depth+1, count); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, item := range v {
			if err := bounded(item, depth+1, count); err != nil {
				return err
			}
		}
	}
	return nil
}
