package oci

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

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
