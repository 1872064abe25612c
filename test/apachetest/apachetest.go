// Package apachetest starts a real Apache httpd with mod_auth_openidc for a test: Debian's apache2 and
// libapache2-mod-auth-openidc, on loopback, with a configuration of the test's own and none of the machine's.
package apachetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/program"
)

// modules is where Debian has httpd's modules.
const modules = "/usr/lib/apache2/modules"

// Server is a running httpd.
type Server struct {
	URL string // http://127.0.0.1:PORT
}

// Start starts an httpd that serves "hello" at /protected/hello.txt, with further directives, and ends it with the test.
// Where httpd or its module is missing the test is skipped, or fails where WRIT_TEST_REQUIRE is "all".
func Start(t testing.TB, directives string) *Server {
	t.Helper()
	binary := program.Find(t, "apache2")
	if _, err := os.Stat(filepath.Join(modules, "mod_auth_openidc.so")); err != nil {
		program.Unavailable(t, "libapache2-mod-auth-openidc is not installed")
	}
	dir := t.TempDir()
	// Its workers are an ordinary user's where it is started by root.
	for parent := dir; parent != filepath.Dir(os.TempDir()) && parent != os.TempDir(); parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mark := rand.Text() // of this httpd, should somebody else have the port
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "www", "protected"), 0o755),
		os.WriteFile(filepath.Join(dir, "www", "protected", "hello.txt"), []byte("hello"), 0o644),
		os.WriteFile(filepath.Join(dir, "www", "mark.txt"), []byte(mark), 0o644)); err != nil {
		t.Fatal(err)
	}
	for try := 0; ; try++ {
		port := program.FreePort(t)
		server := &Server{URL: "http://127.0.0.1:" + port}
		file := filepath.Join(dir, "httpd.conf")
		if err := os.WriteFile(file, []byte(base(dir, port)+directives), 0o644); err != nil {
			t.Fatal(err)
		}
		process := program.Start(t, exec.Command(binary, "-f", file, "-DFOREGROUND"))
		err := process.Ready(func() error {
			request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL+"/mark.txt", nil)
			if err != nil {
				return err
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
			if err == nil && string(text) != mark {
				err = fmt.Errorf("another server answers: %s", response.Status)
			}
			return err
		})
		if err == nil {
			return server
		}
		if try == 2 || !strings.Contains(process.Log(), "Address already in use") {
			t.Fatal(err)
		}
	}
}

// base is what every httpd needs. The group and the user count where root starts it.
func base(dir, port string) string {
	var text strings.Builder
	for _, module := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc"} {
		fmt.Fprintf(&text, "LoadModule %s_module %s/mod_%s.so\n", module, modules, module)
	}
	fmt.Fprintf(&text, `
ServerName localhost
ServerRoot %[1]s
DefaultRuntimeDir %[1]s
PidFile %[1]s/httpd.pid
Listen 127.0.0.1:%[2]s
User nobody
Group nogroup
DocumentRoot %[1]s/www
ErrorLog /dev/stderr
`, dir, port)
	return text.String()
}

// Get requests a path with a token, and returns the status with what comes back.
func (s *Server) Get(t testing.TB, path, token string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
