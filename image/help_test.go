package image

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	fakeregistry "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// A testServer is a registry on loopback that counts requests, and lets a test answer some of them itself.
type testServer struct {
	host string

	mu       sync.Mutex
	requests []string // "METHOD path"
	answer   func(w http.ResponseWriter, r *http.Request) bool
}

func newServer(t testing.TB) *testServer {
	t.Helper()
	s := &testServer{}
	real := fakeregistry.New(fakeregistry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		answer := s.answer
		s.mu.Unlock()
		if answer == nil || !answer(w, r) {
			real.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.host = strings.TrimPrefix(server.URL, "http://")
	return s
}

func (s *testServer) answers(answer func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.requests = answer, nil
}

// count is how many requests began with prefix.
func (s *testServer) count(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(s.requests), func(r string) bool { return !strings.HasPrefix(r, prefix) }))
}

// push stores an image as repository:tag, and returns its source.
func (s *testServer) push(t testing.TB, repository string, image v1.Image) Source {
	t.Helper()
	reference, err := name.ParseReference(s.host+"/"+repository+":latest", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference, image); err != nil {
		t.Fatal(err)
	}
	return Source{Repository: s.host + "/" + repository}
}

// openStore opens a store in a directory of the test that takes host for insecure.
func openStore(t testing.TB, change func(*Config), hosts ...string) *Store {
	t.Helper()
	c := Config{Dir: filepath.Join(t.TempDir(), "cache"), Insecure: hosts, Docker: t.TempDir(), Rootless: os.Geteuid() != 0,
		Limits: Limits{Backoff: time.Millisecond, Stall: 2 * time.Minute}}
	if change != nil {
		change(&c)
	}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// needRoot skips loudly where the test is not root.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("WRIT_TEST_REQUIRE") == "all" {
		t.Fatal("needs root")
	}
	t.Skip("SKIPPED: needs root")
}

// archive makes a tar archive of headers; a regular file's content is what its PAXRecords hold under "content".
func archive(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, header := range headers {
		content := header.PAXRecords["content"]
		header.PAXRecords = maps.Clone(header.PAXRecords)
		delete(header.PAXRecords, "content")
		if header.Typeflag == 0 {
			header.Typeflag = tar.TypeReg
		}
		if header.Mode == 0 {
			header.Mode = 0o755
		}
		header.Size = int64(len(content))
		header.Format = tar.FormatPAX
		if err := writer.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(writer, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func file(name, content string) tar.Header {
	return tar.Header{Name: name, PAXRecords: map[string]string{"content": content}}
}

func directory(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir} }

func link(name, target string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}
}

func layerOf(t testing.TB, raw []byte, options ...tarball.LayerOption) v1.Layer {
	t.Helper()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }, options...)
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

// imageOf makes an image for this machine out of layers.
func imageOf(t testing.TB, layers ...v1.Layer) v1.Image {
	t.Helper()
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return configure(t, image, func(c *v1.ConfigFile) {})
}

func configure(t testing.TB, image v1.Image, change func(*v1.ConfigFile)) v1.Image {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	here := Platform{}.orHere()
	config.OS, config.Architecture = here.OS, here.Architecture
	change(config)
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// pull resolves and pulls.
func pull(t testing.TB, s *Store, source Source) (*Image, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	pinned, err := s.Resolve(ctx, source)
	if err != nil {
		return nil, err
	}
	image, err := s.Pull(ctx, pinned)
	if err == nil {
		t.Cleanup(func() { image.Close() })
	}
	return image, err
}

func mustPull(t testing.TB, s *Store, source Source) *Image {
	t.Helper()
	image, err := pull(t, s, source)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q, want %q in it", err, word)
		}
	}
}

func wantFile(t *testing.T, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	} else if string(got) != content {
		t.Errorf("%s holds %q, want %q", path, got, content)
	}
}

// wantClean fails where a store holds a layer or a temporary directory.
func wantClean(t *testing.T, s *Store) {
	t.Helper()
	left, err := os.ReadDir(s.temporary())
	if err != nil || len(left) > 0 {
		t.Errorf("temporary directories left: %v %v", left, err)
	}
	layers, err := s.Layers()
	if err != nil || len(layers) > 0 {
		t.Errorf("layers there: %v %v", layers, err)
	}
}

func pushIndex(t *testing.T, s *testServer, repository string, index v1.ImageIndex) Source {
	t.Helper()
	reference, err := name.ParseReference(s.host+"/"+repository+":latest", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(reference, index); err != nil {
		t.Fatal(err)
	}
	return Source{Repository: s.host + "/" + repository}
}

func deviceNode() tar.Header {
	return tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}
}
