package oci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/scratch"
)

// base is a directory that volumes share: it never changes any more, and goes with the last of them.
type base struct {
	path string

	mu    sync.Mutex
	users int
}

func (b *base) share() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users++
}

func (b *base) drop() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users--; b.users > 0 {
		return nil
	}
	return scratch.RemoveAll(b.path)
}

// volume is a directory, or, once it was forked or is a fork, what was changed (upper) over a directory that both share.
//
//	plain --Fork--> clean over base --mounted--> changed over base --Path, Fork--> plain
type volume struct {
	runtime *Runtime
	name    string

	mu      sync.Mutex
	path    string // plain: the files; over a base: has "upper" and "work"
	base    *base  // nil: plain
	changed bool   // over a base: a container may have written to it
	holder  string // the container that has it now; empty: none
	forks   int    // being made of it
	closed  bool
	shifted bool  // plain: it has the ids that containers have on the host, see abilities
	broken  error // why its files are of no use any more
}

// Volume makes an empty directory.
func (r *Runtime) Volume(_ context.Context, name string) (container.Volume, error) {
	v := &volume{runtime: r, name: name, path: r.volumePath()}
	if err := os.Mkdir(v.path, 0o755); err != nil {
		return nil, fmt.Errorf("volume %q: %w", name, err)
	}
	return v, nil
}

func (r *Runtime) volumePath() string {
	return filepath.Join(r.scratch.Path(), "v"+strconv.Itoa(r.number()))
}

// Path is the directory of a new volume.
func (v *volume) Path() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.path
}

// Files makes a changed volume plain first, which copies it.
func (v *volume) Files(ctx context.Context) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.base == nil:
		return v.path, v.shift(false)
	case !v.changed:
		return v.base.path, nil
	}
	if err := v.free(); err != nil {
		return "", err
	}
	if err := v.flatten(ctx); err != nil {
		return "", err
	}
	return v.path, nil
}

// flatten makes a changed volume plain. It needs v.mu.
func (v *volume) flatten(ctx context.Context) error {
	plain := v.runtime.volumePath()
	if err := v.runtime.copyOverlay(ctx, plain, []string{v.base.path}, v.path); err != nil {
		return errors.Join(fmt.Errorf("volume %q: %w", v.name, err), scratch.RemoveAll(plain))
	}
	old, shared := v.path, v.base
	v.path, v.base, v.changed = plain, nil, false
	return errors.Join(scratch.RemoveAll(old), shared.drop())
}

// shift gives the files of a plain volume to the ids that containers have on the host, or back. It needs v.mu.
func (v *volume) shift(shifted bool) error {
	if v.shifted == shifted || v.base != nil {
		return nil
	}
	if err := v.free(); err != nil {
		return err
	}
	to := toDisk
	if shifted {
		to = toHost
	}
	if err := shiftTree(v.path, to); err != nil {
		v.broken = fmt.Errorf("volume %q: %w", v.name, err)
		return v.broken
	}
	v.shifted = shifted
	return nil
}

// free returns why nothing may be done with the volume now. It needs v.mu.
func (v *volume) free() error {
	switch {
	case v.closed:
		return fmt.Errorf("volume %q is closed", v.name)
	case v.holder != "":
		return fmt.Errorf("volume %q is in use by %s", v.name, v.holder)
	}
	return v.broken
}

// take reserves the volume for a container; shifted says which ids it must have.
func (v *volume) take(holder string, shifted bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.holder == holder {
		return fmt.Errorf("volume %q is mounted twice", v.name)
	}
	if v.forks > 0 {
		return fmt.Errorf("volume %q is being forked", v.name)
	}
	if err := v.free(); err != nil {
		return err
	}
	if err := v.shift(shifted); err != nil {
		return err
	}
	if v.base != nil {
		for _, directory := range []string{"upper", "work"} {
			if err := os.MkdirAll(filepath.Join(v.path, directory), 0o755); err != nil {
				return err
			}
		}
		if err := likeness(filepath.Join(v.path, "upper"), v.base.path, v.changed); err != nil {
			return err
		}
	}
	v.holder = holder
	return nil
}

// likeness gives a new upper directory the owner and mode of what it lies over: an overlay's root has those of the upper.
func likeness(upper, lower string, changed bool) error {
	if changed {
		return nil
	}
	info, err := os.Stat(lower)
	if err != nil {
		return err
	}
	if stat, ok := owner(info); ok && os.Geteuid() == 0 {
		if err := os.Chown(upper, stat.uid, stat.gid); err != nil {
			return err
		}
	}
	return os.Chmod(upper, info.Mode())
}

func (v *volume) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holder = ""
	v.changed = v.base != nil
}

// unused gives back a volume that no container has seen.
func (v *volume) unused() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holder = ""
}

// Fork shares the files: each of both sees its own changes only.
func (v *volume) Fork(ctx context.Context) (container.Volume, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.free(); err != nil {
		return nil, fmt.Errorf("fork: %w", err)
	}
	if !v.runtime.overlays() {
		return v.copy(ctx)
	}
	if v.base != nil && v.changed {
		if err := v.flatten(ctx); err != nil {
			return nil, fmt.Errorf("fork: %w", err)
		}
	}
	if v.base == nil {
		v.base = &base{path: v.path, users: 1}
		v.path = v.runtime.volumePath()
		if err := os.Mkdir(v.path, 0o700); err != nil {
			v.path, v.base = v.base.path, nil
			return nil, fmt.Errorf("fork volume %q: %w", v.name, err)
		}
	}
	fork := &volume{runtime: v.runtime, name: v.name, path: v.runtime.volumePath(), base: v.base}
	if err := os.Mkdir(fork.path, 0o700); err != nil {
		return nil, fmt.Errorf("fork volume %q: %w", v.name, err)
	}
	v.base.share()
	return fork, nil
}

// copy is Fork where volumes can be no overlays. It needs v.mu.
func (v *volume) copy(ctx context.Context) (container.Volume, error) {
	if err := v.shift(false); err != nil {
		return nil, fmt.Errorf("fork: %w", err)
	}
	fork := &volume{runtime: v.runtime, name: v.name, path: v.runtime.volumePath()}
	if err := container.CopyTree(ctx, fork.path, v.path); err != nil {
		return nil, errors.Join(fmt.Errorf("fork volume %q: %w", v.name, err), scratch.RemoveAll(fork.path))
	}
	return fork, nil
}

// Close removes the volume.
func (v *volume) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil
	}
	if err := v.free(); err != nil && v.broken == nil {
		return fmt.Errorf("close: %w", err)
	}
	err := scratch.RemoveAll(v.path)
	if v.base != nil {
		err = errors.Join(err, v.base.drop())
	}
	if err != nil {
		return fmt.Errorf("close volume %q: %w", v.name, err)
	}
	v.closed = true
	return nil
}

// look returns the directories in which a file of the volume may be, the first that has it winning.
func (v *volume) look() []string {
	if v.base == nil {
		return []string{v.path}
	}
	return []string{filepath.Join(v.path, "upper"), v.base.path}
}
