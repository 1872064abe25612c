package oci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/internal/scratch"
)

// The OCI runtime keeps what it knows of its containers in the scratch directory's "state". Of each container it makes five
// files and removes two, so where there is memory for them that is a link to a directory there. Only root's: of other users
// systemd-logind removes what they have in that memory when they log out. Every user may fill it: as long as it is full, the
// state of what starts is in "state-on-disk".
const (
	stateMemory = "/dev/shm"
	leastState  = 32 << 20 // bytes that have to be free there; a container needs some 10,000
)

// state is the directory in which the OCI runtime keeps what it knows of its containers.
func (r *Runtime) state() string { return stateOf(r.scratch.Path()) }

func stateOf(scratch string) string { return filepath.Join(scratch, "state") }

func diskStateOf(scratch string) string { return filepath.Join(scratch, "state-on-disk") }

// stateNow is the one for a container that is to start.
func (r *Runtime) stateNow() (string, error) {
	if info, err := os.Lstat(r.state()); err != nil || info.IsDir() || r.roomy(stateMemory) {
		return r.state(), err
	}
	path := diskStateOf(r.scratch.Path())
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return r.state(), err
	}
	return path, nil
}

// makeState makes it. Nobody but its maker can remove or rename a directory in a stateMemory that is root's and sticky, and Mkdir
// takes none that is there. The link is there first: a sweep finds what a killed runtime has made.
func (r *Runtime) makeState() error {
	if !r.rootless && hasMemory(stateMemory) {
		place := placeOf(r.scratch.Path())
		if os.Symlink(place, r.state()) == nil {
			if os.Mkdir(place, 0o700) == nil {
				return nil
			}
			if err := os.Remove(r.state()); err != nil {
				return err
			}
		}
	}
	return os.Mkdir(r.state(), 0o700)
}

// hasMemory tells whether a directory is in memory that has room, and nobody can take another's place in it.
func hasMemory(directory string) bool {
	var s unix.Statfs_t
	if err := unix.Statfs(directory, &s); err != nil || s.Type != unix.TMPFS_MAGIC || s.Flags&unix.ST_RDONLY != 0 || s.Bavail*uint64(s.Bsize) < leastState {
		return false
	}
	info, err := os.Stat(directory)
	if err != nil {
		return false
	}
	ids, ok := owner(info)
	return ok && ids.uid == 0 && (info.Mode()&fs.ModeSticky != 0 || info.Mode().Perm()&0o022 == 0)
}

// placeOf is where in memory the state of a scratch directory would be.
func placeOf(directory string) string {
	return filepath.Join(stateMemory, "writ-"+filepath.Base(directory))
}

// inMemory is where in memory the state of a scratch directory is; empty: it is not there, or what is there is not ours, as
// after a new start of the machine. A link to anywhere else is none that this program has made: nothing there is removed.
func inMemory(directory string) string {
	place, err := os.Readlink(stateOf(directory))
	if err != nil || place != placeOf(directory) || scratch.CheckPrivate(place) != nil {
		return ""
	}
	return place
}

// sweepState ends every container of a scratch directory whose process has ended.
func (r *Runtime) sweepState(ctx context.Context, directory string) error {
	place := inMemory(directory)
	problems := []error{r.endAll(ctx, diskStateOf(directory))}
	if info, err := os.Lstat(stateOf(directory)); err == nil && place == "" && !info.IsDir() {
		return errors.Join(problems...) // there is none any more
	}
	problems = append(problems, r.endAll(ctx, stateOf(directory)))
	if err := errors.Join(problems...); err != nil || place == "" {
		return err
	}
	return os.RemoveAll(place)
}

// endAll ends every container that a state knows; it may be missing.
func (r *Runtime) endAll(ctx context.Context, state string) error {
	entries, err := os.ReadDir(state)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	problems := []error{err}
	for _, entry := range entries {
		problems = append(problems, r.remove(ctx, state, entry.Name()))
	}
	return errors.Join(problems...)
}

// remove ends a container by the OCI runtime's own means, with its cgroups.
func (r *Runtime) remove(ctx context.Context, state, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, r.command, "--root", state, "delete", "--force", id).CombinedOutput()
	if err != nil {
		return fmt.Errorf("delete container %s: %w: %s", id, err, firstLine(string(output)))
	}
	return nil
}
