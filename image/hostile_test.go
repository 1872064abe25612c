package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// simple is an image of one file.
func simple(t *testing.T) v1.Image { return imageOf(t, layerOf(t, archive(t, file("a", "b")))) }

// TestRegistryStatus gives each refusal of a registry its own words, and tries again what may pass.
func TestRegistryStatus(t *testing.T) {
	t.Parallel()
	for status, test := range map[int]struct {
		want  string
		tries int
	}{
		401: {"wants credentials", 1}, 403: {"forbids", 1}, 404: {"not found", 1}, 418: {"418", 1},
		429: {"no more requests for now (429), asked 4 times", 4}, 500: {"500", 4}, 503: {"503", 4},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			source := server.push(t, "app", simple(t))
			server.answers(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				w.Header().Set("Retry-After", "0")
				http.Error(w, `{"errors":[{"code":"DENIED","message":"internal-detail"}]}`, status)
				return true
			})
			_, err := pull(t, openStore(t, nil, server.host), source)
			wantError(t, err, test.want, "app:latest")
			if strings.Contains(err.Error(), "internal-detail") {
				t.Errorf("error %q repeats what the registry wrote", err)
			}
			if count := server.count("HEAD /v2/app/manifests/"); count != test.tries {
				t.Errorf("asked %d times, want %d", count, test.tries)
			}
		})
	}
}

func TestRegistryRecovers(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	source := server.push(t, "app", simple(t))
	var mu sync.Mutex
	failed := map[string]int{}
	server.answers(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		failed[r.URL.Path]++
		switch {
		case failed[r.URL.Path] == 1:
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		case failed[r.URL.Path] == 2 && strings.Contains(r.URL.Path, "/blobs/"): // cut short in the middle
			w.Header().Set("Content-Length", "90")
			_, _ = w.Write([]byte{0x1f, 0x8b, 8})
			return true
		}
		return false
	})
	s := openStore(t, nil, server.host)
	pinned, err := s.Resolve(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	image, err := s.Pull(t.Context(), pinned)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	wantFile(t, filepath.Join(image.Layers[0], "a"), "b")
}

// TestRegistryLies holds that nothing of an answer with wrong content is kept.
func TestRegistryLies(t *testing.T) {
	t.Parallel()
	honest := layerOf(t, archive(t, file("a", "b")))
	other := archive(t, file("evil", "b"))
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = writer.Write(other)
	writer.Close()
	digest, _ := honest.Digest()
	size, _ := honest.Size()
	image := imageOf(t, honest)
	config, _ := image.ConfigName()
	manifestDigest, _ := image.Digest()
	send := func(content []byte, kind string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(content)
		}
	}
	for name, test := range map[string]struct {
		path   string
		answer http.HandlerFunc
		want   string
	}{
		"another manifest": {"/manifests/" + manifestDigest.String(), send([]byte(`{"schemaVersion":2}`), string(types.OCIManifestSchema1)), "digest does not match"},
		"a web page":       {"/manifests/" + manifestDigest.String(), send([]byte(`<html>`), "text/html; charset=utf-8"), "web page"},
		"another config":   {"/blobs/" + config.String(), send([]byte(`{}`), ""), "digest does not match"},
		"another layer": {"/blobs/" + digest.String(), func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(packed.Bytes()[:min(int64(packed.Len()), size)])
		}, "layer " + digest.String()},
		"a longer layer": {"/blobs/" + digest.String(), func(w http.ResponseWriter, r *http.Request) {
			raw, _ := honest.Compressed()
			content, _ := io.ReadAll(raw)
			_, _ = w.Write(append(content, content...))
		}, "more than the"},
		"an endless config": {"/blobs/" + config.String(), func(w http.ResponseWriter, r *http.Request) {
			for range 64 {
				_, _ = w.Write(make([]byte, 1<<10))
			}
		}, "larger than the 32768 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			source := server.push(t, "app", image)
			server.answers(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, test.path) {
					test.answer(w, r)
					return true
				}
				return false
			})
			s := openStore(t, func(c *Config) { c.Limits.Document = 32768 }, server.host)
			_, err := pull(t, s, source)
			wantError(t, err, test.want)
			wantClean(t, s)
		})
	}
}

// lyingLayer claims a digest, diff id or size of another.
type lyingLayer struct {
	v1.Layer
	diffID v1.Hash
}

