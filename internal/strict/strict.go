// Package strict reads JSON into types that name all they know, and says of a mistake where it is, in a user's words.
//
//	a type's UnmarshalJSONFrom --Decode, Refuse--> Mistake
//	any other error of the decoder --Explain-----> Mistake: path and reason
package strict

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

// Mistake is something that a value, or what holds it, cannot have.
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
			return &Mistake{Path(syntactic.JSONPointer), syntactic.Err.Error()}
		}
		return err
	}
	path := Path(semantic.JSONPointer)
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

// Path writes a JSON pointer as people write paths: run[2].onChange[0].
func Path(pointer jsontext.Pointer) string {
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
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "an object"
}

// Members lists the JSON names of a struct's fields.
func Members(of any) (names []string) {
	for field := range reflect.TypeOf(of).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// Decode decodes one value, refusing members that it does not know.
func Decode(from *jsontext.Decoder, into any, known func() []string) error {
	err := json.UnmarshalDecode(from, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	return Explain(err, known()...)
}

// Refuse is the error for the value that comes next.
func Refuse(from *jsontext.Decoder, kind jsontext.Kind, want string) error {
	if err := from.SkipValue(); err != nil { // now the pointer is the value's
		return err
	}
	return &Mistake{Path(from.StackPointer()), fmt.Sprintf("is %s; want %s", kindOf(kind), want)}
}
