package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sourceFile is a file of Jsonnet that a verb looks at.
type sourceFile struct {
	path string // as it was named, or below what was
	root string // absolute: the directory that was named, or the one with the file that was
}

// patternFiles is findFiles, and says of a token that it is one.
func (a *app) patternFiles(arguments []string, endings ...string) ([]sourceFile, error) {
	for _, argument := range arguments {
		if slices.Contains(endings, filepath.Ext(argument)) {
			continue
		}
		if info, err := os.Stat(argument); !looksLikeToken(argument) && (err != nil || !info.Mode().IsRegular()) {
			continue // what comes next says what it is
		}
		if _, is, err := a.tokenFile(argument); err != nil || is {
			return nil, cmp.Or(err, errNoPattern(argument))
		}
	}
	return findFiles(arguments, endings...)
}

func errNoPattern(name string) error { return fmt.Errorf("%s is a token; want a Pattern", name) }

// findFiles are the files that were named, and those below the directories that were, in order: those with one of the
// endings, but not in directories whose name begins with a dot.
func findFiles(arguments []string, endings ...string) ([]sourceFile, error) {
	var found []sourceFile
	known := map[string]bool{}
	add := func(path, root string) error {
		absolute, err := filepath.Abs(path)
		if err == nil && !known[absolute] {
			known[absolute] = true
			found = append(found, sourceFile{filepath.Clean(path), root}) // as importing it names it
		}
		return err
	}
	for _, argument := range arguments {
		info, err := os.Stat(argument)
		if err != nil {
			return nil, err
		}
		root, err := filepath.Abs(argument)
		switch {
		case err != nil:
			return nil, err
		case !info.IsDir():
			err = add(argument, filepath.Dir(root))
		default:
			err = fs.WalkDir(os.DirFS(argument), ".", func(path string, entry fs.DirEntry, err error) error {
				name := entry.Name()
				switch {
				case err != nil:
					return named(err, argument)
				case entry.IsDir() && path != "." && strings.HasPrefix(name, "."):
					return fs.SkipDir
				case entry.IsDir() || !slices.Contains(endings, filepath.Ext(name)):
					return nil
				}
				return add(filepath.Join(argument, path), root)
			})
		}
		if err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no file with the ending %s in %s", strings.Join(endings, " or "), strings.Join(arguments, ", "))
	}
	return found, nil
}

// named gives an error of a file below a directory its path from here.
func named(err error, directory string) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return &fs.PathError{Op: at.Op, Path: filepath.Join(directory, at.Path), Err: at.Err}
	}
	return err
}

// isConfiguration tells the configuration, which is no Pattern, and may ask for keys that a test has no use for.
func isConfiguration(path string) bool {
	return slices.Contains([]string{"writ.jsonnet", "etcha.jsonnet"}, filepath.Base(path))
}
