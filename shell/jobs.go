package shell

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/interp"
)

// A job is a command in the background. It runs inside the shell; its number, what $! is, is no process id of the
// system's (it is above all of them), and kill and wait of this shell know it.
type job struct {
	parent uintptr // the shell or subshell whose child it is
	simple bool    // one simple command: a signal goes to its program alone
	done   chan struct{}
	status int // once done

	processes map[int]*os.Process
	starting  int // programs that are between the decision to start and processes
	killed    bool
	signal    syscall.Signal // by which
}

// errKilled ends the subshell of a job that was killed.
var errKilled = errors.New("killed")

// note hears what the rewritten tree says (see rewrite.go).
func (s *session) note(hc interp.HandlerContext, text string) {
	kind, value, _ := strings.Cut(text, ":")
	if kind == "trace" {
		s.traceAssignment(hc, value)
		return
	}
	number, err := strconv.Atoi(value)
	if err != nil {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch kind {
	case "spawn", "simple":
		s.jobs[number] = &job{
			parent: identity(hc), simple: kind == "simple",
			done: make(chan struct{}), processes: map[int]*os.Process{},
		}
		s.order = append(s.order, number)
	case "done":
		if j := s.jobOf(hc); j != nil {
			j.finish(number)
		}
	}
}

// finish is called with the mutex held.
func (j *job) finish(status int) {
	select {
	case <-j.done:
	default:
		j.status = status
		close(j.done)
	}
}

// jobOf is the job in which a handler was called, or nil. The mutex is held.
func (s *session) jobOf(hc interp.HandlerContext) *job {
	number, err := strconv.Atoi(hc.Env.Get(variableJob).String())
	if err != nil {
		return nil
	}
	return s.jobs[number]
}

// begin says that a program is about to start, unless its job was killed; track or abandon follows.
func (s *session) begin(hc interp.HandlerContext) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	j := s.jobOf(hc)
	if j != nil && j.killed {
		return false
	}
	if j != nil {
		j.starting++
	}
	return true
}

// abandon says that the program did not start.
func (s *session) abandon(hc interp.HandlerContext) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if j := s.jobOf(hc); j != nil {
		j.starting--
		j.gone()
	}
}

// gone finishes a killed job once none of its programs is left. The mutex is held.
func (j *job) gone() {
	if j.killed && j.starting == 0 && len(j.processes) == 0 {
		j.finish(128 + int(j.signal))
	}
}

// track remembers a process while it runs, for its job or as one of the foreground.
func (s *session) track(hc interp.HandlerContext, process *os.Process) (release func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	where := s.front
	j := s.jobOf(hc)
	if j != nil {
		where = j.processes
		j.starting--
		if j.killed {
			process.Signal(j.signal)
		}
	} else if s.traps.deadly != 0 { // it came between the last command and this one
		process.Signal(s.traps.deadly)
	}
	where[process.Pid] = process
	return func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(where, process.Pid)
		if j != nil {
			j.gone()
		}
	}
}

// isKilled reports whether the handler's job was killed.
func (s *session) isKilled(hc interp.HandlerContext) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	j := s.jobOf(hc)
	return j != nil && j.killed
}

// findJob finds a job by what $! was, or %n.
func (s *session) findJob(text string) *job {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if rest, ok := strings.CutPrefix(text, "%"); ok {
		if rest == "%" || rest == "+" || rest == "" {
			rest = strconv.Itoa(len(s.order))
		}
		n, err := strconv.Atoi(rest)
		if err != nil || n < 1 || n > len(s.order) {
			return nil
		}
		return s.jobs[s.order[n-1]]
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil
	}
	return s.jobs[number]
}

