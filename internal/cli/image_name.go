package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/writ-run/writ/image"
	"github.com/writ-run/writ/pipeline"
)

// named makes an image ready that a user has named: REPOSITORY[:TAG|@DIGEST], or the path of a directory (an OCI layout, or
// rootfs with metadata.json) or of a tarball, which has a slash at its beginning or a dot before it. It returns the name by which find
// knows it. pull is what Etcha's containerPull says.
func (i *images) named(ctx context.Context, name, pull string) (string, error) {
	switch pull {
	case "", "missing", "always", "newer": // tags are asked for once a run, layers are pulled where they are missing
	default:
		return "", hinted{fmt.Errorf("image %q: containerPull %q is not done", name, pull), "leave it out: a tag is asked for once a run, and only missing layers are pulled"}
	}
	if strings.HasPrefix(name, "/") || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") {
		return i.local(ctx, name)
	}
	found, _, err := i.prepare(ctx, pipeline.ImageResource{Type: "registry-image", Source: map[string]any{"repository": repository(name)}, Version: imageVersion(name)}, nil)
	return found, err
}

// repository and imageVersion are the parts of an image's name. A colon before a slash belongs to a registry's port.
func repository(name string) string {
	name, _, _ = strings.Cut(name, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		return name[:colon]
	}
	return name
}

func imageVersion(name string) map[string]any {
	if _, digest, found := strings.Cut(name, "@"); found {
		return map[string]any{"digest": digest}
	}
	if tag := strings.TrimPrefix(name[len(repository(name)):], ":"); tag != "" {
		return map[string]any{"tag": tag}
	}
	return nil
}

// local makes an image of files ready.
func (i *images) local(ctx context.Context, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", path, err)
	}
	load := i.store.LoadTarball
	if info.IsDir() {
		load = i.store.LoadRootfs
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, known := i.ready[path]; known {
		return path, nil
	}
	loaded, err := load(ctx, path)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", path, err)
	}
	i.ready[path] = func() (*image.Image, error) { return loaded, nil }
	return path, nil
}
