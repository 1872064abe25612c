package oci

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMembers takes no process of this machine for a container's, whatever number init had.
func TestMembers(t *testing.T) {
	t.Parallel()
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	for _, p := range []*process{{pid: os.Getpid(), pidfd: pidfd}, {pid: os.Getpid(), pidfd: -1}, {pid: 1, pidfd: -1}} {
		if found, err := p.members(); err == nil || len(found) != 0 {
			t.Errorf("%+v: %v", found, err)
		}
	}
}
