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
)

// parallelLayers is how many layers of an image are fetched at once.
const parallelLayers = 3

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
