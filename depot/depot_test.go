package depot_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/depot"
)

// place is a depot with its directory.
type place struct {
	*testing.T
	*depot.Depot
	directory string
	url       string
}

func newPlace(t *testing.T) place {
	t.Helper()
	directory := t.TempDir()
	d, err := depot.New(directory, "/orders/", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	return place{t, d, directory, server.URL}
}

// write puts a file in place of the one before.
func (p place) write(name, text string) {
	p.Helper()
	path := filepath.Join(p.directory, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		p.Fatal(err)
	}
}

// ask makes a request with a header, where there is one.
func (p place) ask(method, path string, header ...string) (*http.Response, string) {
	p.Helper()
	request, err := http.NewRequest(method, p.url+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.Fatal(err)
	}
	return answer, string(text)
}

func TestServe(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("web.jwt", "one")
	answer, text := p.ask("GET", "/orders/web.jwt")
	tag := answer.Header.Get("ETag")
	p.Ahead(time.Hour) // it is known from the next time on
	if answer.StatusCode != 200 || text != "one" || answer.Header.Get("Content-Type") != "application/jwt" || len(tag) < 20 || strings.HasPrefix(tag, "W/") || answer.Header.Get("Last-Modified") != "" {
		t.Errorf("%s %q %v", answer.Status, text, answer.Header)
	}
	for _, match := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		if answer, text := p.ask("GET", "/orders/web.jwt", "If-None-Match", match); answer.StatusCode != 304 || text != "" || answer.Header.Get("ETag") != tag || answer.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %s %q %v", match, answer.Status, text, answer.Header)
		}
	}
	if answer, text := p.ask("GET", "/orders/web.jwt", "If-None-Match", `"x"`); answer.StatusCode != 200 || text != "one" {
		t.Errorf("with another: %s %q", answer.Status, text)
	}
	if answer, text := p.ask("HEAD", "/orders/web.jwt"); answer.StatusCode != 200 || text != "" || answer.ContentLength != 3 || answer.Header.Get("ETag") != tag {
		t.Errorf("HEAD: %s %q", answer.Status, text)
	}
	if answer, text := p.ask("GET", "/orders/web.jwt", "Range", "bytes=1-"); answer.StatusCode != 206 || text != "ne" {
		t.Errorf("a range: %s %q", answer.Status, text)
	}
	if answer, _ := p.ask("POST", "/orders/web.jwt"); answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %s", answer.Status)
	}
}

// TestChanges: each change has an ETag of its own, of whatever length and within whatever time; what comes back has its own
// again.
func TestChanges(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	tags := map[string]string{}
	for i, text := range []string{"one", "two", "six", "one", "two", "one", "two", "six", "six", "one"} {
		if i == 5 {
			p.Ahead(time.Hour) // as if nothing had changed for long: what is known counts
		}
		p.write("web.jwt", text)
		for range 3 {
			answer, got := p.ask("GET", "/orders/web.jwt", "If-None-Match", tags["last"])
			tag := answer.Header.Get("ETag")
			if want := tags[text]; want != "" && want != tag {
				t.Errorf("%s has the ETag %s, and had %s", text, tag, want)
			}
			if changed := tags["last"] != tag; changed != (got == text) {
				t.Errorf("%s after %s: %s %q", text, tags["last"], answer.Status, got)
			}
			tags[text], tags["last"] = tag, tag
		}
	}
	if len(tags) != 4 || tags["one"] == tags["two"] || tags["two"] == tags["six"] {
		t.Errorf("%v", tags)
	}
	if err := os.Remove(filepath.Join(p.directory, "web.jwt")); err != nil {
		t.Fatal(err)
	}
	if n := p.Known(); n != 1 {
		t.Errorf("%d orders are known", n)
	}
	if answer, _ := p.ask("GET", "/orders/web.jwt", "If-None-Match", tags["last"]); answer.StatusCode != 404 || p.Known() != 0 {
		t.Errorf("removed: %s, %d orders are known", answer.Status, p.Known())
	}
}

// TestNothingElse: what is no order is not served, however it is asked for.
func TestNothingElse(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, name := range []string{"signing.key", ".hidden.jwt", ".jwt", "web.jwt.bak"} {
		p.write(name, "secret")
	}
	p.write("web.jwt", "order")
	if err := os.WriteFile(filepath.Join(filepath.Dir(p.directory), "outside.jwt"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(p.directory, "folder.jwt"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, status := range map[string]int{
		"/orders/": 404, "/orders": 404, "/": 404, "/orders/signing.key": 404, "/orders/.hidden.jwt": 404, "/orders/.jwt": 404, "/orders/web.jwt.bak": 404,
		"/orders/web.jwt/": 404, "/orders/../outside.jwt": 404, "/orders/%2e%2e/outside.jwt": 404, "/orders/..%2foutside.jwt": 404, "/orders//web.jwt": 404,
		"/orders/./web.jwt": 404, "/orders/web%00.jwt": 404, "/orders/none.jwt": 404, "/orders/" + strings.Repeat("a", 300) + ".jwt": 404, "/web.jwt": 404,
		"/orders/folder.jwt": 500,
	} {
		if answer, text := p.ask("GET", path); answer.StatusCode != status || strings.Contains(text, "secret") || strings.Contains(text, p.directory) {
			t.Errorf("%s: %s %q", path, answer.Status, text)
		}
	}
	if _, err := depot.New(filepath.Join(p.directory, "web.jwt"), "/orders/", nil); err == nil {
		t.Error("a file is taken for a directory")
	}
}

// TestPulled: an agent's pull sees a change, and that there is none.
func TestPulled(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	at, err := pull.Parse(p.url + "/orders/web.jwt")
	if err != nil {
		t.Fatal(err)
	}
	var g pull.Getter
	var seen pull.Seen
	for _, text := range []string{"one", "two", "two", "six"} {
		p.write("web.jwt", text)
		body, now, err := g.Get(t.Context(), at, seen)
		if err == nil && string(body) != text || err != nil && (err != pull.ErrUnchanged || seen != now) {
			t.Errorf("%s: %q, %v", text, body, err)
		}
		if unchanged := now == seen; unchanged != (err == pull.ErrUnchanged) {
			t.Errorf("%s: %v", text, err)
		}
		seen = now
	}
}

// TestYoung: of a file that has just changed nothing is taken for known: the clock of its file system may say the same after
// the next change.
func TestYoung(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.Stop(time.Now())
	p.write("web.jwt", "one")
	for range 2 {
		p.ask("GET", "/orders/web.jwt")
		if n := p.Known(); n != 0 {
			t.Errorf("%d orders are known", n)
		}
	}
	p.Ahead(time.Hour)
	p.ask("GET", "/orders/web.jwt")
	if n := p.Known(); n != 1 {
		t.Errorf("an hour later %d orders are known", n)
	}
}
