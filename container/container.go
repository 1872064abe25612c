// Package container starts processes for runs: what to start (Spec), where their files are (Volume), and who starts them
// (Runtime). It knows nothing of identity.
//
//	Volume --Start--> mounted in a Process --Wait--> Volume again, with what the process changed
//
// Its children implement Runtime; containertest is the one suite that each of them passes.
package container

import (
	"context"
	"io"
	"os"
)

// A Runtime starts processes. Volumes and processes of one Runtime belong together. It is safe for concurrent use.
type Runtime interface {
	// Name is "process" or "oci": the runtime claim of an identity token.
	Name() string

	// Volume returns a new, empty volume. The name is for messages; any string will do, and two volumes may share one.
	Volume(ctx context.Context, name string) (Volume, error)

	// Start starts what s says. An error means that it never ran, so "errored", and that every volume is as it was.
	// ctx bounds the start alone, not the life of the process.
	Start(ctx context.Context, s Spec, io IO) (Process, error)

	// See returns the path under which a started process sees the mount.
	See(m Mount) string

	// Sweep removes what killed processes of ours left behind, and touches nothing of a live one.
	Sweep(ctx context.Context) error
}

// Spec is what to start.
type Spec struct {
	Name   string   // for messages
	Path   string   // executable, looked up in the run's PATH when it has no slash; relative to Dir when it has
	Args   []string // without the executable
	Env    []string // NAME=value; wins over an image's, and a later entry over an earlier one of the same name
	Dir    string   // relative to the working directory; empty: the working directory itself
	Mounts []Mount

	// What only containers have. A runtime without them refuses a Spec that sets any; that of the machine itself takes User.
	Image       string // as the runtime knows it; empty: the runtime's own
	Entrypoint  bool   // the image's entrypoint, where it has one, comes before Path
	ImageDir    bool   // Dir is relative to the image's working directory, not to the run's
	User        string // name or number, with an optional :group; empty: the image's
	Privileged  bool   // real root, all capabilities and devices
	Hermetic    bool   // no network but the loopback of its own
	Self        bool   // the writ binary is in it as SelfPath, whatever the image has there
	HostNetwork bool   // this machine's network
	Limits      Limits
	Reach       []string // URLs of servers that it reaches whatever its network is, also on the loopback of this machine; needs no container
}

// SelfPath is where Spec.Self puts the writ binary: where somebody who installs it would.
const SelfPath = "/usr/local/bin/writ"

// Limits bound what a container takes; 0: no limit.
type Limits struct {
	CPU    uint64 // shares, relative to 1024
	Memory uint64 // bytes, swap included
}

// Mount puts a volume, or a host directory, at a path. Exactly one of Volume and Host is set.
// A mount within another hides what the outer one has there. Two mounts at one path are an error, and so is
// one volume in two mounts, or in two processes at a time.
type Mount struct {
	Path     string // relative paths are below the working directory; "." is the working directory itself
	Volume   Volume
	Host     string // absolute
	ReadOnly bool   // kept by a runtime that can
	NoExec   bool   // nothing in a host directory can be executed; kept by a runtime that can
}

// IO are the streams of a process. A nil Stdin is empty; a nil Stdout or Stderr is thrown away.
// Where Stdout and Stderr are the same writer, it sees one stream in the order in which it was written.
type IO struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Process is a started process with all that it started. Whoever starts one calls Wait.
type Process interface {
	// Wait returns the exit status (128+n for a signal) after the process and its whole group have ended, all its output
	// has been written, and its mounts are back in their volumes. When ctx ends first the group is ended (SIGTERM, then
	// SIGKILL), and Wait returns ctx's error.
	Wait(ctx context.Context) (status int, err error)

	// Signal sends a signal to the whole group; os.ErrProcessDone when it has ended.
	Signal(os.Signal) error
}

// Volume is a directory of a run's.
type Volume interface {
	// Path is the directory of a volume that is new, to fill it. Of one that was forked, is a fork, or was mounted, see Files.
	Path() string

	// Files is a directory with the volume's files, to read them while no process has it.
	Files(ctx context.Context) (path string, err error)

	// Fork returns a copy; a change to one is not seen in the other.
	Fork(ctx context.Context) (Volume, error)

	// Close removes the volume. Closing it again does nothing.
	Close() error
}
