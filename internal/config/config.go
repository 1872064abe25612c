// Package config reads writ.jsonnet, WRIT_ variables and flags into one Config, and knows of each value where it came
// from. It is strict: what it does not know, it refuses, and names what was probably meant.
//
//	default < writ.jsonnet < WRIT_SECTION_KEY < -x section.key=value < --flag
package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Config is the whole configuration. Paths are absolute.
type Config struct {
	Issuer    Issuer
	Server    Server
	Container Container

	origins map[string]string
}

// Options say where to look.
type Options struct {
	Path    string   // the file; empty: writ.jsonnet or writ.json is looked for upwards from Dir
	Dir     string   // absolute: the working directory
	Environ []string // NAME=value, as os.Environ
	Sets    []string // -x: KEY=VALUE
	Flags   []Flag
}

// Flag is a value that a flag of its own gave.
type Flag struct{ Key, Name, Value string }

// Value is one value with where it came from: "default", a file with its line, a variable, a flag.
type Value struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

// Load reads the configuration. Its error names every mistake with its place, one a line.
func Load(ctx context.Context, o Options) (Config, error) {
	l := loader{options: o, config: Config{origins: map[string]string{}}, environ: environment(o.Environ)}
	file, err := l.find()
	if err != nil {
		return Config{}, err
	}
	if file != "" {
		if err := l.file(ctx, file); err != nil {
			return Config{}, err
		}
	}
	l.variables()
	l.sets()
	l.flags()
	if err := errors.Join(l.problems...); err != nil {
		return Config{}, err
	}
	if err := l.defaults(); err != nil {
		return Config{}, err
	}
	return l.config, l.config.validate()
}

// Values lists every value in the order of its key.
func (c Config) Values() []Value {
	var all []Value
	for _, f := range fields() {
		origin := c.origins[f.key]
		if origin == "" {
			origin = "default"
		}
		all = append(all, Value{f.key, f.value(&c), origin})
	}
	slices.SortFunc(all, func(a, b Value) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// Blame adds to an error that begins with a key where the key's value came from.
func (c Config) Blame(err error) error {
	if err == nil {
		return nil
	}
	for _, f := range fields() {
		if rest, of := strings.CutPrefix(err.Error(), f.key); of && (rest == "" || strings.ContainsRune(" :[.", rune(rest[0]))) {
			if origin := c.origins[f.key]; origin != "" {
				return fmt.Errorf("%s: %w", origin, err)
			}
		}
	}
	return err
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
