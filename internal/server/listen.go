package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// maxSocketPath is how long the path of a Unix socket may be (unix(7): 108 bytes with the final NUL).
const maxSocketPath = 107

// listenUnix listens at a path: for its own user alone, or for every user, where it is left to the handler to look at
// who is calling. The socket of a server that was killed is replaced, that of a live one is not.
func listenUnix(path string, everyone bool) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, hinted{
			fmt.Errorf("the path %s has %d bytes, and a Unix socket's at most %d", path, len(path), maxSocketPath),
			"name a shorter one with --socket",
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	mode := os.FileMode(0o600)
	if everyone {
		mode = 0o666
	}
	if err := os.Chmod(path, mode); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// removeStale removes a socket at which nobody listens any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s is there and is no socket", path)
	}
	connection, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		connection.Close()
		return fmt.Errorf("another server listens at %s", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s is there, and whether a server listens is not known: %w", path, err)
	}
	return os.Remove(path)
}
