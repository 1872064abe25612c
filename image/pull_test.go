package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/writ-run/writ/internal/scratch"
)

func TestPull(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	lower := layerOf(t, archive(t, directory("etc/"), file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"), file("bin/sh", "#!")))
	upper := layerOf(t, archive(t, file("etc/app", "one")), tarball.WithCompression(compression.ZStd))
	source := server.push(t, "team/app", configure(t, imageOf(t, lower, upper), func(c *v1.ConfigFile) {
		c.Config = v1.Config{Env: []string{"PATH=/bin"}, User: "app", WorkingDir: "/srv", Entrypoint: []string{"/bin/sh"}, Cmd: []string{"-c"}}
	}))
	s := openStore(t, nil, server.host)
	image := mustPull(t, s, source)
	if len(image.Layers) != 2 {
		t.Fatalf("layers %q, want 2", image.Layers)
	}
	wantFile(t, filepath.Join(image.Layers[0], "bin/sh"), "#!")
	wantFile(t, filepath.Join(image.Layers[1], "etc/app"), "one")
	if image.User != "app" || image.WorkingDir != "/srv" || !slices.Equal(image.Env, []string{"PATH=/bin"}) ||
		!slices.Equal(image.Entrypoint, []string{"/bin/sh"}) || !slices.Equal(image.Cmd, []string{"-c"}) {
		t.Errorf("configuration %+v", image)
	}
	if info, err := os.Stat(filepath.Join(image.Layers[1], "etc")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("implied directory: %v %v, want 0755", info.Mode(), err)
	}

	// The same again comes out of the cache, without one request.
	server.answers(nil)
	again, err := s.Pull(t.Context(), Pinned{source, image.Digest})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if count := server.count(""); count != 0 || !slices.Equal(again.Layers, image.Layers) {
		t.Errorf("second pull: %d requests and layers %q, want none and %q", count, again.Layers, image.Layers)
	}
}

// TestPullTogether lets many pull at once, in two stores as two processes would: each layer is fetched once.
func TestPullTogether(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	var layers []v1.Layer
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		layers = append(layers, layerOf(t, archive(t, file(name, name))))
	}
	layers = append(layers, layers[0]) // one layer twice
	source := server.push(t, "app", imageOf(t, layers...))
	s := openStore(t, nil, server.host)
	other, err := Open(s.config)
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := s.Resolve(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	server.answers(nil)
	var workers sync.WaitGroup
	for at := range 8 {
		workers.Go(func() {
			image, err := []*Store{s, other}[at%2].Pull(t.Context(), pinned)
			if err != nil {
				t.Error(err)
				return
			}
			defer image.Close()
			wantFile(t, filepath.Join(image.Layers[1], "b"), "b")
			if len(image.Layers) != 6 {
				t.Errorf("%d layers, want 6", len(image.Layers))
			}
		})
	}
	workers.Wait()
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			t.Fatal(err)
		}
		if count := server.count("GET /v2/app/blobs/" + digest.String()); count != 1 {
			t.Errorf("layer %s was fetched %d times, want once", digest, count)
		}
	}
}

func TestPullIndex(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	here := Platform{}.orHere()
	image := func(architecture string) v1.Image {
		return configure(t, imageOf(t, layerOf(t, archive(t, file("arch", architecture)))), func(c *v1.ConfigFile) { c.Architecture = architecture })
	}
	add := func(architecture, variant string) mutate.IndexAddendum {
		return mutate.IndexAddendum{Add: image(architecture), Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "linux", Architecture: architecture, Variant: variant}}}
	}
	index := mutate.AppendManifests(empty.Index, add("s390x", ""), add(here.Architecture, "v9"), add(here.Architecture, ""))
	source := pushIndex(t, server, "app", index)
	s := openStore(t, nil, server.host)
	pulled := mustPull(t, s, source)
	wantFile(t, filepath.Join(pulled.Layers[0], "arch"), here.Architecture)

	source.Platform = Platform{Architecture: "s390x"}
	wantFile(t, filepath.Join(mustPull(t, s, source).Layers[0], "arch"), "s390x")

	source.Platform = Platform{Architecture: "vax"}
	_, err := pull(t, s, source)
	wantError(t, err, "linux/vax", "linux/s390x", "linux/"+here.Architecture+"/v9")
}

func TestSourceReference(t *testing.T) {
	t.Parallel()
	digest := digestOf([]byte("x"))
	for _, test := range []struct {
		source       Source
		name, tag    string
		digest, fail string
	}{
		{source: Source{Repository: "busybox"}, name: "index.docker.io/library/busybox", tag: "latest"},
		{source: Source{Repository: "busybox:1.36"}, name: "index.docker.io/library/busybox", tag: "1.36"},
		{source: Source{Repository: "r.example:5000/a/b", Tag: "v1"}, name: "r.example:5000/a/b", tag: "v1"},
		{source: Source{Repository: "r.example/a", Tag: "v1", Digest: digest}, name: "r.example/a", digest: digest},
		{source: Source{Repository: "r.example/a:v1@" + digest}, name: "r.example/a", digest: digest},
		{source: Source{Repository: "r.example/a", Digest: "sha256:00"}, fail: "64 hexadecimal"},
		{source: Source{Repository: "r.example/a", Digest: "sha512:00"}, fail: "64 hexadecimal"},
		{source: Source{Repository: "r.example/a:v1", Tag: "v2"}, fail: "two tags"},
		{source: Source{Repository: "r.example/../a"}, fail: "repository"},
		{source: Source{Repository: "r.example/a", Tag: "../../x"}, fail: "tag"},
		{source: Source{Repository: ""}, fail: "repository"},
	} {
		repository, tag, digest, err := test.source.reference()
		if test.fail != "" {
			wantError(t, err, test.fail)
			continue
		}
		if err != nil || repository.Name() != test.name || tag != test.tag || digest != test.digest {
			t.Errorf("%+v: %s %q %q %v, want %s %q %q", test.source, repository.Name(), tag, digest, err, test.name, test.tag, test.digest)
		}
	}
}

