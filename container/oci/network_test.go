package oci_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
)

// newRuntime is a runtime of containers with a network.
func newRuntime(t *testing.T, network oci.Network) *oci.Runtime {
	t.Helper()
	need(t)
	image, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	return newRuntimeOf(t, image, network)
}

// newRuntimeOf is a runtime with an image of its own.
func newRuntimeOf(t *testing.T, image *oci.Image, network oci.Network) *oci.Runtime {
	t.Helper()
	self, err := staticWrit()
	if err != nil {
		t.Fatal(err)
	}
	r, err := oci.New(oci.Config{BaseDir: t.TempDir() + "/b", Self: self, Own: image, KillGrace: time.Second, Network: network})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// run returns what a script wrote, and its status.
func run(t *testing.T, r *oci.Runtime, s container.Spec, script string) (string, int) {
	t.Helper()
	var output bytes.Buffer
	s.Name, s.Path, s.Args = "test", "sh", []string{"-c", script}
	p, err := r.Start(t.Context(), s, container.IO{Stdout: &output, Stderr: &output})
	if err != nil {
		t.Fatal(err)
	}
	status, err := p.Wait(t.Context())
	if err != nil {
		t.Fatalf("status %d, %v\n%s", status, err, output.String())
	}
	return output.String(), status
}

// hasPasta tells whether pasta can work here: it must be installed, and this user must have the tun device.
func hasPasta(t *testing.T) bool {
	t.Helper()
	_, err := exec.LookPath("pasta")
	if err != nil && os.Getenv("WRIT_TEST_REQUIRE") == "all" {
		t.Fatal(err)
	}
	device, deviceErr := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if deviceErr == nil {
		device.Close()
	}
	return err == nil && deviceErr == nil
}

// TestNetworkFallsBack has a pasta that cannot work.
func TestNetworkFallsBack(t *testing.T) {
	need(t)
	bin := t.TempDir()
	if err := os.WriteFile(bin+"/pasta", []byte("#!/bin/sh\necho no tun device >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	r := newRuntime(t, oci.Auto)
	if strings.Contains(strings.Join(r.Notices(), ""), "network") {
		t.Errorf("notice %q before it was tried", r.Notices())
	}
	if output, status := run(t, r, container.Spec{}, "echo good"); status != 0 || output != "good\n" {
		t.Errorf("status %d, %q", status, output)
	}
	if !strings.Contains(strings.Join(r.Notices(), ""), "this machine's network") {
		t.Errorf("notice %q", r.Notices())
	}
	asked := newRuntime(t, oci.Pasta)
	if _, err := asked.Start(t.Context(), container.Spec{Name: "test", Path: "true"}, container.IO{}); err == nil || !strings.Contains(err.Error(), "no tun device") {
		t.Errorf("where it was asked for: %v", err)
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	networks := []oci.Network{oci.Host}
	if hasPasta(t) {
		networks = append(networks, oci.Pasta)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "from ", r.Host) }))
	defer server.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	address, named := strings.TrimPrefix(server.URL, "http://"), strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for _, network := range networks {
		r := newRuntime(t, network)
		for _, hermetic := range []bool{true, false} {
			s := container.Spec{Hermetic: hermetic, Reach: []string{server.URL}}
			if output, status := run(t, r, s, "wget -qO- "+server.URL); status != 0 || output != "from "+address {
				t.Errorf("%s, hermetic %v: status %d, %q", network, hermetic, status, output)
			}
			s.Reach = []string{named}
			if output, status := run(t, r, s, "wget -qO- "+named); status != 0 || !strings.HasPrefix(output, "from localhost:") {
				t.Errorf("%s, hermetic %v, by name: status %d, %q", network, hermetic, status, output)
			}
			if network == oci.Host && !hermetic {
				continue // it is this machine's network, and the log says so
			}
			if output, status := run(t, r, s, "wget -T 3 -qO- "+other.URL); status == 0 {
				t.Errorf("%s, hermetic %v: reached another server on this machine's loopback: %q", network, hermetic, output)
			}
		}
		output, status := run(t, r, container.Spec{Hermetic: true}, "ip -o link | cut -d: -f2; ip route; cat /etc/resolv.conf")
		if status != 0 || strings.TrimSpace(output) != "lo" {
			t.Errorf("%s: a hermetic container has %q", network, output)
		}
	}
}

// TestOutbound has a route and an address behind pasta.
func TestOutbound(t *testing.T) {
	t.Parallel()
	if !hasPasta(t) {
		t.Skip("no pasta here, or no tun device for it")
	}
	r := newRuntime(t, oci.Pasta)
	if output, status := run(t, r, container.Spec{}, "ip route | grep default && ip -o -4 addr | grep -v ' lo '"); status != 0 {
		t.Errorf("status %d, %q", status, output)
	}
}

// TestIsolation tries what a task must not be able to do.
func TestIsolation(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, oci.Host)
	host := t.TempDir()
	if err := os.WriteFile(host+"/token", []byte("secret"), 0o400); err != nil {
		t.Fatal(err)
	}
	mounts := []container.Mount{{Path: "/run/writ", Host: host, ReadOnly: true}}
	for script, want := range map[string]string{
		"cat /run/writ/token":                                                                                 "secret",
		"echo x >/run/writ/token || echo refused":                                                             "refused",
		"echo x >/run/writ/new || echo refused":                                                               "refused",
		"rm -f /run/writ/token || echo refused":                                                               "refused",
		"mount -t tmpfs none /run/writ || echo refused":                                                       "refused",
		"mount -o remount,rw /run/writ || echo refused":                                                       "refused",
		"umount /run/writ || echo refused":                                                                    "refused",
		"mv /run/writ /run/other || echo refused":                                                             "refused",
		"mknod /tmp/disk b 254 0 && cat /tmp/disk || echo refused":                                            "refused",
		"echo 1 >/proc/sys/kernel/panic || echo refused":                                                      "refused",
		"echo b >/proc/sysrq-trigger || echo refused":                                                         "refused",
		"ls /sys/fs/cgroup/writ 2>/dev/null || echo refused":                                                  "refused",
		"unshare -U true || echo refused":                                                                     "refused",
		"chroot /proc/1/root true; ls /proc/1/root/ | grep -c work || echo refused":                           "refused",
		"dmesg 2>/dev/null | head -1; echo refused":                                                           "refused",
		"hostname x || echo refused":                                                                          "refused",
		"echo x >/dev/writ-init || echo refused":                                                              "refused",
		"kill -9 1; echo refused":                                                                             "refused",
		"ls " + host + " || echo refused":                                                                     "refused",
		"grep -c '0          0 4294967295' /proc/self/uid_map || echo refused":                                "refused",
		"grep -q 'NoNewPrivs:.1' /proc/self/status && grep -q 'Seccomp:.2' /proc/self/status && echo refused": "refused",
	} {
		output, _ := run(t, r, container.Spec{Hermetic: true, Mounts: mounts}, script)
		lines := strings.Split(strings.TrimSpace(output), "\n")
		if lines[len(lines)-1] != want {
			t.Errorf("%s: %q; want %q", script, output, want)
		}
	}
	if data, err := os.ReadFile(host + "/token"); err != nil || string(data) != "secret" {
		t.Errorf("the token is %q, %v", data, err)
	}
}

