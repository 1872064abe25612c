package oci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
)

// pastaError is a network that pasta could not make: it ended by itself, and said why.
type pastaError struct{ error }

func (e pastaError) Unwrap() error { return e.error }

// dnsForward is the address in a container's network that pasta takes for this machine's name server: link-local, so that
// no network routes it.
const dnsForward = "169.254.1.1"

// startPasta connects the network namespace of a stage, whose directory in /proc is given, to the world. The process that it
// starts ends with stop; note is the file in which Sweep finds it.
func (r *Runtime) startPasta(ctx context.Context, pasta, stage, note string) (stop func(), err error) {
	directory, err := r.findStage()
	if err != nil {
		return nil, err
	}
	arguments := []string{pasta, "--foreground", "--quiet", "--config-net", "--no-map-gw", "--dns-forward", dnsForward,
		"-t", "none", "-u", "none", "-T", "none", "-U", "none"}
	network := stage + "/ns/net"
	var said strings.Builder
	command := exec.Command(pasta)
	command.Stdout, command.Stderr = &said, &said
	if r.rootless {
		command.Args = append(arguments, "--userns", stage+"/ns/user", "--netns", network)
		err = command.Start()
	} else {
		// As root it gives up the capability to open those of others by /proc first: a stage of its own has it as a file.
		p := plan{Directory: directory, Trees: []tree{{Source: network, Target: "net", File: true}}}
		command.Args = append(arguments, "--runas", "0:0", "--netns-only", "--netns", filepath.Join(directory, "net"))
		command.Env, command.Dir, command.SysProcAttr = p.environment(), "/", &syscall.SysProcAttr{Setsid: true}
		err = onThread(unix.CLONE_NEWNS, func() error {
			if err := p.mount(ctx); err != nil {
				return err
			}
			return command.Start()
		})
	}
	if err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = command.Wait()
	}()
	stop = func() {
		_ = command.Process.Kill()
		<-exited
	}
	if err = writeNote(note, command.Process.Pid); err != nil {
		select {
		case <-exited: // before it could be noted
			err = errPastaEnded
		case <-time.After(time.Second):
		}
	} else {
		if err = awaitInterface(ctx, stage, exited); err == nil {
			return stop, nil
		}
	}
	stop()
	err = fmt.Errorf("pasta: %w: %s", err, pastaSaid(said.String()))
	if errors.Is(err, errPastaEnded) {
		return nil, pastaError{err}
	}
	return nil, err // the container's own process is gone, or this machine is too slow: no reason to do without
}

// pastaSaid drops what pasta says of a missing system log.
func pastaSaid(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasSuffix(line, "to syslog") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

var errPastaEnded = errors.New("it ended")

// awaitInterface returns when the namespace has a route to the world.
func awaitInterface(ctx context.Context, stage string, exited <-chan struct{}) error {
	for deadline := time.Now().Add(30 * time.Second); ; {
		data, err := os.ReadFile(stage + "/net/route")
		if err != nil {
			return err
		}
		if strings.Count(string(data), "\n") > 1 {
			return nil
		}
		if v6, err := os.ReadFile(stage + "/net/if_inet6"); err == nil && strings.Count(string(v6), "\n") > 2 {
			return nil
		}
		select {
		case <-exited:
			return errPastaEnded
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.New("no network within 30 s")
		}
	}
}

// writeNote writes down a process so that killNoted finds it, and no other that has its number later.
func writeNote(path string, pid int) error {
	s, err := container.StatOf(pid)
	if err != nil {
		return err
	}
	return os.WriteFile(path, fmt.Appendf(nil, "%d %d", pid, s.Started), 0o600)
}

// killNoted kills the process of a note, if it lives.
func killNoted(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil // there is none
	}
	text, noted, _ := strings.Cut(string(data), " ")
	pid, err := strconv.Atoi(text)
	if err != nil {
		return nil // it was not written to its end, and then nothing was started
	}
	if s, err := container.StatOf(pid); err != nil || strconv.FormatUint(s.Started, 10) != noted {
		return nil
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}
