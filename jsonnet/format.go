package jsonnet

import (
	"errors"

	"github.com/writ-run/writ/jsonnet/format"
)

// formatKeys returns the keys of a format, or nothing where it has codes without one, or is none that is known here.
func formatKeys() native {
	return native{"formatKeys", []string{"format"}, func(_ *session, arguments []any) (any, error) {
		text, err := textArgument("formatKeys", "format", arguments[0])
		if err != nil {
			return nil, err
		}
		f, known := format.Parse(text)
		if !known {
			return nil, nil
		}
		keys, all := f.Keys()
		if !all {
			return nil, nil
		}
		list := make([]any, len(keys))
		for i, key := range keys {
			list[i] = key
		}
		return list, nil
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
