package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// initName is argv[0] of the first process of a container.
const initName = "writ-init"

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// initialize is the first process of a container, so that the task is none: the first process of a namespace ignores every
// signal that it does not handle, which no program expects. Arguments: the descriptor of a filter of system calls (empty: the
// OCI runtime has put one in place, if there is to be one), the working directory, the executable, its arguments. It says
// that the task has started, or why it has not, and how it ended. All else in the container dies with it.
func initialize(args []string) int {
	unix.CloseOnExec(passedFD)
	status := os.NewFile(passedFD, "status")
	defer runtime.KeepAlive(status) // it is waited at by its number
	defaultSignals()
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	pid, err := startTask(args)
	if err != nil {
		tell(status, message{Error: err.Error()})
		return 127
	}
	_, _ = status.WriteString(startedLine) // whoever should read it may be gone
	letGo()
	if exit, ended := reap(pid); ended {
		_, _ = status.WriteString(exitLine(exit))
	}
	// Writ decides when the rest ends: at once, or, where it asked the task to end, when all have. It kills this process
	// then, and all die with it. Where it is gone itself nobody reads the pipe any more.
	if children() { // without any it has no other process either, and needs no other thread
		go reap(-1)
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: passedFD}}, -1)
		if err != unix.EINTR {
			return 0
		}
	}
}

// defaultSignals takes Go's handlers away: a signal that the first process of a namespace has no handler for is ignored, so
// what the task may send ends nothing. (os/signal would do it with two switches of threads for each signal.)
func defaultSignals() {
	var none [64]byte // struct sigaction with SIG_DFL, on every architecture
	for number := range uintptr(64) {
		if syscall.Signal(number+1) != syscall.SIGURG { // that Go's scheduler sends to itself
			_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, number+1, uintptr(unsafe.Pointer(&none)), 0, 8, 0, 0)
		}
	}
}

// letGo closes the task's streams here: only its own processes shall hold them.
func letGo() {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return
	}
	for fd := range 3 {
		_ = unix.Dup3(int(null.Fd()), fd, 0)
	}
	null.Close()
}

// The messages of every container, for which init need not learn how to write JSON.
const startedLine = `{"started":true}` + "\n"

func exitLine(status int) string { return `{"exit":` + strconv.Itoa(status) + "}\n" }

// reap waits for processes of the container until the task has ended, or until there are none.
func reap(task int) (exit int, ended bool) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, false
		case pid == task:
			return exitStatus(status), true
		}
	}
}

// children tells whether this process has any that live. Those that have ended are gone afterwards.
func children() bool {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err != nil && err != syscall.EINTR {
			return false
		}
		if pid == 0 && err == nil {
			return true
		}
	}
}

func exitStatus(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// startTask starts the task in a session of its own.
func startTask(args []string) (pid int, err error) {
	if len(args) < 3 {
		return 0, errors.New("init: want a filter, a directory and an executable")
	}
	if args[0] != "" {
		if err := putFilter(args[0]); err != nil {
			return 0, err
		}
	}
	directory, name := args[1], args[2]
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		return 0, fmt.Errorf("dir %q: no such directory", directory)
	}
	if err := os.Chdir(directory); err != nil {
		return 0, fmt.Errorf("dir %q: %w", directory, errors.Unwrap(err))
	}
	environment := unveil(os.Environ())
	path, err := lookUp(name, environment)
	if err != nil {
		return 0, err
	}
	pid, err = syscall.ForkExec(path, args[2:], &syscall.ProcAttr{
		Env: environment, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err == nil {
		return pid, nil
	}
	if _, found := os.Stat(path); found == nil && errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%q: the interpreter that it names is missing: %w", name, err)
	}
	return 0, fmt.Errorf("%q: %w", name, err)
}

// lookUp finds an executable in PATH; one with a slash is where it says.
func lookUp(name string, environment []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	search := ""
	for _, entry := range environment {
		if value, found := strings.CutPrefix(entry, "PATH="); found {
			search = value
		}
	}
	for _, directory := range filepath.SplitList(search) {
		if directory == "" {
			directory = "."
		}
		path := filepath.Join(directory, name)
		if !strings.Contains(path, "/") {
			path = "./" + path
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("executable %q: not found in PATH (%s)", name, search)
}
