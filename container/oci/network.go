package oci

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Network is how containers reach the world.
type Network string

// The networks. Auto is Pasta where it is installed, else Host.
const (
	Auto  Network = ""
	Pasta Network = "pasta" // a network of its own behind pasta(1)
	Host  Network = "host"  // that of this machine
)

// networker is what was found.
type networker struct {
	pasta  string // path; empty: the host's network
	notice string
}

const hostNotice = "no network of its own: tasks that are not hermetic use this machine's network, with all that listens on its loopback in reach"

func findNetwork(n Network) (networker, error) {
	switch n {
	case Host:
		return networker{notice: hostNotice}, nil
	case Auto, Pasta:
	default:
		return networker{}, fmt.Errorf("network %q: want %q or %q", n, Pasta, Host)
	}
	path, err := exec.LookPath("pasta")
	switch {
	case err == nil:
		return networker{pasta: path}, nil
	case n == Pasta:
		return networker{}, fmt.Errorf("network %q: %w", n, err)
	}
	return networker{notice: hostNotice + " (install passt for one)"}, nil
}

// issuerAddress is where the issuer is, for containers that could not reach it otherwise.
type issuerAddress struct {
	host, port string
	loopback   bool
}

func parseIssuer(raw string) (issuerAddress, error) {
	if raw == "" {
		return issuerAddress{}, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return issuerAddress{}, fmt.Errorf("issuer %q: not a URL with a host", raw)
	}
	a := issuerAddress{host: u.Hostname(), port: u.Port()}
	if a.port == "" {
		a.port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	ip, err := netip.ParseAddr(a.host)
	a.loopback = a.host == "localhost" || strings.HasSuffix(a.host, ".localhost") || err == nil && ip.IsLoopback()
	return a, nil
}

// reach is what a container with a network namespace of its own needs to reach the issuer.
type reach struct {
	listen    []string // in the namespace
	addresses []string // that the loopback there gets
	hosts     []string // lines of /etc/hosts
	target    string   // on this machine
}

// reachIn says what is to be done in a container. Where it has a network, only an issuer on loopback needs help.
func (a issuerAddress) reachIn(hermetic bool) reach {
	if a.host == "" || !a.loopback && !hermetic {
		return reach{}
	}
	r := reach{target: net.JoinHostPort(a.host, a.port)}
	ip, err := netip.ParseAddr(a.host)
	switch {
	case err != nil: // a name
		r.listen = []string{net.JoinHostPort("127.0.0.1", a.port)}
		r.hosts = []string{"127.0.0.1 " + a.host}
	case ip.IsLoopback():
		r.listen = []string{r.target}
	default:
		r.listen, r.addresses = []string{r.target}, []string{a.host}
	}
	return r
}

// maxForwards bounds the connections of one container to the issuer at a time.
const maxForwards = 64

// forward hands what connects to the listeners on to target, until stop is called.
func forward(listeners []net.Listener, target string) (stop func()) {
	var running sync.WaitGroup
	slots := make(chan struct{}, maxForwards)
	done := make(chan struct{})
	for _, listener := range listeners {
		running.Go(func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				select {
				case slots <- struct{}{}:
				case <-done:
					connection.Close()
					return
				}
				running.Go(func() {
					defer func() { <-slots }()
					relay(connection, target, done)
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

// resolvConf is /etc/resolv.conf for a container. What listens on this machine's loopback is reached only through forward,
// an address that pasta takes for it.
func resolvConf(host []byte, forward string) string {
	var out strings.Builder
	servers := 0
	for line := range strings.Lines(string(host)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "nameserver" {
			if ip, err := netip.ParseAddr(fields[1]); forward != "" && err == nil && ip.IsLoopback() {
				line = "nameserver " + forward + "\n"
			}
			servers++
		}
		out.WriteString(line)
	}
	if servers == 0 && forward != "" {
		out.WriteString("nameserver " + forward + "\n")
	}
	return out.String()
}

// hostsFile is /etc/hosts for a container.
func hostsFile(name string, more []string) string {
	lines := append([]string{"127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", "127.0.0.1 " + name}, more...)
	return strings.Join(lines, "\n") + "\n"
}

// dnsForward is the address in a container's network that pasta takes for this machine's name server (of the block that
// RFC 5737 keeps for examples, so that nothing else has it).
const dnsForward = "192.0.2.53"

// startPasta connects the network namespace of a process to the world. The process that it starts ends with stop.
func (n networker) startPasta(pid int, rootless bool) (stop func(), err error) {
	arguments := []string{"--foreground", "--quiet", "--config-net", "--no-map-gw", "--dns-forward", dnsForward,
		"-t", "none", "-u", "none", "-T", "none", "-U", "none"}
	if rootless {
		arguments = append(arguments, "--userns", fmt.Sprintf("/proc/%d/ns/user", pid))
	} else {
		arguments = append(arguments, "--runas", "0:0", "--netns-only")
	}
	arguments = append(arguments, "--netns", fmt.Sprintf("/proc/%d/ns/net", pid))
	command := exec.Command(n.pasta, arguments...)
	var said strings.Builder
	command.Stderr = &said
	if err := command.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = command.Wait()
	}()
	stop = func() {
		_ = command.Process.Kill()
		<-exited
	}
	if err := awaitInterface(pid, exited); err != nil {
		stop()
		return nil, fmt.Errorf("pasta: %w: %s", err, firstLine(said.String()))
	}
	return stop, nil
}

// awaitInterface returns when the namespace has a route to the world.
func awaitInterface(pid int, exited <-chan struct{}) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/route", pid))
		if err != nil {
			return err
		}
		if strings.Count(string(data), "\n") > 1 {
			return nil
		}
		if v6, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/if_inet6", pid)); err == nil && strings.Count(string(v6), "\n") > 2 {
			return nil
		}
		select {
		case <-exited:
			return errors.New("it ended")
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.New("no network within 10 s")
		}
	}
}

// addNetwork says which network the container gets.
func (p *process) addNetwork(hermetic bool) {
	r := p.runtime
	own := hermetic || r.network.pasta != ""
	resolv := ""
	if !hermetic {
		host, _ := os.ReadFile("/etc/resolv.conf") // a machine without one resolves nothing
		forward := ""
		if own {
			forward = dnsForward
		}
		resolv = resolvConf(host, forward)
	}
	var hosts []string
	if own {
		reach := r.issuer.reachIn(hermetic)
		p.plan.Network, p.plan.Listen, p.plan.Addresses = true, reach.listen, reach.addresses
		p.target, hosts = reach.target, reach.hosts
		p.pasta = !hermetic
		p.plan.Await = p.pasta
	}
	p.plan.Files["files/hosts"] = hostsFile(hostname(p.id), hosts)
	p.plan.Files["files/resolv.conf"] = resolv
}
