// Package nginxtest runs Debian's nginx for a test: on loopback, in the foreground, with a configuration of the test's own.
package nginxtest

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/writ-run/writ/test/program"
)

// modules is where Debian has nginx's dynamic modules.
const modules = "/usr/lib/nginx/modules"

// Server is a running nginx.
type Server struct {
	Address string // IP:PORT
	*program.Process
}

// Start runs nginx with what stands inside http { }, and dynamic modules by their files' names. LISTEN is replaced by an
// address on loopback with a port of its own. Relative names of files are found in directory. It ends with the test;
// where nginx or a module is missing the test skips, or fails with WRIT_TEST_REQUIRE=all.
func Start(t testing.TB, directory, inside string, needed ...string) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return StartOn(t, listener, directory, inside, needed...)
}

// StartOn is Start with a listener (of TCP) of the caller's, which is closed here.
//
// nginx gets it as it hands its own to the next nginx when it is upgraded: there is no moment at which another process
// could take the port, and a connection waits until nginx is ready.
func StartOn(t testing.TB, listener net.Listener, directory, inside string, needed ...string) *Server {
	t.Helper()
	defer listener.Close()
	path := program.Find(t, "nginx")
	for _, module := range needed {
		if _, err := os.Stat(filepath.Join(modules, module)); err != nil {
			program.Unavailable(t, "nginx's module "+module+" is not installed")
		}
	}
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	address := listener.Addr().String()
	own := t.TempDir() // for its pid and its temporary files
	file := filepath.Join(own, "nginx.conf")
	if err := os.WriteFile(file, []byte(configuration(address, own, inside, needed)), 0o600); err != nil {
		t.Fatal(err)
	}
	// -e: until it has read its configuration, Debian's writes to /var/log.
	command := exec.Command(path, "-e", "stderr", "-p", directory, "-c", file)
	command.ExtraFiles = []*os.File{socket}
	command.Env = append(os.Environ(), "NGINX=3;") // the number that the first of ExtraFiles gets
	process := program.Start(t, command)
	if err := unblock(socket); err != nil {
		t.Fatal(err)
	}
	return &Server{address, process}
}

// unblock makes a socket that a process was started with one that nobody waits at, here and there. nginx takes it for granted:
// of two workers that hear of one connection, the second would wait for another one and forget those that it has.
func unblock(socket *os.File) error {
	raw, err := socket.SyscallConn() // its Fd, which os/exec asked for, made it one to wait at
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = syscall.SetNonblock(int(fd), true) })
	return errors.Join(err, failed)
}

// configuration is everything around what stands inside http { }.
func configuration(address, own, inside string, needed []string) string {
	var text strings.Builder
	for _, module := range needed {
		text.WriteString("load_module " + filepath.Join(modules, module) + ";\n")
	}
	if os.Geteuid() == 0 {
		text.WriteString("user root;\n") // the test's directories are root's
	}
	text.WriteString("daemon off;\nworker_processes auto;\nerror_log stderr notice;\npid " + filepath.Join(own, "pid") + ";\nevents { worker_connections 4096; }\nhttp {\n")
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text.WriteString(kind + "_temp_path " + filepath.Join(own, kind) + ";\n")
	}
	text.WriteString("access_log off;\n" + strings.ReplaceAll(inside, "LISTEN", address) + "\n}\n")
	return text.String()
}
