// Package networktest makes networks of a test's own: machines in network namespaces, each with a link to one switch, that
// can be cut, restored and made worse.
//
//	machine ──link──┐
//	machine ──link──┼── switch (a bridge, in the namespace of the machine that is called "server")
//	server  ────────┘
//
// Invariant: nothing of it is in the namespace of the host, and nothing has a name there. A namespace is held by a process
// that ends with the test, and with the test's process where that is killed.
package networktest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/test/program"
)

// Server is the machine that has the switch.
const Server = "server"

// Network is a switch with its machines.
type Network struct {
	t        testing.TB
	tools    map[string]string // paths of programs
	machines map[string]machine
}

// machine is a namespace, by a process in it.
type machine struct {
	holder  *program.Process
	address string
}

// New makes a network of a server and other machines. It ends with the test. The test skips where it is not root's or the
// machine makes no namespaces, as a container may not; where a program is missing it skips, or fails with
// WRIT_TEST_REQUIRE=all.
func New(t testing.TB, machines ...string) *Network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces with links are root's")
	}
	n := &Network{t: t, tools: map[string]string{}, machines: map[string]machine{}}
	for _, tool := range []string{"ip", "nsenter", "sleep", "tc", "unshare"} {
		n.tools[tool] = program.Find(t, tool)
	}
	if output, err := exec.Command(n.tools["unshare"], "--net", n.tools["ip"], "link", "add", "name", "one", "type", "veth", "peer", "name", "two").CombinedOutput(); err != nil {
		t.Skipf("this machine makes no namespaces with links: %v: %s", err, bytes.TrimSpace(output))
	}
	for i, name := range append([]string{Server}, machines...) {
		n.machines[name] = machine{n.hold(), "10.99.0." + strconv.Itoa(i+1)}
		n.must(name, "ip", "link", "set", "dev", "lo", "up")
	}
	n.must(Server, "ip", "link", "add", "name", "switch", "type", "bridge")
	n.must(Server, "ip", "address", "add", n.Address(Server)+"/24", "dev", "switch")
	n.must(Server, "ip", "link", "set", "dev", "switch", "up")
	for _, name := range machines {
		n.must(Server, "ip", "link", "add", "name", name, "type", "veth", "peer", "name", "cable", "netns", strconv.Itoa(n.machines[name].holder.PID()))
		n.must(Server, "ip", "link", "set", "dev", name, "master", "switch", "up")
		n.must(name, "ip", "address", "add", n.Address(name)+"/24", "dev", "cable")
		n.must(name, "ip", "link", "set", "dev", "cable", "up")
	}
	return n
}

// hold starts a process in a new namespace.
func (n *Network) hold() *program.Process {
	n.t.Helper()
	p := program.Start(n.t, exec.Command(n.tools["unshare"], "--net", n.tools["sleep"], "infinity"))
	if err := p.Ready(func() error {
		ours, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			return err
		}
		of, err := os.Readlink(namespace(p))
		if err == nil && of == ours {
			err = errors.New("it is in our namespace yet")
		}
		return err
	}); err != nil {
		n.t.Fatal(err)
	}
	return p
}

func namespace(holder *program.Process) string {
	return filepath.Join("/proc", strconv.Itoa(holder.PID()), "ns", "net")
}

// Address is that of a machine.
func (n *Network) Address(name string) string { return n.machines[name].address }

// On is what a command line begins with that is to run on a machine.
func (n *Network) On(name string) []string {
	return []string{n.tools["nsenter"], "--net=" + namespace(n.machines[name].holder)}
}

// run runs a program on a machine.
func (n *Network) run(name, tool string, arguments ...string) error {
	words := append(append(n.On(name), n.tools[tool]), arguments...)
	if output, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q on %s: %w: %s", tool, arguments, name, err, bytes.TrimSpace(output))
	}
	return nil
}

func (n *Network) must(name, tool string, arguments ...string) {
	n.t.Helper()
	if err := n.run(name, tool, arguments...); err != nil {
		n.t.Fatal(err)
	}
}

// Cut takes a machine's link away, as a cable that is pulled out at the switch: what is sent is lost, without a word.
func (n *Network) Cut(name string) {
	n.t.Helper()
	n.must(Server, "ip", "link", "set", "dev", name, "down")
}

// Restore gives it back.
func (n *Network) Restore(name string) {
	n.t.Helper()
	n.must(Server, "ip", "link", "set", "dev", name, "up")
}

// Worsen has a machine's link drop and delay what is sent, each way, in the words of tc's netem. The error is that of a
// kernel without it.
func (n *Network) Worsen(name string, netem ...string) error {
	for _, end := range [][2]string{{Server, name}, {name, "cable"}} {
		if err := n.run(end[0], "tc", append([]string{"qdisc", "add", "dev", end[1], "root", "netem"}, netem...)...); err != nil {
			return err
		}
	}
	return nil
}

// Listen listens on a machine, at a port.
func (n *Network) Listen(name, port string) net.Listener {
	n.t.Helper()
	var listener net.Listener
	n.within(name, func() (err error) {
		listener, err = net.Listen("tcp4", net.JoinHostPort(n.Address(name), port))
		return err
	})
	return listener
}

// within calls a function whose sockets are a machine's. A socket stays in the namespace that it was made in.
func (n *Network) within(name string, do func() error) {
	n.t.Helper()
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this
		file, err := os.Open(namespace(n.machines[name].holder))
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			file.Close()
		}
		if err == nil {
			err = do()
		}
		result <- err
	}()
	if err := <-result; err != nil {
		n.t.Fatalf("on %s: %v", name, err)
	}
}

// Dial opens a connection (of TCP) from a machine.
func (n *Network) Dial(name, address string) net.Conn {
	n.t.Helper()
	var connection net.Conn
	n.within(name, func() (err error) {
		connection, err = net.Dial("tcp4", address)
		return err
	})
	return connection
}