func (l lyingLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// TestDiffIDLies has a layer whose digest holds, and whose diff id is that of another layer.
func TestDiffIDLies(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	good := layerOf(t, archive(t, file("a", "good")))
	diffID, _ := good.DiffID()
	evil := lyingLayer{Layer: layerOf(t, archive(t, file("a", "evil"))), diffID: diffID}
	s := openStore(t, nil, server.host)
	_, err := pull(t, s, server.push(t, "evil", imageOf(t, evil)))
	wantError(t, err, "diff id does not match")
	wantClean(t, s)
	image := mustPull(t, s, server.push(t, "good", imageOf(t, good)))
	wantFile(t, filepath.Join(image.Layers[0], "a"), "good")
}

func TestBomb(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	layer := layerOf(t, archive(t, file("zeros", strings.Repeat("\x00", 4<<20))))
	second := layerOf(t, archive(t, file("more", strings.Repeat("\x00", 4<<20))))
	source := server.push(t, "app", imageOf(t, layer, second))
	s := openStore(t, func(c *Config) { c.Limits.UnpackedBytes = 6 << 20 }, server.host)
	for range 2 { // the second time one layer is in the cache: it counts all the same
		_, err := pull(t, s, source)
		wantError(t, err, "more than the 6291456 bytes")
	}
	s = openStore(t, func(c *Config) { c.Limits.Entries = 1 }, server.host)
	_, err := pull(t, s, source)
	wantError(t, err, "more than the 1 entries")
	s = openStore(t, func(c *Config) { c.Limits.Layers = 1 }, server.host)
	_, err = pull(t, s, source)
	wantError(t, err, "2 layers; allowed are 1")
}

// TestStall lets the registry fall silent before and within its answer.
func TestStall(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"/manifests/", "/blobs/"} {
		t.Run(strings.Trim(where, "/"), func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			source := server.push(t, "app", simple(t))
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			server.answers(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, where) {
					return false
				}
				if where == "/blobs/" {
					w.Header().Set("Content-Length", "100")
					_, _ = w.Write([]byte{0x1f})
					w.(http.Flusher).Flush()
				}
				<-release
				return true
			})
			want := "timeout awaiting response headers"
			if where == "/blobs/" {
				want = "no byte came in time"
			}
			for limit := 100 * time.Millisecond; ; limit *= 10 {
				s := openStore(t, func(c *Config) { c.Limits.Stall = limit }, server.host)
				_, err := pull(t, s, source)
				if where == "/blobs/" && limit < time.Minute && err != nil && strings.Contains(err.Error(), "awaiting response headers") {
					continue // on a busy machine what comes before the silence takes longer than that
				}
				wantError(t, err, want)
				wantClean(t, s)
				break
			}
		})
	}
}

// TestRedirects has a registry at a public address, as far as the store knows, that leads elsewhere.
func TestRedirects(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		to   string
		want string // empty: the content comes from there
	}{
		"loopback by name":    {"http://inside.test", "a loopback address; refused"},
		"loopback by number":  {"http://127.0.0.1:1", "a loopback address; refused"},
		"loopback in IPv6":    {"http://[::1]:1", "a loopback address; refused"},
		"mapped loopback":     {"http://[::ffff:127.0.0.1]:1", "a loopback address; refused"},
		"metadata by number":  {"http://169.254.169.254", "a link-local address; refused"},
		"metadata by name":    {"http://metadata.test", "a link-local address; refused"},
		"plain HTTP":          {"http://unnamed.test", "plain HTTP to unnamed.test is refused"},
		"a file":              {"file:///etc", "file"},
		"another public host": {"http://storage.test", ""},
		"in circles":          {"http://registry.test", "more than 5 times"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			image := simple(t)
			server.push(t, "app", image)
			var mu sync.Mutex
			var leaked string
			server.answers(func(w http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				if r.Host != "registry.test" && r.Header.Get("Authorization") != "" {
					leaked = r.Host
				}
				switch {
				case r.Host != "registry.test":
					return false
				case r.Header.Get("Authorization") == "":
					w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
					w.WriteHeader(http.StatusUnauthorized)
					return true
				case strings.Contains(r.URL.Path, "/blobs/"):
					http.Redirect(w, r, test.to+r.URL.Path, http.StatusTemporaryRedirect)
					return true
				}
				return false
			})
			s := openStore(t, nil, "registry.test", "inside.test", "metadata.test", "storage.test", "127.0.0.1:1", "[::1]:1", "169.254.169.254", "[::ffff:127.0.0.1]:1")
			s.dial = fakeNames(server.host, map[string]string{"registry.test": "203.0.113.1", "storage.test": "203.0.113.2",
				"unnamed.test": "203.0.113.3", "inside.test": "127.0.0.1", "metadata.test": "169.254.169.254"})
			_, err := pull(t, s, Source{Repository: "registry.test/app", Username: "u", Password: "secret-word"})
			if test.want != "" {
				wantError(t, err, test.want)
				if strings.Contains(err.Error(), "secret-word") {
					t.Errorf("error %q holds the password", err)
				}
			} else if err != nil {
				t.Error(err)
			}
			if leaked != "" {
				t.Errorf("credentials were sent to %s", leaked)
			}
		})
	}
}

