package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
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
	sure   bool // it was asked for, or has worked: where it fails, so does the container
}

// pastaError is a network that pasta could not make: it ended by itself, and said why.
type pastaError struct{ error }

func (e pastaError) Unwrap() error { return e.error }

const hostNotice = "no network of its own: tasks that are not hermetic use this machine's network, with all that listens on its loopback in reach"

func findNetwork(n Network) (networker, error) {
	switch n {
	case Host:
		return networker{notice: hostNotice, sure: true}, nil
	case Auto, Pasta:
	default:
		return networker{}, fmt.Errorf("network %q: want %q or %q", n, Pasta, Host)
	}
	path, err := exec.LookPath("pasta")
	switch {
	case err == nil:
		return networker{pasta: path, sure: n == Pasta}, nil
	case n == Pasta:
		return networker{}, fmt.Errorf("network %q: %w", n, err)
	}
	return networker{notice: hostNotice + " (install passt for one)"}, nil
}

// reach is what a container with a network namespace of its own needs to reach servers.
type reach struct {
	listen    []string // addresses in the namespace
	targets   []string // where what connects to each of those goes, on this machine
	addresses []string // that the loopback there gets
	hosts     []string // lines of /etc/hosts
}

// reachIn says what is to be done in a container. Where it has a network, only servers on loopback need help.
func reachIn(urls []string, hermetic bool) (r reach, err error) {
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil || u.Hostname() == "" {
			return reach{}, fmt.Errorf("server %q: not a URL with a host", raw)
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
			r.hosts = append(r.hosts, "127.0.0.1 "+host)
		case !loopback && !ip.Is4():
			return reach{}, fmt.Errorf("server %q: a hermetic container reaches no IPv6 address but ::1; give the server a name", raw)
		case !loopback:
			r.addresses = append(r.addresses, host)
		}
		if !slices.Contains(r.listen, listen) {
			r.listen, r.targets = append(r.listen, listen), append(r.targets, net.JoinHostPort(host, port))
		}
	}
	return r, nil
}

// maxForwards bounds the connections of one container to the issuer at a time.
const maxForwards = 64

