package oci

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// prepareNetwork brings the loopback up, gives it addresses, and has listeners made.
func (p plan) prepareNetwork(listen func(address string) error) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback); err != nil {
		return fmt.Errorf("bring the loopback up: %w", err)
	}
	for i, address := range p.Addresses {
		if err := addAddress(socket, fmt.Sprintf("lo:%d", i+1), address); err != nil {
			return fmt.Errorf("address %s: %w", address, err)
		}
	}
	// A container's root owns its user namespace, not this network namespace: without this it could neither listen on a
	// port below 1024 nor ping.
	_ = os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("0"), 0)
	_ = os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 2147483647"), 0)
	for _, address := range p.Listen {
		if err := listen(address); err != nil {
			return fmt.Errorf("listen on %s: %w", address, err)
		}
	}
	return nil
}

// addAddress gives an alias of an interface an IPv4 address.
func addAddress(socket int, name, address string) error {
	ip := net.ParseIP(address).To4()
	if ip == nil {
		return errors.New("want an IPv4 address")
	}
	alias, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := alias.SetInet4Addr(ip); err != nil {
		return err
	}
	return unix.IoctlIfreq(socket, unix.SIOCSIFADDR, alias)
}

// handOut listens and sends the listener through the socket.
func handOut(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer listener.Close() // whoever gets it has it open, too
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer file.Close()
	return unix.Sendmsg(socketFD, []byte{1}, unix.UnixRights(int(file.Fd())), nil, 0)
}
