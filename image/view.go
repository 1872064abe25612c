package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a path may lead through, as in the kernel.
const maxLinks = 40

// A view looks at an image's layers as an overlay of them would show them, without mounting one.
type view struct{ roots []*os.Root } // topmost first

func (i *Image) view() (*view, error) {
	v := &view{}
	for at := len(i.Layers) - 1; at >= 0; at-- {
		root, err := os.OpenRoot(i.Layers[at])
		if err != nil {
			v.Close()
			return nil, err
		}
		v.roots = append(v.roots, root)
	}
	return v, nil
}

func (v *view) Close() {
	for _, root := range v.roots {
		root.Close()
	}
}

// A place in the view: where it is, and which layers have it. Of a directory these are several.
type spot struct {
	path   string // "" is the image's root
	layers []int  // indices of roots; the topmost first
	info   fs.FileInfo
}

// child is one entry of a directory; nil where there is none.
func (v *view) child(directory *spot, name string) (*spot, error) {
	found := &spot{path: path.Join(directory.path, name)}
	for _, at := range directory.layers {
		info, err := v.roots[at].Lstat(found.path)
		if isMissing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode()&fs.ModeCharDevice != 0 && stat.Rdev == 0 {
			break // a whiteout
		}
		if !info.IsDir() {
			if found.info == nil {
				found.layers, found.info = []int{at}, info
			}
			break
		}
		if found.info == nil {
			found.info = info
		}
		found.layers = append(found.layers, at)
		if hidesLower(filepath.Join(v.roots[at].Name(), found.path)) {
			break
		}
	}
	if found.info == nil {
		return nil, nil
	}
	return found, nil
}

// walk follows name through the image's symbolic links, each within the image. spot is nil where name, resolved,
// does not exist; resolved is then where it would be.
func (v *view) walk(name string) (resolved string, last *spot, err error) {
	root := &spot{}
	for at := range v.roots {
		root.layers = append(root.layers, at)
	}
	way := []*spot{root} // the directories from the root to here
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		here := way[len(way)-1]
		switch part {
		case "", ".":
			continue
		case "..":
			way = way[:max(1, len(way)-1)]
			continue
		}
		next, err := v.child(here, part)
		if err != nil {
			return "", nil, err
		}
		switch {
		case next == nil:
			return path.Join(append([]string{"/", here.path, part}, rest...)...), nil, nil
		case next.info.Mode()&fs.ModeSymlink != 0:
			if links++; links > maxLinks {
				return "", nil, fmt.Errorf("image path %.200q: leads through more than %d symbolic links", name, maxLinks)
			}
			target, err := v.roots[next.layers[0]].Readlink(next.path)
			if err != nil {
				return "", nil, err
			}
			if path.IsAbs(target) {
				way = way[:1]
			}
			rest = append(strings.Split(target, "/"), rest...)
		case !next.info.IsDir():
			if path.Join(rest...) == "" {
				return "/" + next.path, next, nil
			}
			return path.Join(append([]string{"/", next.path}, rest...)...), nil, nil
		default:
			way = append(way, next)
		}
	}
	last = way[len(way)-1]
	return "/" + last.path, last, nil
}

// ResolvePath follows the symbolic links of the image's layers on the way to p, all within the image, and returns the
// absolute path where p really is, or would be made: so a caller sees when /run/writ is led elsewhere. More than 40
// links are an error.
func (i *Image) ResolvePath(p string) (string, error) {
	if strings.ContainsRune(p, 0) || len(p) > 4096 {
		return "", fmt.Errorf("image path %.200q: has a zero byte, or more than 4096 bytes", p)
	}
	v, err := i.view()
	if err != nil {
		return "", err
	}
	defer v.Close()
	resolved, _, err := v.walk(p)
	return resolved, err
}

// read reads a regular file of at most limit bytes. A missing file is an fs.ErrNotExist.
func (v *view) read(name string, limit int64) ([]byte, error) {
	_, at, err := v.walk(name)
	if err != nil {
		return nil, err
	}
	if at == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return readRegular(v.roots[at.layers[0]], at.path, limit)
}

// openRegular opens a regular file and refuses everything else, without ever waiting for a fifo.
func openRegular(root *os.Root, name string) (*os.File, int64, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("file %q: is not a regular file, but %v", name, info.Mode().Type())
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

func readRegular(root *os.Root, name string, limit int64) ([]byte, error) {
	file, _, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("file %q: is larger than the %d bytes allowed", name, limit)
	}
	return raw, err
}
