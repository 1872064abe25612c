package command

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/internal/nearest"
)

// Mistake is something that a Command, or what holds it, cannot have.
type Mistake struct {
	Path   string `json:"path"` // run[2].exec.env; empty: the whole
	Reason string `json:"reason"`
}

// Error names the path.
func (e *Mistake) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// Explain makes an error of the JSON decoder a *Mistake: with a path as people write it, and the nearest of the known
// names where a member is unknown. What this package has explained stays as it is.
func Explain(err error, known ...string) error {
	var own *Mistake
	if err == nil {
		return nil
	}
	if errors.As(err, &own) {
		return own
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		var syntactic *jsontext.SyntacticError
		if errors.As(err, &syntactic) {
			return &Mistake{pathOf(syntactic.JSONPointer), syntactic.Err.Error()}
		}
		return err
	}
	path := pathOf(semantic.JSONPointer)
	switch {
	case errors.Is(semantic.Err, json.ErrUnknownName):
		name := semantic.JSONPointer.LastToken()
		return &Mistake{path, "unknown property" + nearest.Suggestion(name, known)}
	case semantic.GoType != nil && semantic.JSONKind != 0:
		return &Mistake{path, fmt.Sprintf("is %s; want %s", kindOf(semantic.JSONKind), wanted(semantic.GoType))}
	case semantic.Err != nil:
		return &Mistake{path, semantic.Err.Error()}
	}
	return &Mistake{path, "does not fit"}
}

// pathOf writes a JSON pointer as people write paths: run[2].onChange[0].
func pathOf(pointer jsontext.Pointer) string {
	var path strings.Builder
	for token := range pointer.Tokens() {
		if _, err := strconv.ParseUint(token, 10, 32); err == nil {
			path.WriteString("[" + token + "]")
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(token)
	}
	return path.String()
}

func kindOf(kind jsontext.Kind) string {
	switch kind {
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case '[':
		return "a list"
	case '{':
		return "an object"
	}
	return "null"
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Slice:
		return "a list"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "a number"
	}
	return "an object"
}

// members lists the JSON names of a struct's fields.
func members(of any) (names []string) {
	for field := range reflect.TypeOf(of).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// strictly decodes one value, refusing members that it does not know.
func strictly(from *jsontext.Decoder, into any, known func() []string) error {
	err := json.UnmarshalDecode(from, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	return Explain(err, known()...)
}

// UnmarshalJSONFrom reads a list, flattens the lists in it and leaves out nulls.
func (l *List) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	*l = nil
	switch kind := from.PeekKind(); kind {
	case 'n':
		return from.SkipValue()
	case '[':
		return l.append(from)
	case 0:
		_, err := from.ReadToken()
		return err
	default:
		return refuse(from, kind, "a list of Commands")
	}
}

// refuse is the error for the value that comes next.
func refuse(from *jsontext.Decoder, kind jsontext.Kind, want string) error {
	if err := from.SkipValue(); err != nil { // now the pointer is the value's
		return err
	}
	return &Mistake{pathOf(from.StackPointer()), fmt.Sprintf("is %s; want %s", kindOf(kind), want)}
}

// append reads the list that begins here. The decoder bounds how deep lists nest.
func (l *List) append(from *jsontext.Decoder) error {
	if _, err := from.ReadToken(); err != nil {
		return err
	}
	for {
		switch kind := from.PeekKind(); kind {
		case ']':
			_, err := from.ReadToken()
			return err
		case 'n':
			if err := from.SkipValue(); err != nil {
				return err
			}
		case '[':
			if err := l.append(from); err != nil {
				return err
			}
		case '{':
			var c Command
			if err := json.UnmarshalDecode(from, &c); err != nil {
				return err
			}
			*l = append(*l, c)
		case 0:
			_, err := from.ReadToken()
			return err
		default:
			return refuse(from, kind, "a Command, or a list of them")
		}
	}
}

// UnmarshalJSONFrom reads a Command strictly.
func (c *Command) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	type plain Command
	var read plain
	if err := strictly(from, &read, func() []string { return members(read) }); err != nil {
		return err
	}
	*c = Command(read)
	return nil
}

// UnmarshalJSONFrom reads a string or a list of strings.
func (t *Targets) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	*t = nil
	switch kind := from.PeekKind(); kind {
	case '"':
		token, err := from.ReadToken()
		if err == nil {
			*t = Targets{token.String()}
		}
		return err
	case '{', 't', 'f', '0':
		return refuse(from, kind, "a string or a list of strings")
	}
	type plain Targets
	return strictly(from, (*plain)(t), func() []string { return nil })
}

// UnmarshalJSONFrom reads an Exec strictly. Etcha's documents spell envInherit in two ways; both are read.
func (e *Exec) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	type plain Exec
	var read struct {
		plain
		EnvInherit *bool `json:"envInherit"`
		EnvInheirt *bool `json:"envInheirt"`
	}
	if err := strictly(from, &read, func() []string { return members(Exec{}) }); err != nil {
		return err
	}
	*e = Exec(read.plain)
	switch {
	case read.EnvInherit != nil && read.EnvInheirt != nil && *read.EnvInherit != *read.EnvInheirt:
		return &Mistake{pathOf(from.StackPointer()), "envInherit and envInheirt are one property, and differ"}
	case read.EnvInherit != nil:
		e.EnvInherit = *read.EnvInherit
	case read.EnvInheirt != nil:
		e.EnvInherit = *read.EnvInheirt
	}
	return nil
}
