package delivery

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/process"
	"github.com/writ-run/writ/internal/scratch"
	"github.com/writ-run/writ/workload"
	"github.com/writ-run/writ/workload/workloadtest"
)

const issuerURL = workloadtest.IssuerURL

// fakeMinter is a workloadtest.Minter that keeps what it minted, and fails on demand.
type fakeMinter struct {
	*workloadtest.Minter

	mu      sync.Mutex
	fail    error
	minted  []string // tokens
	request workload.Request
}

func newMinter(t testing.TB, g workload.Grant) *fakeMinter {
	m := workloadtest.New(t)
	m.SetGrant(g)
	return &fakeMinter{Minter: m}
}

func (f *fakeMinter) Mint(ctx context.Context, id workload.RunID, q workload.Request) (workload.Minted, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.request = q
	if f.fail != nil {
		return workload.Minted{}, f.fail
	}
	minted, err := f.Minter.Mint(ctx, id, q)
	if err == nil {
		f.minted = append(f.minted, minted.Token)
	}
	return minted, err
}

func (f *fakeMinter) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeMinter) tokens() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.minted...)
}

// claimsOf decodes a token without checking it.
func claimsOf(t *testing.T, raw string) (claims struct {
	Audience []string `json:"aud"`
	ID       string   `json:"jti"`
}) {
	t.Helper()
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts; want a token", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

var usual = workload.Grant{Enabled: true, Env: true, Audiences: []string{issuerURL, "second"}}

// stage is a wrapped process runtime.
type stage struct {
	t *testing.T
	container.Runtime
	minter *fakeMinter
	base   string // of delivery
}

func newStage(t *testing.T, m *fakeMinter) *stage {
	t.Helper()
	base := filepath.Join(shortTemp(t), "b")
	runtime, err := process.New(process.Config{BaseDir: filepath.Join(t.TempDir(), "p"), KillGrace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtime.Close() })
	session, err := workload.Open(t.Context(), m, workload.Subject{Team: "main", Pipeline: "p", Job: "j"}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return &stage{t, Wrap(runtime, session, Config{BaseDir: base}), m, base}
}

// shortTemp is a temporary directory whose path leaves room for a socket's: t.TempDir has the test's name in it.
func shortTemp(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := scratch.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	return directory
}

// start starts a script that ends when the returned function is called; that returns its output.
func (s *stage) start(script string, environment ...string) (running container.Process, end func() string) {
	s.t.Helper()
	input, release, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	output := &buffer{}
	p, err := s.Start(s.t.Context(), container.Spec{Name: "unit", Path: "sh", Args: []string{"-c", script + "\necho ready; read -r go"}, Env: environment}, container.IO{Stdin: input, Stdout: output, Stderr: output})
	input.Close()
	if err != nil {
		release.Close()
		s.t.Fatal(err)
	}
	await(s.t, func() bool { return strings.Contains(output.String(), "ready\n") })
	return p, func() string {
		s.t.Helper()
		release.Close()
		if status, err := p.Wait(s.t.Context()); status > 1 || err != nil {
			s.t.Fatalf("status %d, %v\n%s", status, err, output.String())
		}
		return strings.TrimSuffix(output.String(), "ready\n")
	}
}

// run runs a script to its end.
func (s *stage) run(script string, environment ...string) string {
	s.t.Helper()
	_, end := s.start(script, environment...)
	return end()
}

// delivered is the one directory that is there now.
func (s *stage) delivered() string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.base, "d-*", "run"))
	if err != nil || len(found) != 1 {
		s.t.Fatalf("directories %q, %v; want one", found, err)
	}
	return found[0]
}

// gone checks that nothing is left.
func (s *stage) gone() {
	s.t.Helper()
	if left, err := filepath.Glob(filepath.Join(s.base, "*")); err != nil || len(left) != 0 {
		s.t.Errorf("left: %q, %v", left, err)
	}
}

type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

func await(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 5 min")
		}
	}
}
