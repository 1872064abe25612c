package process

import (
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"sync"
	"syscall"
)

// leashScript holds the groups that live now ("+ ID", "- ID" on its input) and kills them when its input ends, which it
// does when this process ends in whatever way. PR_SET_PDEATHSIG alone would leave a process's children alive.
const leashScript = `trap '' HUP INT TERM
live=
while read -r change id; do
	case $change in
	+) live="$live $id" ;;
	-)
		rest=
		for other in $live; do [ "$other" = "$id" ] || rest="$rest $other"; done
		live=$rest
		;;
	esac
done
for id in $live; do kill -s KILL -- "-$id"; done
`

// leash is the shell that outlives a killed Writ for a moment. It starts with the first process.
type leash struct {
	mu      sync.Mutex
	input   io.WriteCloser
	command *exec.Cmd
	failed  bool
}

// hold says that a group lives. Without a shell there is no leash: the log says so once.
func (l *leash) hold(group int, log *slog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.input == nil && !l.failed {
		if err := l.start(); err != nil {
			l.failed = true
			log.Warn("no shell to watch over processes: should writ be killed, what a task has started may outlive it until the next run", "error", err)
		}
	}
	l.tell("+", group)
}

// free says that a group has ended.
func (l *leash) free(group int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell("-", group)
}

func (l *leash) tell(change string, group int) {
	if l.input != nil {
		_, _ = fmt.Fprintf(l.input, "%s %d\n", change, group) // a shell that somebody killed holds nothing
	}
}

func (l *leash) start() error {
	command := exec.Command("/bin/sh", "-c", leashScript)
	command.Dir = "/"
	command.Env = []string{}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a terminal's signals are not for it
	input, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		input.Close()
		return err
	}
	l.input, l.command = input, command
	return nil
}

func (l *leash) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = true
	if l.input == nil {
		return
	}
	l.input.Close()
	l.input = nil
	_ = l.command.Wait() // how it ended does not matter
}
