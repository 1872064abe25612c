package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/writ-run/writ/container"
)

// marker is the variable by which a process that left its session is found. Its value is SCRATCH/NUMBER/.
// The slash at its end keeps r1 from standing for r10. It does not begin with WRIT_: those are configuration.
const marker = "_WRIT_PROCESS"

const (
	maxEnviron  = 4 << 20          // of one process; Linux allows a quarter of the stack, 2 MiB by default
	killTimeout = 10 * time.Second // for processes to die of SIGKILL
)

// proc is a live process.
type proc struct{ container.Stat }

// readProc reads one process; false when it is gone, or dead and only not waited for.
func readProc(pid int) (proc, bool) {
	s, err := container.StatOf(pid)
	return proc{s}, err == nil && s.State != 'Z' && s.State != 'X'
}

// carries says whether the process has a variable that begins with mark. Another user's processes cannot be read, and
// could not be killed.
func (p proc) carries(mark string) bool {
	file, err := os.Open("/proc/" + strconv.Itoa(p.PID) + "/environ")
	if err != nil {
		return false
	}
	defer file.Close()
	environ, err := io.ReadAll(io.LimitReader(file, maxEnviron))
	if err != nil {
		return false
	}
	return bytes.HasPrefix(environ, []byte(mark)) || bytes.Contains(environ, []byte("\x00"+mark))
}

// find returns the live processes, other than this one, that belong.
func find(belongs func(proc) bool) ([]proc, error) {
	directory, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	names, err := directory.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var found []proc
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p, lives := readProc(pid); lives && belongs(p) {
			found = append(found, p)
		}
	}
	return found, nil
}

// killAll kills what belongs, again and again until nothing does: a process may fork while it is looked for. Where there was
// something, it looks once more, since a short-lived parent and its child can both be missed in one pass.
// It gives up after killTimeout, or when ctx ends.
func killAll(ctx context.Context, belongs func(proc) bool) error {
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	suspicious := false
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		found, err := find(belongs)
		if err != nil || len(found) == 0 && !suspicious {
			return err
		}
		suspicious = len(found) > 0
		for _, p := range found {
			p.kill(belongs)
		}
		select {
		case <-ctx.Done():
			if len(found) == 0 {
				return nil
			}
			return fmt.Errorf("processes %s do not end: %w", numbers(found), ctx.Err())
		case <-time.After(pause):
		}
	}
}

// kill sends SIGKILL through a descriptor of the process, so that it meets no other one that got the same number since.
func (p proc) kill(belongs func(proc) bool) {
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return
	}
	defer handle.Release()
	if now, lives := readProc(p.PID); lives && now.Started == p.Started && belongs(now) {
		_ = handle.Signal(syscall.SIGKILL) // where this fails the process is found again
	}
}

func numbers(found []proc) string {
	var pids []string
	for _, p := range found {
		pids = append(pids, strconv.Itoa(p.PID))
	}
	slices.Sort(pids)
	return strings.Join(pids, ", ")
}

// markOf is the marker of one process directory.
func markOf(root string) string {
	return marker + "=" + filepath.Base(filepath.Dir(root)) + "/" + filepath.Base(root) + "/"
}
