package oci_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/containertest"
	"github.com/writ-run/writ/container/oci"
)

// TestNewerRuntime runs the suite with runc 1.5.2, built from its Go module: Debian's is 1.1.5.
func TestNewerRuntime(t *testing.T) {
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("with root's is enough")
	}
	if testing.Short() {
		t.Skip("short")
	}
	path := filepath.Join(os.Getenv(shared), "runc-1.5.2")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "seccomp", "-o", path, "github.com/opencontainers/runc")
	build.Dir = filepath.Join("..", "..", "test", "runc")
	build.Env = append(os.Environ(), "CGO_ENABLED=1", "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		if os.Getenv("WRIT_TEST_REQUIRE") == "all" {
			t.Fatalf("%v\n%s", err, output)
		}
		t.Skipf("runc cannot be built here (it needs cgo and libseccomp): %v", err)
	}
	newer := suite
	newer.New = func(base string, grace time.Duration) (container.Runtime, error) {
		self, err := staticWrit()
		if err != nil {
			return nil, err
		}
		image, err := busybox()
		if err != nil {
			return nil, err
		}
		return oci.New(oci.Config{BaseDir: base, Command: path, Self: self, Own: image, KillGrace: grace, Network: oci.Host})
	}
	containertest.Run(t, newer)
}
