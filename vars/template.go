package vars

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Lookup finds the value at r.Path; r.Fields are walked by the caller, not by the Lookup (which may look at them, as
// Vault's does, to choose between a secret's default field and the whole secret). A Lookup leaves a reference for later
// by returning its own text as the value: values are not looked into again.
type Lookup func(ctx context.Context, r Ref) (value any, found bool, err error)

// Interpolate returns a copy of a YAML tree with every ((var)) replaced by what look finds.
//
// A string that is exactly one reference becomes its value, of whatever type. In a longer string the value must be a
// string, a number or a boolean, and is written in its place; anything else is refused by name. Keys of maps are
// replaced too. Text that only resembles a reference, such as the shell's $((i + 1)), is left alone. Each reference
// is looked up once per call.
//
// References that are not found are collected and returned together as an *UndefinedError. An error of look is
// returned at once, with the reference's name.
func Interpolate(ctx context.Context, value any, look Lookup) (any, error) {
	in := &interpolation{ctx: ctx, look: look, known: map[string]any{}}
	done, err := walk(value, in.text)
	if err != nil {
		return nil, err
	}
	if len(in.missing.Refs) > 0 {
		return nil, in.missing.sorted()
	}
	return done, nil
}

// Replace returns a copy of a YAML tree in which the vars of static are replaced; other references stay as they are
// written. A static value may itself hold ((vars)), which a later Interpolate replaces: it is configuration, not a secret.
func Replace(value any, static map[string]any) (any, error) { return replace(value, "", static) }

// ReplaceLocal is Replace for the local vars, ((.:name)).
func ReplaceLocal(value any, local map[string]any) (any, error) {
	return replace(value, LocalSource, local)
}

func replace(value any, source string, known map[string]any) (any, error) {
	return walk(value, func(text string) (any, error) {
		return fill(text, func(r Ref) (any, bool, error) {
			if r.Source != source || r.Identity {
				return nil, false, nil
			}
			found, ok := known[r.Path]
			if !ok {
				return nil, false, nil
			}
			found, note := descend(r, found)
			return found, note == "", nil
		})
	})
}

// References returns the references in a YAML tree, each once, in the order of the tree (keys of a map sorted).
func References(value any) ([]Ref, error) {
	var refs []Ref
	_, err := walk(value, func(text string) (any, error) {
		parts, err := split(text)
		for _, p := range parts {
			if p.ref != nil && !slices.ContainsFunc(refs, p.ref.Equal) {
				refs = append(refs, *p.ref)
			}
		}
		return text, err
	})
	return refs, err
}

// Assign sets a static var by its name as -v and -y take it: path.field.field, quoted like a reference without a source.
// Fields make maps; a field below a value that is not a map is an error.
func Assign(static map[string]any, name string, value any) error {
	r, err := ParseRef(name)
	if err != nil {
		return err
	}
	if r.Source != "" || r.Identity {
		return fmt.Errorf("var %q: only a var without a source can be set", name)
	}
	at, last := static, r.Path
	for _, field := range r.Fields {
		if at[last] == nil {
			at[last] = map[string]any{}
		}
		below, isMap := at[last].(map[string]any)
		if !isMap {
			return fmt.Errorf("var %q: %s is %s already and has no field %q", name, last, describe(at[last]), field)
		}
		at, last = below, field
	}
	at[last] = value
	return nil
}

type interpolation struct {
	ctx     context.Context
	look    Lookup
	known   map[string]any // by the reference's text: one template asks once
	missing UndefinedError
}

func (in *interpolation) text(text string) (any, error) {
	return fill(text, func(r Ref) (any, bool, error) {
		name := r.String()
		if value, known := in.known[name]; known {
			return value, true, nil
		}
		value, found, err := in.look(in.ctx, r)
		if err != nil {
			return nil, false, fmt.Errorf("((%s)): %w", name, err)
		}
		if !found {
			in.missing.add(r, "")
			return nil, false, nil
		}
		value, note := descend(r, value)
		if note != "" {
			in.missing.add(r, note)
			return nil, false, nil
		}
		in.known[name] = value
		return value, true, nil
	})
}

// fill replaces the references in one string. A reference that is not found stays as it was written.
func fill(text string, find func(Ref) (any, bool, error)) (any, error) {
	parts, err := split(text)
	if err != nil {
		return nil, err
	}
	if len(parts) == 1 && parts[0].ref != nil {
		value, found, err := find(*parts[0].ref)
		if err != nil || !found {
			return text, err
		}
		return value, nil
	}
	var b strings.Builder
	for _, p := range parts {
		if p.ref == nil {
			b.WriteString(p.text)
			continue
		}
		value, found, err := find(*p.ref)
		if err != nil {
			return nil, err
		}
		if !found {
			b.WriteString(p.text)
			continue
		}
		written, scalar := scalarText(value)
		if !scalar {
			return nil, fmt.Errorf("((%s)) is %s; within a longer string only a string, a number or a boolean fits", p.ref, describe(value))
		}
		b.WriteString(written)
	}
	return b.String(), nil
}

// descend walks r.Fields below value. The note says why it could not.
func descend(r Ref, value any) (any, string) {
	at := Ref{Source: r.Source, Path: r.Path, Identity: r.Identity}
	for _, field := range r.Fields {
		var found bool
		var below any
		switch m := value.(type) {
		case map[string]any:
			below, found = m[field]
		case map[any]any:
			below, found = m[field]
		default:
			return nil, fmt.Sprintf("((%s)) is %s and has no fields", at, describe(value))
		}
		if !found {
			return nil, fmt.Sprintf("((%s)) has no field %q", at, field)
		}
		value = below
		at.Fields = append(at.Fields, field)
	}
	return value, ""
}

// part is a piece of a string: literal text, or a reference and how it was written.
type part struct {
	text string
	ref  *Ref
}

// split cuts a string into literal text and references. Something between (( and )) that Concourse would not take for a
// reference is literal; something that it would, and that is not well formed, is an error.
func split(text string) ([]part, error) {
	var parts []part
	literal := 0 // where the current literal began
	for i := 0; i < len(text); {
		open := strings.Index(text[i:], "((")
		if open < 0 {
			break
		}
		i += open
		inner, spaced, found := between(text[i+2:])
		if !found {
			i++
			continue
		}
		ref, err := ParseRef(inner)
		if err != nil {
			if spaced { // only quotes let such characters in, and quotes are also the shell's
				i++
				continue
			}
			return nil, err
		}
		end := i + len("((") + len(inner) + len("))")
		if i > literal {
			parts = append(parts, part{text: text[literal:i]})
		}
		parts = append(parts, part{text: text[i:end], ref: &ref})
		i, literal = end, end
	}
	if literal < len(text) {
		parts = append(parts, part{text: text[literal:]})
	}
	return parts, nil
}

// between returns what stands before the next )) if it can be a reference. spaced says that it has characters in quotes
// that no reference has outside them.
func between(text string) (inner string, spaced, found bool) {
	quoted := false
	for i, c := range text {
		if i > maxRef {
			return "", false, false
		}
		switch {
		case c == '"':
			quoted = !quoted
		case isPlain(c) || c == '.' || c == ':':
		case quoted:
			if c == '\n' {
				return "", false, false
			}
			spaced = true
		case c == ')' && strings.HasPrefix(text[i:], "))"):
			return text[:i], spaced, i > 0
		default:
			return "", false, false
		}
	}
	return "", false, false
}
