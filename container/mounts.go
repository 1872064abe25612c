package container

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MountError is a mount that cannot be made.
type MountError struct {
	Path, Reason string
	Help         string // may be empty
}

// Error names the path and the reason.
func (e *MountError) Error() string { return fmt.Sprintf("mount %q: %s", e.Path, e.Reason) }

// Hint says what may help.
func (e *MountError) Hint() string { return e.Help }

// CheckMounts returns the mounts with clean paths, outer before inner: relative ones in their order of depth, then
// absolute ones. It refuses what no runtime can make.
func CheckMounts(mounts []Mount) ([]Mount, error) {
	seen := map[string]bool{}
	sorted := make([]Mount, 0, len(mounts))
	for _, m := range mounts {
		path := filepath.Clean(m.Path)
		switch {
		case m.Path == "":
			return nil, &MountError{Path: m.Path, Reason: "no path"}
		case strings.ContainsRune(m.Path, 0):
			return nil, &MountError{Path: m.Path, Reason: "a path has no NUL byte"}
		case (m.Volume == nil) == (m.Host == ""):
			return nil, &MountError{Path: m.Path, Reason: "either a volume or a host directory, not both or neither"}
		case seen[path]:
			return nil, &MountError{Path: m.Path, Reason: "two mounts at one path"}
		case !filepath.IsAbs(path) && !filepath.IsLocal(path):
			return nil, &MountError{Path: m.Path, Reason: "leaves the working directory"}
		case path == "/":
			return nil, &MountError{Path: m.Path, Reason: "is the root"}
		}
		seen[path] = true
		if m.Host != "" {
			if info, err := os.Stat(m.Host); err != nil {
				return nil, fmt.Errorf("mount %q: %w", m.Path, err)
			} else if !info.IsDir() || !filepath.IsAbs(m.Host) {
				return nil, &MountError{Path: m.Path, Reason: fmt.Sprintf("%q is no absolute path of a directory", m.Host)}
			}
		}
		m.Path = path
		sorted = append(sorted, m)
	}
	slices.SortStableFunc(sorted, func(a, b Mount) int { return cmp.Compare(depth(a.Path), depth(b.Path)) })
	return sorted, nil
}

// depth is how many elements a clean path has; an absolute one comes after all relative ones.
func depth(path string) int {
	switch {
	case path == ".":
		return 0
	case filepath.IsAbs(path):
		return 1<<16 + strings.Count(path, "/")
	}
	return 1 + strings.Count(path, "/")
}
