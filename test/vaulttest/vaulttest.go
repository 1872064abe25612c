// Package vaulttest starts a real Vault server for a test: test/vaultdev, on loopback, in memory.
package vaulttest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// buildTime bounds the first build, with an empty cache; later ones take the binary from the cache.
const buildTime = 9 * time.Minute

// Server is a running Vault.
type Server struct {
	URL   string // http://127.0.0.1:PORT
	Token string // the root token
}

// Start builds (once per machine) and starts a Vault of this test's own, and ends it with the test. Where it cannot be
// built the test is skipped, or fails where WRIT_TEST_REQUIRE is "all".
func Start(t testing.TB) *Server {
	t.Helper()
	binary, err := build()
	if err != nil {
		Unavailable(t, "vaultdev cannot be built: "+err.Error())
	}
	cmd := exec.Command(binary, "-until-eof", "127.0.0.1:0")
	var log bytes.Buffer
	cmd.Stderr = &log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("vaultdev: %s", log.String())
		}
	})
	lines := bufio.NewScanner(stdout)
	server := &Server{}
	for _, line := range []*string{&server.URL, &server.Token} {
		if !lines.Scan() {
			t.Fatalf("vaultdev ended before it was ready: %v", lines.Err())
		}
		*line = lines.Text()
	}
	return server
}

// Unavailable skips the test for want of a real component, loudly, or fails it where WRIT_TEST_REQUIRE is "all".
func Unavailable(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("WRIT_TEST_REQUIRE") == "all" {
		t.Fatalf("required by WRIT_TEST_REQUIRE=all: %s", why)
	}
	t.Skipf("SKIPPED, a real component is missing: %s", why)
}

// Do sends one request with the root token, body as JSON where there is one, and returns the JSON that comes back. Any
// status from 400 on fails the test.
func (s *Server) Do(t testing.TB, method, path string, body any) map[string]any {
	t.Helper()
	status, answer := s.As(t, s.Token, method, path, body)
	if status >= 400 {
		t.Fatalf("%s %s: status %d: %v", method, path, status, answer)
	}
	return answer
}

// As is Do with another token, and returns the status whatever it is.
func (s *Server) As(t testing.TB, token, method, path string, body any) (int, map[string]any) {
	t.Helper()
	var sent io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		sent = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, s.URL+"/v1/"+strings.TrimPrefix(path, "/"), sent)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if len(bytes.TrimSpace(data)) > 0 {
		if err := json.Unmarshal(data, &answer); err != nil {
			t.Fatalf("%s %s: status %d: %v", method, path, response.StatusCode, err)
		}
	}
	return response.StatusCode, answer
}

// build returns the path of the vaultdev binary, built from test/vaultdev if the cache does not have it. One process
// builds at a time: packages' tests run side by side.
func build() (string, error) {
	source, err := sourceDir()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, name := range []string{"main.go", "go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		sum.Write(data)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "writ-test")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "vaultdev-"+hex.EncodeToString(sum.Sum(nil))[:16])
	lock, err := os.OpenFile(filepath.Join(dir, "vaultdev.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	partial := binary + ".partial"
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", partial, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build in %s: %v: %s", source, err, bytes.TrimSpace(output))
	}
	return binary, os.Rename(partial, binary)
}

// sourceDir finds test/vaultdev from the directory of the running test upwards.
func sourceDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		candidate := filepath.Join(dir, "test", "vaultdev")
		if _, err := os.Stat(filepath.Join(candidate, "go.mod")); err == nil {
			return candidate, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no test/vaultdev above the working directory")
		}
		dir = parent
	}
}
