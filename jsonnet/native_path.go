package jsonnet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// memberPath parses a path into an object: a list of names and indexes.
func memberPath() native {
	return native{"path", []string{"path"}, func(_ *session, arguments []any) (any, error) {
		path, err := textArgument("get", "path", arguments[0])
		if err != nil {
			return nil, err
		}
		steps, err := parsePath(path)
		if err != nil {
			return nil, fmt.Errorf("get: path %q: %w", path, err)
		}
		return steps, nil
	}}
}

// parsePath reads ".a.b[0]", as jq writes it: also `."a b"`, `["a b"]`, `[-1]` (from the end), and without the first dot.
func parsePath(path string) ([]any, error) {
	steps := []any{}
	if path == "." {
		return steps, nil
	}
	for first := true; path != "" || first; first = false {
		var step any
		var err error
		switch {
		case strings.HasPrefix(path, "["):
			step, path, err = parseBracket(path[1:])
		case strings.HasPrefix(path, ".["):
			step, path, err = parseBracket(path[2:])
		case strings.HasPrefix(path, "."):
			step, path, err = parseName(path[1:])
		case first:
			step, path, err = parseName(path)
		default:
			err = fmt.Errorf("a dot or a bracket must come before %q", path)
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func parseName(path string) (step any, rest string, err error) {
	if strings.HasPrefix(path, `"`) {
		return parseQuoted(path)
	}
	end := strings.IndexAny(path, `.["]`)
	if end < 0 {
		end = len(path)
	}
	if end == 0 {
		return nil, "", errors.New("a name is missing after a dot")
	}
	return path[:end], path[end:], nil
}

func parseQuoted(path string) (step any, rest string, err error) {
	quoted, err := strconv.QuotedPrefix(path)
	if err == nil {
		step, err = strconv.Unquote(quoted)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s is no name in quotes", path)
	}
	return step, path[len(quoted):], nil
}

func parseBracket(path string) (step any, rest string, err error) {
	if strings.HasPrefix(path, `"`) {
		if step, rest, err = parseQuoted(path); err != nil {
			return nil, "", err
		}
	} else {
		end := strings.IndexByte(path, ']')
		number, err := strconv.ParseInt(path[:max(0, end)], 10, 32)
		if err != nil {
			return nil, "", errors.New("a number or a name in quotes must be between the brackets")
		}
		step, rest = float64(number), path[end:]
	}
	if !strings.HasPrefix(rest, "]") {
		return nil, "", errors.New("a bracket is not closed")
	}
	return step, rest[1:], nil
}
