package pull_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/test/program"
)

func place(t *testing.T, path string) pull.Place {
	t.Helper()
	p, err := pull.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"web.jwt", "/srv/web.jwt", "/a#b", "http://a.example/x", "https://a.example/x#A: b\r\nskipVerify\r\n\r\nC:d:e"} {
		place(t, path)
	}
	for path, want := range map[string]string{
		"":                              "is empty",
		"a\x00b":                        "NUL",
		"file:///etc/passwd":            "is not a URL",
		"ftp://a.example/x#a:s3cret":    `"ftp://a.example/x#(secret)": scheme "ftp"`,
		"https://#a:s3cret":             "is not a URL",
		"https://u:s3cret@\x01/":        "is not a URL",
		"https://a.example/#s3cret":     "NAME:VALUE",
		"https://a.example/#a b:s3cret": "NAME:VALUE",
		"https://a.example/#:s3cret":    "NAME:VALUE",
		"https://a.example/#a:s3\x01":   "NAME:VALUE",

		"https://a.example/#clientTimeout:s3cret": "clientTimeout",
		"https://a.example/#clientTimeout:3601":   "seconds from 1 to 3600",
	} {
		_, err := pull.Parse(path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v; want %q", path, err, want)
		}
	}
}

// TestShown: what a server is told in confidence is not shown.
func TestShown(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/a#b":                            "/a#b",
		"https://a.example.com/x":         "https://a.example.com/x",
		"https://a.example.com/x#a:b":     "https://a.example.com/x#(secret)",
		"https://u:pw@a.example.com/x":    "https://u:xxxxx@a.example.com/x",
		"https://u:s3\x01@a.example.com/": "(a URL that cannot be read)",
		"https://u:pw@a.example.com/#x":   "https://u:xxxxx@a.example.com/#(secret)",
	} {
		if got := pull.Shown(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := filepath.Join(directory, "web.jwt")
	var g pull.Getter
	if _, _, err := g.Get(t.Context(), place(t, path), pull.Seen{}); !errors.Is(err, pull.ErrMissing) {
		t.Errorf("no file: %v", err)
	}
	write(t, path, "one")
	body, seen, err := g.Get(t.Context(), place(t, path), pull.Seen{})
	if string(body) != "one" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if _, _, err := g.Get(t.Context(), place(t, path), seen); !errors.Is(err, pull.ErrUnchanged) {
		t.Errorf("unchanged: %v", err)
	}
	other := filepath.Join(directory, "other")
	write(t, other, "two")
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	if body, _, err := g.Get(t.Context(), place(t, path), seen); string(body) != "two" || err != nil {
		t.Errorf("replaced: %q, %v", body, err)
	}
	pipe := filepath.Join(directory, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, pull.MaxBytes+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "no regular file", directory: "no regular file", "/dev/zero": "no regular file", path: "more than"} {
		if _, _, err := g.Get(t.Context(), place(t, path), pull.Seen{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// server answers at paths.
func server(t *testing.T, handlers map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for path, handler := range handlers {
		mux.HandleFunc(path, handler)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// TestConditional: an order that is as it was is not sent again, by either validator.
func TestConditional(t *testing.T) {
	t.Parallel()
	modified := time.Now().Add(-time.Hour)
	sent := 0
	s := server(t, map[string]http.HandlerFunc{
		"/etag": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"one"`)
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader("order"))
		},
		"/date": func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", modified, strings.NewReader("order"))
		},
		"/lonely": func(w http.ResponseWriter, _ *http.Request) { sent++; w.WriteHeader(http.StatusNotModified) },
	})
	var g pull.Getter
	for _, path := range []string{"/etag", "/date"} {
		body, seen, err := g.Get(t.Context(), place(t, s.URL+path), pull.Seen{})
		if string(body) != "order" || err != nil {
			t.Fatalf("%s: %q, %v", path, body, err)
		}
		if _, again, err := g.Get(t.Context(), place(t, s.URL+path), seen); !errors.Is(err, pull.ErrUnchanged) || again != seen {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, _, err := g.Get(t.Context(), place(t, s.URL+"/lonely"), pull.Seen{}); err == nil || errors.Is(err, pull.ErrUnchanged) || sent != 1 {
		t.Errorf("304 that nobody asked for: %v", err)
	}
}

// TestChangedTwiceInASecond: nginx says of a file that changed so recently what it says of the next one, too.
func TestChangedTwiceInASecond(t *testing.T) {
	t.Parallel()
	body, date := "one", time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	modified := date
	s := server(t, map[string]http.HandlerFunc{"/order": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", date.Format(http.TimeFormat))
		w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, modified.Unix(), len(body)))
		http.ServeContent(w, r, "", modified, strings.NewReader(body))
	}})
	var g pull.Getter
	var seen pull.Seen
	for _, step := range []struct {
		date int // seconds later
		body string
		want string // empty: unchanged
	}{{0, "one", "one"}, {0, "two", "two"}, {1, "six", "six"}, {2, "six", "six"}, {3, "six", ""}, {4, "six", ""}} {
		date, body = modified.Add(time.Duration(step.date)*time.Second), step.body
		got, now, err := g.Get(t.Context(), place(t, s.URL+"/order"), seen)
		if string(got) != step.want || errors.Is(err, pull.ErrUnchanged) != (step.want == "") || err != nil && step.want != "" {
			t.Errorf("after %d s: %q, %v; want %q", step.date, got, err, step.want)
		}
		seen = now
	}
}

// TestHostileServer: whatever a server does, the answer is an error within bounds, and tells nothing of the server's.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	packer := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 100 {
		if _, err := packer.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := packer.Close(); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	s := server(t, map[string]http.HandlerFunc{
		"/missing": http.NotFound,
		"/half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "half a token")
		},
		"/endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(zeros); err != nil {
					return
				}
			}
		},
		"/bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		},
		"/silent": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		},
		"/trickle": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "a")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-release:
			case <-r.Context().Done():
			}
		},
		"/file": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		},
		"/loop": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) },
		"/empty": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "")
			w.WriteHeader(http.StatusFound)
		},
		"/garbage": func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				fmt.Fprint(connection, "s3cret is no HTTP\r\n\r\n")
				connection.Close()
			}
		},
	})
	defer close(release)
	g := pull.Getter{Timeout: 300 * time.Millisecond}
	patient := pull.Getter{}
	for path, want := range map[string]string{
		"/missing": "status 404", "/half": "before its answer was whole", "/endless": "more than 33554432 bytes", "/bomb": "more than 33554432 bytes",
		"/silent": "no whole answer within 300ms", "/trickle": "no whole answer within 300ms", "/file": "no http or https URL", "/loop": "more than 10 redirects",
		"/empty": "status 302", "/garbage": "not understood", "/silent#clientTimeout:1": "no whole answer within 1s",
	} {
		with := &patient
		if strings.Contains(want, "within") {
			with = &g
		}
		body, _, err := with.Get(t.Context(), place(t, s.URL+path), pull.Seen{})
		if err == nil || !strings.Contains(err.Error(), want) || body != nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := patient.Get(ended, place(t, s.URL+"/silent?token=s3cret"), pull.Seen{}); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("with an ended context: %v", err)
	}
	if _, _, err := patient.Get(t.Context(), place(t, "http://"+program.Unused(t)+"/x?token=s3cret"), pull.Seen{}); err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestRedirects: what a place tells its server stays with that server.
func TestRedirects(t *testing.T) {
	t.Parallel()
	tell := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", r.Header.Get("X-Key"), r.Header.Get("Authorization"), r.Header.Get("Referer"))
	}
	other := server(t, map[string]http.HandlerFunc{"/": tell})
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, other.URL, http.StatusFound)
			return
		}
		tell(w, r)
	}))
	t.Cleanup(secure.Close)
	s := server(t, map[string]http.HandlerFunc{
		"/here":  tell,
		"/same":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/here", http.StatusFound) },
		"/other": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
		"/up":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, secure.URL, http.StatusFound) },
	})
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	g := pull.Getter{Unverified: trusting}
	if _, _, err := new(pull.Getter).Get(t.Context(), place(t, secure.URL+"/#skipVerify"), pull.Seen{}); err == nil || !strings.Contains(err.Error(), "skipVerify is not possible") {
		t.Errorf("without a client for that: %v", err)
	}
	const headers = "#X-Key: s3cret\r\nAuthorization: Bearer s3cret\r\nskipVerify"
	for url, want := range map[string]string{
		s.URL + "/here": "s3cret Bearer s3cret ", s.URL + "/same": "s3cret Bearer s3cret ", s.URL + "/other": "  ", s.URL + "/up": "  ",
	} {
		body, _, err := g.Get(t.Context(), place(t, url+headers), pull.Seen{})
		if string(body) != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", url, body, err, want)
		}
	}
	if _, _, err := g.Get(t.Context(), place(t, secure.URL+"/down"+headers), pull.Seen{}); err == nil || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("https to http: %v", err)
	}
	if _, _, err := g.Get(t.Context(), place(t, secure.URL+"/"), pull.Seen{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
	withPassword := strings.Replace(s.URL, "http://", "http://user:s3cret@", 1)
	if body, _, err := g.Get(t.Context(), place(t, withPassword+"/other"), pull.Seen{}); string(body) != "  " || err != nil {
		t.Errorf("the password of a URL at another server: %q, %v", body, err)
	}
}
