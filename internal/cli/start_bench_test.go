package cli

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/writ-run/writ/internal/ratio"
)

// BenchmarkStart: `writ version` takes at most 4 x a Go program that prints a line. The binary is also started by tasks.
func BenchmarkStart(b *testing.B) {
	directory := b.TempDir()
	program := func(name, source string) func() error {
		binary := filepath.Join(directory, name)
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, source)
		build.Env = append(build.Environ(), "CGO_ENABLED=0")
		if output, err := build.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, output)
		}
		return func() error { return exec.Command(binary, "version").Run() }
	}
	ratio.Run(b, 4, program("hello", "./testdata/hello"), program("writ", "../../cmd/writ"))
}
