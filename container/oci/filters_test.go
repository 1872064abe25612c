package oci_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
)

// TestFilterIsTheRuntimes has the OCI runtime make the filter of system calls and then init put it in place: both are the same,
// byte for byte, and the only one. A file that was written to is not believed.
func TestFilterIsTheRuntimes(t *testing.T) {
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("the kernel gives a filter to root alone")
	}
	r := newRuntime(t, oci.Host)
	look := func() (program []byte, count string, byInit bool) {
		t.Helper()
		p, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "sleep", Args: []string{"1000"}, Hermetic: true}, container.IO{})
		if err != nil {
			t.Fatal(err)
		}
		program, count, byInit = oci.FilterOf(t, p)
		_ = p.Signal(os.Kill)
		_, _ = p.Wait(t.Context())
		return program, count, byInit
	}
	want, count, byInit := look()
	if byInit || count != "Seccomp: 2;Seccomp_filters: 1;" {
		t.Fatalf("the first container: %q, by init: %v", count, byInit)
	}
	again := func(name string, wantByInit bool) {
		t.Helper()
		program, now, byInit := look()
		if !bytes.Equal(program, want) || now != count || byInit != wantByInit {
			t.Errorf("%s: a filter of %d bytes (%q, by init: %v), want that of %d bytes (%q, by init: %v)", name, len(program), now, byInit, len(want), count, wantByInit)
		}
	}
	again("the second", true)
	oci.ForgetFilter(r)
	again("from its file", true)
	path := filepath.Join(r.Base(), "oci-filter")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	oci.ForgetFilter(r)
	again("from a file that was changed", false)
}
