package jsonnet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// maxFile is the size of one file that is imported.
const maxFile = 32 << 20

// Disk imports files: relative to the importing file, then to each library in turn. With a root, the file must lie, all
// links followed, within the root or a library; with "" it may be anywhere. What is not a regular file, or is over 32 MiB,
// is refused; nothing waits for a pipe.
func Disk(root string, libraries ...string) Importer {
	d := &disk{libraries: libraries}
	if root != "" {
		d.bounds = append([]string{root}, libraries...)
	}
	return d.find
}

type disk struct {
	libraries []string
	bounds    []string // none: no bound
	resolve   sync.Once
	real      []string // of bounds
	problem   error
}

func (d *disk) find(from, wanted string) (string, []byte, error) {
	var outside error
	candidates := candidates(from, wanted, d.libraries, filepath.IsAbs, filepath.Join, filepath.Dir)
	for _, name := range candidates {
		content, err := d.read(name)
		switch {
		case err == nil:
			return name, content, nil
		case errors.As(err, new(outsideError)):
			outside = err
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return "", nil, fmt.Errorf("couldn't open import %q: %w", wanted, err)
		}
	}
	if outside != nil {
		return "", nil, fmt.Errorf("couldn't open import %q: %w", wanted, outside)
	}
	return "", nil, notFound(wanted, candidates)
}

// candidates are the names that an import may mean.
func candidates(from, wanted string, libraries []string, isAbs func(string) bool, join func(...string) string, dir func(string) string) []string {
	switch {
	case from == "":
		return []string{join(wanted)}
	case isAbs(wanted):
		return []string{join(wanted)}
	}
	names := []string{join(dir(from), wanted)}
	for _, library := range libraries {
		names = append(names, join(library, wanted))
	}
	return slices.Compact(names)
}

func notFound(wanted string, candidates []string) error {
	switch {
	case slices.Equal(candidates, []string{wanted}):
		return fmt.Errorf("couldn't open import %q: there is no such file", wanted)
	case len(candidates) == 1:
		return fmt.Errorf("couldn't open import %q: there is no file %s", wanted, candidates[0])
	}
	return fmt.Errorf("couldn't open import %q: there is neither %s", wanted, strings.Join(candidates, " nor "))
}

// outsideError says that a file is out of bounds.
type outsideError struct{ name string }

func (e outsideError) Error() string {
	return fmt.Sprintf("%q lies outside the directory of the program and its libraries", e.name)
}

func (d *disk) read(name string) ([]byte, error) {
	if d.bounds == nil {
		return readRegular(name, os.Stat, os.OpenFile)
	}
	if d.resolve.Do(d.resolveBounds); d.problem != nil {
		return nil, d.problem
	}
	absolute, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if _, _, ok := within(slices.Concat(d.bounds, d.real), absolute); !ok {
		return nil, outsideError{name} // and the disk is not asked
	}
	real, err := filepath.EvalSymlinks(absolute)
	if err != nil && err.Error() == "EvalSymlinks: too many links" { // it has no other name
		err = syscall.ELOOP
	}
	if err != nil {
		return nil, bare(err)
	}
	bound, relative, ok := within(d.real, real)
	if !ok {
		return nil, outsideError{name}
	}
	root, err := os.OpenRoot(bound) // whatever becomes of real meanwhile, nothing outside is opened
	if err != nil {
		return nil, bare(err)
	}
	defer root.Close()
	return readRegular(relative, root.Stat, root.OpenFile)
}

func (d *disk) resolveBounds() {
	for i, bound := range d.bounds {
		absolute, err := filepath.Abs(bound)
		if err == nil {
			d.bounds[i] = absolute
			absolute, err = filepath.EvalSymlinks(absolute)
		}
		switch {
		case err == nil:
			d.real = append(d.real, absolute)
		case !errors.Is(err, fs.ErrNotExist) || i == 0: // a library may be missing
			d.problem = err
		}
	}
}

// within finds the directory that a clean, absolute name lies in.
func within(directories []string, name string) (directory, relative string, ok bool) {
	for _, directory := range directories {
		if relative, err := filepath.Rel(directory, name); err == nil && filepath.IsLocal(relative) {
			return directory, relative, true
		}
	}
	return "", "", false
}

// readRegular reads a regular file. It is looked at before it is opened, since to open some devices does something, and
// after, since it may be another one by then.
func readRegular(name string, look func(string) (fs.FileInfo, error), open func(string, int, fs.FileMode) (*os.File, error)) ([]byte, error) {
	info, err := look(name)
	if err != nil {
		return nil, bare(err)
	}
	if err := regular(info); err != nil {
		return nil, err
	}
	file, err := open(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, bare(err)
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, bare(err)
	}
	if err := regular(info); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return content, nil
}

func regular(info fs.FileInfo) error {
	switch kind := info.Mode().Type(); {
	case kind == 0:
		return nil
	case kind.IsDir():
		return errors.New("it is a directory")
	case kind&fs.ModeNamedPipe != 0:
		return errors.New("it is a named pipe, not a regular file")
	default:
		return errors.New("it is not a regular file")
	}
}

// bare is an error without the name, which the import's error says already.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Memory imports from a map of contents by name. Names begin with "/"; ".." does not lead above it. It looks relative to
// the importing file, then in each library, which is a directory's name in the map.
func Memory(files map[string]string, libraries ...string) Importer {
	files = maps.Clone(files)
	return func(from, wanted string) (string, []byte, error) {
		candidates := candidates(from, wanted, libraries, path.IsAbs, func(names ...string) string {
			return path.Join(append([]string{"/"}, names...)...)
		}, path.Dir)
		for _, name := range candidates {
			if content, found := files[name]; found {
				return name, []byte(content), nil
			}
		}
		return "", nil, notFound(wanted, candidates)
	}
}
