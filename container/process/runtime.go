// Package process is the container.Runtime without containers: a task is a plain child in a private directory, as the
// user who runs Writ. It isolates nothing, and says so (Notice).
//
//	volume  v1/          r1/work/in      v1/
//	        ....  Start  ..............  Wait
//	        files -----> the task's cwd ----> files
//
// Volumes are real directories. At Start they are renamed into the process's working directory, and back once all its
// processes have ended; no symbolic links, no copies.
//
// Invariant: when Wait returns, nothing that the process started is left. It leads a session of its own. Whatever is in
// that session or group, or carries the variable _WRIT_PROCESS that every child inherits (so also a daemon that has made
// its own session), is killed. A process that both makes its own session and clears its environment escapes; it runs as
// the same user anyway, so there is no boundary to hold.
//
// When Writ itself is killed the kernel kills the process (PR_SET_PDEATHSIG), a small shell that waits for just that kills
// its group, and the next Sweep kills by the variable what had left the group, and removes the directories.
package process

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/scratch"
)

// Notice is what the log of a run says on its first line when this runtime is in use.
const Notice = "no container: tasks run as plain processes of your own user, with all of your files and network in reach"

const (
	prefix       = "p-" // of scratch directories
	defaultPath  = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	defaultGrace = 10 * time.Second // as Concourse
)

// Config says how a Runtime works. Its zero value is good.
type Config struct {
	BaseDir   string        // private (made 0700), on one file system; empty: scratch.DefaultBase
	Path      string        // PATH of the processes; empty: that of this process. Relative entries are left out
	KillGrace time.Duration // from SIGTERM to SIGKILL when a run is aborted; 0: 10 s
	Log       *slog.Logger  // nil: none
}

// Runtime starts plain processes. It implements container.Runtime.
type Runtime struct {
	base    string
	scratch *scratch.Directory
	path    string
	user    string
	grace   time.Duration
	log     *slog.Logger
	leash   container.Leash

	mu    sync.Mutex
	count int
}

// New makes the runtime's own directory. Close removes it.
func New(c Config) (*Runtime, error) {
	r := &Runtime{base: c.BaseDir, path: c.Path, grace: c.KillGrace, log: c.Log}
	if r.base == "" {
		r.base = scratch.DefaultBase()
	}
	if r.grace < 0 {
		return nil, fmt.Errorf("kill grace %v: must not be negative", r.grace)
	}
	if r.grace == 0 {
		r.grace = defaultGrace
	}
	if r.path == "" {
		r.path = os.Getenv("PATH")
	}
	r.path = absoluteEntries(r.path)
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if me, err := user.Current(); err == nil {
		r.user = me.Username
	} else {
		r.user = strconv.Itoa(os.Geteuid())
	}
	base, err := filepath.Abs(r.base)
	if err != nil {
		return nil, err
	}
	r.base = base
	r.scratch, err = scratch.Open(r.base, prefix)
	if err != nil {
		return nil, fmt.Errorf("process runtime: %w", err)
	}
	return r, nil
}

// absoluteEntries keeps the absolute directories of a PATH: a relative one would let a run's files decide what is run.
func absoluteEntries(path string) string {
	var kept []string
	for _, entry := range filepath.SplitList(path) {
		if filepath.IsAbs(entry) {
			kept = append(kept, entry)
		}
	}
	if len(kept) == 0 {
		return defaultPath
	}
	return strings.Join(kept, string(filepath.ListSeparator))
}

// Close removes the runtime's directory with every volume that is left. No process of it may still run.
func (r *Runtime) Close() error {
	r.leash.Close()
	return r.scratch.Close()
}

// Name returns "process".
func (r *Runtime) Name() string { return "process" }

// See returns where a started process sees the mount: a host directory where it is, a volume below the working directory.
func (r *Runtime) See(m container.Mount) string {
	if m.Host != "" {
		return m.Host
	}
	return filepath.Clean(m.Path)
}

// Volume makes an empty directory.
func (r *Runtime) Volume(_ context.Context, name string) (container.Volume, error) {
	v := r.volume(name)
	if err := os.Mkdir(v.path, 0o755); err != nil {
		return nil, fmt.Errorf("volume %q: %w", name, err)
	}
	return v, nil
}

func (r *Runtime) volume(name string) *volume {
	return &volume{runtime: r, name: name, path: filepath.Join(r.scratch.Path(), "v"+strconv.Itoa(r.number()))}
}

// number returns the next number of this runtime, for names of directories: any name of a run's would be too long,
// or no file name, somewhere.
func (r *Runtime) number() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	return r.count
}

// Sweep kills the processes that killed runtimes in the same base directory left, and removes their directories.
func (r *Runtime) Sweep(ctx context.Context) error {
	err := scratch.Sweep(r.base, prefix, func(path string) error {
		mark := marker + "=" + filepath.Base(path) + "/"
		return killAll(ctx, func(p proc) bool { return p.carries(mark) })
	})
	if err != nil {
		return fmt.Errorf("sweep %q: %w", r.base, err)
	}
	return nil
}
