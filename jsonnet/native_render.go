package jsonnet

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-jsonnet"
)

// renderedFile is the name of a text that render evaluates. No file can have it.
const renderedFile = "<render>\x00"

// maxRender is how deep texts may render texts.
const maxRender = 10

// render evaluates a text as Jsonnet, with this program's imports and access.
func render() native {
	return native{"render", []string{"string"}, func(s *session, arguments []any) (any, error) {
		text, err := textArgument("render", "string", arguments[0])
		if err != nil {
			return nil, err
		}
		if s.depth == maxRender {
			return nil, fmt.Errorf("render: texts render texts more than %d deep (the limit of render)", maxRender)
		}
		s.depth++
		defer func() { s.depth-- }()
		m := s.machine(renderedFile)
		m.rendered = jsonnet.MakeContents(text)
		value, err := m.evaluate()
		if err != nil {
			return nil, m.renderProblem(err)
		}
		var result any
		if err := json.Unmarshal([]byte(value), &result); err != nil {
			return nil, fmt.Errorf("render: %w", err)
		}
		return result, nil
	}}
}

// renderProblem says where in the text, which has no name, a mistake is.
func (m *machine) renderProblem(err error) error {
	err = m.problem(err)
	if e, isError := err.(*Error); isError && e.File == oneLine(renderedFile) {
		if e.Line == 0 {
			return errors.New("render: " + e.Text)
		}
		return fmt.Errorf("render: line %d, column %d of the text: %s", e.Line, e.Column, e.Text)
	}
	return fmt.Errorf("render: %w", err)
}
