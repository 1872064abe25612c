// Package host is the container.Runtime of the machine itself: a process starts where Writ does, in its working directory,
// sees its files, and has exactly the environment that the Spec names. It is what applies an order to a machine.
//
//	Start --> a session of its own, held on the leash --it exits--> the rest of its group is killed --> its output --> Wait
//	                          \--Wait's ctx ends: SIGTERM --grace, or all of the group is gone--/
//
// Invariant: when Wait returns, the process and whatever is in its group have been ended, and all that they wrote has been
// handed on. A daemon that has made its own session stays, as one that a service manager starts should; whatever it still
// writes goes nowhere. When Writ itself is killed, the leash kills every group that lives.
// No process has a terminal, so none can wait for somebody to type a password.
//
// There are no volumes here, no images and no limits: a Spec that has any is refused.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/writ-run/writ/container"
)

const defaultGrace = 10 * time.Second // as the other runtimes

// Config says how a Runtime works. Its zero value is good.
type Config struct {
	KillGrace time.Duration // from SIGTERM to SIGKILL when a run is ended; 0: 10 s
	Log       *slog.Logger  // nil: none
}

// Runtime starts processes of this machine. It implements container.Runtime.
type Runtime struct {
	grace time.Duration
	log   *slog.Logger
	leash container.Leash
}

// New returns a runtime. Close ends it.
func New(c Config) (*Runtime, error) {
	r := &Runtime{grace: c.KillGrace, log: c.Log}
	if r.grace < 0 {
		return nil, fmt.Errorf("kill grace %v: must not be negative", r.grace)
	}
	if r.grace == 0 {
		r.grace = defaultGrace
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r, nil
}

// Close lets the leash go. No process of the runtime may still run.
func (r *Runtime) Close() error {
	r.leash.Close()
	return nil
}

// Name returns "process": to a relying party this is no more isolation than that runtime's.
func (r *Runtime) Name() string { return "process" }

// See returns where a started process sees the mount: a host directory where it is.
func (r *Runtime) See(m container.Mount) string { return m.Host }

// Volume fails: there are none on the machine itself.
func (r *Runtime) Volume(_ context.Context, name string) (container.Volume, error) {
	return nil, fmt.Errorf("volume %q: %w", name, errNoVolumes)
}

var errNoVolumes = errors.New("the machine itself has no volumes")

// Sweep does nothing: nothing is left behind but what outlived a killed Writ's leash.
func (r *Runtime) Sweep(context.Context) error { return nil }

// path is where executables are looked for when a run has no PATH of its own.
func path() string {
	if path := os.Getenv("PATH"); path != "" {
		return path
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}
