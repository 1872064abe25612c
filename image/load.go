package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/writ-run/writ/internal/scratch"
)

const (
	maxMetadata      = 1 << 20 // bytes of metadata.json
	maxBundleEntries = 20_000  // of an image's tarball, which has a few for each layer
	maxBundleName    = 4096    // bytes of a name in it
)

// A bundle is an image in files: a directory or a tarball.
type bundle interface {
	// open opens a file by its name. The caller closes it.
	open(name string) (file io.ReadCloser, size int64, err error)
}

// LoadLayout loads an image from an OCI image layout directory. Of several images it takes the one for this machine.
func (s *Store) LoadLayout(ctx context.Context, dir string) (*Image, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return s.loadLayout(ctx, dir, directoryBundle{root})
}

// LoadTarball loads an image from a tarball: what docker save writes, or an OCI layout in a tar archive; plain, gzip or
// zstd. It must hold one image.
func (s *Store) LoadTarball(ctx context.Context, path string) (*Image, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return s.loadTarball(ctx, path, root, filepath.Base(path))
}

// LoadRootfs loads an image out of a step's output, in whichever form it is there: rootfs with metadata.json
// ({"env": [...], "user": "..."}), image.tar, or an OCI layout. A rootfs is used where it is: nobody may change it before
// the image is closed.
func (s *Store) LoadRootfs(ctx context.Context, dir string) (*Image, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	has := func(name string) bool {
		_, err := root.Stat(name)
		return err == nil
	}
	switch {
	case has("rootfs") && has("metadata.json"):
		return loadRootfs(dir, root)
	case has("image.tar"):
		return s.loadTarball(ctx, filepath.Join(dir, "image.tar"), root, "image.tar")
	case has("index.json"):
		return s.loadLayout(ctx, dir, directoryBundle{root})
	}
	return nil, fmt.Errorf("directory %q: holds no image: want rootfs and metadata.json, image.tar, or an OCI layout", dir)
}

func loadRootfs(dir string, root *os.Root) (*Image, error) {
	info, err := root.Lstat("rootfs")
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("directory %q: rootfs is not a directory, but %v", dir, info.Mode().Type())
	}
	raw, err := readRegular(root, "metadata.json", maxMetadata)
	if err != nil {
		return nil, fmt.Errorf("directory %q: %w", dir, err)
	}
	var metadata struct {
		Env  []string `json:"env"`
		User string   `json:"user"`
	}
	if err := decode(raw, &metadata); err != nil {
		return nil, fmt.Errorf("file %q: %w", filepath.Join(dir, "metadata.json"), err)
	}
	for _, variable := range metadata.Env {
		if strings.ContainsRune(variable, 0) {
			return nil, fmt.Errorf("file %q: a variable of env holds a zero byte", filepath.Join(dir, "metadata.json"))
		}
	}
	absolute, err := filepath.Abs(filepath.Join(dir, "rootfs"))
	if err != nil {
		return nil, err
	}
	return &Image{Layers: []string{absolute}, Env: metadata.Env, User: metadata.User}, nil
}

// loadLayout loads from blobs/sha256/* what index.json names; label is for errors.
func (s *Store) loadLayout(ctx context.Context, label string, from bundle) (*Image, error) {
	raw, err := s.readFrom(from, "index.json")
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", label, err)
	}
	var digest string
	const indexes = 3 // index.json, an index that it names, and the manifest
	for range indexes {
		m, err := parseManifest(label, raw, s.config.Limits)
		if err != nil {
			return nil, err
		}
		if m.Manifests == nil {
			return s.loadManifest(ctx, label, digest, m, from)
		}
		m.Manifests = slices.CompactFunc(m.Manifests, func(a, b v1.Descriptor) bool { return a.Digest == b.Digest }) // one image with several tags
		chosen, err := m.choose(label, Platform{})
		if err != nil {
			return nil, err
		}
		if digest == "" {
			digest = chosen.Digest.String()
		}
		if raw, err = s.readBlob(from, chosen.Digest.String()); err != nil {
			return nil, fmt.Errorf("image %s: %w", label, err)
		}
	}
	return nil, fmt.Errorf("image %s: an index within an index within an index", label)
}

func (s *Store) loadManifest(ctx context.Context, label, digest string, m *manifest, from bundle) (*Image, error) {
	raw, err := s.readBlob(from, m.Config.Digest.String())
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", label, err)
	}
	c, err := parseConfiguration(label, raw, len(m.Layers), Platform{})
	if err != nil {
		return nil, err
	}
	var blobs []blob
	for at, layer := range m.Layers {
		blobs = append(blobs, blob{digest: layer.Digest.String(), diffID: c.RootFS.DiffIDs[at].String(), size: layer.Size,
			open: func(context.Context) (io.ReadCloser, error) {
				file, _, err := from.open(blobName(layer.Digest.String()))
				return file, err
			}})
	}
	return s.assemble(ctx, label, digest, c, blobs)
}

// loadSaved loads what docker save writes: manifest.json names a configuration and the layers' archives.
func (s *Store) loadSaved(ctx context.Context, label string, from bundle) (*Image, error) {
	raw, err := s.readFrom(from, "manifest.json")
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", label, err)
	}
	var saved []struct {
		Config string
		Layers []string
	}
	if err := decode(raw, &saved); err != nil {
		return nil, fmt.Errorf("image %s: manifest.json: %w", label, err)
	}
	if len(saved) != 1 {
		return nil, &problem{message: fmt.Sprintf("image %s: holds %d images; allowed is 1", label, len(saved)), hint: "save one image alone"}
	}
	if len(saved[0].Layers) > s.config.Limits.Layers {
		return nil, fmt.Errorf("image %s: %d layers; allowed are %d", label, len(saved[0].Layers), s.config.Limits.Layers)
	}
	raw, err = s.readFrom(from, saved[0].Config)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", label, err)
	}
	c, err := parseConfiguration(label, raw, len(saved[0].Layers), Platform{})
	if err != nil {
		return nil, err
	}
	var blobs []blob
	for at, layer := range saved[0].Layers {
		blobs = append(blobs, blob{diffID: c.RootFS.DiffIDs[at].String(), size: -1, open: func(context.Context) (io.ReadCloser, error) {
			file, _, err := from.open(layer)
			return file, err
		}})
	}
	return s.assemble(ctx, label, digestOf(raw), c, blobs)
}

