package config

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/jsonnet"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// loader collects values from all sources, and mistakes.
type loader struct {
	options  Options
	config   Config
	environ  map[string]string
	problems []error
}

func (l *loader) fail(origin, format string, arguments ...any) {
	l.problems = append(l.problems, fmt.Errorf("%s: %s", origin, fmt.Sprintf(format, arguments...)))
}

// file reads writ.jsonnet. An error is one that leaves nothing to check; others are collected.
func (l *loader) file(ctx context.Context, path string) error {
	text, err := readFile(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	evaluated, err := jsonnet.Evaluate(ctx, path, text)
	if err != nil {
		return err
	}
	shown := l.shown(path)
	var top map[string]jsontext.Value
	if err := json.Unmarshal(evaluated, &top); err != nil || top == nil {
		return fmt.Errorf("%s: the configuration is not an object", shown)
	}
	lines := jsonnet.Fields(path, text)
	place := func(key string) string {
		if line := lines[key]; line > 0 {
			return fmt.Sprintf("%s:%d", shown, line)
		}
		return shown
	}
	for _, section := range sortedByLine(top, "", lines) {
		switch value := top[section]; {
		case slices.Contains(sections(), section):
			l.section(path, section, value, place, lines)
		case isLater(section):
			l.fail(place(section), "%s: not in this version of writ; its key is known, and what it configures comes later", section)
		default:
			known := slices.Concat(sections(), later())
			l.fail(place(section), "unknown key %q%s; allowed: %s", section, nearest.Suggestion(section, known), strings.Join(sections(), ", "))
		}
	}
	return nil
}

func (l *loader) section(path, section string, value jsontext.Value, place func(string) string, lines map[string]int) {
	if value.Kind() == 'n' {
		return
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(value, &members); err != nil {
		l.fail(place(section), "%s: want an object, not %s", section, kindName(value.Kind()))
		return
	}
	for _, name := range sortedByLine(members, section+".", lines) {
		full := section + "." + name
		if len(keys(full)) > 0 { // an object of keys of ours
			l.section(path, full, members[name], place, lines)
			continue
		}
		f, known := find(full)
		if !known {
			l.fail(place(full), "unknown key %q%s; allowed: %s", full, nearest.Suggestion(name, keys(section)), strings.Join(keys(section), ", "))
			continue
		}
		if err := f.decode(&l.config, members[name]); err != nil {
			at := err.(errorAt)
			l.fail(place(full+at.path), "%s%s: %s", full, at.path, at.text)
			continue
		}
		if members[name].Kind() != 'n' {
			l.settle(f, place(full), filepath.Dir(path))
		}
	}
}

// settle keeps where a value came from, and makes a path absolute.
func (l *loader) settle(f field, origin, base string) {
	l.config.origins[f.key] = origin
	if text, isText := f.pointer(&l.config).(*string); isText && f.path && *text != "" {
		if rest, home := strings.CutPrefix(*text, "~/"); home && filepath.IsAbs(l.environ["HOME"]) {
			*text = filepath.Join(l.environ["HOME"], rest)
		}
		if !filepath.IsAbs(*text) {
			*text = filepath.Join(base, *text)
		}
		*text = filepath.Clean(*text)
	}
}

// variables reads WRIT_SECTION_KEY, in any case.
func (l *loader) variables() {
	names := map[string]string{}
	for _, f := range fields() {
		names[variable(f.key)] = f.key
	}
	for _, name := range slices.Sorted(maps.Keys(l.environ)) {
		upper := strings.ToUpper(name)
		if !strings.HasPrefix(upper, "WRIT_") {
			continue
		}
		if full, known := names[upper]; known {
			l.set(full, l.environ[name], "$"+name)
			continue
		}
		section, _, _ := strings.Cut(strings.TrimPrefix(upper, "WRIT_"), "_")
		if i := slices.IndexFunc(later(), func(s string) bool { return strings.ToUpper(s) == section }); i >= 0 && section != "TEST" {
			l.fail("$"+name, "%s: not in this version of writ; its key is known, and what it configures comes later", later()[i])
			continue
		}
		all := slices.Sorted(maps.Keys(names))
		near := nearest.Name(upper, all)
		if near != "" || slices.ContainsFunc(sections(), func(s string) bool { return strings.ToUpper(s) == section }) {
			l.fail("$"+name, "unknown variable%s; allowed: %s", nearest.Suggestion(upper, all), strings.Join(all, ", "))
		}
	}
}

func variable(key string) string {
	return "WRIT_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// sets reads -x KEY=VALUE.
func (l *loader) sets() {
	for _, pair := range l.options.Sets {
		full, value, found := strings.Cut(pair, "=")
		if !found {
			l.fail("-x", "want KEY=VALUE, as in -x issuer.url=https://ci.example.com")
			continue
		}
		l.set(full, value, "-x "+full)
	}
}

func (l *loader) flags() {
	for _, f := range l.options.Flags {
		l.set(f.Key, f.Value, "--"+f.Name)
	}
}

// set sets one key to a text: as it is where the key takes text, and as JSON elsewhere.
func (l *loader) set(full, text, origin string) {
	f, known := find(full)
	switch {
	case !known && isLater(full):
		l.fail(origin, "%s: not in this version of writ; its key is known, and what it configures comes later", full)
		return
	case !known && slices.Contains(sections(), full):
		l.fail(origin, "%s holds keys; set one of them: %s", full, strings.Join(keys(full), ", "))
		return
	case !known:
		l.fail(origin, "unknown key %q%s; allowed: %s", full, nearest.Suggestion(full, keys("")), strings.Join(keys(""), ", "))
		return
	}
	value := jsontext.Value(text)
	if f.text {
		var err error
		if value, err = json.Marshal(text); err != nil {
			l.fail(origin, "%s: not UTF-8", full)
			return
		}
	} else if !value.IsValid() {
		l.fail(origin, "%s: not JSON; want %s", full, f.what)
		return
	}
	if err := f.decode(&l.config, value); err != nil {
		at := err.(errorAt)
		l.fail(origin, "%s%s: %s", full, at.path, at.text)
		return
	}
	l.settle(f, origin, l.options.Dir)
}

// shown is a path as short as it stays clear.
func (l *loader) shown(path string) string {
	if relative, err := filepath.Rel(l.options.Dir, path); err == nil && filepath.IsLocal(relative) {
		return relative
	}
	return path
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: over %d bytes", path, maxFile)
	}
	return text, nil
}

// sortedByLine are the names of members in the order of the file.
func sortedByLine(members map[string]jsontext.Value, prefix string, lines map[string]int) []string {
	names := slices.Sorted(maps.Keys(members))
	slices.SortStableFunc(names, func(a, b string) int { return lines[prefix+a] - lines[prefix+b] })
	return names
}