// TestNullStays leaves the machine's /dev/null to its owner, also where a task's streams are nobody's.
func TestNullStays(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, oci.Host)
	before, err := os.Stat(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "true", Hermetic: true}, container.IO{})
	if err != nil {
		t.Fatal(err)
	}
	if status, err := p.Wait(t.Context()); status != 0 || err != nil {
		t.Fatal(status, err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Sys().(*syscall.Stat_t).Uid != before.Sys().(*syscall.Stat_t).Uid {
		t.Errorf("/dev/null belongs to %+v, %v", info.Sys(), err)
	}
	if output, status := run(t, r, container.Spec{Hermetic: true}, "echo 192.0.2.9 somewhere >>/etc/hosts && grep -c somewhere /etc/hosts"); status != 0 || output != "1\n" {
		t.Errorf("a task's own /etc/hosts: status %d, %q", status, output)
	}
}

// TestNoMachineStreams gives the OCI runtime no stream of the machine's: crun gives them away.
func TestNoMachineStreams(t *testing.T) {
	t.Parallel()
	need(t)
	self, err := staticWrit()
	if err != nil {
		t.Fatal(err)
	}
	image, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := "#!/bin/sh\nfor n in 0 1 2; do l=$(readlink /proc/$$/fd/$n); echo \"$l\" >>'" + bin + "/streams'; done\nexec /usr/sbin/runc \"$@\"\n"
	if err := container.WriteExecutable(bin+"/runc", []byte(script)); err != nil {
		t.Fatal(err)
	}
	r, err := oci.New(oci.Config{BaseDir: t.TempDir() + "/b", Command: bin + "/runc", Self: self, Own: image, Network: oci.Host})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "true", Hermetic: true}, container.IO{})
	if err != nil {
		t.Fatal(err)
	}
	if status, err := p.Wait(t.Context()); status != 0 || err != nil {
		t.Fatal(status, err)
	}
	streams, err := os.ReadFile(bin + "/streams")
	if err != nil || strings.Count(string(streams), "pipe:") != 3 {
		t.Errorf("%q, %v; want three pipes", streams, err)
	}
}

