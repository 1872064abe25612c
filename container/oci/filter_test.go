package oci

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
)

// FilterOf returns the filter that a container's init and its task have, with how many there are, and whether init put it in
// place.
func FilterOf(t *testing.T, started container.Process) (program []byte, count string, byInit bool) {
	t.Helper()
	p := started.(*process)
	program, err := readFilter(p.pid, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	all, err := p.members()
	p.mu.Unlock()
	if err != nil || len(all) == 0 {
		t.Fatalf("processes %v: %v", all, err)
	}
	task, err := readFilter(all[0], func() error { return nil })
	if err != nil || !bytes.Equal(task, program) {
		t.Errorf("the task has a filter of %d bytes, init one of %d: %v", len(task), len(program), err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", all[0]))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "Seccomp") {
			count += strings.Join(strings.Fields(line), " ") + ";"
		}
	}
	return program, count, p.filter != nil
}

// ForgetFilter has a runtime ask the OCI runtime again.
func ForgetFilter(r *Runtime) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filter.key, r.filter.file = nil, nil
}

func TestFilterFile(t *testing.T) {
	key, program := []byte("key"), make([]byte, 3*instruction)
	if filterHead(key, program) == filterHead(key, append(program, 0)) || filterHead(key, program) == filterHead([]byte("other"), program) {
		t.Error("a file with another filter, or one that was made from something else, has the same first line")
	}
	for _, bad := range [][]byte{nil, {1}, make([]byte, instruction+1), make([]byte, (maxFilter+1)*instruction)} {
		if file, err := keepFilter(bad); err == nil {
			file.Close()
			t.Errorf("a filter of %d bytes is taken", len(bad))
		}
	}
	file, err := keepFilter(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte{1}, 0); err == nil {
		t.Error("a kept filter can be written to")
	}
	if err := file.Truncate(0); err == nil {
		t.Error("a kept filter can be made shorter")
	}
	// What is not as it was put there is not put in place: nothing here gets a filter.
	for _, descriptor := range []string{"x", "0", "-1"} {
		if err := putFilter(descriptor); err == nil {
			t.Errorf("descriptor %q is taken", descriptor)
		}
	}
	if mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != nil || mode != 0 {
		t.Errorf("this process has filters (mode %d, %v)", mode, err)
	}
}

// TestFiltersOfTwo: where a process has two filters, one is not of the OCI runtime, and neither is taken.
func TestFiltersOfTwo(t *testing.T) {
	if Rootless() {
		t.Skip("the kernel gives a filter to root alone")
	}
	allow := []byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f} // BPF_RET SECCOMP_RET_ALLOW
	file, err := keepFilter(allow)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for count := range 3 {
		child := exec.Command(os.Args[0], "-test.run", "^TestPutFilters$")
		child.Env = append(os.Environ(), fmt.Sprintf("WRIT_TEST_FILTERS=%d", count))
		child.ExtraFiles = []*os.File{file, file} // 3 and 4
		input, err1 := child.StdinPipe()
		output, err2 := child.StdoutPipe()
		if err := errors.Join(err1, err2, child.Start()); err != nil {
			t.Fatal(err)
		}
		if said, err := bufio.NewReader(output).ReadString('\n'); err != nil || said != "ready\n" {
			t.Errorf("the child says %q, %v", said, err)
		}
		program, err := readFilter(child.Process.Pid, func() error { return nil })
		if want := count == 1; (err == nil) != want || want && !bytes.Equal(program, allow) {
			t.Errorf("%d filters: %v, %v", count, program, err)
		}
		if _, err := readFilter(child.Process.Pid, func() error { return os.ErrProcessDone }); err != os.ErrProcessDone {
			t.Errorf("a process that is not the one meant: %v", err)
		}
		input.Close()
		if err := child.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestPutFilters is the child of TestFiltersOfTwo: it puts filters in place and waits.
func TestPutFilters(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("WRIT_TEST_FILTERS"))
	if err != nil {
		t.Skip("this is no test of its own")
	}
	for range count {
		if err := putFilter("4"); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// TestOwnMountsAreLast: what a link has led elsewhere is covered by what must be there.
func TestOwnMountsAreLast(t *testing.T) {
	m := made{id: "writ-o-0-0", stage: "/stage"}
	m.mounts = []specs.Mount{{Destination: "/a/b"}, {Destination: "/a"}}
	m.hosts = []specs.Mount{{Destination: "/run/writ"}}
	var order []string
	for _, mount := range m.allMounts() {
		order = append(order, mount.Destination)
	}
	want := []string{"/tmp", "/etc/hosts", "/etc/resolv.conf", "/a", "/a/b", "/run/writ", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", initPath, "/sys"}
	if !slices.Equal(order, want) {
		t.Errorf("mounts %q, want %q", order, want)
	}
}
