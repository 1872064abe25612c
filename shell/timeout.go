package shell

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// timeoutMain is timeout [-s SIGNAL] [-k DURATION] [--preserve-status] DURATION COMMAND: 124 if the time was up, 137 if it
// had to be killed, 125 if timeout itself went wrong, 126 and 127 as ever.
func timeoutMain(c *command) int {
	if !c.parse("+s:k:vf", "signal:=s", "kill-after:=k", "preserve-status=p", "foreground=f", "verbose=v") {
		return 125
	}
	if len(c.args) < 2 {
		return c.misused(125, "missing operand")
	}
	limit, ok := duration(c.args[0])
	if !ok {
		return c.misused(125, "invalid time interval '%s'", c.args[0])
	}
	number, ok := parseSignal(c.value('s', "TERM"))
	if !ok {
		return c.misused(125, "'%s': invalid signal", c.value('s', ""))
	}
	grace, ok := duration(c.value('k', "0"))
	if !ok {
		return c.misused(125, "invalid time interval '%s'", c.value('k', ""))
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	process, status := c.startProgram(c.args[1:], os.Environ())
	if process == nil {
		return status
	}
	done := make(chan int, 1)
	go func() { done <- ended(process.ProcessState, process.Wait()) }()
	var up, kill <-chan time.Time
	if limit > 0 {
		up = time.After(limit)
	}
	timedOut, killed := false, false
	for {
		select {
		case <-done:
			status := ended(process.ProcessState, nil)
			switch {
			case timedOut && killed && !c.has("p"), timedOut && number == syscall.SIGKILL && !c.has("p"):
				return 137
			case timedOut && !c.has("p"):
				return 124
			}
			return status
		case <-up:
			timedOut = true
			process.Process.Signal(number)
			if number != syscall.SIGKILL {
				process.Process.Signal(syscall.SIGCONT)
			}
			if grace > 0 {
				kill = time.After(grace)
			}
		case <-kill:
			killed = true
			process.Process.Signal(syscall.SIGKILL)
		case got := <-signals:
			process.Process.Signal(got)
		}
	}
}
