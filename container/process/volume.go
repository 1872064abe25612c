package process

import (
	"context"
	"fmt"
	"sync"

	"github.com/writ-run/writ/container"
)

// volume is a directory of the runtime's. While a process has it, its files are in that process's working directory.
type volume struct {
	runtime *Runtime
	name    string
	path    string

	mu     sync.Mutex
	holder string // what has it now: a process, or the fork being made; empty: nobody
	closed bool
}

func (v *volume) Path() string { return v.path }

// take reserves the volume for holder, which must be unique.
func (v *volume) take(holder string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.closed:
		return fmt.Errorf("volume %q is closed", v.name)
	case v.holder == holder:
		return fmt.Errorf("volume %q is mounted twice", v.name)
	case v.holder != "":
		return fmt.Errorf("volume %q is in use by %s", v.name, v.holder)
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
	fork := v.runtime.volume(v.name)
	if err := v.take("fork " + fork.path); err != nil {
		return nil, fmt.Errorf("fork: %w", err)
	}
	defer v.release()
	if err := CopyTree(ctx, fork.path, v.path); err != nil {
		_ = container.RemoveAll(fork.path) // the error that counts is the first one; Close of the runtime takes the rest
		return nil, fmt.Errorf("fork volume %q: %w", v.name, err)
	}
	return fork, nil
}

func (v *volume) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil
	}
	if v.holder != "" {
		return fmt.Errorf("close: volume %q is in use by %s", v.name, v.holder)
	}
	if err := container.RemoveAll(v.path); err != nil {
		return fmt.Errorf("close volume %q: %w", v.name, err)
	}
	v.closed = true
	return nil
}
