package shell

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"
)

// traps are what the shell does at its end (EXIT) and on signals. A signal's action waits until the command that runs in
// the foreground has ended, as POSIX says, or until `wait` gives up for it. Guarded by the session's mutex.
type traps struct {
	actions map[string]string // by name without SIG; empty: ignored
	pending []string          // what signals asked for and has not run yet
	wake    chan struct{}     // tells `wait` that a signal came
	last    syscall.Signal    // the one that came last
	deadly  syscall.Signal    // the one that ends the shell, after its EXIT trap
}

func newTraps() traps {
	return traps{actions: map[string]string{}, wake: make(chan struct{}, 1)}
}

// deadly are the signals that end a shell with no trap for them. The kernel spares process 1 that has no handler, so there
// is always one.
func deadly() []os.Signal {
	return []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT}
}

func (s *session) listen() {
	signals := make(chan os.Signal, 16)
	for _, one := range deadly() {
		if !signal.Ignored(one) {
			signal.Notify(signals, one)
		}
	}
	s.signals = signals
	go func() {
		for one := range signals {
			if number, ok := one.(syscall.Signal); ok {
				s.deliver(number)
			}
		}
	}()
}

// deliver does what a signal to the shell asks for: its trap later, or the end now.
func (s *session) deliver(number syscall.Signal) {
	name := signalName(number)
	s.mutex.Lock()
	action, trapped := s.traps.actions[name]
	_, atExit := s.traps.actions["EXIT"]
	switch {
	case trapped && action != "":
		s.traps.pending = append(s.traps.pending, action)
	case trapped:
	case !slices.Contains(deadly(), os.Signal(number)):
	case atExit:
		s.traps.pending = append(s.traps.pending, fmt.Sprintf("exit %d", 128+int(number)))
		s.traps.deadly = number
		for _, process := range s.front {
			process.Signal(number)
		}
	default:
		s.mutex.Unlock()
		die(number)
	}
	s.traps.last = number
	s.mutex.Unlock()
	select {
	case s.traps.wake <- struct{}{}:
	default:
	}
}

// die ends the process by a signal, so that its parent sees which; process 1 cannot, and exits with 128+n.
func die(number syscall.Signal) {
	if os.Getpid() != 1 {
		signal.Reset(number)
		syscall.Kill(os.Getpid(), number)
		time.Sleep(time.Second) // it does not come back
	}
	os.Exit(128 + int(number))
}

// takePending takes what traps have to run, as one script, or "".
func (s *session) takePending() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	text := strings.Join(s.traps.pending, "\n")
	s.traps.pending = nil
	return text
}

// trapped runs the traps that wait, between two statements, and reports whether the shell is to end.
func (s *session) trapped() (done bool) {
	text := s.takePending()
	if text == "" {
		return false
	}
	status := s.status
	done = s.doText(text)
	if !done {
		s.status = status
	}
	return done
}

// doText executes text as the shell's own.
func (s *session) doText(text string) (done bool) {
	file, err := parser().Parse(strings.NewReader(text), s.zero)
	if err != nil {
		fmt.Fprintf(s.command.err, "%s: %v\n", s.zero, err)
		s.status = 2
		return false
	}
	return s.do(rewriteAll(file.Stmts, s)...)
}

// end runs the EXIT trap and returns the shell's exit status: the trap's own only if it exits.
func (s *session) end() int {
	s.mutex.Lock()
	action, deadly := s.traps.actions["EXIT"], s.traps.deadly
	delete(s.traps.actions, "EXIT")
	s.mutex.Unlock()
	status := s.status
	if action != "" && s.doText(action) {
		status = s.status
	} else if deadly != 0 {
		die(deadly)
	}
	return status
}

