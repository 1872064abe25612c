package process

import (
	"context"
	"fmt"
	"sync"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/scratch"
)

// volume is a directory of the runtime's. While a process has it, its files are in that process's working directory.
type volume struct {
	runtime *Runtime
	name    string
	path    string

	mu     sync.Mutex
	holder string // the process that has it now; empty: none
	forks  int    // being made of it
	closed bool
}

func (v *volume) Path() string { return v.path }

func (v *volume) Files(context.Context) (string, error) { return v.path, nil }

// free returns why nothing may be done with the volume now. It needs v.mu.
func (v *volume) free() error {
	switch {
	case v.closed:
		return fmt.Errorf("volume %q is closed", v.name)
	case v.holder != "":
		return fmt.Errorf("volume %q is in use by %s", v.name, v.holder)
	}
	return nil
}

// take reserves the volume for a process.
func (v *volume) take(holder string) error {
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
	v.holder = holder
	return nil
}

func (v *volume) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holder = ""
}

// Fork copies the volume. Files share their blocks where the file system can (btrfs, XFS).
func (v *volume) Fork(ctx context.Context) (container.Volume, error) {
	if err := v.countFork(1); err != nil {
		return nil, fmt.Errorf("fork: %w", err)
	}
	defer v.countFork(-1)
	fork := v.runtime.volume(v.name)
	if err := container.CopyTree(ctx, fork.path, v.path); err != nil {
		_ = scratch.RemoveAll(fork.path) // the error that counts is the first one; Close of the runtime takes the rest
		return nil, fmt.Errorf("fork volume %q: %w", v.name, err)
	}
	return fork, nil
}

func (v *volume) countFork(more int) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	err := v.free()
	if err == nil {
		v.forks += more
	}
	return err
}

func (v *volume) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil
	}
	if v.forks > 0 {
		return fmt.Errorf("close: volume %q is being forked", v.name)
	}
	if err := v.free(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if err := scratch.RemoveAll(v.path); err != nil {
		return fmt.Errorf("close volume %q: %w", v.name, err)
	}
	v.closed = true
	return nil
}
