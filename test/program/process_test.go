package program

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
)

// TestPorts: who wants any port is given neither; a server can have the one, and nobody the other.
func TestPorts(t *testing.T) {
	t.Parallel()
	free, unused := "127.0.0.1:"+FreePort(t), Unused(t)
	for range 2000 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if at := listener.Addr().String(); at == free || at == unused {
			t.Errorf("%s is given away", at)
		}
		listener.Close()
	}
	for _, address := range []string{free, unused} {
		if _, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v", address, err)
		}
	}
	// Of a listener that is closed here, a process that is just being started would have a copy.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for _, address := range []string{free, strings.Replace(free, "127.0.0.1", "", 1)} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		connection, err := net.Dial("tcp", free)
		if err != nil {
			t.Fatal(err)
		}
		connection.Close()
		listener.Close()
	}
	if listener, err := net.Listen("tcp", unused); err == nil {
		listener.Close()
		t.Errorf("%s can be had", unused)
	}
}
