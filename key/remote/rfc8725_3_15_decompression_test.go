package remote_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/writ-run/writ/key/remote"
)

// TestRule3_15Decompression: what HTTP decompresses by itself is bounded after it has grown, not before.
func TestRule3_15Decompression(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if bomb.Len() > 1<<20 {
		t.Fatalf("the bomb has %d bytes: it would be refused for its size", bomb.Len())
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding %q: the test tests nothing", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	}))
	t.Cleanup(server.Close)
	s, err := remote.New(remote.Config{Issuer: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("%v, want a bounded body", err)
	}
}
