package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroupParent is the cgroup that all containers of root's are in.
const cgroupParent = "writ"

// cgroupPatience is how long the processes of a cgroup that were killed may take to be gone.
const cgroupPatience = 5 * time.Second

// runcState is what matters of runc's state.json.
type runcState struct {
	CgroupPaths map[string]string `json:"cgroup_paths"`
}

func (p *process) readState() (runcState, error) {
	var state runcState
	data, err := os.ReadFile(filepath.Join(p.runtime.state(), p.id, "state.json"))
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	return state, err
}

// outOfMemory tells whether the kernel killed for the memory limit.
func (p *process) outOfMemory() bool {
	state, err := p.readState()
	if err != nil {
		return false
	}
	for _, file := range []string{filepath.Join(state.CgroupPaths["memory"], "memory.oom_control"), filepath.Join(state.CgroupPaths[""], "memory.events")} {
		data, _ := os.ReadFile(file) // one of both is there
		for line := range strings.Lines(string(data)) {
			fields := strings.Fields(line)
			if len(fields) == 2 && fields[0] == "oom_kill" && fields[1] != "0" {
				return true
			}
		}
	}
	return false
}

// thaw lets go of what a privileged task has frozen: nothing of it would end else.
func (p *process) thaw() {
	state, err := p.readState()
	if err != nil {
		return
	}
	// One of both is there, where it is cgroup v1 or v2; and nearly always neither is frozen.
	if path := state.CgroupPaths["freezer"]; path != "" {
		_ = os.WriteFile(filepath.Join(path, "freezer.state"), []byte("THAWED"), 0)
	}
	if path := state.CgroupPaths[""]; path != "" {
		_ = os.WriteFile(filepath.Join(path, "cgroup.freeze"), []byte("0"), 0)
	}
}

// sweepCgroups ends what is left in the cgroups whose names match, and removes them: an OCI runtime that was killed in the
// middle of its work leaves some of which it knows nothing.
func sweepCgroups(pattern string) error {
	var problems []error
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		found, err := filepath.Glob(filepath.Join(hierarchy, cgroupParent, pattern))
		problems = append(problems, err)
		for _, path := range found {
			members, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			for text := range strings.FieldsSeq(string(members)) {
				if pid, err := strconv.Atoi(text); err == nil && pid > 1 {
					_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
				}
			}
			if !removeCgroup(path) {
				problems = append(problems, fmt.Errorf("cgroup %q could not be removed", path))
			}
		}
	}
	return errors.Join(problems...)
}

// removeCgroup removes a cgroup with those that the container made in it, innermost first.
func removeCgroup(path string) bool {
	// The kernel lets go of a process a moment after it has ended, on a busy machine a long one.
	pause := time.Millisecond
	for deadline := time.Now().Add(cgroupPatience); ; pause = min(2*pause, 50*time.Millisecond) {
		err := removeCgroups(path, 0)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pause)
	}
}

func removeCgroups(path string, depth int) error {
	err := syscall.Rmdir(path)
	if err == nil || errors.Is(err, os.ErrNotExist) || depth > 32 {
		return err
	}
	entries, readErr := os.ReadDir(path)
	if readErr != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			_ = removeCgroups(filepath.Join(path, entry.Name()), depth+1)
		}
	}
	return syscall.Rmdir(path)
}
