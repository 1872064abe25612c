package oci

import (
	"syscall"
	"testing"
)

// TestHasMemory has nothing in memory where others could put their own directory in its place, or where there is little.
func TestHasMemory(t *testing.T) {
	if Rootless() {
		t.Skip("mounts")
	}
	if hasMemory(t.TempDir() + "/none") {
		t.Error("a directory that is not there")
	}
	for options, want := range map[string]bool{
		"size=64m,mode=1777":       true,
		"size=64m,mode=0755":       true,
		"size=64m,mode=0777":       false,
		"size=64m,mode=1777,uid=1": false,
		"size=1m,mode=1777":        false,
	} {
		directory := t.TempDir()
		if err := syscall.Mount("none", directory, "tmpfs", 0, options); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Unmount(directory, syscall.MNT_DETACH) })
		if got := hasMemory(directory); got != want {
			t.Errorf("%s: %v", options, got)
		}
	}
}