func blobName(digest string) string { return "blobs/sha256/" + strings.TrimPrefix(digest, "sha256:") }

// readBlob reads a small blob, and checks that its digest holds.
func (s *Store) readBlob(from bundle, digest string) ([]byte, error) {
	if err := checkDigest(digest); err != nil {
		return nil, err
	}
	raw, err := s.readFrom(from, blobName(digest))
	if err == nil && digestOf(raw) != digest {
		err = fmt.Errorf("file %q: digest does not match: got %s", blobName(digest), digestOf(raw))
	}
	return raw, err
}

func (s *Store) readFrom(from bundle, name string) ([]byte, error) {
	file, size, err := from.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > s.config.Limits.Document {
		return nil, fmt.Errorf("file %q: %d bytes; allowed are %d", name, size, s.config.Limits.Document)
	}
	return io.ReadAll(io.LimitReader(file, s.config.Limits.Document))
}

// A directoryBundle is an image in a directory. No symbolic link leads out of it.
type directoryBundle struct{ root *os.Root }

func (d directoryBundle) open(name string) (io.ReadCloser, int64, error) {
	return openRegular(d.root, name)
}

// A tarBundle is an image in a plain tar archive.
type tarBundle struct {
	file  io.ReaderAt
	files map[string]section
}

// A section is a file in the archive, or a link to one.
type section struct {
	offset, size int64
	link         string
}

func (s *Store) loadTarball(ctx context.Context, label string, root *os.Root, name string) (*Image, error) {
	file, _, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	work, err := scratch.Open(s.temporary(), "")
	if err != nil {
		return nil, err
	}
	defer work.Close()
	plain, err := s.spool(file, work.Path())
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", label, err)
	}
	defer plain.Close()
	from, err := indexTar(plain)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", label, err)
	}
	if _, found := from.files["index.json"]; found {
		return s.loadLayout(ctx, label, from)
	}
	if _, found := from.files["manifest.json"]; found {
		return s.loadSaved(ctx, label, from)
	}
	return nil, &problem{message: fmt.Sprintf("image %s: has neither index.json nor manifest.json", label),
		hint: "want what docker save writes, or an OCI layout in a tar archive; a bare root file system goes into a directory rootfs"}
}

// spool returns a plain archive of what may be compressed: the file itself, or another one in the directory work.
func (s *Store) spool(file *os.File, work string) (*os.File, error) {
	first := make([]byte, 6)
	if _, err := file.ReadAt(first, 0); err != nil {
		return nil, fmt.Errorf("is no archive: %w", err)
	}
	if compressionOf(first) == uncompressedForm {
		return file, nil
	}
	plain, err := decompress(file)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	spooled, err := os.Create(filepath.Join(work, "plain.tar"))
	if err != nil {
		return nil, err
	}
	count, err := io.Copy(spooled, io.LimitReader(plain, s.config.Limits.UnpackedBytes+1))
	if err == nil && count > s.config.Limits.UnpackedBytes {
		err = fmt.Errorf("unpacks to more than the %d bytes allowed", s.config.Limits.UnpackedBytes)
	}
	if err == nil {
		_, err = spooled.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, spooled.Close())
	}
	return spooled, nil
}

// indexTar notes where each file of an archive is. The archive must be at its beginning.
func indexTar(file *os.File) (*tarBundle, error) {
	from := &tarBundle{file: file, files: map[string]section{}}
	reader := tar.NewReader(file)
	for entries := 0; ; entries++ {
		header, err := reader.Next()
		if err == io.EOF {
			return from, nil
		}
		if err != nil {
			return nil, fmt.Errorf("archive: %w", err)
		}
		if entries >= maxBundleEntries {
			return nil, fmt.Errorf("archive: more than the %d entries allowed", maxBundleEntries)
		}
		if len(header.Name) > maxBundleName || len(header.Linkname) > maxBundleName {
			return nil, fmt.Errorf("archive: entry %.200q: its name has more than %d bytes", header.Name, maxBundleName)
		}
		name := path.Clean("/" + header.Name)[1:]
		switch header.Typeflag {
		case tar.TypeReg:
			offset, err := file.Seek(0, io.SeekCurrent) // tar.Reader reads no further than it must
			if err != nil {
				return nil, err
			}
			if isSparse(header) {
				return nil, fmt.Errorf("archive: entry %.200q is sparse", name)
			}
			from.files[name] = section{offset: offset, size: header.Size}
		case tar.TypeSymlink: // docker save writes a layer once, and links to it
			from.files[name] = section{link: path.Clean("/" + path.Join(path.Dir(name), header.Linkname))[1:]}
		case tar.TypeLink:
			from.files[name] = section{link: path.Clean("/" + header.Linkname)[1:]}
		}
	}
}

func (t *tarBundle) open(name string) (io.ReadCloser, int64, error) {
	at, found := t.files[path.Clean("/" + name)[1:]]
	if found && at.link != "" {
		at, found = t.files[at.link]
	}
	if !found || at.link != "" {
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(io.NewSectionReader(t.file, at.offset, at.size)), at.size, nil
}
