package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// twoLayers is an image with an environment.
func twoLayers(t *testing.T) v1.Image {
	t.Helper()
	return configure(t, imageOf(t, layerOf(t, archive(t, file("a", "lower"))), layerOf(t, archive(t, file("b", "upper")))),
		func(c *v1.ConfigFile) { c.Config.Env = []string{"A=b"} })
}

func writeLayout(t *testing.T, dir string, image v1.Image) {
	t.Helper()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(image); err != nil {
		t.Fatal(err)
	}
}

func writeSaved(t *testing.T, path string, images ...v1.Image) {
	t.Helper()
	all := map[name.Tag]v1.Image{}
	for at, image := range images {
		tag, err := name.NewTag("r.example/app:v" + string(rune('0'+at)))
		if err != nil {
			t.Fatal(err)
		}
		all[tag] = image
	}
	if err := tarball.MultiWriteToFile(path, all); err != nil {
		t.Fatal(err)
	}
}

// packTree makes a tarball of a directory, in gzip.
func packTree(t *testing.T, dir, path string) {
	t.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	writer := tar.NewWriter(zip)
	if err := writer.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	zip.Close()
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	s := openStore(t, nil)
	image := twoLayers(t)
	manifest, _ := image.Digest()
	config, _ := image.ConfigName()
	dir := t.TempDir()
	writeLayout(t, filepath.Join(dir, "layout"), image)
	writeSaved(t, filepath.Join(dir, "saved", "..", "saved.tar"), image)
	packTree(t, filepath.Join(dir, "layout"), filepath.Join(dir, "layout.tar.gz"))
	output := filepath.Join(dir, "output")
	if err := os.Mkdir(output, 0o700); err != nil {
		t.Fatal(err)
	}
	writeSaved(t, filepath.Join(output, "image.tar"), image)
	for name, test := range map[string]struct {
		load   func() (*Image, error)
		digest string
	}{
		"layout":           {func() (*Image, error) { return s.LoadLayout(t.Context(), filepath.Join(dir, "layout")) }, manifest.String()},
		"docker save":      {func() (*Image, error) { return s.LoadTarball(t.Context(), filepath.Join(dir, "saved.tar")) }, config.String()},
		"packed layout":    {func() (*Image, error) { return s.LoadTarball(t.Context(), filepath.Join(dir, "layout.tar.gz")) }, manifest.String()},
		"output of image":  {func() (*Image, error) { return s.LoadRootfs(t.Context(), output) }, config.String()},
		"output of layout": {func() (*Image, error) { return s.LoadRootfs(t.Context(), filepath.Join(dir, "layout")) }, manifest.String()},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := test.load()
			if err != nil {
				t.Fatal(err)
			}
			defer loaded.Close()
			if loaded.Digest != test.digest || len(loaded.Layers) != 2 || !slices.Equal(loaded.Env, []string{"A=b"}) {
				t.Fatalf("loaded %+v, want digest %s", loaded, test.digest)
			}
			wantFile(t, filepath.Join(loaded.Layers[1], "b"), "upper")
		})
	}
	if layers, err := s.Layers(); err != nil || len(layers) != 2 {
		t.Errorf("layers %v %v, want the same 2 for all", layers, err)
	}
}

