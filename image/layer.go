package image

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/writ-run/writ/internal/scratch"
)

// A blob is a layer that may have to be fetched.
type blob struct {
	digest string // of what is fetched; empty where only the diff id is known
	diffID string // of the archive inside
	size   int64  // of what is fetched; -1: not known
	open   func(ctx context.Context) (io.ReadCloser, error)
}

// label names the layer to the user: by its digest where it has one.
func (b blob) label() string {
	if b.digest != "" {
		return b.digest
	}
	return b.diffID
}

// A layerRecord is kept beside a layer's directory.
type layerRecord struct {
	DiffID  string `json:"diff_id"`
	Bytes   int64  `json:"bytes"`   // of the archive
	Entries int64  `json:"entries"` // in the archive
	Size    int64  `json:"size"`    // on disk, roughly
	Opaque  bool   `json:"opaque"`  // hides all layers below
	Boot    string `json:"boot"`    // of the machine, when the layer was unpacked or last counted
	Held    tally  `json:"held"`
}

// layerDirectory holds "fs" (the overlay's lower directory) and "layer.json".
func (s *Store) layerDirectory(diffID string) string {
	return filepath.Join(s.layers, strings.TrimPrefix(diffID, "sha256:"))
}

// A layer has two locks. The one for its use is held shared by images and taken without waiting to remove the layer;
// the one for its fetching is waited for by who holds other layers, so it must never wait for a use.
func (s *Store) usePath(diffID string) string   { return s.layerDirectory(diffID) + ".use" }
func (s *Store) fetchPath(diffID string) string { return s.layerDirectory(diffID) + ".fetch" }

// layer returns a layer, unpacked and held. Whoever comes first fetches it, in this process or another; the others wait
// for its lock. fetched tells whether it was not here before.
func (s *Store) layer(ctx context.Context, b blob, left *budget) (record *layerRecord, held *layerLock, fetched bool, err error) {
	const races = 10
	for range races {
		held, err := lockLayer(ctx, s.usePath(b.diffID), syscall.LOCK_SH)
		if err != nil {
			return nil, nil, fetched, err
		}
		record, err := s.readRecord(b.diffID)
		if err == nil {
			s.touch(held)
			if !fetched {
				err = s.account(record, left)
				s.config.Progress(Event{Layer: b.label(), Done: max(0, b.size), Total: max(0, b.size), Cached: true})
			}
			return record, held, fetched, errors.Join(err, closeOn(err, held))
		}
		held.Close()
		if !isMissing(err) && !errors.Is(err, errDamaged) {
			return nil, nil, fetched, err
		}
		if err := s.fill(ctx, b, left); err != nil {
			return nil, nil, fetched, err
		}
		fetched = true
	}
	return nil, nil, fetched, fmt.Errorf("layer %s: is removed from the cache as soon as it is there", b.label())
}

func closeOn(err error, held *layerLock) error {
	if err == nil {
		return nil
	}
	return held.Close()
}

// account takes a layer that was here already from the image's budget, so that the limits do not depend on the cache.
func (s *Store) account(record *layerRecord, left *budget) error {
	if !left.bytes.take(record.Bytes) {
		return &problem{message: fmt.Sprintf("image unpacks to more than the %d bytes allowed", s.config.Limits.UnpackedBytes)}
	}
	if !left.entries.take(record.Entries) {
		return &problem{message: fmt.Sprintf("image has more than the %d entries allowed", s.config.Limits.Entries)}
	}
	return nil
}

// touch notes that the layer is used now.
func (s *Store) touch(held *layerLock) {
	now := s.config.Now()
	_ = os.Chtimes(held.file.Name(), now, now) // only the order of pruning depends on it
}

