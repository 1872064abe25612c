package oci

import (
	"bytes"
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

// stateName is runc's file of a container, in the container's directory of its state.
const stateName = "state.json"

// cgroups are the container's, by controller, as runc's state.json has them. They follow the container's whole configuration,
// which is not parsed for them: in a string of that their name's quotes would be escaped.
func (p *process) cgroups() (paths map[string]string, err error) {
	data, err := os.ReadFile(filepath.Join(p.state, p.id, stateName))
	if err != nil {
		return nil, err
	}
	_, rest, _ := bytes.Cut(data, []byte(`"cgroup_paths":`))
	err = json.NewDecoder(bytes.NewReader(rest)).Decode(&paths)
	return paths, err
}

// outOfMemory tells whether the kernel killed for the memory limit.
func (p *process) outOfMemory() bool {
	paths, err := p.cgroups()
	if err != nil {
		return false
	}
	for _, file := range []string{filepath.Join(paths["memory"], "memory.oom_control"), filepath.Join(paths[""], "memory.events")} {
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
	paths, err := p.cgroups()
	if err != nil {
		return
	}
	// One of both is there, where it is cgroup v1 or v2; and nearly always neither is frozen.
	if path := paths["freezer"]; path != "" {
		_ = os.WriteFile(filepath.Join(path, "freezer.state"), []byte("THAWED"), 0)
	}
	if path := paths[""]; path != "" {
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
