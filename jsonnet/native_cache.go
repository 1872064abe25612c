package jsonnet

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/writ-run/writ/internal/address"
)

// keeps tells whether values are kept at all.
func keeps() native {
	return native{"keeps", nil, func(s *session, _ []any) (any, error) { return s.access.Cache != nil, nil }}
}

// kept returns {value}, or {} where none was kept.
func kept() native {
	return native{"kept", []string{"arguments"}, func(s *session, arguments []any) (any, error) {
		if s.access.Cache == nil {
			return map[string]any{}, nil
		}
		key, err := s.cacheKey(arguments[0])
		if err != nil {
			return nil, err
		}
		value, found := s.access.Cache.Get(key)
		if !found {
			return map[string]any{}, nil
		}
		if value, err = plain(value); err != nil {
			return nil, err
		}
		for _, text := range KeptTexts(key, value) {
			s.bring(text)
		}
		return answered(value), nil
	}}
}

// KeptTexts are the texts of a kept value that came from outside when it was kept.
func KeptTexts(key string, value any) []string {
	var list []string
	if !strings.HasPrefix(key, "get ") { // that looks into what is there already
		leaves(value, func(text string) { list = append(list, text) })
	}
	return list
}

// keep returns the value that it keeps.
func keep() native {
	return native{"keep", []string{"arguments", "value"}, func(s *session, arguments []any) (any, error) {
		if s.access.Cache == nil {
			return arguments[1], nil
		}
		key, err := s.cacheKey(arguments[0])
		if err == nil {
			s.access.Cache.Put(key, arguments[1])
		}
		return arguments[1], err
	}}
}

// cacheKey names a value by what was asked for: by a function, its arguments, and nothing secret. Keys are written into
// orders, which are signed but not secret. Of a URL it keeps the names of the headers only (their values may be another
// machine's tokens at the run), of a command its digest. An object that get looks into may differ from the build's, which
// is why its value is kept, so that it is only counted: the first, the second, ... that is asked for the same path.
func (s *session) cacheKey(arguments any) (string, error) {
	list, _ := arguments.([]any)
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i], _ = one.(string)
	}
	if len(list) < 2 || texts[0] == "" {
		return "", errors.New("a value without a name cannot be kept")
	}
	switch function := texts[0]; function {
	case "getCmd":
		return fmt.Sprintf("getCmd %x", sha256.Sum256([]byte(texts[1]))), nil
	case "getFile":
		return "getFile " + shownURL(texts[1]), nil
	case "getRecord":
		return "getRecord " + strings.ToLower(texts[1]) + " " + strings.Join(texts[2:], ""), nil
	case "get":
		if len(list) == 3 {
			return s.objectKey(texts[1], list[2])
		}
	}
	return texts[0] + " " + texts[1], nil
}

func (s *session) objectKey(path string, object any) (string, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(text)
	number := slices.Index(s.objects[path], digest)
	if number < 0 {
		number = len(s.objects[path])
		s.objects[path] = append(s.objects[path], digest)
	}
	if number == 0 {
		return "get object " + path, nil
	}
	return fmt.Sprintf("get object %s (%d)", path, number+1), nil
}

// shownURL is a path of getFile without passwords and headers' values.
func shownURL(path string) string {
	if !isURL(path) {
		return path
	}
	plain, headers, _ := strings.Cut(path, "#")
	shown := address.Shown(plain)
	var names []string
	for line := range strings.SplitSeq(headers, "\n") {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), ":"); name != "" {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return shown
	}
	return shown + "#" + strings.Join(names, ",")
}
