package delivery

import (
	"fmt"
	"path"
	"strings"
)

// Directory is where a run in a container finds its identity. The process runtime has a private directory in its place.
const Directory = "/run/writ"

// ReservedError is a path of a task's that would hide the run's identity, or write into it.
type ReservedError struct{ Path string }

func (e *ReservedError) Error() string {
	return fmt.Sprintf("path %q is reserved: %s is where the run's identity is", e.Path, Directory)
}

// Hint says what to do about it.
func (e *ReservedError) Hint() string {
	return "use a path that is neither at, nor below, nor above " + Directory
}

// Reserved returns a *ReservedError for the path of an input, output, cache or volume that is at, under or above
// /run/writ, once its `..` are resolved; nil for any other. A relative path is below the working directory, and where
// its `..` lead out of it, is taken as leading to the root: how deep a working directory is, is the runtime's business.
// /var/run counts as /run, to which it is a symbolic link nearly everywhere; the other links of an image are the
// runtime's to resolve.
func Reserved(name string) error {
	resolved := path.Clean(name)
	if !path.IsAbs(resolved) {
		if resolved != ".." && !strings.HasPrefix(resolved, "../") {
			return nil
		}
		for resolved == ".." || strings.HasPrefix(resolved, "../") {
			resolved = strings.TrimPrefix(strings.TrimPrefix(resolved, ".."), "/")
		}
		resolved = path.Clean("/" + resolved)
	}
	if resolved == "/var/run" || strings.HasPrefix(resolved, "/var/run/") {
		resolved = strings.TrimPrefix(resolved, "/var")
	}
	if within(resolved, Directory) || within(Directory, resolved) {
		return &ReservedError{name}
	}
	return nil
}

// within says whether a clean absolute path is at or under another one.
func within(name, directory string) bool {
	return name == directory || directory == "/" || strings.HasPrefix(name, directory+"/")
}
