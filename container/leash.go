package container

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// leashScript waits for its input to end, which it does when this process ends in whatever way, and kills the groups that
// live then: PR_SET_PDEATHSIG alone would leave a process's children alive. Descriptor 3 is the table of them, a line for
// each, some empty. Until then the shell sleeps, so that a process costs no more than a write to that table.
const leashScript = `trap '' HUP INT TERM
read -r nothing
while read -r id; do
	if [ -n "$id" ]; then kill -s KILL -- "-$id"; fi
done <&3
`

// slotSize is what a line of the table takes: a number of at most ten digits, and a line break.
const slotSize = 11

// Leash is a shell that outlives a killed Writ for a moment, and then ends the groups of processes that it holds. It starts
// with the first of them. Its zero value is good.
type Leash struct {
	mu      sync.Mutex
	input   io.WriteCloser
	command *exec.Cmd
	failed  bool
	table   *os.File
	slots   map[int]int64 // of the groups that live
	empty   []int64       // slots that were in use
}

// Hold says that a group lives. Without a shell there is no leash: the log says so once.
func (l *Leash) Hold(group int, log *slog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.input == nil && !l.failed {
		if err := l.start(); err != nil {
			l.failed = true
			log.Warn("no shell to watch over processes: should writ be killed, what a task has started may outlive it until the next run", "error", err)
		}
	}
	if l.input == nil {
		return
	}
	slot := int64(len(l.slots)+len(l.empty)) * slotSize
	if last := len(l.empty) - 1; last >= 0 {
		slot, l.empty = l.empty[last], l.empty[:last]
	}
	l.slots[group] = slot
	l.write(slot, fmt.Sprintf("%*d", slotSize-1, group))
}

// Free says that a group has ended.
func (l *Leash) Free(group int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot, held := l.slots[group]
	if !held || l.input == nil {
		return
	}
	delete(l.slots, group)
	l.empty = append(l.empty, slot)
	l.write(slot, fmt.Sprintf("%*s", slotSize-1, ""))
}

func (l *Leash) write(slot int64, line string) {
	_, _ = l.table.WriteAt([]byte(line+"\n"), slot) // in memory; without it the kernel still ends the group's leader
}

func (l *Leash) start() error {
	table, err := unix.MemfdCreate("leash", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("memfd_create: %w", err)
	}
	l.table = os.NewFile(uintptr(table), "leash")
	command := exec.Command("/bin/sh", "-c", leashScript)
	command.Dir = "/"
	command.Env = []string{}
	command.ExtraFiles = []*os.File{l.table}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a terminal's signals are not for it
	input, err := command.StdinPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		l.table.Close()
		return err
	}
	l.input, l.command, l.slots = input, command, map[int]int64{}
	return nil
}

// Close lets go: no group may live.
func (l *Leash) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = true
	if l.input == nil {
		return
	}
	l.input.Close()
	l.input = nil
	_ = l.command.Wait() // how it ended does not matter
	l.table.Close()
}
