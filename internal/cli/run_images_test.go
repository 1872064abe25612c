package cli

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/writ-run/writ/image"
	"github.com/writ-run/writ/pipeline"
)

// TestImages runs tasks in images of a registry, which asks for a password, as this user and as an ordinary one.
func TestImages(t *testing.T) {
	t.Parallel()
	binaries := needContainers(t)
	t.Run("as this user", func(t *testing.T) {
		t.Parallel()
		testImages(t, binaries, func(string) error { return nil })
	})
	t.Run("as nobody", func(t *testing.T) {
		t.Parallel()
		testImages(t, asNobody(t, binaries), give)
	})
}

func testImages(t *testing.T, binaries string, give func(directory string) error) {
	built := busyboxImage(t)
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); r.Header.Get("X-Test") == "" && (!ok || user != "reader" || password != "tops3cret") {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	digest := push(t, host+"/team/app:1", built)

	work := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, []byte(strings.ReplaceAll(text, "HOST", host)), 0o600)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	write("pipeline.yml", imagePipeline)
	run := func(more ...string) (string, int) {
		command := exec.CommandContext(t.Context(), filepath.Join(binaries, "writ"), append([]string{"run", "pipeline.yml"}, more...)...)
		if err := give(work); err != nil {
			t.Fatal(err)
		}
		command.Dir = work
		command.Env = []string{"HOME=" + work, "PATH=" + os.Getenv("PATH"), "WRIT_CONTAINER_RUNTIME=oci", `WRIT_CONTAINER_INSECUREREGISTRIES=["` + host + `"]`}
		output, err := command.CombinedOutput()
		if strings.Contains(string(output), "tops3cret") {
			t.Errorf("the password was printed:\n%s", output)
		}
		if command.ProcessState == nil {
			t.Fatal(err)
		}
		return string(output), command.ProcessState.ExitCode()
	}
	expect := func(status int, wanted []string, more ...string) {
		t.Helper()
		output, got := run(more...)
		if got != status {
			t.Errorf("%q: status %d; want %d\n%s", more, got, status, output)
		}
		for _, want := range wanted {
			if !strings.Contains(output, want) {
				t.Errorf("%q: no %q in\n%s", more, want, output)
			}
		}
	}
	expect(2, []string{"writ: error: ", host + "/team/app"}, "--job", "usual")
	write(".docker/config.json", `{"auths":{"HOST":{"auth":"`+base64.StdEncoding.EncodeToString([]byte("reader:tops3cret"))+`"}}}`)
	expect(0, []string{
		"image " + host + "/team/app@" + digest, "image: pulled 1 layer(s), ", "usual/t | FROM_IMAGE=yes\n", "usual/t | FROM_TASK=task\n", "usual/t | in /tmp/build/", "usual/t | by hand\n", "usual: succeeded",
	}, "--job", "usual", "--output", "out=out")
	token, err := exec.Command(filepath.Join(binaries, "writ"), "token", "show", filepath.Join(work, "out/token")).CombinedOutput()
	if !strings.Contains(string(token), digest) {
		t.Errorf("no claim with the image's digest: %v\n%s", err, token)
	}
	expect(0, []string{"built/second | from the first task", "built/second | FROM_METADATA=yes"}, "--job", "built")
	expect(2, []string{"writ: error: ", "/team/app", "nosuchtag"}, "--job", "missing")
	expect(2, []string{"image_resource.source.aws_region is not yet in writ", "image_resource.source.repositry is unknown", "image_resource.source.tag is a number with a fraction"}, "--job", "wrong")
	server.Close()
	expect(2, []string{"writ: error: ", "connection refused"}, "--job", "usual")
}

const imagePipeline = `
jobs:
- name: usual
  plan:
  - task: t
    config:
      platform: linux
      image_resource: &app {type: registry-image, source: {repository: HOST/team/app, tag: 1}}
      params: {FROM_TASK: task}
      outputs: [{name: out}]
      run:
        path: sh
        args: [-ec, 'env | grep ^FROM; echo in $PWD; test $(id -u) = 0 && echo by hand; cat $CONCOURSE_CI_JWT_FILE >out/token']
- name: built
  plan:
  - task: first
    config:
      platform: linux
      image_resource: *app
      outputs: [{name: image}]
      run:
        path: sh
        args: [-ec, 'mkdir image/rootfs; cp -a /bin /usr image/rootfs/; echo from the first task >image/rootfs/said; echo "{\"env\":[\"FROM_METADATA=yes\"]}" >image/metadata.json']
  - task: second
    image: image
    config:
      platform: linux
      run: {path: sh, args: [-ec, 'cat /said; env | grep FROM']}
- name: missing
  plan:
  - task: t
    config:
      platform: linux
      image_resource: {type: registry-image, source: {repository: HOST/team/app, tag: nosuchtag}}
      run: {path: "true"}
- name: wrong
  plan:
  - task: t
    config:
      platform: linux
      image_resource: {type: registry-image, source: {repository: HOST/team/app, repositry: x, aws_region: y, tag: 1.1}}
      run: {path: "true"}
`