// TestPrivileged is real root, and still has the run's own files read-only.
func TestPrivileged(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user has no privileges to give")
	}
	r := newRuntime(t, oci.Host)
	host := t.TempDir()
	output, status := run(t, r, container.Spec{Privileged: true, Mounts: []container.Mount{{Path: "/run/writ", Host: host, ReadOnly: true}}},
		`grep -q '0          0 4294967295' /proc/self/uid_map && test "$(stat -c %u:%g / /bin/busybox /etc | sort -u)" = 0:0 && mkdir /mnt && mount -t tmpfs none /mnt && ls -d /sys/fs/cgroup && ! touch /run/writ/x && echo good`)
	if status != 0 || !strings.HasSuffix(output, "good\n") {
		t.Errorf("status %d, %q", status, output)
	}
}

// TestUser runs a task as another user, who owns what is delivered.
func TestUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("containers of an ordinary user have one user")
	}
	r := newRuntime(t, oci.Host)
	host := t.TempDir()
	if err := os.WriteFile(host+"/token", []byte("secret"), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(host, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, privileged := range []bool{false, true} {
		output, status := run(t, r, container.Spec{User: "1234:99", Privileged: privileged, Mounts: []container.Mount{{Path: "/run/writ", Host: host, ReadOnly: true}}},
			"id -u; id -g; cat /run/writ/token; stat -c ' %u %a' /run/writ/token; echo >/dev/stdout")
		if status != 0 || output != "1234\n99\nsecret 1234 400\n\n" {
			t.Errorf("privileged %v: status %d, %q", privileged, status, output)
		}
	}
}

// TestProbe finds the OCI runtime that works by trying, and remembers it.
func TestProbe(t *testing.T) {
	need(t)
	bin := t.TempDir()
	const broken = "#!/bin/sh\necho '{\"level\":\"error\",\"msg\":\"cgroups are not as I want them\"}' >\"$4\"\nexit 1\n"
	for _, name := range []string{"runc", "youki"} {
		if err := os.WriteFile(bin+"/"+name, []byte(broken), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	real, err := exec.LookPath("/usr/sbin/runc")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, bin+"/crun"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	r := newRuntime(t, oci.Host)
	for range 2 { // the second time from memory
		if err := r.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		if output, status := run(t, r, container.Spec{Hermetic: true}, "echo good"); status != 0 || output != "good\n" {
			t.Errorf("status %d, %q", status, output)
		}
	}
	if err := os.Remove(bin + "/crun"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin+"/crun", []byte(broken), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := newRuntime(t, oci.Host).Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "runc: cgroups are not as I want them") {
		t.Errorf("where none works: %v", err)
	}
}

// TestOwners has volumes owned as Concourse has them: a user's whole, and of root's the directory.
func TestOwners(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("containers of an ordinary user have one user")
	}
	r := newRuntime(t, oci.Host)
	ctx := t.Context()
	in, err := r.Volume(ctx, "in")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(in.Path()+"/file", []byte("input"), 0o600), os.Symlink("/etc/passwd", in.Path()+"/link")); err != nil {
		t.Fatal(err)
	}
	step := func(user string, privileged bool, v container.Volume, script string) {
		t.Helper()
		fork, err := in.Fork(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer fork.Close()
		output, status := run(t, r, container.Spec{User: user, Privileged: privileged, Hermetic: true, Mounts: []container.Mount{{Path: "in", Volume: fork}, {Path: "out", Volume: v}}}, "set -ex\n"+script)
		if status != 0 {
			t.Errorf("user %s, privileged %v: status %d\n%s", user, privileged, status, output)
		}
	}
	for _, privileged := range []bool{false, true} {
		out, err := r.Volume(ctx, "out")
		if err != nil {
			t.Fatal(err)
		}
		step("1000", privileged, out, `test "$(stat -c %u . out in in/file in/link | tr '\n' ' ')" = "1000 1000 1000 1000 1000 "; cat in/file; echo one >out/file; echo >in/new`)
		step("2000:7", privileged, out, `test "$(stat -c %u out out/file in/file | tr '\n' ' ')" = "2000 2000 2000 "; echo two >out/file; test ! -e in/new`)
		step("root", privileged, out, `test "$(stat -c %u . out out/file in in/file | tr '\n' ' ')" = "0 0 2000 0 0 "; echo three >>out/file`)
		if data, err := os.ReadFile(out.Path() + "/file"); err != nil || string(data) != "two\nthree\n" {
			t.Errorf("%q, %v", data, err)
		}
		if info, err := os.Stat("/etc/passwd"); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Error("a link was followed")
		}
	}
}

// TestLimits has the kernel keep them.
func TestLimits(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		r := newRuntime(t, oci.Host)
		_, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "true", Limits: container.Limits{Memory: 64 << 20}}, container.IO{})
		if err == nil || !strings.Contains(err.Error(), "container_limits") {
			t.Errorf("an ordinary user's limits: %v", err)
		}
		return
	}
	r := newRuntime(t, oci.Host)
	output, status := run(t, r, container.Spec{Limits: container.Limits{Memory: 64 << 20, CPU: 512}}, "echo begin; exec tail /dev/zero")
	if status != 137 || !strings.Contains(output, "out of memory") || !strings.Contains(output, "67108864") {
		t.Errorf("status %d, %q", status, output)
	}
}

