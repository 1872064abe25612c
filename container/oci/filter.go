package oci

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The profile of system calls is a sixth of a container's start: the OCI runtime compiles it anew each time. So the first
// container has it compiled, and its filter, as the kernel has it, is kept; the init of the next ones puts that in place before
// it starts the task. Where the kernel does not give it, and for other profiles than the usual one, the OCI runtime does it
// every time.
const (
	filterName = "oci-filter" // in the base directory: a digest of what it was made from and of itself, a line, the filter
	maxFilter  = 4096         // instructions (BPF_MAXINSNS)
	filterFD   = 4            // of init, where its first argument says so
)

// instruction is the size of one (struct sock_filter of linux/filter.h).
const instruction = int(unsafe.Sizeof(unix.SockFilter{}))

// filter is what is known of the usual profile's.
type filter struct {
	key    []byte   // of what it was made from; nil: not looked for yet
	file   *os.File // sealed, in memory; nil: there is none yet
	hidden bool     // the kernel does not give it
}

// usualProfile is that of containers that are not privileged and have no programs of 32 bits.
func (m made) usualProfile() bool { return !m.spec.Privileged && !m.narrow }

// profile is what the container may ask of the kernel.
func (m made) profile(s *specs.Spec) (*specs.LinuxSeccomp, error) {
	profile, err := seccomp.GetDefaultProfile(s)
	if err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	profile.Architectures = m.architectures(profile.Architectures)
	return profile, nil
}

// knownFilter is the usual profile's, nil where there is none yet. It belongs to the runtime.
func (r *Runtime) knownFilter() *os.File {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.filter.key != nil || r.rootless {
		return r.filter.file
	}
	var m made
	profile, err := m.profile(&specs.Spec{Process: &specs.Process{Capabilities: m.capabilities()}})
	if err != nil {
		return nil // the same will be said when it is needed
	}
	text, err := json.Marshal(profile)
	if err != nil {
		return nil
	}
	key := sha256.Sum256(fmt.Appendf(text, "\n%s", r.circumstances()))
	r.filter.key = key[:]
	data, _ := os.ReadFile(filepath.Join(r.base, filterName)) // it may not have been written yet
	head, program, _ := bytes.Cut(data, []byte("\n"))
	if string(head) == filterHead(r.filter.key, program) {
		r.filter.file, _ = keepFilter(program) // without it the OCI runtime does it
	}
	return r.filter.file
}

func filterHead(key, program []byte) string { return fmt.Sprintf("%x %x", key, sha256.Sum256(program)) }

// learnFilter keeps the filter of a container's init, which writ alone ends (or the kernel, where memory is short).
func (r *Runtime) learnFilter(p *process) {
	if p.pidfd < 0 {
		return
	}
	program, err := readFilter(p.pid, func() error { return p.signalInit(0) })
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, unix.ESRCH) {
		return // the next container will do
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.filter.key == nil || r.filter.file != nil || r.filter.hidden || r.maps == nil {
		return
	}
	if err == nil {
		r.filter.file, err = keepFilter(program)
	}
	if err != nil {
		r.filter.hidden = true
		r.log.Debug("the filter of system calls cannot be read; the OCI runtime makes it anew for each container", "error", err)
		return
	}
	temporary := filepath.Join(r.scratch.Path(), filterName)
	data := append([]byte(filterHead(r.filter.key, program)+"\n"), program...)
	if err = os.WriteFile(temporary, data, 0o600); err == nil {
		err = os.Rename(temporary, filepath.Join(r.base, filterName))
	}
	if err != nil { // then the next writ reads it again
		r.log.Debug("the filter of system calls could not be written down", "error", err)
	}
}

// keepFilter makes a file of it that nobody can change.
func keepFilter(program []byte) (*os.File, error) {
	if len(program) == 0 || len(program)%instruction != 0 || len(program) > maxFilter*instruction {
		return nil, fmt.Errorf("a filter of %d bytes", len(program))
	}
	fd, err := unix.MemfdCreate("filter", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "filter")
	if _, err = file.Write(program); err == nil {
		_, err = unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// readFilter reads the only filter of a process (PTRACE_SECCOMP_GET_FILTER of ptrace(2)), which this process must be root and
// itself without filters for. Where there are several, something beside the OCI runtime has put one in place, and none is
// taken. lives tells, once the number cannot become another's, whether it is still that of the process which is meant.
func readFilter(pid int, lives func() error) (program []byte, err error) {
	runtime.LockOSThread() // that traces the process
	defer runtime.UnlockOSThread()
	if _, err := ptrace(unix.PTRACE_SEIZE, pid, 0, 0); err != nil {
		return nil, fmt.Errorf("trace init: %w", err)
	}
	signal := uintptr(0) // that it was about to get
	defer func() {
		if _, problem := ptrace(unix.PTRACE_DETACH, pid, 0, signal); problem != nil && problem != unix.ESRCH {
			err = errors.Join(err, fmt.Errorf("let go of init: %w", problem))
		}
	}()
	if _, err := ptrace(unix.PTRACE_INTERRUPT, pid, 0, 0); err != nil {
		return nil, fmt.Errorf("stop init: %w", err)
	}
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, syscall.WALL, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || !status.Stopped() {
			return nil, fmt.Errorf("wait for init to stop: status %#x: %w", uint32(status), errors.Join(err, os.ErrProcessDone))
		}
		break
	}
	if uint32(status)>>16 == 0 { // not stopped by us
		signal = uintptr(status.StopSignal())
	}
	if err := lives(); err != nil { // it is another's number; only what is stopped can be let go
		return nil, err
	}
	count, err := ptrace(unix.PTRACE_SECCOMP_GET_FILTER, pid, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("read the filter: %w", err)
	}
	if _, err := ptrace(unix.PTRACE_SECCOMP_GET_FILTER, pid, 1, 0); err != unix.ENOENT { // index 0 is the oldest
		return nil, fmt.Errorf("read the filter: it is not the only one (%v)", err)
	}
	program = make([]byte, int(count)*instruction)
	if len(program) == 0 {
		return nil, errors.New("read the filter: it is empty")
	}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(pid), 0, uintptr(unsafe.Pointer(&program[0])), 0, 0)
	if errno != 0 {
		return nil, fmt.Errorf("read the filter: %w", errno)
	}
	return program, nil
}

func ptrace(request, pid int, address, data uintptr) (uintptr, error) {
	result, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), address, data, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return result, nil
}

// putFilter has the kernel hold this process, and all that it starts, to the filter of the descriptor. That needs no right but
// "no new privileges", which the OCI runtime has set.
func putFilter(descriptor string) error {
	fd, err := strconv.Atoi(descriptor)
	if err != nil || fd != filterFD {
		return fmt.Errorf("init: descriptor %q of the filter of system calls", descriptor)
	}
	unix.CloseOnExec(fd)
	program := make([]unix.SockFilter, maxFilter)
	n, err := unix.Pread(fd, unsafe.Slice((*byte)(unsafe.Pointer(&program[0])), maxFilter*instruction), 0) // not its position: others have the same file
	if err != nil || n == 0 || n%instruction != 0 {
		return fmt.Errorf("read the filter of system calls: %d bytes: %w", n, errors.Join(err, errors.New("not as it was written")))
	}
	whole := unix.SockFprog{Len: uint16(n / instruction), Filter: &program[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&whole)))
	if errno != 0 || thread != 0 { // with a number of a thread that has other filters
		return fmt.Errorf("put the filter of system calls in place: thread %d: %w", thread, errno)
	}
	return nil
}
