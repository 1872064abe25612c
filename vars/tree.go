package vars

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxDepth bounds how deep a YAML tree may be nested.
const maxDepth = 100

// walk returns a copy of a YAML tree in which every string, also as a map's key, has gone through f. The input is not
// changed. An error is preceded by the place in the tree.
func walk(value any, f func(string) (any, error)) (any, error) {
	w := &walker{f: f}
	return w.walk(value)
}

type walker struct {
	f    func(string) (any, error)
	path []string
}

func (w *walker) fail(err error) error {
	if len(w.path) == 0 {
		return err
	}
	return fmt.Errorf("%s: %w", strings.Join(w.path, ""), err)
}

// below walks a child; step is its place below the current one.
func (w *walker) below(step string, value any) (any, error) {
	if len(w.path) >= maxDepth {
		return nil, w.fail(fmt.Errorf("nested deeper than %d", maxDepth))
	}
	if len(w.path) == 0 {
		step = strings.TrimPrefix(step, ".")
	}
	w.path = append(w.path, step)
	done, err := w.walk(value)
	w.path = w.path[:len(w.path)-1]
	return done, err
}

func (w *walker) walk(value any) (any, error) {
	switch v := value.(type) {
	case string:
		done, err := w.f(v)
		if err != nil {
			return nil, w.fail(err)
		}
		return done, nil
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			done, err := w.below("["+strconv.Itoa(i)+"]", item)
			if err != nil {
				return nil, err
			}
			list[i] = done
		}
		return list, nil
	case map[string]any:
		return w.stringMap(v)
	case map[any]any:
		return w.anyMap(v)
	case nil, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64, json.Number, time.Time:
		return v, nil
	default:
		return nil, w.fail(fmt.Errorf("a %T is not a value of a YAML tree", value))
	}
}

func (w *walker) stringMap(m map[string]any) (any, error) {
	done := make(map[string]any, len(m))
	for _, name := range sortedKeys(m) {
		key, err := w.key(name)
		if err != nil {
			return nil, err
		}
		text, scalar := scalarText(key)
		if !scalar {
			return nil, w.fail(fmt.Errorf("key %q is %s; a key is a string, a number or a boolean", name, describe(key)))
		}
		if _, taken := done[text]; taken {
			return nil, w.fail(fmt.Errorf("key %q is there twice once its vars are replaced", text))
		}
		if done[text], err = w.below("."+name, m[name]); err != nil {
			return nil, err
		}
	}
	if err := mergeInto(done); err != nil {
		return nil, w.fail(err)
	}
	return done, nil
}

func (w *walker) anyMap(m map[any]any) (any, error) {
	names := make([]any, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	done := make(map[any]any, len(m))
	for _, name := range names {
		key := name
		if text, isString := name.(string); isString {
			var err error
			if key, err = w.key(text); err != nil {
				return nil, err
			}
		}
		if _, scalar := scalarText(key); !scalar && key != nil {
			return nil, w.fail(fmt.Errorf("key %q is %s; a key is a string, a number or a boolean", name, describe(key)))
		}
		if _, taken := done[key]; taken {
			return nil, w.fail(fmt.Errorf("key %q is there twice once its vars are replaced", key))
		}
		value, err := w.below(fmt.Sprintf(".%v", name), m[name])
		if err != nil {
			return nil, err
		}
		done[key] = value
	}
	return done, nil
}

func (w *walker) key(name string) (any, error) {
	key, err := w.f(name)
	if err != nil {
		return nil, w.fail(err)
	}
	return key, nil
}

// mergeInto does YAML's merge (<<) for a key that could not be merged when the file was read, because its value was a
// ((var)). Keys of the map itself win; of several maps the first wins. A value that still is a string stays.
func mergeInto(m map[string]any) error {
	value, present := m["<<"]
	if _, unresolved := value.(string); !present || unresolved {
		return nil
	}
	maps := []any{value}
	if list, isList := value.([]any); isList {
		maps = list
	}
	delete(m, "<<")
	for _, item := range maps {
		from, isMap := item.(map[string]any)
		if !isMap {
			return fmt.Errorf("<<: %s cannot be merged; it must be a map or a list of maps", describe(item))
		}
		for key, merged := range from {
			if _, own := m[key]; !own {
				m[key] = merged
			}
		}
	}
	return nil
}

// scalarText writes a scalar into a string. Null is none: it would vanish without a word.
func scalarText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fmt.Sprint(v), true
	case float32:
		return floatText(float64(v), 32), true
	case float64:
		return floatText(v, 64), true
	}
	return "", false
}

// floatText writes a number as JSON does: without an exponent while it is readable.
func floatText(f float64, bits int) string {
	if math.Abs(f) < 1e21 && (f == 0 || math.Abs(f) >= 1e-6) {
		return strconv.FormatFloat(f, 'f', -1, bits)
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

// describe names a value's type, never the value: it may be a secret.
func describe(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case map[string]any, map[any]any:
		return "a map"
	case time.Time:
		return "a timestamp"
	}
	return "a number"
}

func sortedKeys(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