func push(t *testing.T, reference string, i v1.Image) string {
	t.Helper()
	to, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(to, i, remote.WithTransport(marked{})); err != nil {
		t.Fatal(err)
	}
	digest, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// marked lets the test itself in.
type marked struct{}

func (marked) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Test", "yes")
	return http.DefaultTransport.RoundTrip(r)
}

// busyboxImage is an image of Debian's static busybox.
func busyboxImage(t *testing.T) v1.Image {
	t.Helper()
	binary, err := os.ReadFile("/bin/busybox")
	if err != nil {
		if os.Getenv("WRIT_TEST_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(h tar.Header, content []byte) {
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	for _, directory := range []string{"usr/", "usr/bin/", "tmp/", "etc/"} {
		add(tar.Header{Name: directory, Typeflag: tar.TypeDir, Mode: int64(fs.ModePerm)}, nil)
	}
	add(tar.Header{Name: "bin", Typeflag: tar.TypeSymlink, Linkname: "usr/bin", Mode: 0o777}, nil)
	add(tar.Header{Name: "usr/bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, binary)
	for _, applet := range []string{"sh", "cat", "cp", "mkdir", "env", "grep", "id", "true", "echo"} {
		add(tar.Header{Name: "usr/bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	built, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := built.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config.Env = []string{"PATH=/usr/bin", "FROM_IMAGE=yes"}
	config.Config.WorkingDir, config.Config.Entrypoint = "/nowhere", []string{"/never"}
	if built, err = mutate.ConfigFile(built, config); err != nil {
		t.Fatal(err)
	}
	return built
}

func TestImageSource(t *testing.T) {
	t.Parallel()
	for text, r := range map[string]pipeline.ImageResource{
		"image_resource.source.insecure must be true or false":             {Source: map[string]any{"repository": "x", "insecure": "yes"}},
		"image_resource.source.registry_mirror must be a mapping":          {Source: map[string]any{"repository": "x", "registry_mirror": "y"}},
		"image_resource.source.registry_mirror.hots is unknown":            {Source: map[string]any{"repository": "x", "registry_mirror": map[string]any{"hots": "y"}}},
		"image_resource.version.ref is unknown; allowed: digest, tag":      {Source: map[string]any{"repository": "x"}, Version: map[string]any{"ref": "y"}},
		"image_resource.source.password must be text":                      {Source: map[string]any{"repository": "x", "password": []any{"s3cret"}}},
		`image_resource.source.repositry is unknown; did you mean "reposi`: {Source: map[string]any{"repositry": "x"}},
	} {
		if _, err := imageSource(r); err == nil || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error %v; want %q", err, text)
		}
	}
	s, err := imageSource(pipeline.ImageResource{Source: map[string]any{"repository": "x", "tag": int64(3)}, Version: map[string]any{"digest": "sha256:1"}})
	if err != nil || s.Tag != "3" || s.Digest != "sha256:1" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestPullProgress(t *testing.T) {
	t.Parallel()
	var said []string
	now := time.Unix(0, 0)
	p := &pullProgress{note: func(text string) { said = append(said, text) }, now: func() time.Time { return now }, layers: map[string]image.Event{}}
	p.event(image.Event{Layer: "a", Done: 1 << 20, Total: 4 << 20})
	p.event(image.Event{Layer: "b", Cached: true, Total: 1 << 30})
	now = now.Add(progressEvery)
	p.event(image.Event{Layer: "c", Done: 0, Total: 1 << 20})
	p.event(image.Event{Layer: "c", Done: 1 << 20, Total: 1 << 20})
	p.event(image.Event{Note: "2 device nodes skipped"})
	p.end()
	p.end()
	want := []string{"image: 1.0 MiB of 5.0 MiB", "image: 2 device nodes skipped", "image: pulled 2 layer(s), 5.0 MiB"}
	if !slices.Equal(said, want) {
		t.Errorf("%q; want %q", said, want)
	}
}
