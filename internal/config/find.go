package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// find returns the file that counts; "" where there is none.
func (l *loader) find() (string, error) {
	if l.options.Path != "" {
		return l.absolute(l.options.Path), nil
	}
	if l.options.Dir == "" {
		return "", nil
	}
	for directory := l.options.Dir; ; directory = filepath.Dir(directory) {
		var found []string
		for _, name := range []string{"writ.jsonnet", "writ.json"} {
			path := filepath.Join(directory, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				found = append(found, path)
			}
		}
		if len(found) == 2 {
			return "", fmt.Errorf("both %s and %s are there: keep one, or name one with --config", found[0], found[1])
		}
		if len(found) == 1 {
			return found[0], trusted(found[0], l.options.Dir)
		}
		if directory == filepath.Dir(directory) {
			return "", nil
		}
	}
}

func (l *loader) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(l.options.Dir, path)
}
