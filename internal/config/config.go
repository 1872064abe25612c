// Package config reads writ.jsonnet, WRIT_ variables and flags into one Config, and knows of each value where it came
// from. It is strict: what it does not know, it refuses, and names what was probably meant.
//
//	default < writ.jsonnet < WRIT_SECTION_KEY < -x section.key=value < --flag
package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/writ-run/writ/internal/period"
	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
)

// Config is the whole configuration. Paths are absolute.
type Config struct {
	Issuer    Issuer
	Server    Server
	Container Container

	origins map[string]string
}

// Issuer says how identities are made.
type Issuer struct {
	URL            string        // empty: http:// and the listening address
	IdentityFile   string        // age identity that private keys are encrypted to
	Algorithm      key.Algorithm // of tokens that ask for none
	Identity       []issuer.Rule // what is granted to which runs
	IntrospectRate float64       // introspections a second for each peer address; 0: the issuer's default
	Rotation       Rotation
}

// Rotation says how keys follow one another, in durations like 7d, 36h or 90m.
type Rotation struct {
	Period string // how long a key signs; 0: until it is rotated by hand
	Cache  string // how long relying parties may keep the key set
}

// Parse reads and checks the durations; its error begins with the key.
func (r Rotation) Parse() (issuer.Rotation, error) {
	every, err := period.Parse(r.Period)
	if err != nil {
		return issuer.Rotation{}, fmt.Errorf("issuer.rotation.period: %w", err)
	}
	cache, err := period.Parse(r.Cache)
	if err == nil && cache <= 0 {
		err = fmt.Errorf("%q is not longer than 0", r.Cache)
	}
	if err != nil {
		return issuer.Rotation{}, fmt.Errorf("issuer.rotation.cache: %w", err)
	}
	parsed := issuer.Rotation{Period: every, Cache: cache}
	return parsed, parsed.Validate()
}

// Server says where the issuer is and where it keeps what it keeps.
type Server struct {
	Listen      string  // HOST:PORT of HTTP
	Data        string  // directory of keys and ids
	Socket      string  // Unix socket at which runs register
	SocketAllow []Allow // who beside the server's own user may register runs
	TLSCert     string  // file of the certificate, with its chain (PEM); empty: plain http
	TLSKey      string  // file of its private key (PEM)
}

// Allow lets the processes of a user register runs of teams.
type Allow struct {
	UID   *uint32  `json:"uid"`
	Teams []string `json:"teams,omitzero"` // empty: every team
}

