package oci_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/container/oci"
	"github.com/writ-run/writ/test/program"
)

// TestLinked: a writ that was built with cgo, as by a plain go build, says why it can start no container.
func TestLinked(t *testing.T) {
	t.Parallel()
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("with root's build is enough")
	}
	program.Find(t, "gcc")
	self := filepath.Join(t.TempDir(), "writ")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", self, "github.com/writ-run/writ/cmd/writ-container")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	r, err := oci.New(oci.Config{BaseDir: t.TempDir(), Self: self, Network: oci.Host})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = r.Probe(t.Context())
	var linked *oci.LinkedError
	if !errors.As(err, &linked) || !strings.HasPrefix(linked.Error(), self+" was built with cgo, and so needs /lib") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}
