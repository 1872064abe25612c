// Package reach has a container with a network of its own reach the servers that it must, also on the loopback of this
// machine, and also where it has no network at all.
//
//	URLs --Of--> Needs: addresses, names, and listeners in the container --Forward--> this machine
//
// Invariant: a container reaches nothing through it but the servers that were named.
package reach

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Needs are what a container with a network namespace of its own needs to reach servers.
type Needs struct {
	Listen    []string // addresses in the namespace
	Targets   []string // where what connects to each of those goes, on this machine
	Addresses []string // that the loopback there gets
	Hosts     []string // lines of /etc/hosts
}

// Of says what is to be done in a container for servers that it reaches. Where it has a network, only servers on loopback need help.
func Of(urls []string, hermetic bool) (n Needs, err error) {
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil || u.Hostname() == "" {
			return Needs{}, fmt.Errorf("server %q: not a URL with a host", raw)
		}
		host, port := u.Hostname(), u.Port()
		if port == "" {
			port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
		}
		ip, noIP := netip.ParseAddr(host)
		loopback := host == "localhost" || strings.HasSuffix(host, ".localhost") || noIP == nil && ip.IsLoopback()
		if !loopback && !hermetic {
			continue
		}
		listen := net.JoinHostPort(host, port)
		switch {
		case noIP != nil:
			listen = net.JoinHostPort("127.0.0.1", port)
			n.Hosts = append(n.Hosts, "127.0.0.1 "+host)
		case !loopback && !ip.Is4():
			return Needs{}, fmt.Errorf("server %q: a hermetic container reaches no IPv6 address but ::1; give the server a name", raw)
		case !loopback:
			n.Addresses = append(n.Addresses, host)
		}
		if !slices.Contains(n.Listen, listen) {
			n.Listen, n.Targets = append(n.Listen, listen), append(n.Targets, net.JoinHostPort(host, port))
		}
	}
	return n, nil
}

// maxForwards bounds the connections of one container to the issuer at a time.
const maxForwards = 64

// Forward hands what connects to each listener on to its target, until stop is called.
func Forward(listeners []net.Listener, targets []string) (stop func()) {
	var running sync.WaitGroup
	slots := make(chan struct{}, maxForwards)
	done := make(chan struct{})
	for i, listener := range listeners {
		running.Go(func() {
			for {
				connection, err := listener.Accept()
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err != nil { // too many files are open, say
					select {
					case <-done:
						return
					case <-time.After(10 * time.Millisecond):
						continue
					}
				}
				select {
				case slots <- struct{}{}:
				case <-done:
					connection.Close()
					return
				}
				running.Go(func() {
					defer func() { <-slots }()
					relay(connection, targets[i], done)
				})
			}
		})
	}
	return func() {
		close(done)
		for _, listener := range listeners {
			listener.Close()
		}
		running.Wait()
	}
}

// relay copies both ways until both have ended, or done.
func relay(in net.Conn, target string, done <-chan struct{}) {
	defer in.Close()
	out, err := net.DialTimeout("tcp", target, 10*time.Second)
	if err != nil {
		return // the task sees its connection end
	}
	defer out.Close()
	ended := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		if half, ok := to.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
		ended <- struct{}{}
	}
	go pipe(in, out)
	go pipe(out, in)
	for range 2 {
		select {
		case <-ended:
		case <-done:
			return
		}
	}
}

// Resolv is /etc/resolv.conf for a container. With forward, an address that pasta takes for this machine's name server,
// that is asked first: only it is sure to be reached from there. A server on this machine's loopback is not.
func Resolv(host []byte, forward string) string {
	var out strings.Builder
	if forward != "" {
		out.WriteString("nameserver " + forward + "\n")
	}
	for line := range strings.Lines(string(host)) {
		fields := strings.Fields(line)
		if forward != "" && len(fields) >= 2 && fields[0] == "nameserver" {
			if ip, err := netip.ParseAddr(fields[1]); err != nil || ip.IsLoopback() {
				continue
			}
		}
		out.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	return out.String()
}

// Hosts is /etc/hosts for a container.
func Hosts(name string, more []string) string {
	lines := append([]string{"127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", "127.0.0.1 " + name}, more...)
	return strings.Join(lines, "\n") + "\n"
}
