package oci

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/reach"
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
		resolv = reach.Resolv(host, forward)
	}
	var needs reach.Needs
	if own {
		var err error
		if needs, err = reach.Of(s.Reach, s.Hermetic); err != nil {
			return err
		}
		p.plan.Network, p.plan.Listen, p.plan.Addresses = true, needs.Listen, needs.Addresses
		p.targets = needs.Targets
		if !s.Hermetic {
			p.pasta = pasta
		}
		p.plan.Await = p.pasta != ""
	}
	p.plan.Files["files/hosts"] = reach.Hosts(hostname(p.id), needs.Hosts)
	p.plan.Files["files/resolv.conf"] = resolv
	if root := p.hostUser - int(p.account.UID); root > 0 { // the container's root may change them
		p.plan.Owners = append(p.plan.Owners, owners{"files", root, root, true})
	}
	return nil
}
