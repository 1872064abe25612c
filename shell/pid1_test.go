package shell

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestProcessOne: as process 1 of a container, whom the kernel spares signals it does not handle, the shell ends at once
// on SIGTERM with 143, and runs a trap for it.
func TestProcessOne(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		missing(t, "a process namespace needs root here")
	}
	ours := links(t)
	for _, c := range []struct {
		name, script, output string
		status               int
	}{
		{"no trap", `echo $$; sleep 1000; echo never`, "1\n", 143},
		{"trap", `trap "echo trapped; exit 1" TERM; echo $$; while true; do sleep 0.1; done`, "1\ntrapped\n", 1},
		{"trap ends wait", `trap "echo trapped; exit 2" TERM; echo $$; sleep 1000 & wait`, "1\ntrapped\n", 2},
		{"exit trap", `trap "echo bye" EXIT; echo $$; sleep 1000; echo never`, "1\nbye\n", 143},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			process := exec.Command(ours+"/sh", "-c", c.script)
			process.Env = []string{"PATH=" + ours}
			process.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
			out, err := process.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := process.Start(); err != nil {
				missing(t, "no process namespace here: %v", err)
			}
			reader := bufio.NewReader(out)
			output, err := reader.ReadString('\n') // it is ready
			if err != nil {
				t.Fatal(err)
			}
			// Where it does not end at once, but after what it waits for, it is killed before, which is another status.
			stop := time.AfterFunc(patience, func() { process.Process.Kill() })
			defer stop.Stop()
			if err := process.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			var rest strings.Builder
			reader.WriteTo(&rest)
			process.Wait()
			if output += rest.String(); output != c.output || process.ProcessState.ExitCode() != c.status {
				t.Errorf("status %d, %q, want %d, %q", process.ProcessState.ExitCode(), output, c.status, c.output)
			}
		})
	}
}
