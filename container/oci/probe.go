package oci

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
)

// probed is the file in the base directory that says what has worked.
const probed = "oci-works"

// Probe tries whether containers can be had, and with which OCI runtime: by starting one, since no version number tells. That
// one worked is remembered in the base directory until the machine starts anew or one of the binaries changes. Its error says
// why none can be had. It is called before the first Start.
func (r *Runtime) Probe(ctx context.Context) error {
	path := filepath.Join(r.base, probed)
	before, _ := os.ReadFile(path) // where there is none, all are tried
	for _, r.command = range r.commands {
		if string(before) == r.circumstances() {
			return nil
		}
	}
	var problems []error
	for _, r.command = range r.commands {
		if err := r.trial(ctx); err != nil {
			problems = append(problems, err)
			continue
		}
		if err := os.WriteFile(path, []byte(r.circumstances()), 0o600); err != nil { // then it is tried again the next time
			r.log.Debug("that containers work could not be written down", "error", err)
		}
		return nil
	}
	err := errors.Join(problems...)
	if errors.Is(err, io.EOF) { // the first process in the container said nothing: it was not even started
		if interpreter := interpreterOf(r.player); interpreter != "" {
			return &LinkedError{Path: r.player, Interpreter: interpreter}
		}
	}
	return err
}

// LinkedError says that this program itself cannot run in a container, since it is linked with libraries that are not there.
type LinkedError struct{ Path, Interpreter string }

// Error names what it needs there.
func (e *LinkedError) Error() string {
	return fmt.Sprintf("%s was built with cgo, and so needs %s, which is not in a container: it cannot start one", e.Path, e.Interpreter)
}

// Hint says how it is built.
func (e *LinkedError) Hint() string { return "build it with `make build`, or `CGO_ENABLED=0 go build`" }

// interpreterOf is the dynamic linker that a program asks for; empty: it is static, or cannot be read.
func interpreterOf(path string) string {
	file, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	for _, part := range file.Progs {
		if part.Type != elf.PT_INTERP {
			continue
		}
		name, err := io.ReadAll(io.LimitReader(part.Open(), unix.PathMax))
		if err != nil {
			return ""
		}
		return strings.TrimRight(string(name), "\x00")
	}
	return ""
}

// trial runs a container.
func (r *Runtime) trial(ctx context.Context) error {
	p, err := r.Start(ctx, container.Spec{Name: "trial container", Path: "true", Hermetic: true}, container.IO{})
	if err != nil {
		return err
	}
	status, err := p.Wait(ctx)
	if err == nil && status != 0 {
		err = fmt.Errorf("%s: a trial container ended with status %d", filepath.Base(r.command), status)
	}
	return err
}

// circumstances are what the answer depends on.
func (r *Runtime) circumstances() string {
	var text strings.Builder
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	fmt.Fprintf(&text, "boot %s\n", strings.TrimSpace(string(boot)))
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		fmt.Fprintf(&text, "kernel %s\n", unix.ByteSliceToString(name.Release[:]))
	}
	for _, path := range []string{r.command, r.config.Self} {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&text, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
	}
	for _, namespace := range []string{"user", "mnt", "cgroup"} {
		inode, _ := os.Readlink("/proc/self/ns/" + namespace)
		fmt.Fprintf(&text, "%s\n", inode)
	}
	return text.String()
}
