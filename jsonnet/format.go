package jsonnet

import (
	"errors"

	"github.com/writ-run/writ/jsonnet/format"
)

// formatCodes returns how many values a format takes, -1 for one that is left to the evaluator, and the keys of its codes: nothing
// where it has codes without one.
func formatCodes() native {
	return native{"formatCodes", []string{"format"}, func(_ *session, arguments []any) (any, error) {
		text, err := textArgument("formatCodes", "format", arguments[0])
		if err != nil {
			return nil, err
		}
		f, known := format.Parse(text)
		if !known {
			return map[string]any{"count": -1.0, "keys": nil}, nil
		}
		count, keys := f.Codes()
		if keys == nil {
			return map[string]any{"count": float64(count), "keys": nil}, nil
		}
		list := make([]any, len(keys))
		for i, key := range keys {
			list[i] = key
		}
		return map[string]any{"count": float64(count), "keys": list}, nil
	}}
}

// formatFilled fills values into a format: "one", a "list" of one for each code, or a list of those of its "keys". Nothing: this is
// the evaluator's to do.
func formatFilled() native {
	return native{"format", []string{"format", "values", "as"}, func(s *session, arguments []any) (any, error) {
		text, err := textArgument("format", "format", arguments[0])
		if err != nil {
			return nil, err
		}
		values, isList := arguments[1].([]any)
		if !isList {
			values = arguments[1:2]
		}
		f, known := format.Parse(text)
		if !known {
			return nil, nil
		}
		out := bounded{ctx: s.ctx, limit: s.limits.Bytes}
		if err := f.Fill(&out, values, arguments[2] == "keys"); errors.Is(err, format.ErrNotHere) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		return out.String(), nil
	}}
}