// fill fetches and unpacks a layer under its lock for fetching, unless somebody did so meanwhile. What breaks on the way is
// tried again; what is wrong is not.
func (s *Store) fill(ctx context.Context, b blob, left *budget) error {
	lock, err := lockLayer(ctx, s.fetchPath(b.diffID), syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Close()
	defer os.Remove(s.fetchPath(b.diffID)) // who waits for it sees that, and makes a new one
	record, err := s.readRecord(b.diffID)
	if err == nil {
		return s.account(record, left)
	}
	if !isMissing(err) {
		if err := s.discard(ctx, b.diffID); err != nil {
			return err
		}
		s.config.Progress(Event{Layer: b.label(), Note: "damaged in the cache, fetched again"})
	}
	for attempt := 1; ; attempt++ {
		again, err := s.fetch(ctx, b, left)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("layer %s: %w", b.label(), context.Cause(ctx))
		case !again || attempt >= s.config.Limits.Attempts:
			return fmt.Errorf("layer %s: %w", b.label(), err)
		}
		if err := wait(ctx, s.config.Limits.Backoff<<(attempt-1)); err != nil {
			return err
		}
	}
}

// fetch brings one layer. again reports that the connection broke, so that another attempt may help.
func (s *Store) fetch(ctx context.Context, b blob, left *budget) (again bool, err error) {
	work, err := scratch.Open(s.temporary(), "")
	if err != nil {
		return false, err
	}
	defer work.Close()
	body, err := b.open(ctx)
	if err != nil {
		return false, err
	}
	defer body.Close()
	total := max(0, b.size)
	source := &compressed{ctx: ctx, from: body, hash: sha256.New(), size: b.size,
		tell: progress(func(done int64) { s.config.Progress(Event{Layer: b.label(), Done: done, Total: total}) })}
	record, notes, err := s.expand(work.Path(), source, body, b, left)
	if err != nil {
		return source.err != nil && !errors.Is(source.err, errStalled), err
	}
	s.config.Progress(Event{Layer: b.label(), Done: source.count, Total: source.count})
	for _, note := range notes {
		s.config.Progress(Event{Layer: b.label(), Note: note})
	}
	raw, err := json.Marshal(record)
	if err != nil {
		return false, err
	}
	if err := os.WriteFile(filepath.Join(work.Path(), "new", "layer.json"), raw, 0o600); err != nil {
		return false, err
	}
	return false, os.Rename(filepath.Join(work.Path(), "new"), s.layerDirectory(b.diffID))
}

// expand unpacks source into new/fs of the workspace and checks digest, size and diff id. What a failed attempt took
// from the budget is given back.
func (s *Store) expand(work string, source *compressed, body io.Closer, b blob, left *budget) (record *layerRecord, notes []string, err error) {
	dir := filepath.Join(work, "new", "fs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	plain, err := decompress(source)
	if err != nil {
		return nil, nil, sourceError(source, err)
	}
	defer plain.Close()
	ahead := newReadAhead(plain)
	archive := newUncompressed(ahead, &left.bytes, s.config.Limits.UnpackedBytes)
	u, err := unpack(archive, dir, s.config.Rootless, left, s.config.Limits)
	if err == nil {
		_, err = io.Copy(io.Discard, archive) // what follows the end of the archive counts for the diff id
	}
	if err != nil {
		source.abandon(body)
	}
	ahead.Close()
	if err == nil {
		err = source.check(b.digest)
	}
	if err == nil {
		err = compareSums("diff id", b.diffID, archive.hash)
	}
	if err != nil {
		left.bytes.give(archive.taken)
		if u != nil {
			left.bytes.give(u.bytes)
			left.entries.give(u.entries)
		}
		return nil, nil, sourceError(source, err)
	}
	held, err := count(dir)
	return &layerRecord{DiffID: b.diffID, Bytes: archive.taken + u.bytes, Entries: u.entries, Size: u.size,
		Opaque: u.opaqueRoot, Boot: s.boot, Held: held}, u.notes(), err
}

// sourceError prefers the reason why the source ended to what decompression made of it.
func sourceError(source *compressed, err error) error {
	if source.err != nil {
		return source.err
	}
	return err
}

// progress calls tell for every 4 MiB.
func progress(tell func(done int64)) func(int64) {
	const step = 4 << 20
	next := int64(step)
	return func(done int64) {
		if done >= next {
			next = done + step
			tell(done)
		}
	}
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("file %q: is larger than the %d bytes allowed", path, limit)
	}
	return raw, nil
}
