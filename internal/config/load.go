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

	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/internal/config/form"
	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/jsonnet"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// loader collects values from all places, and mistakes.
type loader struct {
	options  Options
	config   Config
	environ  map[string]string
	problems []error
	layer    map[string]string // key -> as it was written in the place that is being read
}

func (l *loader) fail(origin, format string, arguments ...any) {
	l.problems = append(l.problems, fmt.Errorf("%s: %s", origin, fmt.Sprintf(format, arguments...)))
}

func (l *loader) warn(origin, format string, arguments ...any) {
	l.config.warnings = append(l.config.warnings, fmt.Sprintf("%s: %s", origin, fmt.Sprintf(format, arguments...)))
}

// place is where values are being read from.
type place struct {
	origin func(written string) string // of a key, as it is written there
	base   string                      // directory that paths are relative to
	lines  map[string]int              // of keys; nil: there are none
}

// file reads writ.jsonnet. An error is one that leaves nothing to check; others are collected.
func (l *loader) file(ctx context.Context, path string) error {
	text, err := readFile(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	evaluated, lines, plain := jsonnet.LiteralFields(path, text)
	if !plain {
		if evaluated, err = l.evaluate(ctx, path, text); err != nil {
			return err
		}
	}
	if lines == nil {
		lines = jsonnet.Fields(path, text)
	}
	shown := l.shown(path)
	if value := jsontext.Value(evaluated); value.Kind() != '{' {
		return fmt.Errorf("%s: the configuration is not an object", shown)
	}
	l.layer = map[string]string{}
	l.put(found{node: schema()}, evaluated, place{
		base:  filepath.Dir(path),
		lines: lines,
		origin: func(written string) string {
			if line := lines[written]; line > 0 {
				return fmt.Sprintf("%s:%d", shown, line)
			}
			return shown
		},
	})
	return nil
}

// put puts a value and what is below it into the configuration. Mistakes are collected.
func (l *loader) put(at found, value jsontext.Value, from place) {
	written := join(at.written)
	if a := at.node.alias; a != nil {
		at.node, at.path = at.node.target(at.path)
		if a.retired {
			l.warn(from.origin(written), "%s is retired; write %s", written, join(at.path))
		}
		if a.convert != nil && value.Kind() != 'n' {
			converted, err := a.convert(value)
			if err != nil {
				l.fail(from.origin(written), "%s: %v", written, err)
				return
			}
			value = converted
		}
	}
	n := at.node
	switch kind := value.Kind(); {
	case kind == 'n':
		if n.object.null != nil {
			n.object.null(&l.config, n.userNames(at.path))
			l.forget(at.path)
			if n.name != "*" { // of the user's names, those that are left are set
				l.settle(at, from)
			}
		}
	case n.field != nil:
		l.leaf(at, value, from)
	case kind == '[' && n.object.list != nil:
		l.warn(from.origin(written), "%s as a list is retired; write an object {NAME: value}", written)
		converted, err := n.object.list(value)
		if err != nil {
			l.fail(from.origin(written), "%s: %v", written, err)
			return
		}
		l.members(at, converted, from)
	case kind != '{':
		l.fail(from.origin(written), "%s: want an object, not %s", written, form.Kind(kind))
	default:
		l.members(at, value, from)
	}
}

// members puts each member of an object.
func (l *loader) members(at found, value jsontext.Value, from place) {
	n := at.node
	if n.object.make != nil {
		n.object.make(&l.config, n.userNames(at.path))
	}
	if n.object.make != nil || n.object.optional {
		l.settle(at, from)
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(value, &members); err != nil {
		l.fail(from.origin(join(at.written)), "%s: want an object", join(at.written))
		return
	}
	prefix := ""
	if len(at.written) > 0 {
		prefix = join(at.written) + "."
	}
	for _, name := range sortedByLine(members, prefix, from.lines) {
		next := n.below(name)
		if next == nil {
			l.fail(from.origin(prefix+name), "unknown key %q%s; allowed: %s", prefix+name, nearest.Suggestion(name, n.spellings()), strings.Join(n.names(), ", "))
			continue
		}
		l.put(at.step(next, name), members[name], from)
	}
}

// leaf puts a value.
func (l *loader) leaf(at found, value jsontext.Value, from place) {
	f, written := at.node.field, join(at.written)
	switch {
	case f.refused != "":
		l.fail(from.origin(written), "%s: %s", written, f.refused)
		return
	case f.idle != "":
		l.warn(from.origin(written), "%s has no effect: %s", written, f.idle)
		return
	}
	names := at.node.userNames(at.path)
	if err := f.decode(&l.config, names, value); err != nil {
		mistake := err.(errorAt)
		l.fail(from.origin(written+mistake.path), "%s%s: %s", written, mistake.path, mistake.text)
		return
	}
	l.settle(at, from)
	if f.path {
		switch p := f.pointer(&l.config, names).(type) {
		case *string:
			*p = l.located(*p, from.base, f.bare)
		case *form.PullPaths:
			for i, path := range *p.To {
				if path != "" && !pull.IsURL(path) {
					(*p.To)[i] = l.located(path, from.base, false)
				}
			}
		}
	}
}

// settle keeps where a key was set. Two names of one key in one place contradict one another.
func (l *loader) settle(at found, from place) {
	key, written := join(at.path), join(at.written)
	if before, twice := l.layer[key]; twice && before != written {
		l.fail(from.origin(written), "%s and %s are one key; keep one", before, written)
	}
	l.layer[key] = written
	l.config.settings[key] = setting{at.path, from.origin(written)}
}

// forget is as if nothing at or below a path had been set.
func (l *loader) forget(path []string) {
	maps.DeleteFunc(l.config.settings, func(_ string, s setting) bool {
		return len(s.path) >= len(path) && slices.Equal(s.path[:len(path)], path)
	})
}

// located makes a path absolute.
func (l *loader) located(path, base string, bare bool) string {
	if path == "" || bare && !strings.Contains(path, "/") {
		return path
	}
	if rest, home := strings.CutPrefix(path, "~/"); home && filepath.IsAbs(l.environ["HOME"]) {
		path = filepath.Join(l.environ["HOME"], rest)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	return filepath.Clean(path)
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
