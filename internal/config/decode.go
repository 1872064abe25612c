package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/internal/config/form"
	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/internal/strict"
	"github.com/writ-run/writ/key"
)

// errorAt is a mistake below a key.
type errorAt struct {
	path string // "[0].rool" below the key
	text string
}

func (e errorAt) Error() string { return e.text }

// decode puts a JSON value into the config.
func (f *field) decode(c *Config, names []string, value jsontext.Value) error {
	err := json.Unmarshal(value, f.pointer(c, names), json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var mistake *strict.Mistake
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &mistake):
		path := mistake.Path
		if path != "" && path[0] != '[' {
			path = "." + path
		}
		return errorAt{path, mistake.Reason}
	case !errors.As(err, &semantic):
		return errorAt{text: "not JSON; want " + f.what}
	}
	path, name, pattern := pointerPath(semantic.JSONPointer)
	if errors.Is(err, json.ErrUnknownName) {
		allowed := f.members[pattern]
		return errorAt{path, fmt.Sprintf("unknown key%s; allowed: %s", nearest.Suggestion(name, allowed), strings.Join(allowed, ", "))}
	}
	want := f.what
	if path != "" {
		want = "another type"
		if semantic.GoType != nil {
			want = typeName(semantic.GoType.String())
		}
	}
	return errorAt{path, fmt.Sprintf("want %s, not %s", want, form.Kind(semantic.JSONKind))}
}

// pointerPath makes [0].files[1].path of /0/files/1/path, with its last name and the names before it.
func pointerPath(pointer jsontext.Pointer) (path, name, pattern string) {
	var names []string
	for part := range pointer.Tokens() {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			path += "[" + part + "]"
			continue
		}
		path += "." + part
		names = append(names, part)
	}
	if len(names) > 0 {
		name = names[len(names)-1]
		pattern = strings.Join(names[:len(names)-1], ".")
	}
	return path, name, pattern
}

func typeName(goType string) string {
	switch strings.TrimLeft(goType, "*") {
	case "bool":
		return "true or false"
	case "string", "agent.Secret":
		return "text"
	case "uint32":
		return "a whole number from 0 to 4294967295"
	case "[]string":
		return "a list of texts"
	}
	if strings.HasPrefix(goType, "[]") {
		return "a list of objects"
	}
	return "an object"
}

// shower is a value that is shown in a way of its own.
type shower interface{ Shown() any }

// value returns what the config holds, as it may be shown.
func (f *field) value(c *Config, names []string) any {
	switch p := f.pointer(c, names).(type) {
	case *string:
		return *p
	case *agent.Secret:
		return p.String()
	case *key.Algorithm:
		return string(*p)
	case *float64:
		return *p
	case *bool:
		return *p
	case shower:
		return p.Shown()
	default:
		text, err := json.Marshal(p)
		if err != nil {
			return nil
		}
		return jsontext.Value(text)
	}
}
