package api_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/workload"
)

// socket serves a handler at a Unix socket.
func socket(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "writ-api") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	path := filepath.Join(directory, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return path
}

func begin(t *testing.T, path string) error {
	t.Helper()
	client, err := api.Dial("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Begin(t.Context(), workload.Subject{Team: "t"}, workload.Limits{})
	return err
}

func TestDial(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                      "want unix:///path",
		"/run/writ.sock":        "want unix:///run/writ.sock",
		"unix://writ.sock":      "not absolute",
		"http://127.0.0.1:8080": "want unix:///path",
	} {
		if _, err := api.Dial(url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	err := begin(t, "/nowhere/writ.sock")
	if !errors.Is(err, workload.ErrUnreachable) || !strings.Contains(err.Error(), "/nowhere/writ.sock") {
		t.Errorf("no socket: %v", err)
	}
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := begin(t, filepath.Join(directory, "file")); !errors.Is(err, workload.ErrUnreachable) {
		t.Errorf("a plain file: %v", err)
	}
}

// TestAnswersOfOthers: whatever answers at the socket, the client ends with an error that names it.
func TestAnswersOfOthers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status  int
		body    string
		refused bool
		want    string
	}{
		"garbage":            {200, "garbage\n", false, "is not one"},
		"no line":            {200, `{"id":"x"}`, false, "is not one"},
		"no id":              {200, "{}\n", false, "is not one"},
		"an endless line":    {200, strings.Repeat("a", 2<<20), false, "is not one"},
		"an error":           {403, `{"error":"access_denied","error_description":"no"}`, true, "no"},
		"a server's error":   {500, `{"error":"server_error","error_description":"the disk is full"}`, false, "the disk is full"},
		"an error page":      {502, "<html>", false, "502"},
		"an endless error":   {500, strings.Repeat("a", 2<<20), false, "500"},
		"an error and words": {400, `{"error":"invalid_request","error_description":"a\nb\u001b[2J"}`, true, "a b [2J"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := begin(t, socket(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				w.Write([]byte(test.body))
			}))
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, workload.ErrRefused) != test.refused || len(err.Error()) > 2000 {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("control characters in %q", err)
			}
		})
	}
}

// TestHangsUp: a server that ends without an answer.
func TestHangsUp(t *testing.T) {
	t.Parallel()
	err := begin(t, socket(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	if !errors.Is(err, workload.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

// TestNotices: a run is told that a key was withdrawn; what it does not understand it leaves alone.
func TestNotices(t *testing.T) {
	t.Parallel()
	more := make(chan string)
	path := socket(t, func(w http.ResponseWriter, r *http.Request) {
		controller := http.NewResponseController(w)
		for _, line := range []string{`{"id":"a"}`, `{"later":1}`, `what?`} {
			io.WriteString(w, line+"\n")
		}
		controller.Flush()
		for {
			select {
			case line := <-more:
				io.WriteString(w, line+"\n")
				controller.Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	client, err := api.Dial("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	run, err := client.Begin(t.Context(), workload.Subject{Team: "t"}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		renewal := client.Renewal(run.ID)
		select {
		case <-renewal:
			t.Fatal("told of nothing")
		default:
		}
		more <- `{"renew":true,"later":1}`
		<-renewal
	}
	if client.Renewal("another") != nil {
		t.Error("a run that is not there is told of something")
	}
}
