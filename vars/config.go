package vars

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fields reads a source's config strictly: each field by its name and type. Every mistake is collected, and Err returns
// them all, with the unknown fields.
type Fields struct {
	config   map[string]any
	final    bool
	known    []string
	problems []string
}

// NewFields starts to read a config. Before its vars are replaced (final false) a value that still is a ((var)) has no
// type yet and is taken for unset; afterwards (final true) what looks like one is text like any other.
func NewFields(config map[string]any, final bool) *Fields {
	return &Fields{config: config, final: final}
}

// Has says whether a field is there and not null.
func (f *Fields) Has(name string) bool { return f.config[name] != nil }

// Pending says whether a field is a string that still holds a ((var)). Further names lead into maps.
func (f *Fields) Pending(name string, below ...string) bool {
	value := f.config[name]
	for _, key := range below {
		m, _ := value.(map[string]any)
		value = m[key]
	}
	return !f.final && pending(value)
}

// String reads a string; "" where there is none.
func (f *Fields) String(name string) string {
	value, ok := f.take(name)
	if !ok {
		return ""
	}
	text, isString := value.(string)
	if !isString {
		f.Fail(name, "%s; it must be a string", describe(value))
	}
	return text
}

// Bool reads a boolean; the strings "true" and "false", which a ((var)) may give, are taken too.
func (f *Fields) Bool(name string) bool {
	value, ok := f.take(name)
	if !ok {
		return false
	}
	switch value {
	case true, "true":
		return true
	case false, "false":
		return false
	}
	f.Fail(name, "%s; it must be true or false", describe(value))
	return false
}

// Duration reads a duration in Go's form ("1h", "90s"). set says that there is one that could be read.
func (f *Fields) Duration(name string) (d time.Duration, set bool) {
	value, ok := f.take(name)
	if !ok {
		return 0, false
	}
	if value == 0 {
		return 0, true // the one number that needs no unit
	}
	text, isString := value.(string)
	if !isString {
		f.Fail(name, "%v: a duration needs a unit, as in \"1h\" or \"90s\"", value)
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		f.Fail(name, "%q is not a duration such as \"1h\" or \"90s\"", shorten(text))
	}
	return d, err == nil
}

// Strings reads a list of strings.
func (f *Fields) Strings(name string) []string {
	value, ok := f.take(name)
	if !ok {
		return nil
	}
	list, isList := value.([]any)
	if !isList {
		f.Fail(name, "%s; it must be a list of strings", describe(value))
		return nil
	}
	texts := make([]string, 0, len(list))
	for i, item := range list {
		text, isString := item.(string)
		if !isString {
			f.Fail(name, "item %d is %s; it must be a list of strings", i+1, describe(item))
			return nil
		}
		texts = append(texts, text)
	}
	return texts
}

// Map reads a map with string keys.
func (f *Fields) Map(name string) map[string]any {
	value, ok := f.take(name)
	if !ok {
		return nil
	}
	m, isMap := value.(map[string]any)
	if !isMap {
		f.Fail(name, "%s; it must be a map with strings as keys", describe(value))
	}
	return m
}

// Texts reads a map of strings; numbers and booleans count as their text.
func (f *Fields) Texts(name string) map[string]string {
	m := f.Map(name)
	texts := make(map[string]string, len(m))
	for _, key := range sortedKeys(m) {
		text, scalar := scalarText(m[key])
		if !scalar {
			f.Fail(name, "%s is %s; it must be a string", key, describe(m[key]))
			continue
		}
		texts[key] = text
	}
	return texts
}

// Fail records what is wrong with a field.
func (f *Fields) Fail(name, format string, arguments ...any) {
	f.problems = append(f.problems, name+": "+fmt.Sprintf(format, arguments...))
}

// Err returns every mistake found, and every field that was never asked for.
func (f *Fields) Err() error {
	problems := slices.Clone(f.problems)
	for _, name := range sortedKeys(f.config) {
		if slices.Contains(f.known, name) {
			continue
		}
		problem := fmt.Sprintf("unknown field %q", shorten(name))
		if near := nearest(name, f.known); near != "" {
			problem += fmt.Sprintf("; did you mean %q?", near)
		}
		problems = append(problems, problem)
	}
	if len(problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(problems, "; "))
}

func (f *Fields) take(name string) (any, bool) {
	f.known = append(f.known, name)
	value := f.config[name]
	return value, value != nil && !f.Pending(name)
}

func pending(value any) bool {
	text, isString := value.(string)
	if !isString {
		return false
	}
	parts, err := split(text)
	return err == nil && slices.ContainsFunc(parts, func(p part) bool { return p.ref != nil })
}

// nearest returns the known name that is at most a third of its length in edits away, or "".
func nearest(name string, known []string) string {
	best, distance := "", len(name)/3+1
	for _, candidate := range known {
		if d := edits(name, candidate); d < distance || d == distance && best == "" {
			best, distance = candidate, d
		}
	}
	return best
}

// edits is the Levenshtein distance, in bytes.
func edits(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
