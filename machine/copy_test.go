package machine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/writ-run/writ/machine"
)

func sha256Text(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// TestDownload: a URL with headers, compared without a checksum, and not asked at all with one.
func TestDownload(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("X-Token") != "secret" || r.Header.Get("Second") != "2:b" || r.URL.RawQuery != "q=1" || r.Header.Get("Accept-Encoding") != "" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Encoding", "gzip") // to be stored as it is
		fmt.Fprint(w, "not really gzip")
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "file")
	from := server.URL + "/x?q=1#X-Token:secret\r\nSecond: 2:b\r\nclientTimeout:60\r\nskipVerify"
	plain := machine.Copy{Path: path, From: from}
	checked := machine.Copy{Path: path, From: from, Checksum: "sha256:" + sha256Text("not really gzip"), Attributes: machine.Attributes{Mode: "0755"}}
	if changed, err := plain.Change(t.Context()); err != nil || len(changed) != 1 || read(t, path) != "not really gzip" {
		t.Fatalf("%v, %v", changed, err)
	}
	if changed, err := plain.Change(t.Context()); err != nil || len(changed) != 0 || asked.Load() != 2 {
		t.Errorf("%v, %v, asked %d times", changed, err, asked.Load())
	}
	if changed, err := checked.Change(t.Context()); err != nil || changed.String() != "mode is 0644, want 0755" || asked.Load() != 2 {
		t.Errorf("%v, %v, asked %d times", changed, err, asked.Load())
	}
	write(t, path, "not really gzop")
	if differences, err := plain.Check(t.Context()); err != nil || differences.String() != "contents differ (15 bytes both)" {
		t.Errorf("%v, %v", differences, err)
	}
	asked.Store(0)
	if changed, err := plain.Change(t.Context()); err != nil || len(changed) != 1 || asked.Load() != 1 || read(t, path) != "not really gzip" {
		t.Errorf("%v, %v, asked %d times", changed, err, asked.Load())
	}
}

// TestDownloadWrong: nothing of a failed download is kept, and nothing secret is said.
func TestDownloadWrong(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["X-Token"]) > 0 || len(r.Header["Referer"]) > 0 {
			t.Errorf("the other host gets %v", r.Header)
		}
		fmt.Fprint(w, "from the other host")
	}))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
	})
	mux.HandleFunc("/never", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "begins")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "good") })
	server, secure := httptest.NewServer(mux), httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer server.Close()
	defer secure.Close()
	directory := t.TempDir()
	path := write(t, filepath.Join(directory, "file"), "old")
	var waiting sync.WaitGroup
	for from, want := range map[string]string{
		server.URL + "/missing?secret":            "answers 404 Not Found",
		server.URL + "/half":                      "unexpected EOF",
		server.URL + "/never#clientTimeout:1":     "not done within 1s",
		server.URL + "/slow#clientTimeout:1":      "not done within 1s",
		server.URL + "/loop#X-Token:secret":       "more than 10 redirects",
		secure.URL + "/good?secret":               "certificate",
		secure.URL + "/away#clientSkipVerify":     "a redirect leads from https to http",
		"http://user:secret@127.0.0.1:1/x?secret": "http://127.0.0.1:1/x: dial tcp 127.0.0.1:1: connect: connection refused",
		"http:///secret":                          "not an http or https URL with a host",
		"http://h/%zzsecret":                      "not an http or https URL with a host",
		"http://h/x#secret":                       "header 1 after # is not NAME:VALUE",
		"http://h/x#A: b\nB\x01: secret":          "header 2 after # is not NAME:VALUE",
		"http://h/x#A: b\x01":                     "header 1 after # is not NAME:VALUE",
		"http://h/x#clientTimeout:0":              "clientTimeout",
	} {
		for _, checksum := range []string{"", "sha256:" + strings.Repeat("0", 64)} {
			waiting.Go(func() {
				_, err := machine.Copy{Path: path, From: from, Checksum: checksum}.Change(t.Context())
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%s %s: got %v, want %s", from, checksum, err, want)
				}
			})
		}
	}
	waiting.Wait()
	if _, err := (machine.Copy{Path: path, From: server.URL + "/good", Checksum: "sha512:" + strings.Repeat("0", 128)}).Change(t.Context()); err == nil || !strings.Contains(err.Error(), "sha512 of "+server.URL+"/good is ") {
		t.Errorf("got %v", err)
	}
	if read(t, path) != "old" || len(names(t, directory)) != 1 {
		t.Errorf("%q, %q", read(t, path), names(t, directory))
	}
	for from, want := range map[string]string{
		server.URL + "/away#X-Token:secret":                      "from the other host",
		secure.URL + "/good#X-Token:secret\r\nclientSkipVerify:": "good",
	} {
		if _, err := (machine.Copy{Path: path, From: from}).Change(t.Context()); err != nil || read(t, path) != want {
			t.Errorf("%s: %v, %q", from, err, read(t, path))
		}
	}
}

// TestNeverReadable: while it is written, and before it has its name, it is nobody else's to read. An end in the middle
// leaves nothing.
func TestNeverReadable(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, strings.Repeat("secret", 100_000))
		w.(http.Flusher).Flush()
		for _, name := range names(t, directory) {
			info, err := os.Stat(filepath.Join(directory, name))
			if err == nil && strings.HasPrefix(name, ".writ-") && info.Mode().Perm() == 0o600 {
				seen.Add(1)
			} else {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
		if r.URL.Path == "/never" {
			cancel()
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	path := filepath.Join(directory, "file")
	if _, err := (machine.Copy{Path: path, From: server.URL + "/never"}).Change(ctx); err == nil {
		t.Error("it was interrupted")
	}
	if got := names(t, directory); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
	if _, err := (machine.Copy{Path: path, From: server.URL, Attributes: machine.Attributes{Mode: "0444"}}).Change(t.Context()); err != nil {
		t.Error(err)
	}
	if got := stat(t, path); seen.Load() != 2 || got.Mode&0o777 != 0o444 || got.Size != 600_000 {
		t.Errorf("seen %d times, then %+v", seen.Load(), got)
	}
}

// TestLastByte: files of all sizes around those of the buffers differ by their last byte, and a copy then has it.
func TestLastByte(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 511, 512, 513, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64 << 10, 100_000} {
		directory := t.TempDir()
		start := strings.Repeat("x", size-1)
		from, path := write(t, filepath.Join(directory, "from"), start+"y"), filepath.Join(directory, "path")
		for _, thing := range []machine.Thing{machine.Copy{Path: path, From: from}, machine.File{Path: path, Contents: contents(start + "y")}} {
			write(t, path, start+"z")
			if found, err := thing.Check(t.Context()); err != nil || len(found) != 1 {
				t.Errorf("%T of %d bytes: %v, %v", thing, size, found, err)
			}
			if _, err := thing.Change(t.Context()); err != nil || read(t, path) != start+"y" {
				t.Errorf("%T of %d bytes: %v, or not as described", thing, size, err)
			}
			if found, err := thing.Check(t.Context()); err != nil || found != nil {
				t.Errorf("%T of %d bytes, the same: %v, %v", thing, size, found, err)
			}
		}
	}
}