// trap is the builtin, in the shell itself; in a subshell only printing has an effect.
func (s *session) trap(out, problems io.Writer, args []string, main bool) int {
	printing := len(args) == 0
	if len(args) > 0 && args[0] == "-l" {
		return listSignals(out, nil)
	}
	if len(args) > 0 && args[0] == "-p" {
		printing, args = true, args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if printing {
		s.printTraps(out, args)
		return 0
	}
	action, names := "-", args
	if _, err := strconv.Atoi(args[0]); err != nil && len(args) > 1 {
		action, names = args[0], args[1:]
	}
	status := 0
	for _, argument := range names {
		name, number, ok := parseTrap(argument)
		if !ok {
			fmt.Fprintf(problems, "%s: trap: %s: invalid signal specification\n", s.zero, argument)
			status = 1
			continue
		}
		if main {
			s.setTrap(name, number, action)
		}
	}
	return status
}

func (s *session) setTrap(name string, number syscall.Signal, action string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if action == "-" {
		delete(s.traps.actions, name)
	} else {
		s.traps.actions[name] = action
	}
	switch {
	case number == 0 || number == syscall.SIGCHLD:
	case action == "":
		signal.Ignore(number)
	case action == "-" && !slices.Contains(deadly(), os.Signal(number)):
		signal.Reset(number)
	default:
		signal.Notify(s.signals, number)
	}
}

func (s *session) printTraps(out io.Writer, wanted []string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	type line struct {
		number syscall.Signal
		text   string
	}
	var lines []line
	for name, action := range s.traps.actions {
		full, number, _ := parseTrap(name)
		if full != "EXIT" {
			full = "SIG" + full
		}
		asked := len(wanted) == 0
		for _, want := range wanted {
			other, _, _ := parseTrap(want)
			asked = asked || other == name
		}
		if asked {
			quoted := "'" + strings.ReplaceAll(action, "'", `'\''`) + "'"
			lines = append(lines, line{number, fmt.Sprintf("trap -- %s %s\n", quoted, full)})
		}
	}
	slices.SortFunc(lines, func(a, b line) int { return int(a.number) - int(b.number) })
	for _, l := range lines {
		io.WriteString(out, l.text)
	}
}

// parseTrap reads a signal's name or number; 0 and EXIT are the end of the shell.
func parseTrap(text string) (name string, number syscall.Signal, ok bool) {
	if text == "0" || strings.EqualFold(text, "EXIT") {
		return "EXIT", 0, true
	}
	number, ok = parseSignal(text)
	return signalName(number), number, ok
}

// parseSignal reads TERM, SIGTERM, term or 15.
func parseSignal(text string) (syscall.Signal, bool) {
	if number, err := strconv.Atoi(text); err == nil {
		return syscall.Signal(number), number >= 0 && number <= 64
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	number := unix.SignalNum(name)
	return number, number != 0
}

// signalName is TERM for 15.
func signalName(number syscall.Signal) string {
	if name := unix.SignalName(number); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(number))
}

// listSignals prints the names of signals, or of those given by number or exit status.
func listSignals(out io.Writer, args []string) int {
	if len(args) == 0 {
		for number := syscall.Signal(1); number < 32; number++ {
			fmt.Fprintln(out, signalName(number))
		}
		return 0
	}
	for _, argument := range args {
		number, ok := parseSignal(argument)
		if value, err := strconv.Atoi(argument); err == nil && value > 128 {
			number, ok = syscall.Signal(value-128), true
		}
		switch _, err := strconv.Atoi(argument); {
		case !ok:
			return 1
		case err == nil:
			fmt.Fprintln(out, signalName(number))
		default:
			fmt.Fprintln(out, int(number))
		}
	}
	return 0
}

// after is text, then the command that a signal came before.
func after(text string, args []string) string {
	for i, argument := range args {
		quoted, err := syntax.Quote(argument, syntax.LangBash)
		if err != nil {
			quoted = "''"
		}
		if i == 0 {
			text += "\n"
		} else {
			text += " "
		}
		text += quoted
	}
	return text
}
