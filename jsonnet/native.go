package jsonnet

import (
	"fmt"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"

	"github.com/writ-run/writ/jsonnet/trees"
)

// native is a function that Jsonnet calls. The evaluator gives it all its arguments, and has no defaults for them: those are
// in trees/native.libsonnet, through which programs call it.
type native struct {
	name       string
	parameters []string
	call       func(s *session, arguments []any) (any, error)
}

// natives are the functions in Go.
func natives() []native {
	return []native{
		getArch(), getOS(), getEnv(), getConfig(), getCmd(), // native_machine.go
		getFile(), getPath(), // native_file.go
		getRecord(),             // native_record.go
		keeps(), kept(), keep(), // native_cache.go
		memberPath(),                              // native_path.go
		randStr(), regexMatch(), renderTemplate(), // native_text.go
		render(),                      // native_render.go
		formatFilled(), formatCodes(), // format.go
		unknown(), // below
	}
}

// An answer of a function that asks outside: a fallback of the program's may take the place of one that is missing.
func answered(value any) any { return map[string]any{"value": value} }

func missing(format string, arguments ...any) any {
	return map[string]any{"missing": fmt.Sprintf(format, arguments...)}
}

// closed is the error of a function that the caller does not grant.
func closed(name, what string) error {
	return fmt.Errorf("%s is closed here: this program may not %s", name, what)
}

// textArgument is an argument that must be a text.
func textArgument(function, parameter string, value any) (string, error) {
	text, isText := value.(string)
	if !isText {
		return "", fmt.Errorf("%s: %s must be a string, and is %s", function, parameter, kindOf(value))
	}
	return text, nil
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	}
	return "an object"
}

// bring takes note of a value from outside.
func (s *session) bring(value string) {
	s.brought = append(s.brought, value)
	if s.access.Brought != nil {
		s.access.Brought(value)
	}
}

// once remembers an answer within the evaluation: a URL is fetched, and a command runs, once.
func (s *session) once(function, arguments string, ask func() (any, error)) (any, error) {
	key := [2]string{function, arguments}
	if answer, known := s.answers[key]; known {
		return answer, nil
	}
	answer, err := ask()
	if err == nil {
		s.answers[key] = answer
	}
	return answer, err
}

// unknown is called for a name that std.native does not know.
func unknown() native {
	return native{"unknown", []string{"name", "known"}, func(_ *session, arguments []any) (any, error) {
		name, err := textArgument("std.native", "name", arguments[0])
		if err != nil {
			return nil, err
		}
		known, _ := arguments[1].([]any)
		var names []string
		for _, one := range known {
			if known, _ := one.(string); strings.EqualFold(known, name) {
				return nil, fmt.Errorf("there is no native function %q; did you mean %q?", name, known)
			}
			names = append(names, fmt.Sprint(one))
		}
		return nil, fmt.Errorf("there is no native function %q; there are %s", name, strings.Join(names, ", "))
	}}
}

// The external variables that are our own: no program can have others of these names.
const (
	nativeName = "<native>" // what std.native gives a program
	formatName = "<format>" // what % and std.format are in a program
)

// teach gives an evaluator the native functions.
func (s *session) teach(vm *jsonnet.VM) {
	for _, f := range natives() {
		parameters := make(ast.Identifiers, len(f.parameters))
		for i, name := range f.parameters {
			parameters[i] = ast.Identifier(name)
		}
		vm.NativeFunction(&jsonnet.NativeFunction{Name: f.name, Params: parameters, Func: func(arguments []any) (any, error) {
			if err := s.ctx.Err(); err != nil {
				return nil, err
			}
			return f.call(s, arguments)
		}})
	}
	vm.ExtNode(nativeName, trees.Native)
	vm.ExtNode(formatName, trees.Format)
}
