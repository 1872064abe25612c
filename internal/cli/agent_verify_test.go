package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/container/host"
	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

// newAgentRun is what an agent is made of, with a configuration.
func newAgentRun(t *testing.T, text string) *agentRun {
	t.Helper()
	directory := t.TempDir()
	path := filepath.Join(directory, "writ.jsonnet")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load(t.Context(), config.Options{Path: path, Dir: directory, Environ: []string{"HOME=" + directory}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	runtime, err := host.New(host.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := &agentRun{
		app: &app{stderr: io.Discard, stdout: io.Discard, getenv: func(string) string { return "" }, environ: os.Environ()}, cmd: cmd,
		log: slog.New(slog.DiscardHandler), environ: os.Environ(), host: runtime,
	}
	t.Cleanup(func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	})
	if r.current, err = r.settings(loaded); err != nil {
		t.Fatal(err)
	}
	return r
}

// signedOrder is an order that a key has signed.
func signedOrder(t *testing.T, private key.Private) []byte {
	t.Helper()
	o := pattern.NewOrder(pattern.Pattern{}, pattern.Bundle{Entrypoint: "/main.jsonnet", Files: map[string]string{"/main.jsonnet": "{}"}}, "", nil, "", time.Now())
	payload, err := o.Payload()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := token.NewSigner(private).SignPayload(t.Context(), "JWT", payload)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(raw)
}

// TestRemoteKeys: keys that are elsewhere are asked for again after a while. As long as some are away, no order is refused that
// one of them may have signed; and what is withdrawn there does not count here for long.
func TestRemoteKeys(t *testing.T) {
	t.Parallel()
	first, err := key.Generate(key.EdDSA, "first")
	if err != nil {
		t.Fatal(err)
	}
	second, err := key.Generate(key.EdDSA, "second")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked, down, published := 0, false, first
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []key.Public{published.Public()}})
	}))
	defer server.Close()
	set := func(isDown bool, k key.Private) {
		mu.Lock()
		defer mu.Unlock()
		down, published = isDown, k
	}
	local, err := second.Public().Text()
	if err != nil {
		t.Fatal(err)
	}
	r := newAgentRun(t, fmt.Sprintf("{ run: { verifyKeys: ['%s', '%s#sha256=%s'] }, sources: { web: {} } }", local, server.URL, first.Public().Thumbprint()))
	v := r.current.verifiers["web"]
	open := func(what string, by key.Private, want error) {
		t.Helper()
		_, _, err := r.agentConfig(r.current).Open(context.Background(), "web", signedOrder(t, by))
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v; want %v", what, err, want)
		}
	}
	later := func(d time.Duration) { v.asked, v.got = v.asked.Add(-d), v.got.Add(-d) }
	stranger, err := key.Generate(key.EdDSA, "first")
	if err != nil {
		t.Fatal(err)
	}
	open("all are there", first, nil)
	open("all are there", stranger, token.ErrSignature)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	set(true, first)
	later(keysFresh + time.Second)
	open("away, for the first time", first, nil)
	open("away", second, nil)
	open("away", stranger, agent.ErrUnverified)
	if asked != 2 {
		t.Errorf("each order waits for a server that is down: asked %d times", asked)
	}
	later(keysStale)
	open("away for long", first, agent.ErrUnverified)
	open("away for long", second, nil)
	set(false, first)
	later(time.Minute)
	open("there again", first, nil)
	open("there again", stranger, token.ErrSignature)
	if _, _, err := r.agentConfig(r.current).Open(context.Background(), "none", signedOrder(t, first)); !errors.Is(err, pattern.ErrNoVerify) {
		t.Errorf("a source that is not there: %v", err)
	}

	r = newAgentRun(t, fmt.Sprintf("{ run: { verifyKeys: ['%s'] }, sources: { web: {} } }", local))
	v = r.current.verifiers["web"]
	later(1000 * time.Hour)
	if open("a key of the configuration", second, nil); !v.fixed || time.Since(v.asked) < time.Hour {
		t.Error("keys of the configuration are read again and again")
	}
}

// TestFileByExec: a Pattern reads what its source's scripts could read, and no more.
func TestFileByExec(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	directory, err := os.MkdirTemp("/tmp", "writ-exec-") // that others may pass
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open, closed, odd := write("open", "readable", 0o644), write("closed", "s3cret", 0o600), write("-n a$b", "odd", 0o644)
	large := write("large", strings.Repeat("x", 20<<20), 0o644)
	read := func(exec string) func(path string) ([]byte, error) {
		r := newAgentRun(t, "{ exec: { user: '"+exec+"' }, run: { verifyKeys: [] }, sources: { web: {} } }")
		w, err := r.agentConfig(r.current).Work("web", &logSink{r.log})
		if err != nil {
			t.Fatal(err)
		}
		return func(path string) ([]byte, error) { return w.Environment.Access.File(t.Context(), path) }
	}
	as := read("nobody")
	for path, want := range map[string]int{open: 8, odd: 3, large: 20 << 20} {
		if text, err := as(path); len(text) != want || err != nil {
			t.Errorf("%s: %d bytes, %v", path, len(text), err)
		}
	}
	for _, path := range []string{closed, directory, filepath.Join(directory, "none")} {
		if text, err := as(path); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	if text, err := read("")(closed); string(text) != "s3cret" || err != nil {
		t.Errorf("as the agent itself: %q, %v", text, err)
	}
}
