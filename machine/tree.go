package machine

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// visit calls visit for every entry of a directory, which is opened without following a link.
func visit(ctx context.Context, parent int, name, path string, visit func(directory int, name, path string, stat *unix.Stat_t) error) error {
	fd, err := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", Show(path), err)
	}
	directory := os.NewFile(uintptr(fd), path)
	defer directory.Close()
	names, err := directory.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("read %s: %w", Show(path), err)
	}
	for _, entry := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		var stat unix.Stat_t
		at := join(path, entry)
		if err := unix.Fstatat(fd, entry, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("%s: %w", Show(at), err)
		}
		if err := visit(fd, entry, at, &stat); err != nil {
			return err
		}
	}
	return nil
}

// sameDevice returns an error where something is mounted at a directory or below.
func sameDevice(ctx context.Context, parent int, name, path string, device uint64) error {
	var stat unix.Stat_t
	if err := unix.Fstatat(parent, name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("%s: %w", Show(path), err)
	}
	if stat.Dev != device {
		return fmt.Errorf("%s: another file system; nothing is removed", Show(path))
	}
	return visit(ctx, parent, name, path, func(directory int, name, path string, stat *unix.Stat_t) error {
		if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
			return nil
		}
		return sameDevice(ctx, directory, name, path, device)
	})
}

// removeWithin removes all that is in a directory.
func removeWithin(ctx context.Context, parent int, name, path string) error {
	return visit(ctx, parent, name, path, func(directory int, name, path string, stat *unix.Stat_t) error {
		flags := 0
		if stat.Mode&unix.S_IFMT == unix.S_IFDIR {
			flags = unix.AT_REMOVEDIR
			if err := removeWithin(ctx, directory, name, path); err != nil {
				return err
			}
		}
		if err := unix.Unlinkat(directory, name, flags); err != nil {
			return fmt.Errorf("remove %s: %w", Show(path), err)
		}
		return nil
	})
}
