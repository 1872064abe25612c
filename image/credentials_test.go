package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestCredentialHelper runs the program that Docker's configuration names for the registry.
func TestCredentialHelper(t *testing.T) {
	server := newServer(t)
	source := server.push(t, "app", simple(t))
	server.answers(func(w http.ResponseWriter, r *http.Request) bool {
		if name, password, _ := r.BasicAuth(); name == "helped" && password == "pass-word" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	docker := t.TempDir()
	config, _ := json.Marshal(map[string]any{"credHelpers": map[string]string{server.host: "test"}})
	write(t, filepath.Join(docker, "config.json"), string(config))
	program := filepath.Join(docker, "docker-credential-test")
	t.Setenv("PATH", docker+":"+os.Getenv("PATH"))
	for script, want := range map[string]string{
		`read host; echo "{\"ServerURL\":\"$host\",\"Username\":\"helped\",\"Secret\":\"pass-word\"}"`: "",
		`echo pass-word is locked; exit 1`: "credential helper fails",
	} {
		write(t, program, "#!/bin/sh\n"+script+"\n")
		if err := os.Chmod(program, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := pull(t, openStore(t, func(c *Config) { c.Docker = docker }, server.host), source)
		if want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		wantError(t, err, want)
		if strings.Contains(err.Error(), "pass-word") {
			t.Errorf("error %q holds what the helper wrote", err)
		}
	}
}

// TestToken gets a token from where the registry says, with the credentials, and shows the registry the token alone.
func TestToken(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	source := server.push(t, "app", simple(t))
	source.Username, source.Password = "user", "pass-word"
	realm := "http://" + server.host + "/token"
	var mu sync.Mutex
	server.answers(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		_, password, basic := r.BasicAuth()
		switch {
		case r.URL.Path == "/token":
			if password != "pass-word" || r.URL.Query().Get("scope") != "repository:app:pull" {
				t.Errorf("token: password %q, query %q", password, r.URL.RawQuery)
			}
			_, _ = w.Write([]byte(`{"token":"for-this-pull"}`))
		case r.Header.Get("Authorization") == "Bearer for-this-pull":
			return false
		default:
			if basic {
				t.Error("the registry got the password itself")
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="test"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
		return true
	})
	mustPull(t, openStore(t, nil, server.host), source)

	// A registry cannot have the credentials sent to an address inside, or without TLS.
	for _, bad := range []string{"http://169.254.169.254/token", "ftp://files.example/token"} {
		mu.Lock()
		realm = bad
		mu.Unlock()
		_, err := pull(t, openStore(t, nil, server.host), source)
		wantError(t, err, "realm")
		if strings.Contains(err.Error(), "pass-word") {
			t.Errorf("error %q holds the password", err)
		}
	}
}

// TestProgress tells of bytes, and of a layer that was there already, and never of credentials.
func TestProgress(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	layer := layerOf(t, archive(t, file("a", "b"), deviceNode()))
	source := server.push(t, "app", imageOf(t, layer))
	digest, _ := layer.Digest()
	size, _ := layer.Size()
	var mu sync.Mutex
	var events []Event
	s := openStore(t, func(c *Config) {
		c.Progress = func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, e)
		}
	}, server.host)
	mustPull(t, s, source)
	mustPull(t, s, source)
	want := []Event{{Layer: digest.String(), Done: size, Total: size}, {Layer: digest.String(), Note: "1 device nodes skipped"},
		{Layer: digest.String(), Done: size, Total: size, Cached: true}}
	if len(events) != len(want) {
		t.Fatalf("events %+v, want %+v", events, want)
	}
	for at := range want {
		if events[at] != want[at] {
			t.Errorf("event %+v, want %+v", events[at], want[at])
		}
	}
}

// TestCredentials sends the source's own, or else those of Docker's configuration; none is in an error or an event.
func TestCredentials(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	source := server.push(t, "app", simple(t))
	server.answers(func(w http.ResponseWriter, r *http.Request) bool {
		name, password, _ := r.BasicAuth()
		if name == "user" && password == "pass-word" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	_, err := pull(t, openStore(t, nil, server.host), source)
	wantError(t, err, "401")
	wrong := source
	wrong.Username, wrong.Password = "user", "wrong-word"
	_, err = pull(t, openStore(t, nil, server.host), wrong)
	wantError(t, err, "401")
	if strings.Contains(err.Error(), "wrong-word") {
		t.Errorf("error %q holds the password", err)
	}
	right := source
	right.Username, right.Password = "user", "pass-word"
	mustPull(t, openStore(t, nil, server.host), right)

	docker := t.TempDir()
	config, _ := json.Marshal(map[string]any{"auths": map[string]any{server.host: map[string]string{"username": "user", "password": "pass-word"}}})
	if err := os.WriteFile(filepath.Join(docker, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	mustPull(t, openStore(t, func(c *Config) { c.Docker = docker }, server.host), source)
	if err := os.WriteFile(filepath.Join(docker, "config.json"), []byte(`{"auths":"pass-word"`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = pull(t, openStore(t, func(c *Config) { c.Docker = docker }, server.host), source)
	wantError(t, err, "cannot be parsed")
	if strings.Contains(err.Error(), "pass-word") {
		t.Errorf("error %q holds the password", err)
	}
}

// TestNoCredentialIsPrinted holds for every verb of fmt, and for logs.
func TestNoCredentialIsPrinted(t *testing.T) {
	t.Parallel()
	source := Source{Repository: "r.example/a", Username: "u", Password: "pass-word", Mirror: Mirror{"m.example", "u", "pass-word"}}
	pinned := Pinned{source, digestOf(nil)}
	var text bytes.Buffer
	for _, value := range []any{source, pinned, source.Mirror, &source, &pinned, []Source{source}, struct{ S Source }{source}} {
		fmt.Fprintf(&text, "%v %+v %#v %s\n", value, value, value, value)
	}
	slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "source", source, "pinned", pinned, "mirror", source.Mirror)
	if strings.Contains(text.String(), "pass-word") {
		t.Errorf("printed: %s", text.String())
	}
}
