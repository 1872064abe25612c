package oci_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
)

// TestSelf has the writ binary in a container of any image, where that asks for it.
func TestSelf(t *testing.T) {
	t.Parallel()
	need(t)
	self, err := staticWrit()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(self)
	if err != nil {
		t.Fatal(err)
	}
	r := newRuntime(t, oci.Host)
	script := fmt.Sprintf(`test -x %[1]s && test "$(stat -c %%s %[1]s)" = %[2]d && ! (echo >%[1]s) 2>/dev/null`, container.SelfPath, info.Size())
	if output, status := run(t, r, container.Spec{Hermetic: true, Self: true}, script); status != 0 {
		t.Errorf("status %d, %q", status, output)
	}
	if output, status := run(t, r, container.Spec{Hermetic: true}, "test ! -e "+container.SelfPath); status != 0 {
		t.Errorf("where nobody asks: status %d, %q", status, output)
	}
}

// TestNoExec executes what is in a host directory that is only to be read, unless that is forbidden too.
func TestNoExec(t *testing.T) {
	t.Parallel()
	need(t)
	r := newRuntime(t, oci.Host)
	directory := t.TempDir()
	if err := container.WriteExecutable(filepath.Join(directory, "script"), []byte("#!/bin/sh\necho ran\n")); err != nil {
		t.Fatal(err)
	}
	for forbidden, want := range map[bool]string{false: "ran\n", true: "refused\n"} {
		mounts := []container.Mount{{Path: "/opt/tools", Host: directory, ReadOnly: true, NoExec: forbidden}}
		output, status := run(t, r, container.Spec{Hermetic: true, Mounts: mounts}, "/opt/tools/script 2>/dev/null || echo refused; ! (echo >/opt/tools/new) 2>/dev/null")
		if status != 0 || output != want {
			t.Errorf("noexec %v: status %d, %q; want %q", forbidden, status, output, want)
		}
	}
}
