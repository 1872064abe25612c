package cli

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/writ-run/writ/internal/ratio"
)

// BenchmarkStartShell: `sh -c` of a builtin takes at most 4 x a Go program that prints a line. Tasks start many shells.
func BenchmarkStartShell(b *testing.B) {
	hello, sh := buildProgram(b, "hello", "./testdata/hello"), buildProgram(b, "sh", "../../cmd/writ")
	ratio.Run(b, 4, func() error { return exec.Command(hello).Run() }, func() error { return exec.Command(sh, "-c", "echo a line").Run() })
}

// BenchmarkStart: `writ version` takes at most 4 x a Go program that prints a line. The binary is also started by tasks.
func BenchmarkStart(b *testing.B) {
	hello, writ := buildProgram(b, "hello", "./testdata/hello"), buildProgram(b, "writ", "../../cmd/writ")
	ratio.Run(b, 4, func() error { return exec.Command(hello).Run() }, func() error { return exec.Command(writ, "version").Run() })
}

// buildProgram builds a program as it is released, and copies it, as who installs it does: of a large file that Go's linker has
// just written, by way of a mapping, the page cache is so that a start takes up to a tenth more.
func buildProgram(b *testing.B, name, source string) string {
	b.Helper()
	linked, binary := filepath.Join(b.TempDir(), "linked"), filepath.Join(b.TempDir(), name)
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", linked, source)
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, output)
	}
	if output, err := exec.Command("cp", linked, binary).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, output)
	}
	return binary
}
