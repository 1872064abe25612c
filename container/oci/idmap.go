package oci

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// mapping translates the ids on disk to those on the host that a container has: Count of them from Disk on become those
// from Host on.
type mapping struct{ Disk, Host, Count int }

// rootOnDisk is the id of what the host's root makes through an idmapped mount: no container has it.
const rootOnDisk = 1 << 30

// everyID is the mapping of the volumes and layers of an unprivileged container.
var everyID = mapping{0, firstID, countID}

// userNamespace returns a user namespace with the mapping, for mount_setattr(2). It belongs to the runtime.
func (r *Runtime) userNamespace(m mapping) (*os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if file := r.maps[m]; file != nil {
		return file, nil
	}
	if r.maps == nil {
		return nil, os.ErrClosed
	}
	file, err := newUserNamespace(r.player, m)
	if err != nil {
		return nil, fmt.Errorf("user namespace: %w", err)
	}
	r.maps[m] = file
	return file, nil
}

// newUserNamespace makes a namespace by way of a process that is stopped before its first instruction.
func newUserNamespace(executable string, m mapping) (*os.File, error) {
	runtime.LockOSThread() // that traces the process
	defer runtime.UnlockOSThread()
	ids := []syscall.SysProcIDMap{{ContainerID: m.Disk, HostID: m.Host, Size: m.Count}}
	if m.Host > 0 {
		// The host's root, which mounts overlays and makes their work directories, must have an id there too.
		ids = append(ids, syscall.SysProcIDMap{ContainerID: rootOnDisk, HostID: 0, Size: 1})
	}
	command := exec.Command(executable)
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
		Ptrace: true, Pdeathsig: syscall.SIGKILL,
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", command.Process.Pid))
	_ = command.Process.Kill()
	_ = command.Wait() // it was killed
	return file, err
}

// NoIDMapError says that a file system cannot translate ids. Files there are copied or change owners instead, but not in a
// directory of the host's that a container may write to.
type NoIDMapError struct {
	Path  string
	cause error
}

// Error names the directory.
func (e *NoIDMapError) Error() string {
	return fmt.Sprintf("the file system of %q cannot translate ids (idmapped mounts): %v", e.Path, e.cause)
}

// Unwrap returns the kernel's answer.
func (e *NoIDMapError) Unwrap() error { return e.cause }

// Hint says where it can be had.
func (e *NoIDMapError) Hint() string {
	return "set TMPDIR to a directory on ext4, xfs or btrfs (Linux 5.12) or tmpfs (6.3), or mount it read-only; an ordinary user's containers need no translation"
}

// NoExecError says that nothing may be executed on a file system.
type NoExecError struct{ Path string }

// Error names the directory.
func (e *NoExecError) Error() string {
	return fmt.Sprintf("%q is on a mount that forbids execution (noexec)", e.Path)
}

// Hint says where it can be had.
func (e *NoExecError) Hint() string { return "set TMPDIR to a directory on a mount without noexec" }

// tryExec refuses a directory from which nothing can be executed.
func tryExec(path string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err == nil && s.Flags&unix.ST_NOEXEC != 0 {
		return &NoExecError{path}
	}
	return nil
}

// tryMap finds out, by a mount that is attached nowhere, whether a directory's file system can translate ids.
func (r *Runtime) tryMap(path string) error {
	namespace, err := r.userNamespace(everyID)
	if err != nil {
		return err
	}
	fd, err := tree{Source: path, Map: int(namespace.Fd())}.open()
	if err != nil {
		if reason := syscall.Errno(0); errors.As(err, &reason) {
			err = reason
		}
		return &NoIDMapError{path, err}
	}
	return unix.Close(fd)
}
