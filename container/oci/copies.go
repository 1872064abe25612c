package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/internal/filelock"
	"github.com/writ-run/writ/internal/scratch"
)

// copies are images whose files belong to the ids that containers have on the host: for layers on a file system that
// cannot translate ids. They are in the base directory for the next runs, until their layers are gone.
//
//	layers --copied and given away in the scratch directory--> renamed to BASE/k-KEY --locked shared until Close--> swept
type copies struct {
	mu   sync.Mutex
	able map[string]bool // layers that translate ids

	making sync.Mutex        // one image at a time; other containers start meanwhile
	made   map[string]string // by key
	held   []*os.File        // locks
}

const (
	copyPrefix = "k-"
	copyNote   = "copy.json"
	copyFiles  = "fs"
)

// copied is the note beside a copy.
type copied struct {
	Layers  []string `json:"layers"`
	Entries int      `json:"entries"`
}

// errDamaged says that files of a copy are missing: what clears temporary directories may have taken them.
var errDamaged = errors.New("is damaged")

// layers are the image's as the container may have them, with the mapping that their mounts need.
func (p *process) layers(ctx context.Context, m *made) ([]string, mapping, error) {
	if p.runtime.rootless || m.spec.Privileged {
		return p.image.Layers, mapping{}, nil
	}
	for _, layer := range p.image.Layers {
		problem := p.runtime.layerTranslates(layer)
		if cannot := (*NoIDMapError)(nil); errors.As(problem, &cannot) {
			path, err := p.runtime.copyImage(ctx, p.image.Layers, cannot)
			if err != nil {
				return nil, mapping{}, fmt.Errorf("copy the image: %w", err)
			}
			return []string{path}, mapping{}, nil
		} else if problem != nil {
			return nil, mapping{}, problem
		}
	}
	return p.image.Layers, everyID, nil
}

// layerTranslates is translates, remembered where it is so.
func (r *Runtime) layerTranslates(layer string) error {
	r.copies.mu.Lock()
	known := r.copies.able[layer]
	r.copies.mu.Unlock()
	if known {
		return nil
	}
	err := r.translates(layer)
	if err == nil {
		r.copies.mu.Lock()
		defer r.copies.mu.Unlock()
		if r.copies.able == nil {
			r.copies.able = map[string]bool{}
		}
		r.copies.able[layer] = true
	}
	return err
}

// copyImage returns the copy of an image, which is made if it is not there.
func (r *Runtime) copyImage(ctx context.Context, layers []string, why error) (string, error) {
	key, err := copyKey(layers)
	if err != nil {
		return "", err
	}
	r.copies.making.Lock()
	defer r.copies.making.Unlock()
	if path := r.copies.made[key]; path != "" {
		return path, nil
	}
	place := filepath.Join(r.base, copyPrefix+key)
	if slices.ContainsFunc(layers, func(layer string) bool { return within(layer, r.scratch.Path()) }) {
		place = filepath.Join(r.scratch.Path(), copyPrefix+key) // it is of no use later
	}
	if err := r.openCopy(ctx, place, layers, why); err != nil {
		return "", err
	}
	if r.copies.made == nil {
		r.copies.made = map[string]string{}
	}
	r.copies.made[key] = filepath.Join(place, copyFiles)
	return r.copies.made[key], nil
}

// copyKey tells the contents of layers apart: none is ever changed.
func copyKey(layers []string) (string, error) {
	hash := sha256.New()
	for _, layer := range layers {
		var s unix.Stat_t
		if err := unix.Stat(layer, &s); err != nil {
			return "", &fs.PathError{Op: "stat", Path: layer, Err: err}
		}
		fmt.Fprintf(hash, "%d %d %d %d %d %q\n", firstID, s.Dev, s.Ino, s.Mtim.Sec, s.Mtim.Nsec, layer)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16]), nil
}

