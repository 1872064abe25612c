// Package dummy is the var source that holds its values in the pipeline itself: type dummy, config {vars: {name: value}}.
package dummy

import (
	"context"

	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload"
)

// Kind is the type dummy.
type Kind struct{}

// Validate checks a config: vars, a map, and nothing else.
func (Kind) Validate(config map[string]any) error {
	_, err := parse(config, false)
	return err
}

// Open returns the source. It holds nothing that needs closing.
func (Kind) Open(_ context.Context, _ *workload.Session, config map[string]any) (vars.Source, error) {
	return parse(config, true)
}

type source map[string]any

// Get returns the value of a name.
func (s source) Get(_ context.Context, r vars.Ref) (any, bool, error) {
	value, found := s[r.Path]
	return value, found, nil
}

func parse(config map[string]any, final bool) (source, error) {
	f := vars.NewFields(config, final)
	values := f.Map("vars")
	if !f.Has("vars") {
		f.Fail("vars", "missing; it is the map of names to values")
	}
	return values, f.Err()
}
