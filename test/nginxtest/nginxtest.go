// Package nginxtest runs Debian's nginx for a test: on loopback, in the foreground, with a configuration of the test's own.
package nginxtest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stopTime bounds how long nginx may take to end.
const stopTime = 10 * time.Second

// modules are Debian's, which loads them by files beside its own configuration.
const modules = "/usr/lib/nginx/modules"

// Find returns the path of nginx. Where it or a module (by its file's name, as "ngx_http_js_module.so") is missing, it
// says so.
func Find(needed ...string) (path, missing string) {
	for _, candidate := range []string{"nginx", "/usr/sbin/nginx"} { // an ordinary user's PATH lacks sbin
		if found, err := exec.LookPath(candidate); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		return "", "nginx is not installed"
	}
	for _, module := range needed {
		if _, err := os.Stat(filepath.Join(modules, module)); err != nil {
			return "", "nginx's module " + module + " is not installed"
		}
	}
	return path, ""
}

// Server is a running nginx.
type Server struct {
	Address string // 127.0.0.1:PORT

	log *buffer
}

// Log is what nginx has written to its error log so far.
func (s *Server) Log() string { return s.log.String() }

// Start runs nginx at path with what stands inside http { }; LISTEN in it is replaced by an address on loopback with a
// port of its own. Relative names of files are found in directory. It ends with the test.
//
// The listener is made here and handed over as nginx hands its own to the next nginx when it is upgraded: there is no
// moment at which another process could take the port, and a connection waits until nginx is ready.
func Start(t testing.TB, path, directory, inside string, needed ...string) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	server := &Server{Address: listener.Addr().String(), log: &buffer{}}
	own := t.TempDir() // for its pid and its temporary files
	if err := os.WriteFile(filepath.Join(own, "nginx.conf"), []byte(configuration(server.Address, own, inside, needed)), 0o600); err != nil {
		t.Fatal(err)
	}
	// -e before the configuration is read: Debian's default is a file in /var/log.
	command := exec.Command(path, "-e", "stderr", "-p", directory, "-c", filepath.Join(own, "nginx.conf"))
	command.Stdout, command.Stderr = server.log, server.log
	command.ExtraFiles = []*os.File{socket}
	command.Env = append(os.Environ(), "NGINX=3;")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, command, server) })
	return server
}

// configuration is everything around http { }.
func configuration(address, own, inside string, needed []string) string {
	var text strings.Builder
	for _, module := range needed {
		text.WriteString("load_module " + filepath.Join(modules, module) + ";\n")
	}
	if os.Geteuid() == 0 {
		text.WriteString("user root;\n") // the test's directories are root's
	}
	text.WriteString("daemon off;\nworker_processes auto;\nerror_log stderr notice;\npid " + filepath.Join(own, "pid") + ";\nevents { }\nhttp {\n")
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text.WriteString(kind + "_temp_path " + filepath.Join(own, kind) + ";\n")
	}
	text.WriteString("access_log off;\n" + strings.ReplaceAll(inside, "LISTEN", address) + "\n}\n")
	return text.String()
}

func stop(t testing.TB, command *exec.Cmd, server *Server) {
	_ = command.Process.Signal(syscall.SIGTERM)
	killed := time.AfterFunc(stopTime, func() { _ = command.Process.Kill() })
	err := command.Wait()
	if !killed.Stop() {
		t.Errorf("nginx did not end within %v of SIGTERM", stopTime)
	}
	if err != nil || t.Failed() {
		t.Errorf("nginx: %v\n%s", err, server.Log())
	}
}

type buffer struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (b *buffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(data)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}
