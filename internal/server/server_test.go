package server_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/internal/server"
	"github.com/writ-run/writ/workload"
)

// directory is a short path of the test's own, so that a socket fits.
func directory(t testing.TB) string {
	t.Helper()
	path, err := os.MkdirTemp("", "writ-server")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(path) })
	return path
}

func load(t testing.TB, home string, sets ...string) config.Config {
	t.Helper()
	file := filepath.Join(home, "writ.jsonnet")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(t.Context(), config.Options{
		Path: file, Dir: home, Environ: []string{"HOME=" + home},
		Sets: append([]string{"server.listen=127.0.0.1:0"}, sets...),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve starts a server that ends with the test.
func serve(t testing.TB, c config.Config) server.Ready {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan server.Ready, 1)
	done := make(chan error, 1)
	go func() {
		done <- server.Serve(ctx, c, slog.New(slog.DiscardHandler), func(r server.Ready) { ready <- r })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	select {
	case r := <-ready:
		return r
	case err := <-done:
		done <- nil
		t.Fatalf("serve: %v", err)
		return server.Ready{}
	}
}

// session registers a run at a server, as `writ run --server` does.
func session(t testing.TB, r server.Ready) *workload.Session {
	t.Helper()
	client, err := api.Dial("unix://" + r.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	s, err := workload.Open(t.Context(), client, workload.Subject{Team: "infra", Pipeline: "deploy", Job: "release"}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestServeReplacesTheSocketOfAKilledServer(t *testing.T) {
	t.Parallel()
	home := directory(t)
	c := load(t, home)
	if err := os.MkdirAll(c.Server.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	abandonSocket(t, c.Server.Socket)
	ready := serve(t, c)
	if _, err := session(t, ready).Mint(t.Context(), workload.Request{}); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(ready.Socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
	if err := server.Serve(t.Context(), c, slog.New(slog.DiscardHandler), func(server.Ready) { t.Error("ready") }); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a second server: %v", err)
	}
}

// TestStandingIssuerMintsWhileServing shares the data directory with a server: the same keys, other numbers.
func TestStandingIssuerMintsWhileServing(t *testing.T) {
	t.Parallel()
	home := directory(t)
	c := load(t, home, "issuer.url=https://ci.example.com")
	ready := serve(t, c)
	served := session(t, ready)
	standing, err := server.OpenStanding(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer standing.Close()
	own, err := workload.Open(t.Context(), standing.Minter(), workload.Subject{Team: "infra", Pipeline: "deploy", Job: "release"}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := served.Run(), own.Run(); a.IDs.TeamID != b.IDs.TeamID || a.IDs.JobID != b.IDs.JobID || a.IDs.BuildID == b.IDs.BuildID {
		t.Errorf("ids %+v and %+v", a.IDs, b.IDs)
	}
	keys, err := server.Keys(t.Context(), c)
	if err != nil || len(keys) != 3 {
		t.Errorf("keys %v, %v", keys, err)
	}
	files, err := server.Export(t.Context(), c, filepath.Join(home, "public"))
	if err != nil || len(files) != 2 {
		t.Fatalf("export: %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil || !strings.Contains(string(text), keys[0].ID) {
		t.Errorf("exported %s, %v", text, err)
	}
}

func TestLocalIssuers(t *testing.T) {
	t.Parallel()
	c := load(t, directory(t))
	seen := map[int64]bool{}
	for range 2 { // at once
		local, err := server.OpenLocal(c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer local.Close()
		s, err := workload.Open(t.Context(), local.Minter(), workload.Subject{Team: "main", Pipeline: "p", Job: "j"}, workload.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if id := s.Run().IDs.BuildID; seen[id] {
			t.Errorf("build id %d twice", id)
		} else {
			seen[id] = true
		}
		if !strings.HasPrefix(s.Run().Issuer, "http://127.0.0.1:") {
			t.Errorf("issuer %s", s.Run().Issuer)
		}
	}
}

// abandonSocket leaves a socket at which nobody listens, as a killed server does.
func abandonSocket(t *testing.T, path string) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
}
