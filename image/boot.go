package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/writ-run/writ/internal/scratch"
)

// Unpacking does not wait for the disk, as that would take longer than all the rest. When the machine loses power soon
// after, files may be there that are shorter than they were: file systems write a file's length after its content. So
// each layer remembers the boot that unpacked it and what it held, and the first use after another boot counts again.

// A tally is what a layer holds.
type tally struct {
	Files int64 `json:"files"` // entries of any kind
	Bytes int64 `json:"bytes"` // of all regular files
}

// count goes through a layer. Where a directory may not be read it counts no further: the same at each time.
func count(dir string) (tally, error) {
	var sum tally
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil {
			return err
		}
		sum.Files++
		if !entry.Type().IsRegular() {
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil {
			return err
		}
		sum.Bytes = addUp(sum.Bytes, info.Size())
		return nil
	})
	return sum, err
}

// bootID names this boot of the machine; it is empty where the system has no such name.
func bootID() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// errDamaged is a layer that is not what its record says, or that has no record that can be read.
var errDamaged = errors.New("is damaged")

// readRecord reads what a layer is. A missing layer is fs.ErrNotExist, a damaged one errDamaged.
func (s *Store) readRecord(diffID string) (*layerRecord, error) {
	path := filepath.Join(s.layerDirectory(diffID), "layer.json")
	raw, err := readBounded(path, 1<<16)
	if err != nil {
		return nil, err
	}
	var record layerRecord
	if err := json.Unmarshal(raw, &record); err != nil || record.DiffID != diffID {
		return nil, fmt.Errorf("image cache: layer %s: %w", diffID, errDamaged)
	}
	if record.Boot == s.boot {
		return &record, nil
	}
	held, err := count(filepath.Join(s.layerDirectory(diffID), "fs"))
	if err != nil {
		return nil, err
	}
	if held != record.Held {
		return nil, fmt.Errorf("image cache: layer %s: %w", diffID, errDamaged)
	}
	record.Boot = s.boot
	if raw, err = json.Marshal(record); err != nil {
		return nil, err
	}
	return &record, replaceFile(path, raw)
}

// discard removes a damaged layer. Nobody uses one for longer than it takes to see that, so it waits a little for that.
func (s *Store) discard(ctx context.Context, diffID string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	lock, err := lockLayer(ctx, s.usePath(diffID), syscall.LOCK_EX)
	if err != nil {
		return fmt.Errorf("image cache: layer %s: %w, and in use: %w", diffID, errDamaged, err)
	}
	defer lock.Close()
	work, err := scratch.Open(s.temporary(), "")
	if err != nil {
		return err
	}
	defer work.Close()
	if err := os.Rename(s.layerDirectory(diffID), filepath.Join(work.Path(), "old")); !isMissing(err) {
		return err
	}
	return nil
}
