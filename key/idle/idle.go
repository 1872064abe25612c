// Package idle makes keys beside a server, and not in its way: to find the primes of an RSA key takes a processor for some
// tenths of a second. A child process does it, which the kernel lets run only while nothing else wants to.
//
//	server --algorithm--> child (SCHED_IDLE) --PEM over a pipe--> server
//
// Invariant: a key is in no file, no argument and no environment; the child ends with its key.
package idle

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/key"
)

// childName is the name by which this binary is the child.
const childName = "writ-key"

// ready: this binary can be the child.
var ready atomic.Bool

// Main is the child of Generate, where args say so by their first. A binary that calls Generate calls it before anything
// else, and ends with status where it was played.
func Main(args []string) (status int, played bool) { return play(args, lower) }

func play(args []string, lower func(thread int)) (status int, played bool) {
	ready.Store(true)
	if len(args) != 2 || filepath.Base(args[0]) != childName {
		return 0, false
	}
	runtime.LockOSThread()
	lower(0) // this thread, should it not be the one that the parent has lowered
	if err := generate(key.Algorithm(args[1])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// lower has a thread run only while nothing else wants to. Where that is not allowed it shares.
func lower(thread int) {
	_ = unix.SchedSetAttr(thread, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE, Nice: 19}, 0)
}

func generate(algorithm key.Algorithm) error {
	made, err := key.Generate(algorithm, "")
	if err != nil {
		return err
	}
	text, err := made.PEM()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

// patience is how long the child has. On a machine that is always busy it would hardly ever end, and somebody may wait for
// the key after all, as who calls `writ key rotate` does.
const patience = 20 * time.Second

// Generate is key.Generate, with the work of an RSA key done apart. Where there can be no child (its binary does not call
// Main, or the machine has no process to spare), or it has not ended in 20 seconds, it is done here; ctx ends it before.
func Generate(ctx context.Context, algorithm key.Algorithm) (key.Private, error) {
	return generateApart(ctx, algorithm, patience, lower)
}

func generateApart(ctx context.Context, algorithm key.Algorithm, patience time.Duration, lower func(thread int)) (key.Private, error) {
	if algorithm != key.RS256 || !ready.Load() {
		return key.Generate(algorithm, "")
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	made, err := fromChild(within, algorithm, lower)
	switch {
	case err == nil:
		return made, nil
	case ctx.Err() != nil:
		return key.Private{}, ctx.Err()
	}
	return key.Generate(algorithm, "")
}

// maxText bounds what a child writes: a key of 2048 bits as PEM has 1,708 bytes.
const maxText = 4096

// fromChild reads the key to its end before it waits for the child. A goroutine that reads from a pipe is put aside, like one
// that reads from the network. One that waits for a process is in a system call, and has one of Go's processors (GOMAXPROCS)
// to itself for up to 20 ms: where there is only one, no request would be answered meanwhile.
func fromChild(ctx context.Context, algorithm key.Algorithm, lower func(thread int)) (key.Private, error) {
	child := exec.CommandContext(ctx, "/proc/self/exe")
	child.Args, child.Dir, child.Env = []string{childName, string(algorithm)}, "/", []string{"GOTRACEBACK=none"}
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is this process's
	written, err := child.StdoutPipe()
	if err != nil {
		return key.Private{}, err
	}
	if err := child.Start(); err != nil {
		return key.Private{}, err
	}
	lower(child.Process.Pid) // its start, too
	text := make([]byte, maxText)
	defer clear(text)
	n, _ := io.ReadFull(written, text) // never full; what is cut off or missing is no key
	if err := child.Wait(); err != nil {
		return key.Private{}, err
	}
	return key.ParsePrivate(text[:n])
}
