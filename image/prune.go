package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/writ-run/writ/internal/scratch"
)

// maxDocuments is how many manifests and configurations are kept; they are small.
const maxDocuments = 2000

// A Layer is one that the cache holds.
type Layer struct {
	DiffID string
	Size   int64 // on disk, roughly
	Used   time.Time
	InUse  bool // by an image that is not closed, in this process or another
}

// Layers lists what the cache holds, the one used longest ago first.
func (s *Store) Layers() ([]Layer, error) {
	entries, err := os.ReadDir(s.layers)
	if err != nil {
		return nil, err
	}
	var layers []Layer
	for _, entry := range entries {
		diffID := "sha256:" + entry.Name()
		if !entry.IsDir() || checkDigest(diffID) != nil {
			continue
		}
		record, err := s.readRecord(diffID)
		if isMissing(err) {
			continue
		}
		if err != nil { // it cannot be used: it goes first
			record = &layerRecord{DiffID: diffID}
		}
		layer := Layer{DiffID: diffID, Size: record.Size}
		if info, statErr := os.Stat(s.usePath(diffID)); statErr == nil && err == nil {
			layer.Used = info.ModTime()
		}
		lock, err := lockLayer(context.Background(), s.usePath(diffID), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			lock.Close()
		case errors.Is(err, syscall.EWOULDBLOCK):
			layer.InUse = true
		default:
			return nil, err
		}
		layers = append(layers, layer)
	}
	slices.SortFunc(layers, func(a, b Layer) int {
		if c := a.Used.Compare(b.Used); c != 0 {
			return c
		}
		return strings.Compare(a.DiffID, b.DiffID)
	})
	return layers, nil
}

// Prune removes unused layers: all of them, or those used longest ago until the cache is within Config.MaxBytes. It
// returns how many bytes that freed.
func (s *Store) Prune(ctx context.Context, all bool) (freed int64, err error) {
	if all {
		return s.trim(ctx, 0)
	}
	return s.trim(ctx, s.config.MaxBytes)
}

// trim removes unused layers until at most limit bytes are left.
func (s *Store) trim(ctx context.Context, limit int64) (freed int64, err error) {
	layers, err := s.Layers()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, layer := range layers {
		total = addUp(total, layer.Size)
	}
	var problems []error
	for _, layer := range layers {
		if total <= limit && limit > 0 || ctx.Err() != nil {
			break
		}
		if layer.InUse {
			continue
		}
		gone, err := s.remove(ctx, layer.DiffID)
		if err != nil {
			problems = append(problems, err)
		}
		if gone {
			total -= layer.Size
			freed += layer.Size
		}
	}
	keep := maxDocuments
	if limit == 0 {
		keep = 0
	}
	problems = append(problems, s.trimRecords(), s.trimDocuments(keep), ctx.Err())
	return freed, errors.Join(problems...)
}

// remove removes one layer, unless it is in use by now.
func (s *Store) remove(ctx context.Context, diffID string) (bool, error) {
	lock, err := lockLayer(ctx, s.usePath(diffID), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer lock.Close()
	work, err := scratch.Open(s.temporary(), "")
	if err != nil {
		return false, err
	}
	defer work.Close()
	// Renamed first: a process that is killed here leaves no half of a layer.
	if err := os.Rename(s.layerDirectory(diffID), filepath.Join(work.Path(), "old")); err != nil {
		return false, fmt.Errorf("image cache: layer %s: %w", diffID, err)
	}
	return true, os.Remove(s.usePath(diffID))
}

// trimDocuments keeps the documents used last.
func (s *Store) trimDocuments(keep int) error {
	entries, err := os.ReadDir(s.documents())
	if err != nil || len(entries) <= keep {
		return err
	}
	type document struct {
		path string
		used time.Time
	}
	var documents []document
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			documents = append(documents, document{filepath.Join(s.documents(), entry.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(documents, func(a, b document) int { return a.used.Compare(b.used) })
	var problems []error
	for _, d := range documents[:max(0, len(documents)-keep)] {
		if err := os.Remove(d.path); err != nil && !isMissing(err) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}