// wait is the builtin. A signal that has a trap ends it with 128+n.
func (s *session) wait(hc interp.HandlerContext, args []string) int {
	any := false
	if len(args) > 0 && args[0] == "-n" {
		any, args = true, args[1:]
	}
	var waited []*job
	status := 0
	for _, argument := range args {
		j := s.findJob(argument)
		if j == nil || j.parent != identity(hc) {
			fmt.Fprintf(hc.Stderr, "%s: wait: pid %s is not a child of this shell\n", s.zero, argument)
			status = 127
			continue
		}
		status = 0
		waited = append(waited, j)
	}
	if len(args) == 0 {
		waited = s.childrenOf(identity(hc), any)
	}
	if any && len(waited) > 0 {
		waited = []*job{firstDone(waited)}
	} else if any {
		return 127
	}
	for _, j := range waited {
		if interrupted := s.waitFor(hc, j); interrupted != 0 {
			return interrupted
		}
		if len(args) > 0 || any {
			status = j.status
		}
	}
	return status
}

func (s *session) childrenOf(parent uintptr, running bool) []*job {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var children []*job
	for _, number := range s.order {
		j := s.jobs[number]
		if running && isDone(j) {
			continue
		}
		if j.parent == parent {
			children = append(children, j)
		}
	}
	return children
}

func isDone(j *job) bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// firstDone waits until one of the jobs has ended.
func firstDone(jobs []*job) *job {
	cases := make([]reflect.SelectCase, len(jobs))
	for i, j := range jobs {
		cases[i] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(j.done)}
	}
	chosen, _, _ := reflect.Select(cases)
	return jobs[chosen]
}

// waitFor waits for one job, or returns 128+n for the signal that came before.
func (s *session) waitFor(hc interp.HandlerContext, j *job) int {
	if !s.isMain(hc) {
		<-j.done
		return 0
	}
	for {
		s.mutex.Lock()
		pending, last := len(s.traps.pending) > 0, s.traps.last
		s.mutex.Unlock()
		if pending {
			return 128 + int(last)
		}
		select {
		case <-j.done:
			return 0
		case <-s.traps.wake:
		}
	}
}

// kill is the builtin, which knows the shell's jobs.
func (s *session) kill(hc interp.HandlerContext, args []string) int {
	number, targets, status := killArguments(s.zero+": kill", hc.Stdout, hc.Stderr, args)
	if targets == nil {
		return status
	}
	for _, target := range targets {
		if j := s.findJob(target); j != nil {
			if !s.killJob(j, number) {
				fmt.Fprintf(hc.Stderr, "%s: kill: (%s) - No such process\n", s.zero, target)
				status = 1
			}
			continue
		}
		if target == strconv.Itoa(os.Getpid()) && number != 0 && s.isDelivered(number) {
			s.deliver(number)
			continue
		}
		if !killProcess(s.zero+": kill", hc.Stderr, target, number) {
			status = 1
		}
	}
	return status
}

// isDelivered reports whether a signal to this process comes to deliver.
func (s *session) isDelivered(number syscall.Signal) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, trapped := s.traps.actions[signalName(number)]
	return trapped || slices.Contains(deadly(), os.Signal(number))
}

// killJob signals a job: its program if that is all it is, else all of its programs, and the job has ended.
func (s *session) killJob(j *job, number syscall.Signal) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if isDone(j) {
		return false
	}
	for _, process := range j.processes {
		process.Signal(number)
	}
	stops := []syscall.Signal{0, syscall.SIGSTOP, syscall.SIGCONT, syscall.SIGCHLD, syscall.SIGWINCH}
	if slices.Contains(stops, number) || j.simple && len(j.processes) > 0 {
		return true
	}
	j.killed, j.signal = true, number
	if j.starting == 0 {
		j.finish(128 + int(number))
	}
	return true
}

// listJobs is the builtin jobs.
func (s *session) listJobs(hc interp.HandlerContext, args []string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i, number := range s.order {
		j := s.jobs[number]
		if j.parent != identity(hc) && j.parent != reflect.ValueOf(s.runner).Pointer() || isDone(j) { // $(jobs -p) shows the shell's
			continue
		}
		if slices.Contains(args, "-p") {
			fmt.Fprintln(hc.Stdout, number)
		} else {
			fmt.Fprintf(hc.Stdout, "[%d]   Running\n", i+1)
		}
	}
	return 0
}
