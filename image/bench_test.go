package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/internal/scratch"
)

// BenchmarkPull pulls an image of 200 MB into an empty cache. Its floor gets the same layers by go-containerregistry,
// all at once and checked against their digests, into files, and unpacks each with tar.
func BenchmarkPull(b *testing.B) {
	if _, err := exec.LookPath("tar"); err != nil {
		b.Skip("SKIPPED: needs tar")
	}
	server := newServer(b)
	source := server.push(b, "large", imageOf(b, largeLayer(b, 1), largeLayer(b, 2), largeLayer(b, 3), largeLayer(b, 4)))
	dir := b.TempDir()
	rounds := 0
	fresh := func() string {
		rounds++
		return filepath.Join(dir, fmt.Sprint(rounds))
	}
	ratio.Run(b, 1.3,
		func() error {
			dir := fresh()
			return errors.Join(pullBare(b.Context(), source.Repository+":latest", dir), scratch.RemoveAll(dir))
		},
		func() error {
			dir := fresh()
			s := openStore(b, func(c *Config) { c.Dir = dir }, server.host)
			image, err := pull(b, s, source)
			if err != nil {
				return err
			}
			return errors.Join(image.Close(), scratch.RemoveAll(dir))
		})
}

// largeLayer has 50 MB in files of many sizes, half of which compresses.
func largeLayer(b *testing.B, seed uint64) v1.Layer {
	b.Helper()
	random := rand.New(rand.NewPCG(seed, seed))
	var raw bytes.Buffer
	writer := tar.NewWriter(&raw)
	for number := 0; raw.Len() < 50<<20; number++ {
		content := make([]byte, random.IntN(1<<(10+random.IntN(10))))
		for at := range content[:len(content)/2] {
			content[at] = byte(random.Uint32())
		}
		header := tar.Header{Name: fmt.Sprintf("usr/%d/dir%d/file%d", seed, number/50, number), Mode: 0o644, Size: int64(len(content))}
		if err := writer.WriteHeader(&header); err != nil {
			b.Fatal(err)
		}
		_, _ = writer.Write(content)
	}
	if err := writer.Close(); err != nil {
		b.Fatal(err)
	}
	return layerOf(b, raw.Bytes())
}

func pullBare(ctx context.Context, repository, dir string) error {
	reference, err := name.ParseReference(repository, name.Insecure)
	if err != nil {
		return err
	}
	image, err := remote.Image(reference, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	errs := make([]error, len(layers))
	var workers sync.WaitGroup
	for at, layer := range layers {
		workers.Go(func() { errs[at] = saveAndUnpack(layer, filepath.Join(dir, fmt.Sprint(at))) })
	}
	workers.Wait()
	return errors.Join(errs...)
}

func saveAndUnpack(layer v1.Layer, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	body, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer body.Close()
	archive, err := os.Create(dir + ".tar.gz")
	if err != nil {
		return err
	}
	_, err = io.Copy(archive, body)
	if err := errors.Join(err, archive.Close()); err != nil {
		return err
	}
	output, err := exec.Command("tar", "-xzf", dir+".tar.gz", "-C", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("tar: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}
