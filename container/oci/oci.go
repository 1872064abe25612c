// Package oci is the container.Runtime of real containers: it drives an OCI runtime (runc) with a root file system of
// overlays, and namespaces of its own for users, processes, mounts, IPC, host name and network.
//
//	Start --> stage (in new mount and network namespaces) --> runc run --> init (of this program) --> the task
//	  |          mounts layers, volumes and /run/writ,             |            |
//	  |<-------- hands out listeners in the task's network         |            |
//	  |<-------- started | why not | exit status ------------------+------------+
//
// Invariants: every mount of a container is in the stage's mount namespace and gone with its last process, also when
// Writ was killed. What is on disk has the ids that the container sees (its root's files are root's), whatever ids the
// container has on the host: mounts translate. Where they cannot (see abilities), volumes have the container's ids on the
// host while it runs, and images are copied. The configuration with the task's environment is only ever in memory.
//
// As root the stage is a thread, which starts runc and ends; a container has a user namespace unless it is privileged. As an
// ordinary user the stage is a process in a user namespace that becomes runc; the container's root is that user. Stage and init
// are this program again, or the smaller one that Config.Player holds.
package oci

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/scratch"
)

const (
	prefix       = "o-"             // of scratch directories
	defaultGrace = 10 * time.Second // as Concourse

	defaultProcesses = 16384
)

// The ids that an unprivileged container of root's has on the host.
const (
	firstID = 100000
	countID = 65536
)

// Config says how a Runtime works. Its zero value is good.
type Config struct {
	BaseDir   string                                                 // private (made 0700), on a file system that overlays can be on; empty: scratch.DefaultBase
	Command   string                                                 // the OCI runtime; empty: the first of runc, crun and youki in PATH
	Self      string                                                 // a static writ binary, which the embedded image has; empty: this executable
	Player    []byte                                                 // a static program whose main calls Main, to play stage and init; empty: Self does
	KillGrace time.Duration                                          // from SIGTERM to SIGKILL when a run is aborted; 0: 10 s
	Processes int64                                                  // and threads of one container, at most; 0: 16384
	Network   Network                                                // of containers that are not hermetic
	Images    func(ctx context.Context, name string) (*Image, error) // nil: only the runtime's own
	Own       *Image                                                 // the runtime's own image; nil: the embedded one
	Applets   []string                                               // names that Self plays in the embedded image
	Log       *slog.Logger                                           // nil: none
}

// Runtime starts containers. It implements container.Runtime.
type Runtime struct {
	config   Config
	base     string
	commands []string // OCI runtimes that there are
	command  string   // the one in use: the first, until Probe has found that another works
	scratch  *scratch.Directory
	player   string // path of what plays stage and init
	rootless bool
	grace    time.Duration
	log      *slog.Logger
	network  networker
	disk     abilities
	notices  []string

	translates func(path string) error     // whether mounts of a directory can translate ids, as a *NoIDMapError
	roomy      func(directory string) bool // hasMemory

	mu       sync.Mutex
	count    int
	maps     map[mapping]*os.File // user namespaces for idmapped mounts
	embedded *Image
	pointed  map[string]string // layers of mount points
	filter   filter            // of system calls
	copies   copies
}

