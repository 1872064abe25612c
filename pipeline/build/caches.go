package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/scratch"
)

// How copies are named that are not whole yet, and when one of them is nobody's any more.
const (
	unfinished = ".new-"
	abandoned  = 24 * time.Hour
)

// Caches keeps the directories that tasks have as caches. It is safe for concurrent use.
type Caches interface {
	// Take returns the volume of that key, or an empty one. It is the caller's alone until Keep: who takes the same key
	// meanwhile gets an empty one.
	Take(ctx context.Context, key string) (container.Volume, error)

	// Keep gives a volume back, however its task ended. It is then not the caller's any more.
	Keep(ctx context.Context, key string, v container.Volume) error
}

// cacheKey names a cache. As with Concourse it is that of one step of one job: of no other pipeline, job or path.
func (b *build) cacheKey(step, path string) string {
	s := b.Session.Subject()
	key, err := json.Marshal([]any{s.Team, s.Pipeline, s.InstanceVars, s.Job, step, path})
	if err != nil { // instance vars come out of YAML, which has numbers that JSON has not
		key = fmt.Appendf(nil, "%q", []any{s.Team, s.Pipeline, s.InstanceVars, s.Job, step, path})
	}
	return string(key)
}

func (b *build) takeCache(ctx context.Context, key string) (container.Volume, error) {
	if b.Caches == nil {
		return b.Runtime.Volume(ctx, "cache")
	}
	return b.Caches.Take(ctx, key)
}

func (b *build) keepCache(key string, v container.Volume) error {
	if b.Caches == nil {
		return v.Close()
	}
	return b.Caches.Keep(b.always(), key, v)
}

// CacheStore is Caches for the builds of one runtime, and below a directory for those to come.
//
//	directory/HASH --Take--> volume --task--> Keep --> volume for the next Take --Close--> directory/HASH
type CacheStore struct {
	runtime   container.Runtime
	directory string
	copy      func(ctx context.Context, dst, src string) error
	log       *slog.Logger

	mu   sync.Mutex
	kept map[string]container.Volume // by hash of the key
}

// NewCacheStore returns a store. copy copies a tree into a directory, which may be there. With an empty directory the caches
// end with the store; else it is made, private, when there is something to save.
func NewCacheStore(rt container.Runtime, directory string, copy func(ctx context.Context, dst, src string) error, log *slog.Logger) *CacheStore {
	return &CacheStore{runtime: rt, directory: directory, copy: copy, log: log, kept: map[string]container.Volume{}}
}

// Take returns what was kept, in this run or an earlier one. What was saved and cannot be read is as good as not there: the
// log says so.
func (s *CacheStore) Take(ctx context.Context, key string) (container.Volume, error) {
	name := hash(key)
	s.mu.Lock()
	kept := s.kept[name]
	delete(s.kept, name)
	s.mu.Unlock()
	if kept != nil {
		return kept, nil
	}
	volume, err := s.runtime.Volume(ctx, "cache")
	if err != nil || s.directory == "" {
		return volume, err
	}
	saved := filepath.Join(s.directory, name)
	if info, err := os.Lstat(saved); err != nil || !info.IsDir() {
		return volume, nil
	}
	if err = s.copy(ctx, volume.Path(), saved); err == nil {
		return volume, nil
	}
	if err := errors.Join(ctx.Err(), volume.Close()); err != nil {
		return nil, err
	}
	s.log.Warn("a saved cache cannot be read; the task starts without it", "error", err)
	return s.runtime.Volume(ctx, "cache")
}

// Keep gives a volume back. Of two for one key the later one stays.
func (s *CacheStore) Keep(_ context.Context, key string, v container.Volume) error {
	name := hash(key)
	s.mu.Lock()
	old := s.kept[name]
	s.kept[name] = v
	s.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.Close()
}

// Close saves what was kept and removes the volumes. No build may still run. When ctx ends no more is saved, and what was
// saved before stays as it was.
func (s *CacheStore) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(s.kept)) {
		if s.directory != "" && ctx.Err() == nil {
			files, err := s.kept[name].Files(ctx)
			if err == nil {
				err = s.save(ctx, name, files)
			}
			if err != nil {
				problems = append(problems, fmt.Errorf("save a cache: %w", err))
			}
		}
		problems = append(problems, s.kept[name].Close())
		delete(s.kept, name)
	}
	return errors.Join(problems...)
}

// save puts a copy in the place of an earlier one once it is whole.
func (s *CacheStore) save(ctx context.Context, name, from string) error {
	if err := os.MkdirAll(s.directory, 0o700); err != nil {
		return err
	}
	s.sweep()
	work, err := os.MkdirTemp(s.directory, unfinished)
	if err != nil {
		return err
	}
	fresh, stale, place := filepath.Join(work, "fresh"), filepath.Join(work, "stale"), filepath.Join(s.directory, name)
	err = s.copy(ctx, fresh, from)
	if err == nil {
		if err = os.Rename(place, stale); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Rename(fresh, place)
	}
	return errors.Join(err, scratch.RemoveAll(work))
}

// sweep removes what killed runs did not finish. What cannot be removed is no matter of this run's.
func (s *CacheStore) sweep() {
	entries, _ := os.ReadDir(s.directory)
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), unfinished) && time.Since(info.ModTime()) > abandoned {
			_ = scratch.RemoveAll(filepath.Join(s.directory, entry.Name()))
		}
	}
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