// fakeNames resolves names to the addresses given, and connects all that check allows to the server.
func fakeNames(server string, names map[string]string) dialFunc {
	return func(ctx context.Context, network, address string, check func(string) error) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if named, found := names[host]; found {
			host = named
		}
		if err := check(net.JoinHostPort(host, port)); err != nil {
			return nil, err
		}
		if port == "443" {
			return nil, errors.New("nobody speaks TLS here")
		}
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}
}

// TestInsecureIsNamed refuses plain HTTP also on loopback, unless the host is named.
func TestInsecureIsNamed(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	source := server.push(t, "app", simple(t))
	s := openStore(t, nil)
	_, err := pull(t, s, source)
	wantError(t, err, server.host)
	var hint interface{ Hint() string }
	if !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "insecure") {
		t.Errorf("error %v has no hint of insecure", err)
	}
	source.Insecure = true
	mustPull(t, s, source)
}

// TestManifests refuses what is not an image, by its name.
func TestManifests(t *testing.T) {
	t.Parallel()
	digest := digestOf([]byte("x"))
	config := `"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + digest + `","size":1}`
	layer := func(kind, more string) string {
		return `{"schemaVersion":2,` + config + `,"layers":[{"mediaType":"` + kind + `","digest":"` + digest + `","size":1` + more + `}]}`
	}
	for raw, want := range map[string]string{
		`{"schemaVersion":1,"name":"x","fsLayers":[]}`: "schema 1",
		`{"schemaVersion":3}`:                          "schemaVersion 3",
		`{"schemaVersion":2}`:                          "neither",
		`[]`:                                           "manifest",
		`{`:                                            "not JSON",
		`{"schemaVersion":2,"manifests":[],` + config + `}`:                                         "both an index and an image",
		layer(string(types.DockerForeignLayer), ""):                                                 "foreign",
		layer(string(types.OCIRestrictedLayer), ""):                                                 "foreign",
		layer(string(types.OCILayer), `,"urls":["https://elsewhere.example/x"]`):                    "foreign",
		strings.ReplaceAll(layer(string(types.OCILayer), ""), `"size":1}]`, `"size":-5}]`):          "size -5",
		strings.ReplaceAll(layer(string(types.OCILayer), ""), "image.config.v1+json", "empty+json"): "artifact",
		strings.Repeat("[", 100) + strings.Repeat("]", 100):                                         "nested more than 32",
	} {
		_, err := parseManifest("x", []byte(raw), Limits{Layers: 10})
		wantError(t, err, want)
	}
	for raw, want := range map[string]string{
		`{"architecture":"vax","os":"linux","rootfs":{"diff_ids":[]}}`: "vax",
		`{"os":"windows"}`:                           "windows",
		`{"rootfs":{"diff_ids":["` + digest + `"]}}`: "1 diff ids for 0 layers",
		`{"config":{"Env":["A=\u0000"]}}`:            "zero byte",
		`{"config":{"Env":"A"}}`:                     "configuration",
		`{"config":` + strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat("}", 101): "nested",
	} {
		_, err := parseConfiguration("x", []byte(raw), 0, Platform{})
		wantError(t, err, want)
	}
}

// TestMirror asks the mirror first, without the registry's credentials, and the registry where the mirror has nothing.
func TestMirror(t *testing.T) {
	t.Parallel()
	mirror, origin := newServer(t), newServer(t)
	image := simple(t)
	source := origin.push(t, "both", image)
	mirror.push(t, "both", image)
	only := origin.push(t, "only", image)
	source.Username, source.Password = "user", "pass-word"
	mirror.answers(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			t.Error("the mirror got credentials")
		}
		return false
	})
	origin.answers(nil)
	change := func(c *Config) { c.Mirrors = map[string]string{origin.host: mirror.host} }
	mustPull(t, openStore(t, change, origin.host, mirror.host), source)
	if count := origin.count(""); count != 0 {
		t.Errorf("the registry was asked %d times, want none", count)
	}
	mustPull(t, openStore(t, change, origin.host, mirror.host), only)
}

func TestCompressionUnknown(t *testing.T) {
	t.Parallel()
	_, err := decompress(strings.NewReader("\xfd7zXZ\x00"))
	wantError(t, err, "neither gzip nor zstd")
}
