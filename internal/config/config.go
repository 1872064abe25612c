// Package config reads writ.jsonnet, WRIT_ variables and flags into one Config, and knows of each value where it came
// from. It is strict: what it does not know, it refuses, and names what was probably meant.
//
//	default < writ.jsonnet < WRIT_SECTION_KEY < -x section.key=value < --flag
//
// All keys are one tree (schema). An object is put into it member by member, so that each value knows where it came from
// and a later one replaces that value alone; what has a value (a text, a list) is replaced as a whole. A name of the
// user's, of a source or a variable, is a * in the tree.
package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
)

// Config is the whole configuration. Paths are absolute.
type Config struct {
	Issuer    Issuer
	Server    Server
	Container Container

	Build      Build
	Exec       command.Exec // how scripts are executed where nothing else says how
	Run        agent.Run
	Sources    map[string]*agent.Source // none is nil
	Targets    map[string]*agent.Target // none is nil
	Vars       map[string]any           // for Patterns
	Lint       Lint
	HTTPServer agent.HTTPServer
	HTTPClient agent.HTTPClient
	CLI        CLI
	Jsonnet    Jsonnet
	Test       bool // Patterns see it as the variable test

	file     string             // the configuration file; empty: there is none
	settings map[string]setting // by key
	warnings []string
	doubtful []string // what was read from where anybody could have put it
}

// setting is a key that has been set.
type setting struct {
	path   []string
	origin string
}

// Options say where to look.
type Options struct {
	Path    string   // the file; empty: writ.jsonnet or writ.json is looked for upwards from Dir
	Dir     string   // absolute: the working directory
	Environ []string // NAME=value, as os.Environ
	Sets    []string // -x: KEY=VALUE
	Flags   []Flag

	Record func(ctx context.Context, kind, name string) ([]string, error) // getRecord in the file; nil: DNS
}

// Flag is a value that a flag of its own gave.
type Flag struct{ Key, Name, Value string }

// Value is one value with where it came from: "default", a file with its line, a variable, a flag. Secrets are hidden.
type Value struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

// Load reads the configuration. Its error names every mistake with its place, one a line, and holds no secret.
func Load(ctx context.Context, o Options) (Config, error) {
	l := loader{options: o, config: unset(), environ: environment(o.Environ)}
	file, err := l.find()
	if err != nil {
		return Config{}, err
	}
	if file != "" {
		l.config.file = file
		if err := l.file(ctx, file); err != nil {
			return Config{}, err
		}
	}
	l.variables(ctx)
	l.sets(ctx)
	l.flags(ctx)
	if err := errors.Join(l.problems...); err != nil {
		return Config{}, err
	}
	if err := l.defaults(); err != nil {
		return Config{}, err
	}
	if err := l.config.validate(); err != nil {
		return Config{}, err
	}
	l.config.warnings = append(l.config.warnings, l.config.idleCommands()...)
	return l.config, nil
}

// File is the path of the configuration file; empty where there is none.
func (c Config) File() string { return c.file }

// Warnings are what is said about a configuration that works: keys that are retired or have no effect, each with its
// place.
func (c Config) Warnings() []string { return slices.Clone(c.warnings) }

// Values lists every value in the order of its key. Of what holds names of the user's, it lists what is set.
func (c Config) Values() []Value {
	var all []Value
	c.collect(schema(), nil, false, &all)
	slices.SortFunc(all, func(a, b Value) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// collect lists the values at and below a node; onlySet leaves out those that have not been set.
func (c *Config) collect(n *node, path []string, onlySet bool, into *[]Value) {
	set, isSet := c.settings[join(path)]
	origin := "default"
	if isSet {
		origin = set.origin
	}
	switch {
	case n.alias != nil || n.field != nil && n.field.pointer == nil:
	case n.field != nil:
		if isSet || !onlySet {
			*into = append(*into, Value{join(path), n.field.value(c, n.userNames(path)), origin})
		}
	default:
		optional := n.object.optional || n.name == "*"
		if optional && !c.anyBelow(path) {
			if isSet || !onlySet {
				*into = append(*into, Value{join(path), jsontext.Value("{}"), origin})
			}
			return
		}
		for _, m := range n.members {
			c.collect(m, append(slices.Clone(path), m.name), onlySet || optional, into)
		}
		if n.each != nil {
			for _, name := range c.namesBelow(path) {
				c.collect(n.each, append(slices.Clone(path), name), true, into)
			}
		}
	}
}

// namesBelow are the names below a path of which anything has been set.
func (c *Config) namesBelow(path []string) []string {
	var names []string
	for _, s := range c.settings {
		if len(s.path) > len(path) && slices.Equal(s.path[:len(path)], path) {
			names = append(names, s.path[len(path)])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c *Config) anyBelow(path []string) bool { return len(c.namesBelow(path)) > 0 }

// Blame adds to an error that begins with a key where the key's value came from.
func (c Config) Blame(err error) error {
	if err == nil {
		return nil
	}
	text, best := err.Error(), ""
	for key := range c.settings {
		if rest, of := strings.CutPrefix(text, key); of && len(key) > len(best) && (rest == "" || strings.ContainsRune(" :[.", rune(rest[0]))) {
			best = key
		}
	}
	if best == "" {
		return err
	}
	return fmt.Errorf("%s: %w", c.settings[best].origin, err)
}

// environment makes a map of NAME=value; the last of a name counts.
func environment(environ []string) map[string]string {
	all := make(map[string]string, len(environ))
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		all[name] = value
	}
	return all
}