// TestNoTrace finds neither a variable of a task's in a file of the runtime's, nor anything after its end.
func TestNoTrace(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, oci.Host)
	base := strings.TrimSuffix(r.Base(), "/")
	const secret = "f00dfeedc0ffee"
	var output buffer
	ready := make(chan struct{})
	output.saw = func() { close(ready) }
	reader, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	p, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "sh", Args: []string{"-c", "echo ready; read -r x"}, Env: []string{"SECRET=" + secret}, Hermetic: true}, container.IO{Stdin: reader, Stdout: &output})
	if err != nil {
		t.Fatal(err)
	}
	<-ready
	found, _ := exec.Command("grep", "-rsl", secret, base).CombinedOutput()
	if len(found) > 0 {
		t.Errorf("a task's variable is in %s", found)
	}
	release.Close()
	if _, err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), base) || strings.Contains(string(mounts), "/mnt/rootfs") {
		t.Error("a mount is left")
	}
	left, _ := os.ReadDir(base)
	for _, entry := range left {
		if strings.HasPrefix(entry.Name(), "k-") { // the image, for the next runs
			continue
		}
		inner, _ := os.ReadDir(base + "/" + entry.Name())
		for _, one := range inner {
			if one.Name() != "state" && !strings.HasPrefix(one.Name(), "points") { // the runtime's own, for every container
				t.Errorf("left: %s", one.Name())
			}
		}
	}
}

// buffer calls saw once something was written.
type buffer struct {
	bytes.Buffer
	saw func()
}

func (b *buffer) Write(p []byte) (int, error) {
	if b.saw != nil {
		b.saw()
		b.saw = nil
	}
	return b.Buffer.Write(p)
}
