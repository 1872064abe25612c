package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// A Source says which image: the fields of a Concourse registry-image resource's source.
type Source struct {
	Repository string // "busybox", "registry.example/team/app"
	Tag        string // empty is "latest"
	Digest     string // "sha256:...": wins over Tag
	Username   string
	Password   string
	Insecure   bool     // the registry may speak plain HTTP or have an unknown certificate
	Mirror     Mirror   // instead of Config.Mirrors
	Platform   Platform // empty fields: linux, and the architecture of this program
}

// A Mirror is asked before the registry itself, with its own credentials or none.
type Mirror struct{ Host, Username, Password string }

// A Pinned is a source with the digest that its tag had. A run pins its images once, at its start.
type Pinned struct {
	Source Source
	Digest string
}

// String is repository@digest.
func (p Pinned) String() string { return p.Source.Repository + "@" + p.Digest }

// parallelLayers is how many layers of an image are fetched at once.
const parallelLayers = 3

// reference parses a source's repository, and its tag or digest.
func (source Source) reference() (repository name.Repository, tag, digest string, err error) {
	written, tag := source.Repository, source.Tag
	if plain, after, found := strings.Cut(written, "@"); found {
		if source.Digest != "" && source.Digest != after {
			return repository, "", "", fmt.Errorf("image %q: its repository and its digest name two digests", written)
		}
		written, source.Digest = plain, after
	}
	if at := strings.LastIndexByte(written, ':'); at > strings.LastIndexByte(written, '/') && at >= 0 {
		if tag != "" && tag != written[at+1:] {
			return repository, "", "", fmt.Errorf("image %q: its repository and its tag name two tags", source.Repository)
		}
		written, tag = written[:at], written[at+1:]
	}
	repository, err = name.NewRepository(written)
	if err == nil && slices.ContainsFunc(strings.Split(written, "/"), func(part string) bool { return strings.Trim(part, ".") == "" }) {
		err = errors.New("has a part without a name")
	}
	if err != nil {
		return repository, "", "", fmt.Errorf("image repository %q: %v", source.Repository, err)
	}
	if source.Digest != "" {
		if err := checkDigest(source.Digest); err != nil {
			return repository, "", "", fmt.Errorf("image %q: %w", source.Repository, err)
		}
		return repository, "", source.Digest, nil
	}
	if tag == "" {
		tag = name.DefaultTag
	}
	if _, err := name.NewTag(repository.Name() + ":" + tag); err != nil {
		return repository, "", "", fmt.Errorf("image %q: tag %q: %v", source.Repository, tag, err)
	}
	return repository, tag, "", nil
}

func checkDigest(digest string) error {
	hex, found := strings.CutPrefix(digest, "sha256:")
	if !found || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return fmt.Errorf("digest %.100q is not sha256: and 64 hexadecimal digits", digest)
	}
	return nil
}

// Resolve asks the registry which digest the source has now. A source with a digest is not asked for.
func (s *Store) Resolve(ctx context.Context, source Source) (Pinned, error) {
	_, tag, digest, err := source.reference()
	if err != nil {
		return Pinned{}, err
	}
	if digest != "" {
		return Pinned{source, digest}, nil
	}
	sessions := s.sessions(source)
	defer sessions.Close()
	err = sessions.each(ctx, func(r *registry) error {
		digest, err = r.digest(ctx, tag)
		return err
	})
	return Pinned{source, digest}, err
}

