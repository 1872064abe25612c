package pattern

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/jsonnet"
)

// Lines says on which line of the entrypoint a property stands, by its path in what the program evaluates to: run[2].change.
// Where that is not in the entrypoint's own text it is the line of what holds it; 0: none of it is there. Nothing is looked
// for before there is something to say.
func Lines(program jsonnet.Program) func(path string) int {
	lines := sync.OnceValue(func() map[string]int {
		_, text, err := program.Import("", program.Entrypoint)
		if err != nil {
			return nil
		}
		return jsonnet.Fields(program.Entrypoint, text)
	})
	return func(path string) int {
		for at := path; at != ""; at = parent(at) {
			if line := lines()[at]; line > 0 {
				return line
			}
		}
		return 0
	}
}

// placer says where properties stand: in the entrypoint itself, with the line, or only that it is the entrypoint's.
func placer(program jsonnet.Program) func(path string) string {
	lines := Lines(program)
	return func(path string) string {
		if line := lines(path); line > 0 {
			return fmt.Sprintf("%s:%d", program.Entrypoint, line)
		}
		return program.Entrypoint
	}
}

// parent is the path of what holds a property.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// Origins says where a path leads in what a Pattern evaluated to. A path as a Mistake has it counts Commands; lists may hold
// lists and nulls, so that run[1] may stand at run[0][1].
func Origins(text []byte) func(path string) string {
	known := map[string]string{}
	var p struct {
		Build jsontext.Value `json:"build"`
		Run   jsontext.Value `json:"run"`
	}
	if json.Unmarshal(text, &p) == nil {
		origins(p.Build, "build", "build", known)
		origins(p.Run, "run", "run", known)
	}
	return func(path string) string {
		command, rest := path, ""
		for command != "" {
			if origin, is := known[command]; is {
				return origin + rest
			}
			command = parent(command)
			rest = path[len(command):]
		}
		return path
	}
}

// origins finds the Commands of a list whose path is flat, and which stands at raw.
func origins(value jsontext.Value, flat, raw string, known map[string]string) {
	count := 0
	var list func(value jsontext.Value, raw string)
	list = func(value jsontext.Value, raw string) {
		var elements []jsontext.Value
		if value.Kind() != '[' || json.Unmarshal(value, &elements) != nil {
			return
		}
		for i, element := range elements {
			at := fmt.Sprintf("%s[%d]", raw, i)
			switch element.Kind() {
			case '[':
				list(element, at)
			case '{':
				path := fmt.Sprintf("%s[%d]", flat, count)
				known[path] = at
				count++
				var group struct {
					Commands jsontext.Value `json:"commands"`
				}
				if json.Unmarshal(element, &group) == nil && len(group.Commands) > 0 {
					origins(group.Commands, path+".commands", at+".commands", known)
				}
			}
		}
	}
	list(value, raw)
}

// warned is how a warning about a Command begins.
var warned = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^((?:build|run)\[[^ ]*): `) })

// WarningPath is the path of the property that a warning of a Pattern is about; empty: of none, or one with an old name, which
// is the text's first word.
func WarningPath(warning string) string {
	if found := warned().FindStringSubmatch(warning); found != nil {
		return found[1]
	}
	name, _, _ := strings.Cut(warning, " ")
	return name
}
