package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/writ-run/writ/internal/ratio"
)

// mebibytes is a limit of resident memory, and what of it was used at most.
type mebibytes struct {
	limit float64
	most  float64
}

// run runs a command, whose output nobody reads, as nobody reads the floor's, and notes its memory.
func (m *mebibytes) run(command *exec.Cmd) error {
	if err := command.Run(); err != nil {
		return fmt.Errorf("%q: %w", command.Args, err)
	}
	used := float64(command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024
	m.most = max(m.most, used)
	return nil
}

func (m *mebibytes) report(b *testing.B) {
	b.ReportMetric(m.most, "MiB")
	b.ReportMetric(m.limit, "MiB-limit")
}

// orderDirectory is a directory with a key and a configuration that signs with it and verifies with it, and a writ in it.
func orderDirectory(b *testing.B, writ string, files map[string]string) (in func(arguments ...string) *exec.Cmd) {
	b.Helper()
	directory := b.TempDir()
	in = func(arguments ...string) *exec.Cmd {
		command := exec.Command(writ, arguments...)
		command.Dir = directory
		command.Env = append(os.Environ(), "HOME="+directory, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "XDG_CACHE_HOME=")
		return command
	}
	for name, text := range files {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	if output, err := in("key", "generate", "--algorithm", "EdDSA", "--format", "text", "--out", "signing.key", "--public", "signing.pub").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, output)
	}
	return in
}

// BenchmarkOrder: build and show of the small Pattern of the second seed, whole processes, each take at most 6 x a Go program that prints a line,
// and 24 MiB.
func BenchmarkOrder(b *testing.B) {
	hello, writ := buildProgram(b, "hello", "./testdata/hello"), buildProgram(b, "writ", "../../cmd/writ")
	in := orderDirectory(b, writ, map[string]string{
		"writ.jsonnet":   "{ build: { signingKeyPath: 'signing.key' }, run: { verifyKeys: ['signing.pub'] } }\n",
		"main.jsonnet":   "local f = import \"./func.libsonnet\";\n{run: [f(\"world\")]}\n",
		"func.libsonnet": "function(word)\n{check: \"echo %s\" % word, id: \"hello %s\" % word}\n",
	})
	for _, verb := range [][]string{{"build", "main.jsonnet", "web.jwt"}, {"show", "web.jwt"}} {
		b.Run(verb[0], func(b *testing.B) {
			memory := mebibytes{limit: 24}
			ratio.Run(b, 6, func() error { return exec.Command(hello).Run() }, func() error { return memory.run(in(verb...)) })
			memory.report(b)
		})
	}
}

// BenchmarkLargeOrder: 10 MB of files are built, verified and compared in under 100 MiB.
func BenchmarkLargeOrder(b *testing.B) {
	files := map[string]string{"writ.json": `{"build":{"signingKeyPath":"signing.key"},"run":{"verifyKeys":["signing.pub"]}}`}
	var run []string
	for n := range 1000 {
		name := fmt.Sprintf("files/%d", n)
		files[name] = strings.Repeat(fmt.Sprintf("line of file %04d\n", n), 10_000/18)
		run = append(run, fmt.Sprintf("{ id: '%d', check: 'cmp -s - /srv/%[1]d', change: 'cat >/srv/%[1]d', stdin: importstr '%s' }", n, name))
	}
	files["large.jsonnet"] = "{ run: [" + strings.Join(run, ",\n") + "] }"
	in := orderDirectory(b, buildProgram(b, "writ", "../../cmd/writ"), files)
	for _, verb := range [][]string{{"build", "large.jsonnet", "large.jwt"}, {"show", "large.jwt"}, {"compare", "large.jwt", "large.jwt"}} {
		b.Run(verb[0], func(b *testing.B) {
			memory := mebibytes{limit: 100}
			for b.Loop() {
				if err := memory.run(in(verb...)); err != nil {
					b.Fatal(err)
				}
			}
			memory.report(b)
		})
	}
}