// Pull returns the image, its layers out of the cache or fetched, checked and unpacked. Pulls of the same layer share
// one download, also across processes. The caller closes the image.
func (s *Store) Pull(ctx context.Context, pinned Pinned) (*Image, error) {
	if err := checkDigest(pinned.Digest); err != nil {
		return nil, fmt.Errorf("image %q: %w", pinned.Source.Repository, err)
	}
	sessions := s.sessions(pinned.Source)
	defer sessions.Close()
	label := pinned.String()
	m, err := s.pullManifest(ctx, sessions, label, pinned)
	if err != nil {
		return nil, err
	}
	raw, err := s.document(m.Config.Digest.String(), func() (raw []byte, err error) {
		err = sessions.each(ctx, func(r *registry) error {
			raw, err = r.document(ctx, m.Config.Digest.String())
			return err
		})
		return raw, err
	})
	if err != nil {
		return nil, err
	}
	c, err := parseConfiguration(label, raw, len(m.Layers), pinned.Source.Platform)
	if err != nil {
		return nil, err
	}
	blobs := make([]blob, len(m.Layers))
	for at, layer := range m.Layers {
		blobs[at] = blob{digest: layer.Digest.String(), diffID: c.RootFS.DiffIDs[at].String(), size: layer.Size,
			open: func(ctx context.Context) (body io.ReadCloser, err error) {
				err = sessions.each(ctx, func(r *registry) error {
					body, err = r.blob(ctx, layer.Digest.String())
					return err
				})
				return body, err
			}}
	}
	return s.assemble(ctx, pinned.Source.Repository, pinned.Digest, c, blobs)
}

// pullManifest reads the image's manifest; where the digest is an index's, that of the platform's image.
func (s *Store) pullManifest(ctx context.Context, sessions *sessions, label string, pinned Pinned) (*manifest, error) {
	digest := pinned.Digest
	for range 2 {
		raw, err := s.document(digest, func() (raw []byte, err error) {
			err = sessions.each(ctx, func(r *registry) error {
				raw, err = r.manifest(ctx, digest)
				return err
			})
			return raw, err
		})
		if err != nil {
			return nil, err
		}
		m, err := parseManifest(label, raw, s.config.Limits)
		if err != nil || m.Manifests == nil {
			return m, err
		}
		chosen, err := m.choose(label, pinned.Source.Platform)
		if err != nil {
			return nil, err
		}
		digest = chosen.Digest.String()
	}
	return nil, fmt.Errorf("image %s: an index within an index", label)
}

// assemble gets all layers and holds them. label is what the image is listed as.
func (s *Store) assemble(ctx context.Context, label, digest string, c *configuration, blobs []blob) (*Image, error) {
	image := &Image{Digest: digest, Env: c.Config.Env, User: c.Config.User, WorkingDir: c.Config.WorkingDir,
		Entrypoint: c.Config.Entrypoint, Cmd: c.Config.Cmd, held: make([]*layerLock, len(blobs))}
	left := &budget{}
	left.bytes.give(s.config.Limits.UnpackedBytes)
	left.entries.give(s.config.Limits.Entries)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	records := make([]*layerRecord, len(blobs))
	errs := make([]error, len(blobs))
	var grew sync.Once
	var workers sync.WaitGroup
	slots := make(chan struct{}, parallelLayers)
	more := false
	for at, b := range blobs {
		slots <- struct{}{}
		workers.Go(func() {
			defer func() { <-slots }()
			record, held, fetched, err := s.layer(ctx, b, left)
			if fetched {
				grew.Do(func() { more = true })
			}
			if err != nil {
				errs[at] = err
				cancel(err)
				return
			}
			records[at], image.held[at] = record, held
		})
	}
	workers.Wait()
	if err := firstCause(ctx, errs); err != nil {
		image.held = slices.DeleteFunc(image.held, func(l *layerLock) bool { return l == nil })
		return nil, errors.Join(err, image.Close())
	}
	listed := imageRecord{Name: label, Digest: digest}
	for at, record := range records {
		listed.Layers = append(listed.Layers, record.DiffID)
		if record.Opaque { // overlayfs does not look at a layer's own root
			image.Layers = nil
		}
		image.Layers = append(image.Layers, filepath.Join(s.layerDirectory(blobs[at].diffID), "fs"))
	}
	err := s.note(listed)
	if err == nil && more {
		_, err = s.trim(ctx, s.config.MaxBytes)
	}
	if err != nil {
		return nil, errors.Join(err, image.Close())
	}
	return image, nil
}

