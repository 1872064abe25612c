// Package image gets images for the container runtime: a reference becomes a digest, and a digest becomes unpacked layers.
//
//	Source ──Resolve──▶ Pinned ──Pull──▶ Image{Layers, Env, User, ...} ──Close──▶ may be pruned
//	 tag                digest            │
//	                                      ├─ manifest and configuration: small files by digest, checked at each reading
//	                                      └─ layers: one directory each by diff id, in overlayfs form, never changed
//
// The invariant: a layer directory is there only if all its bytes had the digest that its manifest names and the diff id
// that its image's configuration names. A layer is unpacked into a temporary directory and renamed when both hold, so a
// killed pull leaves nothing but a temporary directory, which the next Open removes. Everything that comes from a
// registry, an archive or a step's output is bounded in size, count, depth and time.
package image

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/writ-run/writ/internal/scratch"
)

// A Config says where images are kept and how registries are spoken to. The zero value of each field but Dir has a
// default that works.
type Config struct {
	// Dir holds the cache. It is made with mode 0700, and must belong to this user alone.
	Dir string
	// MaxBytes is how much the unpacked layers may take: those used longest ago go first, and never one in use.
	// 0 is 20 GiB.
	MaxBytes int64
	// Rootless unpacks as an ordinary user, for an overlay mounted with userxattr: owners are not kept.
	Rootless bool
	// Mirrors names for a registry host the host that is asked first. It is asked without the registry's credentials.
	Mirrors map[string]string
	// Insecure names the registry hosts (host or host:port) that may speak plain HTTP or have an unknown certificate.
	// Loopback is not special unless it is named.
	Insecure []string
	// Docker is the directory of Docker's config.json, with credentials and credential helpers. Empty means
	// $DOCKER_CONFIG, or ~/.docker.
	Docker string
	// Progress, if any, is told what happens. It may be called from several goroutines at once.
	Progress func(Event)
	// Now is the clock for what was used last; nil is time.Now.
	Now func() time.Time
	// Limits bound what a registry or an archive may make us do.
	Limits Limits
}

// Limits bound an image. A zero field has the default that its comment names.
type Limits struct {
	UnpackedBytes int64         // of all layers of an image together: 64 GiB
	Entries       int64         // in all layers of an image together: 2,000,000
	Layers        int           // of an image: 512
	Document      int64         // bytes of a manifest or of a configuration: 8 MiB
	Connect       time.Duration // until a connection stands, TLS included: 30 s
	Stall         time.Duration // without a byte: 60 s
	Attempts      int           // of one request that was answered 429 or 5xx, or of a layer cut short: 4
	Backoff       time.Duration // before the second attempt, doubled for each further one: 1 s
}

// An Event tells of progress. It holds no credential.
type Event struct {
	Layer  string // digest of the layer, or empty where the event is about the image
	Done   int64  // bytes so far, as the registry counts them (compressed)
	Total  int64  // bytes in all
	Cached bool   // the layer was already here
	Note   string // something that the user may want to know: "3 device nodes skipped"
}

// A Store is a directory of unpacked layers. It may be used from several goroutines, and by several processes at once.
type Store struct {
	config Config
	layers string // directory of the layers in this store's form
	boot   string
	dial   dialFunc
}

// Open opens the store in c.Dir, and removes what killed pulls have left there.
func Open(c Config) (*Store, error) {
	if c.Dir == "" {
		return nil, errors.New("image cache: no directory is named")
	}
	if !c.Rootless && os.Geteuid() != 0 {
		return nil, &problem{message: fmt.Sprintf("image cache %q: user %d cannot unpack files of other users", c.Dir, os.Geteuid()),
			hint: "open it rootless"}
	}
	c.defaults()
	name := "layers"
	if c.Rootless {
		name = "layers-rootless"
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	c.Dir = dir
	s := &Store{config: c, layers: filepath.Join(dir, name), boot: bootID(), dial: dialNetwork}
	for _, sub := range []string{dir, s.layers, s.documents(), s.temporary(), s.records()} {
		if err := privateDirectory(sub); err != nil {
			return nil, fmt.Errorf("image cache: %w", err)
		}
	}
	return s, scratch.Sweep(s.temporary(), "", func(string) error { return nil }) // what killed processes left
}

func (c *Config) defaults() {
	fill(&c.MaxBytes, 20<<30)
	fill(&c.Limits.UnpackedBytes, 64<<30)
	fill(&c.Limits.Entries, 2_000_000)
	fill(&c.Limits.Layers, 512)
	fill(&c.Limits.Document, 8<<20)
	fill(&c.Limits.Connect, 30*time.Second)
	fill(&c.Limits.Stall, 60*time.Second)
	fill(&c.Limits.Attempts, 4)
	fill(&c.Limits.Backoff, time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Progress == nil {
		c.Progress = func(Event) {}
	}
}

func fill[N int | int64 | time.Duration](field *N, value N) {
	if *field == 0 {
		*field = value
	}
}

func (s *Store) documents() string { return filepath.Join(s.config.Dir, "documents") }
func (s *Store) temporary() string { return filepath.Join(s.layers, "tmp") }

// privateDirectory makes path (0700) where it is missing, and refuses one that others own or may write to.
func privateDirectory(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return scratch.CheckPrivate(path)
}

// A problem is an error that comes with advice.
type problem struct {
	message, hint string
	cause         error
}

func (p *problem) Error() string {
	if p.cause != nil {
		return p.message + ": " + p.cause.Error()
	}
	return p.message
}

// Hint is one sentence of advice for the command line, or empty.
func (p *problem) Hint() string { return p.hint }

func (p *problem) Unwrap() error { return p.cause }

// An Image is an image ready to be mounted. Its layers stay until Close.
type Image struct {
	// Digest is what was pinned ("sha256:..."): of the manifest, or of the index that lists it. It is empty for a
	// root file system out of a step's output.
	Digest string
	// Layers are the unpacked directories, lowest first, in overlayfs form. Nobody may change them.
	Layers []string
	// Env, User, WorkingDir, Entrypoint and Cmd are the image's configuration, as written there.
	Env             []string
	User            string
	WorkingDir      string
	Entrypoint, Cmd []string

	held []*layerLock
}

// Close lets go of the layers: from then on they may be pruned.
func (i *Image) Close() error {
	var problems []error
	for _, lock := range i.held {
		problems = append(problems, lock.Close())
	}
	i.held = nil
	return errors.Join(problems...)
}

// A budget is what is left of an image's limits, for all its layers together.
type budget struct{ bytes, entries counter }

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// addUp adds without passing the largest number.
func addUp(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}