// TestKilledPull leaves what a killed process leaves: the next Open removes it, but not what a living one works on.
func TestKilledPull(t *testing.T) {
	t.Parallel()
	s := openStore(t, nil)
	living, err := scratch.Open(s.temporary(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer living.Close()
	dead := filepath.Join(s.temporary(), "dead")
	if err := os.MkdirAll(filepath.Join(dead, "new", "fs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.config); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !isMissing(err) {
		t.Errorf("what a killed pull left is still there: %v", err)
	}
	if _, err := os.Stat(living.Path()); err != nil {
		t.Error(err)
	}
}

func TestPullCancelled(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	source := server.push(t, "app", imageOf(t, layerOf(t, archive(t, file("a", "b")))))
	s := openStore(t, nil, server.host)
	pinned, err := s.Resolve(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Pull(ctx, pinned)
	wantError(t, err, "canceled")
	wantClean(t, s)
}

// TestLostPower has a layer that was cut short when the machine stopped: the next boot sees it and fetches it again.
func TestLostPower(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	source := server.push(t, "app", imageOf(t, layerOf(t, archive(t, file("a", "all of it"), file("b", "c")))))
	var notes int
	s := openStore(t, func(c *Config) {
		c.Progress = func(e Event) {
			if strings.Contains(e.Note, "damaged") {
				notes++
			}
		}
	}, server.host)
	image := mustPull(t, s, source)
	path := filepath.Join(image.Layers[0], "a")
	if err := image.Close(); err != nil {
		t.Fatal(err)
	}

	s.boot = "the next boot"
	server.answers(nil)
	again := mustPull(t, s, source)
	if err := again.Close(); err != nil || server.count("GET /v2/app/blobs/") != 0 {
		t.Errorf("a whole layer was fetched again (%v)", err)
	}

	if err := os.Truncate(path, 3); err != nil {
		t.Fatal(err)
	}
	s.boot = "the boot after"
	again = mustPull(t, s, source)
	wantFile(t, path, "all of it")
	if notes != 1 {
		t.Errorf("%d notes of a damaged layer, want 1", notes)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.layers, filepath.Base(filepath.Dir(image.Layers[0])), "layer.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mustPull(t, s, source)
}

// TestPruneBesidePulls has two stores pull and prune at once: what an image holds is there until it is closed.
func TestPruneBesidePulls(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	shared := layerOf(t, archive(t, file("shared", "s")))
	var sources []Source
	for _, name := range []string{"a", "b", "c"} {
		sources = append(sources, server.push(t, name, imageOf(t, shared, layerOf(t, archive(t, file("own", name))))))
	}
	s := openStore(t, nil, server.host)
	other, err := Open(s.config)
	if err != nil {
		t.Fatal(err)
	}
	var workers sync.WaitGroup
	for worker := range 6 {
		workers.Go(func() {
			store := []*Store{s, other}[worker%2]
			for round := range 8 {
				if worker < 2 {
					if _, err := store.Prune(t.Context(), true); err != nil {
						t.Error(err)
					}
					continue
				}
				source := sources[(worker+round)%len(sources)]
				pinned, err := store.Resolve(t.Context(), source)
				if err != nil {
					t.Error(err)
					return
				}
				image, err := store.Pull(t.Context(), pinned)
				if err != nil {
					t.Error(err)
					return
				}
				wantFile(t, filepath.Join(image.Layers[0], "shared"), "s")
				wantFile(t, filepath.Join(image.Layers[1], "own"), filepath.Base(source.Repository))
				if err := image.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	if _, err := s.Prune(t.Context(), true); err != nil {
		t.Error(err)
	}
	wantClean(t, s)
}

// TestSizeLies has manifests that name another size than a layer has.
func TestSizeLies(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]string{10: "more than the 10 bytes", 100000: "its manifest names 100000"} {
		s := openStore(t, nil)
		dir := t.TempDir()
		keep := func(content []byte) string {
			write(t, filepath.Join(dir, blobName(digestOf(content))), string(content))
			return digestOf(content)
		}
		layer := archive(t, file("a", "b"))
		config := keep(fmt.Appendf(nil, `{"rootfs":{"diff_ids":[%q]}}`, digestOf(layer)))
		manifest := keep(fmt.Appendf(nil, `{"schemaVersion":2,"config":{"digest":%q,"size":1},"layers":[{"digest":%q,"size":%d}]}`,
			config, keep(layer), size))
		write(t, filepath.Join(dir, "index.json"), fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"digest":%q,"size":1}]}`, manifest))
		_, err := s.LoadLayout(t.Context(), dir)
		wantError(t, err, want)
		wantClean(t, s)
	}
}