// Container says how tasks run.
type Container struct {
	Runtime string // auto, process or oci; empty: not said
	Command string // the OCI runtime; empty: the first of runc, crun and youki
	Network string // of containers: pasta or host; empty: pasta where it works

	ImageCache         string            // directory of unpacked images
	ImageCacheBytes    int64             // at most, of layers that no run uses; 0: 20 GiB
	RegistryMirrors    map[string]string // registry host -> host that is asked first
	InsecureRegistries []string          // hosts that may speak plain HTTP or have an unknown certificate
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

// validate checks the values as far as that needs nothing but themselves.
func (c Config) validate() error {
	url := c.Issuer.URL
	if url == "" {
		url = "http://localhost"
	}
	if err := (issuer.Config{URL: url, Algorithm: c.Issuer.Algorithm, Identity: c.Issuer.Identity, Rate: c.Issuer.IntrospectRate}).Validate(); err != nil {
		return c.Blame(err)
	}
	if _, err := c.Issuer.Rotation.Parse(); err != nil {
		return c.Blame(err)
	}
	if _, _, err := net.SplitHostPort(c.Server.Listen); err != nil {
		return c.Blame(fmt.Errorf("server.listen %q: want HOST:PORT", c.Server.Listen))
	}
	if c.Server.TLSCert != "" && c.Server.TLSKey == "" {
		return c.Blame(fmt.Errorf("server.tlsCert %q has no server.tlsKey beside it", c.Server.TLSCert))
	}
	if c.Server.TLSKey != "" && c.Server.TLSCert == "" {
		return c.Blame(fmt.Errorf("server.tlsKey %q has no server.tlsCert beside it", c.Server.TLSKey))
	}
	for i, allow := range c.Server.SocketAllow {
		if allow.UID == nil {
			return c.Blame(fmt.Errorf("server.socketAllow[%d]: uid is missing", i))
		}
	}
	if runtimes := []string{"", "auto", "process", "oci"}; !slices.Contains(runtimes, c.Container.Runtime) {
		return c.Blame(fmt.Errorf("container.runtime %q: want %s", c.Container.Runtime, strings.Join(runtimes[1:], ", ")))
	}
	if c.Container.ImageCacheBytes < 0 {
		return c.Blame(fmt.Errorf("container.imageCacheBytes %d is negative", c.Container.ImageCacheBytes))
	}
	if networks := []string{"", "pasta", "host"}; !slices.Contains(networks, c.Container.Network) {
		return c.Blame(fmt.Errorf("container.network %q: want %s", c.Container.Network, strings.Join(networks[1:], " or ")))
	}
	return nil
}

// defaults fills what nobody set.
func (l *loader) defaults() error {
	c := &l.config
	if c.Issuer.Algorithm == "" {
		c.Issuer.Algorithm = key.RS256
	}
	if c.Issuer.Rotation.Period == "" {
		c.Issuer.Rotation.Period = "7d"
	}
	if c.Issuer.Rotation.Cache == "" {
		c.Issuer.Rotation.Cache = "1h"
	}
	if c.Server.Listen == "" {
		c.Server.Listen = "127.0.0.1:8080"
	}
	var err error
	if c.Server.Data == "" {
		if c.Server.Data, err = l.userDirectory("XDG_DATA_HOME", ".local/share"); err != nil {
			return fmt.Errorf("server.data: %w", err)
		}
	}
	if c.Issuer.IdentityFile == "" {
		directory, err := l.userDirectory("XDG_CONFIG_HOME", ".config")
		if err != nil {
			return fmt.Errorf("issuer.identityFile: %w", err)
		}
		c.Issuer.IdentityFile = filepath.Join(directory, "identity.age-key")
	}
	if c.Server.Socket == "" {
		c.Server.Socket = filepath.Join(c.Server.Data, "writ.sock")
	}
	if c.Container.ImageCache == "" {
		directory, err := l.userDirectory("XDG_CACHE_HOME", ".cache")
		if err != nil {
			return fmt.Errorf("container.imageCache: %w", err)
		}
		c.Container.ImageCache = filepath.Join(directory, "images")
	}
	return nil
}

// userDirectory is our part of a directory of the XDG Base Directory Specification.
func (l *loader) userDirectory(variable, below string) (string, error) {
	if base := l.environ[variable]; filepath.IsAbs(base) { // a relative one is to be ignored, the specification says
		return filepath.Join(base, "writ"), nil
	}
	home := l.environ["HOME"]
	if !filepath.IsAbs(home) {
		return "", errors.New("no default without a home directory: set it, or HOME")
	}
	return filepath.Join(home, below, "writ"), nil
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

// find returns the file that counts; "" where there is none.
func (l *loader) find() (string, error) {
	if l.options.Path != "" {
		return l.absolute(l.options.Path), nil
	}
	if l.options.Dir == "" {
		return "", nil
	}
	for directory := l.options.Dir; ; directory = filepath.Dir(directory) {
		var found []string
		for _, name := range []string{"writ.jsonnet", "writ.json"} {
			path := filepath.Join(directory, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				found = append(found, path)
			}
		}
		if len(found) == 2 {
			return "", fmt.Errorf("both %s and %s are there: keep one, or name one with --config", found[0], found[1])
		}
		if len(found) == 1 {
			return found[0], trusted(found[0], l.options.Dir)
		}
		if directory == filepath.Dir(directory) {
			return "", nil
		}
	}
}

func (l *loader) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(l.options.Dir, path)
}
