package host_test

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/host"
	"github.com/writ-run/writ/internal/ratio"
)

// BenchmarkStart keeps the promise that a process costs about what os/exec takes for it.
func BenchmarkStart(b *testing.B) {
	runtime, err := host.New(host.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer runtime.Close()
	script := []string{"-e", "-o", "pipefail", "-c", "echo output"}
	environment := os.Environ()
	ratio.Run(b, 1.1, func() error {
		return bare(environment, script)
	}, func() error {
		var output bytes.Buffer
		p, err := runtime.Start(b.Context(), container.Spec{Name: "bench", Path: "/usr/bin/bash", Args: script, Env: environment}, container.IO{Stdout: &output, Stderr: &output})
		if err != nil {
			return err
		}
		_, err = p.Wait(b.Context())
		return err
	})
}

// bare is the least that it takes: os/exec, with both streams in one buffer, in a session of its own: a busy kernel gives each
// session its turn, and lets a new one wait for it.
func bare(environment, script []string) error {
	command := exec.Command("/usr/bin/bash", script...)
	command.Env = environment
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	_, err := command.CombinedOutput()
	return err
}