func TestLoadRootfs(t *testing.T) {
	t.Parallel()
	s := openStore(t, nil)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rootfs/etc/x"), "y")
	write(t, filepath.Join(dir, "metadata.json"), `{"env":["A=b"],"user":"app"}`)
	image, err := s.LoadRootfs(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	if image.User != "app" || !slices.Equal(image.Env, []string{"A=b"}) || image.Digest != "" {
		t.Errorf("image %+v", image)
	}
	wantFile(t, filepath.Join(image.Layers[0], "etc/x"), "y")
}

// TestLoadHostile has outputs and tarballs that a task wrote to mislead us.
func TestLoadHostile(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, `{"env":["LEAKED=1"]}`)
	symlink := func(t *testing.T, target, path string) {
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		make func(t *testing.T, dir string)
		want string
	}{
		"nothing": {func(*testing.T, string) {}, "holds no image"},
		"metadata leads out": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "rootfs/x"), "")
			symlink(t, secret, filepath.Join(dir, "metadata.json"))
		}, "holds no image"},
		"rootfs leads out": {func(t *testing.T, dir string) {
			symlink(t, filepath.Dir(secret), filepath.Join(dir, "rootfs"))
			write(t, filepath.Join(dir, "metadata.json"), "{}")
		}, "holds no image"},
		"rootfs is a link": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "other/x"), "")
			symlink(t, "other", filepath.Join(dir, "rootfs"))
			write(t, filepath.Join(dir, "metadata.json"), "{}")
		}, "rootfs is not a directory"},
		"metadata is huge": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "rootfs/x"), "")
			write(t, filepath.Join(dir, "metadata.json"), strings.Repeat(" ", maxMetadata+1))
		}, "larger than"},
		"metadata is wrong": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "rootfs/x"), "")
			write(t, filepath.Join(dir, "metadata.json"), `{"env":{"A":"b"}}`)
		}, "metadata.json"},
		"image leads out":      {func(t *testing.T, dir string) { symlink(t, secret, filepath.Join(dir, "image.tar")) }, "holds no image"},
		"image is a directory": {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "image.tar/x"), "") }, "not a regular file"},
		"image is empty":       {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "image.tar"), "") }, "no archive"},
		"image is text":        {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "image.tar"), strings.Repeat("x", 2000)) }, "archive"},
		"a bare archive": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "image.tar"), string(archive(t, file("etc/passwd", ""))))
		}, "neither index.json nor manifest.json"},
		"two images": {func(t *testing.T, dir string) {
			writeSaved(t, filepath.Join(dir, "image.tar"), simple(t), twoLayers(t))
		}, "holds 2 images"},
		"saved names what is not there": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "image.tar"), string(archive(t, file("manifest.json", `[{"Config":"../../etc/passwd","Layers":[]}]`))))
		}, "file does not exist"},
		"saved links in circles": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "image.tar"), string(archive(t, link("config", "config"), file("manifest.json", `[{"Config":"config","Layers":[]}]`))))
		}, "file does not exist"},
		"saved has a long name": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "image.tar"), string(archive(t, file(strings.Repeat("n", 5000), ""))))
		}, "more than 4096 bytes"},
		"layout digest": {func(t *testing.T, dir string) {
			writeLayout(t, dir, simple(t))
			names, _ := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
			for _, name := range names {
				write(t, name, `{"schemaVersion":2}`)
			}
		}, "digest does not match"},
		"layout leads out": {func(t *testing.T, dir string) {
			writeLayout(t, dir, simple(t))
			if err := os.Rename(filepath.Join(dir, "blobs"), filepath.Join(filepath.Dir(secret), "blobs")); err != nil {
				t.Fatal(err)
			}
			symlink(t, filepath.Join(filepath.Dir(secret), "blobs"), filepath.Join(dir, "blobs"))
		}, "escapes"},
		"endless index": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "index.json"), strings.Repeat(" ", 70000))
		}, "allowed are 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, func(c *Config) { c.Limits.Document = 65536 })
			dir := t.TempDir()
			test.make(t, dir)
			_, err := s.LoadRootfs(t.Context(), dir)
			wantError(t, err, test.want)
			wantClean(t, s)
		})
	}
}

