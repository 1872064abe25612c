package oci_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container/oci"
	"github.com/writ-run/writ/internal/ratio"
)

// BenchmarkTaskNetwork is a trivial task with a network by pasta, against bare runc in a network namespace that the same
// pasta was connected to by hand.
func BenchmarkTaskNetwork(b *testing.B) {
	floor := newBare(b, false)
	pasta, err := exec.LookPath("pasta")
	if err != nil {
		b.Skip(err)
	}
	r := benchRuntime(b, oci.Pasta)
	ratio.Run(b, 1.2, func() error { return byHand(floor, pasta) }, func() error { return runTrue(b.Context(), r, false) })
}

// byHand makes a network namespace, connects pasta to it, runs runc in it, and ends pasta.
func byHand(r *bare, pasta string) (err error) {
	id := fmt.Sprintf("writ-bench-net-%d", r.count.Add(1))
	// The namespace's own mount namespace has it as a file, as pasta wants it.
	script := `set -e
mount -t tmpfs none /mnt
touch /mnt/net
mount --bind /proc/self/ns/net /mnt/net
ip link set lo up
echo ready
read -r go
exec runc --root "$1" run --bundle "$2" "$3"`
	command := exec.Command("unshare", "--net", "--mount", "sh", "-c", script, "sh", r.state, r.bundle, id)
	var said strings.Builder
	command.Stderr = &said
	in, err := command.StdinPipe()
	if err != nil {
		return err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return err
	}
	connect := exec.Command("nsenter", "--mount", "--target", fmt.Sprint(command.Process.Pid), pasta, "--foreground", "--quiet", "--config-net", "--no-map-gw",
		"-t", "none", "-u", "none", "-T", "none", "-U", "none", "--runas", "0:0", "--netns-only", "--netns", "/mnt/net")
	if err := connect.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		routes, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/route", command.Process.Pid))
		if err != nil {
			return err
		}
		if strings.Count(string(routes), "\n") > 1 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no network")
		}
	}
	if _, err := in.Write([]byte("go\n")); err != nil {
		return err
	}
	in.Close()
	if err = command.Wait(); err != nil {
		err = fmt.Errorf("%w: %s", err, said.String())
	}
	_ = connect.Process.Signal(syscall.SIGKILL)
	_ = connect.Wait()
	return err
}
