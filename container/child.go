package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FindExecutable finds what a process is to run: in the run's own PATH, or, with a slash, relative to the directory where
// it starts. What PATH does not have is an fs.ErrNotExist.
func FindExecutable(name, directory string, environment []string) (string, error) {
	if name == "" {
		return "", errors.New("no executable is named")
	}
	if strings.Contains(name, "/") {
		if filepath.IsAbs(name) {
			return name, nil
		}
		return filepath.Join(directory, name), nil
	}
	search := ""
	for _, entry := range environment {
		if value, found := strings.CutPrefix(entry, "PATH="); found {
			search = value
		}
	}
	for _, candidate := range filepath.SplitList(search) {
		if candidate == "" {
			candidate = "."
		}
		if !filepath.IsAbs(candidate) {
			candidate = filepath.Join(directory, candidate)
		}
		path := filepath.Join(candidate, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
	}
	return "", &notFound{name, search}
}

// notFound is an fs.ErrNotExist.
type notFound struct{ name, search string }

func (e *notFound) Error() string {
	return fmt.Sprintf("executable %q: not found in PATH (%s)", e.name, e.search)
}
func (*notFound) Is(target error) bool { return target == fs.ErrNotExist }

// ExplainStart gives a failed start the words of its cause.
func ExplainStart(err error, executable string) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if _, found := os.Stat(executable); found == nil && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%q: the interpreter that it names is missing: %w", executable, err)
	}
	return fmt.Errorf("%q: %w", executable, err)
}
