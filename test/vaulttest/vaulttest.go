// Package vaulttest starts a real Vault server for a test: test/vaultdev, on loopback, in memory.
package vaulttest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/program"
)

// Server is a running Vault.
type Server struct {
	URL   string // http://127.0.0.1:PORT
	Token string // the root token
}

// Start builds (once per machine) and starts a Vault of this test's own, and ends it with the test. Where it cannot be
// built the test is skipped, or fails where WRIT_TEST_REQUIRE is "all".
func Start(t testing.TB) *Server {
	t.Helper()
	cmd := exec.Command(program.Build(t, "vaultdev", "."), "-until-eof", "127.0.0.1:0")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close() })
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	program.Start(t, cmd)
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

// StartMethod builds (once per machine) and starts the current logic of Vault's jwt auth method without the server around
// it: test/vaultjwt, at auth/jwt. It needs no token.
func StartMethod(t testing.TB) *Server {
	t.Helper()
	cmd := exec.Command(program.Build(t, "vaultjwt", "."), "127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	program.Start(t, cmd)
	line := bufio.NewScanner(stdout)
	if !line.Scan() {
		t.Fatalf("vaultjwt ended before it was ready: %v", line.Err())
	}
	return &Server{URL: line.Text()}
}

// Unavailable skips the test for want of a real component, loudly, or fails it where WRIT_TEST_REQUIRE is "all".
func Unavailable(t testing.TB, why string) {
	t.Helper()
	program.Unavailable(t, why)
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