// New makes the runtime's own directory. Close removes it. It does not try whether containers can be had: Probe does.
func New(c Config) (*Runtime, error) {
	r := &Runtime{config: c, base: c.BaseDir, grace: c.KillGrace, log: c.Log, rootless: Rootless(), maps: map[mapping]*os.File{}, roomy: hasMemory}
	if r.base == "" {
		r.base = scratch.DefaultBase()
	}
	if r.grace < 0 {
		return nil, fmt.Errorf("kill grace %v: must not be negative", r.grace)
	}
	if r.grace == 0 {
		r.grace = defaultGrace
	}
	if r.config.Processes == 0 {
		r.config.Processes = defaultProcesses
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if r.config.Self == "" {
		if r.config.Self, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	if r.commands, err = findCommands(c.Command); err != nil {
		return nil, err
	}
	r.command = r.commands[0]
	if r.network, err = findNetwork(c.Network); err != nil {
		return nil, err
	}
	if r.base, err = filepath.Abs(r.base); err != nil {
		return nil, err
	}
	if r.scratch, err = scratch.Open(r.base, prefix); err != nil {
		return nil, fmt.Errorf("oci runtime: %w", err)
	}
	if err = tryExec(r.scratch.Path()); err == nil {
		err = r.makeState()
	}
	if err == nil {
		err = r.makePlayer()
	}
	if err == nil {
		r.translates = r.tryMap
		err = r.look()
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// makePlayer finds what plays stage and init.
func (r *Runtime) makePlayer() error {
	r.player = r.config.Self
	if len(r.config.Player) == 0 {
		return nil
	}
	r.player = filepath.Join(r.scratch.Path(), "player")
	return container.WriteExecutable(r.player, r.config.Player)
}

// NoRuntimeError says that there is no OCI runtime.
type NoRuntimeError struct{ Looked string }

// Error names what was looked for.
func (e *NoRuntimeError) Error() string { return "no OCI runtime: " + e.Looked }

// Hint says how to get one.
func (e *NoRuntimeError) Hint() string {
	return "install runc (the package is called so nearly everywhere)"
}

// findCommands returns the paths of the OCI runtimes to try. An administrator's directories are looked through as well: an
// ordinary user's PATH often lacks them.
func findCommands(name string) (found []string, err error) {
	names := []string{"runc", "crun", "youki"}
	if name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if strings.Contains(name, "/") {
			if _, err := exec.LookPath(name); err != nil {
				return nil, &NoRuntimeError{fmt.Sprintf("%q: %v", name, errors.Unwrap(err))}
			}
			path, err := filepath.Abs(name)
			return []string{path}, err
		}
		places := []string{name}
		for _, directory := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
			places = append(places, filepath.Join(directory, name))
		}
		for _, place := range places {
			if path, err := exec.LookPath(place); err == nil && filepath.IsAbs(path) {
				found = append(found, path)
				break
			}
		}
	}
	if len(found) == 0 {
		return nil, &NoRuntimeError{strings.Join(names, ", ") + " not found in PATH"}
	}
	return found, nil
}

// Rootless tells whether this process is an ordinary user, or root only inside a user namespace: its containers have one user,
// and its layers are those of an ordinary user.
func Rootless() bool { return os.Geteuid() != 0 || inUserNamespace() }

// inUserNamespace tells whether this process is root only inside a user namespace.
func inUserNamespace() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	fields := strings.Fields(string(data))
	return len(fields) != 3 || fields[0] != "0" || fields[1] != "0" || fields[2] != "4294967295"
}

// Close removes the runtime's directory with every volume that is left. No container of it may still run.
func (r *Runtime) Close() error {
	r.mu.Lock()
	for _, file := range r.maps {
		file.Close()
	}
	r.maps = nil
	if r.filter.file != nil {
		r.filter.file.Close()
		r.filter.file = nil
	}
	r.mu.Unlock()
	r.copies.close() // whoever makes one may be waiting for mu
	if place := inMemory(r.scratch.Path()); place != "" {
		return errors.Join(os.RemoveAll(place), r.scratch.Close())
	}
	return r.scratch.Close()
}

// Name returns "oci".
func (r *Runtime) Name() string { return "oci" }

// Notices are what a user should know of how containers run here, a line each.
func (r *Runtime) Notices() []string {
	if notice := r.networking().notice; notice != "" {
		return append(slices.Clip(r.notices), notice)
	}
	return r.notices
}

// See returns the mount's own path: a container has its own file system.
func (r *Runtime) See(m container.Mount) string { return filepath.Clean(m.Path) }

// number returns the next number of this runtime, for names of directories.
func (r *Runtime) number() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	return r.count
}

// Sweep ends the containers that killed runtimes in the same base directory left, and removes what they had.
func (r *Runtime) Sweep(ctx context.Context) error {
	err := scratch.Sweep(r.base, prefix, func(path string) error {
		notes, err := filepath.Glob(filepath.Join(path, "c*", "pasta"))
		problems := []error{err}
		for _, note := range notes {
			problems = append(problems, killNoted(note))
		}
		problems = append(problems, r.sweepState(ctx, path))
		return errors.Join(append(problems, sweepCgroups("writ-"+filepath.Base(path)+"-*"))...)
	})
	if err = errors.Join(err, r.sweepCopies()); err != nil {
		return fmt.Errorf("sweep %q: %w", r.base, err)
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// newID returns a container's id, which is unique on this machine, and its directory.
func (r *Runtime) newID() (id, directory string) {
	number := strconv.Itoa(r.number())
	return "writ-" + filepath.Base(r.scratch.Path()) + "-" + number, filepath.Join(r.scratch.Path(), "c"+number)
}

// Base is the directory in which the runtime's own is.
func (r *Runtime) Base() string { return r.base }