// TestPrune removes what was used longest ago first, and never what is in use.
func TestPrune(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000_000, 0)
	s := openStore(t, func(c *Config) { c.Now = func() time.Time { return now }; c.MaxBytes = 3 << 20 })
	load := func(content string) *Image {
		t.Helper()
		now = now.Add(time.Minute)
		path := filepath.Join(t.TempDir(), "image.tar")
		writeSaved(t, path, imageOf(t, layerOf(t, archive(t, file("f", strings.Repeat(content, 1<<20))))))
		image, err := s.LoadTarball(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return image
	}
	held := load("1")
	for _, content := range []string{"2", "3", "2", "4"} { // 2 is used again: 3 is now the oldest
		if err := load(content).Close(); err != nil {
			t.Fatal(err)
		}
	}
	there := func(content string) bool {
		matches, _ := filepath.Glob(filepath.Join(s.layers, "*", "fs", "f"))
		return slices.ContainsFunc(matches, func(path string) bool {
			raw, _ := os.ReadFile(path)
			return strings.HasPrefix(string(raw), content)
		})
	}
	// 4 layers of more than 1 MiB do not fit into 3 MiB: two go.
	for content, want := range map[string]bool{"1": true, "2": false, "3": false, "4": true} {
		if got := there(content); got != want {
			t.Errorf("layer %s is there: %t, want %t", content, got, want)
		}
	}
	images, err := s.Images()
	if err != nil || len(images) != 2 || images[0].InUse || !images[1].InUse || images[0].Size < 1<<20 || !strings.HasSuffix(images[0].Name, "image.tar") {
		t.Errorf("images %+v %v, want the last one, and the one in use", images, err)
	}
	other, err := Open(s.config) // another process
	if err != nil {
		t.Fatal(err)
	}
	if freed, err := other.Prune(t.Context(), true); err != nil || freed < 1<<20 || freed > 2<<20 || !there("1") || there("4") {
		t.Errorf("prune all: freed %d, %v; want the one layer that is not in use", freed, err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if freed, err := s.Prune(t.Context(), false); err != nil || freed != 0 {
		t.Errorf("prune: freed %d %v, want nothing: it fits", freed, err)
	}
	if _, err := s.Prune(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	wantClean(t, s)
	left, err := os.ReadDir(s.layers)
	if err != nil || len(left) != 2 {
		t.Errorf("left in the cache: %v %v, want only images and tmp", left, err)
	}
}

// viewOf is an image of layers, each an archive.
func viewOf(t *testing.T, archives ...[]byte) *Image {
	t.Helper()
	s := openStore(t, nil)
	var layers []v1.Layer
	for _, raw := range archives {
		layers = append(layers, layerOf(t, raw))
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	writeSaved(t, path, imageOf(t, layers...))
	image, err := s.LoadTarball(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { image.Close() })
	return image
}

func TestResolvePath(t *testing.T) {
	t.Parallel()
	image := viewOf(t,
		archive(t, directory("tmp"), link("run", "/tmp"), directory("etc"), link("etc/here", "../tmp/x"), file("plain", ""),
			link("loop", "pool"), link("pool", "loop"), link("deep/up", "../../../../../etc"), link("old", "/tmp"), link("hidden/a", "/tmp")),
		archive(t, file(".wh.old", ""), file("hidden/.wh..wh..opq", ""), link("var/run", "../run"), link("writ", "/run/writ/../../etc")))
	for path, want := range map[string]string{
		"/run/writ": "/tmp/writ", "run/writ/token": "/tmp/writ/token", "/var/run/writ": "/tmp/writ", "/": "/", "": "/", "/..": "/",
		"/etc/here": "/tmp/x", "/etc/../run": "/tmp", "/deep/up/passwd": "/etc/passwd", "/missing/../x": "/x",
		"/old/x": "/old/x", "/hidden/a/b": "/hidden/a/b", "/plain/x": "/plain/x", "/plain": "/plain", "/etc": "/etc", "/writ": "/etc",
	} {
		if got, err := image.ResolvePath(path); err != nil || got != want {
			t.Errorf("%s resolves to %q %v, want %q", path, got, err, want)
		}
	}
	_, err := image.ResolvePath("/loop/x")
	wantError(t, err, "more than 40 symbolic links")
	_, err = image.ResolvePath("/a\x00b")
	wantError(t, err, "zero byte")
}

func TestLookupUser(t *testing.T) {
	t.Parallel()
	image := viewOf(t,
		archive(t, file("etc/passwd", "root:x:0:0::/nowhere:/bin/sh\n"), file("etc/group", "old:x:1:\n")),
		archive(t, file("etc/passwd", "root:x:0:0::/root:/bin/sh\nbroken\nbad:x:-1:0::/:\napp:x:1000:1001::/home/app:\n7:x:70:71::/seven:\nbig:x:99999999999:1::/:\n"),
			file("data/group", "root:x:0:\nstaff:x:50:app,other\nown:x:1001:app\naudio:x:29:app\nnone:x:x:app\n"),
			link("etc/group", "/data/group")))
	for spec, want := range map[string]struct {
		uid, gid int
		extra    []int
		home     string
	}{
		"": {0, 0, nil, "/root"}, "root": {0, 0, nil, "/root"}, "app": {1000, 1001, []int{50, 29}, "/home/app"},
		"1000": {1000, 1001, []int{50, 29}, "/home/app"}, "app:staff": {1000, 50, nil, "/home/app"}, "4242": {4242, 0, nil, "/"},
		"4242:4343": {4242, 4343, nil, "/"}, "app:99": {1000, 99, nil, "/home/app"}, "7": {70, 71, nil, "/seven"}, ":staff": {0, 50, nil, "/root"},
	} {
		uid, gid, extra, home, err := image.LookupUser(spec)
		if err != nil || uid != want.uid || gid != want.gid || !slices.Equal(extra, want.extra) || home != want.home {
			t.Errorf("%q: %d %d %v %q %v, want %+v", spec, uid, gid, extra, home, err, want)
		}
	}
	for _, spec := range []string{"nobody", "big", "-1", "99999999999", "app:old", "app:-5", "bad:0"} {
		if uid, gid, _, _, err := image.LookupUser(spec); err == nil {
			t.Errorf("%q: %d %d, want an error", spec, uid, gid)
		}
	}
	// Accounts that lead out of the image, or are too large, or no files.
	out := viewOf(t, archive(t, link("etc/passwd", "../../../../../../etc/passwd"), tar.Header{Name: "etc/group", Typeflag: tar.TypeFifo}))
	if _, _, _, _, err := out.LookupUser("root"); err == nil {
		t.Error("a passwd that leads to itself: no error")
	}
	huge := viewOf(t, archive(t, file("etc/passwd", strings.Repeat("x", maxAccounts+1))))
	_, _, _, _, err := huge.LookupUser("root")
	wantError(t, err, "larger than")
	fifo := viewOf(t, archive(t, tar.Header{Name: "etc/passwd", Typeflag: tar.TypeFifo}))
	_, _, _, _, err = fifo.LookupUser("root")
	wantError(t, err, "not a regular file")
	none := viewOf(t, archive(t, file("x", "")))
	if uid, gid, _, home, err := none.LookupUser("5:6"); err != nil || uid != 5 || gid != 6 || home != "/" {
		t.Errorf("no accounts: %d %d %q %v", uid, gid, home, err)
	}
}