// openCopy locks the copy at a place, and makes it where there is none that is whole. Other processes may be doing so.
func (r *Runtime) openCopy(ctx context.Context, place string, layers []string, why error) error {
	const races = 10
	for range races {
		lock, err := lockCopy(place, syscall.LOCK_SH)
		if err == nil {
			if err = checkCopy(place); err == nil {
				r.copies.held = append(r.copies.held, lock)
				return nil
			}
			filelock.Release(lock)
			if err := discardCopy(place); err != nil {
				return err
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !within(place, r.scratch.Path()) { // of that the notices say enough
			r.log.Warn("an image is copied before its first use", "reason", why)
		}
		if err := r.makeCopy(ctx, place, layers); err != nil {
			return err
		}
	}
	return fmt.Errorf("copy %q: is removed as soon as it is there", place)
}

// lockCopy takes the lock on a copy; fs.ErrNotExist: it is not there, or not any more.
func lockCopy(place string, how int) (*os.File, error) {
	file, err := os.OpenFile(place, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	err = filelock.Lock(file, how)
	opened, problem := file.Stat()
	now, missing := os.Lstat(place)
	if err = errors.Join(err, problem, missing); err == nil && !os.SameFile(opened, now) {
		err = fs.ErrNotExist
	}
	if err != nil {
		filelock.Release(file)
		return nil, err
	}
	return file, nil
}

func readNote(place string) (c copied, err error) {
	data, err := os.ReadFile(filepath.Join(place, copyNote))
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	return c, err
}

// checkCopy finds out whether all files are there.
func checkCopy(place string) error {
	note, err := readNote(place)
	if err != nil {
		return errDamaged
	}
	if count, err := countEntries(filepath.Join(place, copyFiles)); err != nil || count != note.Entries {
		return errDamaged
	}
	return nil
}

func countEntries(path string) (count int, err error) {
	err = filepath.WalkDir(path, func(_ string, _ fs.DirEntry, err error) error {
		count++
		return err
	})
	return count, err
}

// discardCopy removes a copy that nobody uses.
func discardCopy(place string) error {
	lock, err := lockCopy(place, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("copy %q: %w, and in use: %w", place, errDamaged, err)
	}
	defer filelock.Release(lock)
	return scratch.RemoveAll(place)
}

// makeCopy copies what is seen of the layers, gives it to the containers' ids and puts it into its place.
func (r *Runtime) makeCopy(ctx context.Context, place string, layers []string) (err error) {
	work, err := os.MkdirTemp(r.scratch.Path(), "copy-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scratch.RemoveAll(work)) }()
	whole := filepath.Join(work, "whole")
	files := filepath.Join(whole, copyFiles)
	for _, directory := range []string{whole, filepath.Join(work, "empty")} {
		if err := os.Mkdir(directory, 0o700); err != nil {
			return err
		}
	}
	seen := layers
	if len(seen) == 1 { // an overlay without an upper directory has two layers at least, and 500 at most
		seen = []string{filepath.Join(work, "empty"), layers[0]}
	}
	if err := r.copyOverlay(ctx, files, seen, ""); err != nil {
		return err
	}
	if err := shiftTree(files, toHost); err != nil {
		return err
	}
	note := copied{Layers: layers}
	if note.Entries, err = countEntries(files); err != nil {
		return err
	}
	data, err := json.Marshal(note)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(whole, copyNote), data, 0o600); err != nil {
		return err
	}
	err = os.Rename(whole, place)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY) { // another process was as fast
		return nil
	}
	return err
}

// sweepCopies removes the copies of images that are not there any more.
func (r *Runtime) sweepCopies() error {
	places, err := filepath.Glob(filepath.Join(r.base, copyPrefix+"*"))
	problems := []error{err}
	for _, place := range places {
		note, err := readNote(place)
		if err == nil {
			if key, err := copyKey(note.Layers); err == nil && copyPrefix+key == filepath.Base(place) {
				continue
			}
		}
		lock, err := lockCopy(place, syscall.LOCK_EX|syscall.LOCK_NB)
		if err != nil { // it is in use, or gone
			continue
		}
		problems = append(problems, scratch.RemoveAll(place), filelock.Release(lock))
	}
	return errors.Join(problems...)
}

// close lets go of the copies.
func (c *copies) close() {
	c.making.Lock()
	defer c.making.Unlock()
	for _, lock := range c.held {
		filelock.Release(lock)
	}
	c.held, c.made = nil, nil
}