// firstCause is the error that ended the others.
func firstCause(ctx context.Context, errs []error) error {
	if errors.Join(errs...) == nil {
		return nil
	}
	cause := context.Cause(ctx)
	for _, err := range errs {
		if err != nil && err == cause {
			return err
		}
	}
	return errors.Join(errs...)
}

// document returns a manifest or configuration out of the cache, or fetched and kept. Its digest holds.
func (s *Store) document(digest string, fetch func() ([]byte, error)) ([]byte, error) {
	path := filepath.Join(s.documents(), strings.TrimPrefix(digest, "sha256:"))
	if raw, err := readBounded(path, s.config.Limits.Document); err == nil && digestOf(raw) == digest {
		now := s.config.Now()
		_ = os.Chtimes(path, now, now) // only the order of pruning depends on it
		return raw, nil
	}
	raw, err := fetch()
	if err != nil {
		return nil, err
	}
	if got := digestOf(raw); got != digest {
		return nil, fmt.Errorf("registry answers with the wrong document: digest does not match: want %s, got %s", digest, got)
	}
	return raw, replaceFile(path, raw)
}

// sessions are the mirror and the registry of one source, connected when first needed.
type sessions struct {
	store  *Store
	source Source

	mu     sync.Mutex
	routes []*route
}

// A route is one host to ask.
type route struct {
	mirror bool
	opened *registry
	err    error
}

func (s *Store) sessions(source Source) *sessions {
	set := &sessions{store: s, source: source}
	if repository, _, _, err := source.reference(); err == nil && set.mirror(repository).Host != "" {
		set.routes = append(set.routes, &route{mirror: true})
	}
	set.routes = append(set.routes, &route{})
	return set
}

func (set *sessions) mirror(repository name.Repository) Mirror {
	if set.source.Mirror.Host != "" {
		return set.source.Mirror
	}
	host := repository.RegistryStr()
	found := set.store.config.Mirrors[host]
	if found == "" && host == name.DefaultRegistry {
		found = set.store.config.Mirrors["docker.io"]
	}
	return Mirror{Host: found}
}

// each asks one host after the other until one can do it: the last one's error counts.
func (set *sessions) each(ctx context.Context, ask func(*registry) error) error {
	var err error
	for _, route := range set.routes {
		var r *registry
		r, err = set.open(ctx, route)
		if err == nil {
			err = ask(r)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (set *sessions) open(ctx context.Context, route *route) (*registry, error) {
	set.mu.Lock()
	defer set.mu.Unlock()
	if route.opened != nil || route.err != nil {
		return route.opened, route.err
	}
	route.opened, route.err = set.connect(ctx, route.mirror)
	return route.opened, route.err
}

func (set *sessions) connect(ctx context.Context, viaMirror bool) (*registry, error) {
	s := set.store
	repository, _, _, err := set.source.reference()
	if err != nil {
		return nil, err
	}
	own := repository.RegistryStr()
	insecure := func(host string) bool {
		return slices.Contains(s.config.Insecure, host) || set.source.Insecure && host == own
	}
	if viaMirror {
		mirror := set.mirror(repository)
		registry, err := name.NewRegistry(mirror.Host)
		if err != nil {
			return nil, fmt.Errorf("mirror %q: %v", mirror.Host, err)
		}
		mirrored := registry.Repo(strings.Split(repository.RepositoryStr(), "/")...)
		auth, err := s.credentials(ctx, Source{Username: mirror.Username, Password: mirror.Password}, mirrored)
		if err != nil {
			return nil, err
		}
		return s.connect(ctx, mirrored, auth, insecure)
	}
	var auth authn.Authenticator
	if auth, err = s.credentials(ctx, set.source, repository); err != nil {
		return nil, err
	}
	return s.connect(ctx, repository, auth, insecure)
}

func (set *sessions) Close() {
	set.mu.Lock()
	defer set.mu.Unlock()
	for _, route := range set.routes {
		if route.opened != nil {
			route.opened.Close()
		}
	}
}
