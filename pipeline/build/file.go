package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/writ-run/writ/pipeline"
)

// maxFile bounds a file that a task or a user has written and that is read here, in bytes.
const maxFile = 1 << 20

// taskFile reads the task config that a task names.
func (b *build) taskFile(ctx context.Context, at frame, t *pipeline.Task) (*pipeline.TaskTemplate, error) {
	data, err := b.file(ctx, at, "task file", t.File)
	if err != nil {
		return nil, err
	}
	return t.ReadFile(t.File, data)
}

// file reads ARTIFACT/PATH; what it is stands in errors. No symbolic link leads out of the artifact. One byte more than
// maxFile is returned of a longer file.
func (b *build) file(ctx context.Context, at frame, what, file string) (data []byte, err error) {
	name, path, _ := strings.Cut(file, "/")
	volume, err := b.artifact(ctx, at, name)
	if err != nil {
		return nil, err
	}
	if volume == nil {
		there := "there are no artifacts yet"
		if names := b.artifactNames(at); len(names) > 0 {
			there = "there are: " + strings.Join(names, ", ")
		}
		return nil, fmt.Errorf("%s missing: no artifact %q for file %q; %s", what, name, file, there)
	}
	defer func() { err = errors.Join(err, at.scope.release(map[string]*artifact{name: volume})) }()
	files, err := volume.Files(ctx)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(files)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	path = filepath.Clean(filepath.FromSlash(strings.TrimLeft(path, "/")))
	info, err := root.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s missing: artifact %q has no file %q", what, name, path)
	case err != nil:
		return nil, fmt.Errorf("%s %q: %w", what, file, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s %q: not a regular file", what, file)
	}
	opened, err := root.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", what, file, err)
	}
	defer opened.Close()
	data, err = io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", what, file, err)
	}
	return data, nil
}