// forward hands what connects to each listener on to its target, until stop is called.
func forward(listeners []net.Listener, targets []string) (stop func()) {
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

// resolvConf is /etc/resolv.conf for a container. With forward, an address that pasta takes for this machine's name server,
// that is asked first: only it is sure to be reached from there. A server on this machine's loopback is not.
func resolvConf(host []byte, forward string) string {
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

// hostsFile is /etc/hosts for a container.
func hostsFile(name string, more []string) string {
	lines := append([]string{"127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", "127.0.0.1 " + name}, more...)
	return strings.Join(lines, "\n") + "\n"
}

// dnsForward is the address in a container's network that pasta takes for this machine's name server: link-local, so that
// no network routes it.
const dnsForward = "169.254.1.1"

// startPasta connects the network namespace of a stage, whose directory in /proc is given, to the world. The process that it
// starts ends with stop; note is the file in which Sweep finds it.
func (r *Runtime) startPasta(ctx context.Context, pasta, stage, note string) (stop func(), err error) {
	directory, err := r.findStage()
	if err != nil {
		return nil, err
	}
	arguments := []string{pasta, "--foreground", "--quiet", "--config-net", "--no-map-gw", "--dns-forward", dnsForward,
		"-t", "none", "-u", "none", "-T", "none", "-U", "none"}
	network := stage + "/ns/net"
	var said strings.Builder
	command := exec.Command(pasta)
	command.Stdout, command.Stderr = &said, &said
	if r.rootless {
		command.Args = append(arguments, "--userns", stage+"/ns/user", "--netns", network)
		err = command.Start()
	} else {
		// As root it gives up the capability to open those of others by /proc first: a stage of its own has it as a file.
		p := plan{Directory: directory, Trees: []tree{{Source: network, Target: "net", File: true}}}
		command.Args = append(arguments, "--runas", "0:0", "--netns-only", "--netns", filepath.Join(directory, "net"))
		command.Env, command.Dir, command.SysProcAttr = p.environment(), "/", &syscall.SysProcAttr{Setsid: true}
		err = onThread(unix.CLONE_NEWNS, func() error {
			if err := p.mount(ctx); err != nil {
				return err
			}
			return command.Start()
		})
	}
	if err != nil {
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
	if err = writeNote(note, command.Process.Pid); err != nil {
		select {
		case <-exited: // before it could be noted
			err = errPastaEnded
		case <-time.After(time.Second):
		}
	} else {
		if err = awaitInterface(ctx, stage, exited); err == nil {
			return stop, nil
		}
	}
	stop()
	err = fmt.Errorf("pasta: %w: %s", err, pastaSaid(said.String()))
	if errors.Is(err, errPastaEnded) {
		return nil, pastaError{err}
	}
	return nil, err // the container's own process is gone, or this machine is too slow: no reason to do without
}

// pastaSaid drops what pasta says of a missing system log.
func pastaSaid(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasSuffix(line, "to syslog") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// settleNetwork decides with the first container that has a network whether pasta works here: where it was not asked for,
// the host's network takes its place.
func (r *Runtime) settleNetwork(s container.Spec, err error) (again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.Hermetic || s.HostNetwork {
		return false
	}
	var failed pastaError
	if !errors.As(err, &failed) {
		r.network.sure = r.network.sure || err == nil
		return false
	}
	if r.network.sure {
		return r.network.pasta == "" // another container has found out meanwhile
	}
	r.network = networker{notice: hostNotice, sure: true}
	r.log.Warn(hostNotice, "error", failed.error)
	return true
}

// networking is how containers get their network now.
func (r *Runtime) networking() networker {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.network
}

// writeNote writes down a process so that killNoted finds it, and no other that has its number later.
func writeNote(path string, pid int) error {
	s, err := container.StatOf(pid)
	if err != nil {
		return err
	}
	return os.WriteFile(path, fmt.Appendf(nil, "%d %d", pid, s.Started), 0o600)
}

// killNoted kills the process of a note, if it lives.
func killNoted(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil // there is none
	}
	text, noted, _ := strings.Cut(string(data), " ")
	pid, err := strconv.Atoi(text)
	if err != nil {
		return nil // it was not written to its end, and then nothing was started
	}
	if s, err := container.StatOf(pid); err != nil || strconv.FormatUint(s.Started, 10) != noted {
		return nil
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

var errPastaEnded = errors.New("it ended")

// awaitInterface returns when the namespace has a route to the world.
func awaitInterface(ctx context.Context, stage string, exited <-chan struct{}) error {
	for deadline := time.Now().Add(30 * time.Second); ; {
		data, err := os.ReadFile(stage + "/net/route")
		if err != nil {
			return err
		}
		if strings.Count(string(data), "\n") > 1 {
			return nil
		}
		if v6, err := os.ReadFile(stage + "/net/if_inet6"); err == nil && strings.Count(string(v6), "\n") > 2 {
			return nil
		}
		select {
		case <-exited:
			return errPastaEnded
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.New("no network within 30 s")
		}
	}
}

// addNetwork says which network the container gets.
func (p *process) addNetwork(s container.Spec) error {
	if s.HostNetwork && s.Hermetic {
		return errors.New("this machine's network and none: which is it to be?")
	}
	pasta := p.runtime.networking().pasta
	if s.HostNetwork {
		pasta = ""
	}
	own := s.Hermetic || pasta != ""
	resolv := ""
	if !s.Hermetic {
		host, _ := os.ReadFile("/etc/resolv.conf") // a machine without one resolves nothing
		forward := ""
		if own {
			forward = dnsForward
		}
		resolv = resolvConf(host, forward)
	}
	var needs reach
	if own {
		var err error
		if needs, err = reachIn(s.Reach, s.Hermetic); err != nil {
			return err
		}
		p.plan.Network, p.plan.Listen, p.plan.Addresses = true, needs.listen, needs.addresses
		p.targets = needs.targets
		if !s.Hermetic {
			p.pasta = pasta
		}
		p.plan.Await = p.pasta != ""
	}
	p.plan.Files["files/hosts"] = hostsFile(hostname(p.id), needs.hosts)
	p.plan.Files["files/resolv.conf"] = resolv
	if root := p.hostUser - int(p.account.UID); root > 0 { // the container's root may change them
		p.plan.Owners = append(p.plan.Owners, owners{"files", root, root, true})
	}
	return nil
}
