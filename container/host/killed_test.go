package host_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/host"
)

func playVictim(number string) int {
	r, err := host.New(host.Config{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx := context.Background()
	for i := range 3 { // one that has ended frees its place on the leash, for the last of them
		script := "true"
		if i != 1 {
			script = fmt.Sprintf("sleep %[1]s%[2]d1 & sleep %[1]s%[2]d2 & echo ready; wait", number, i)
		}
		p, err := r.Start(ctx, sh(script), container.IO{Stdout: os.Stdout, Stderr: os.Stderr})
		if err != nil {
			fmt.Println(err)
			return 1
		}
		if i == 1 {
			p.Wait(ctx)
		}
	}
	time.Sleep(time.Hour) // select {} would end the process wherever nothing else goes on in it
	runtime.KeepAlive(r)
	return 0
}

// startVictim starts a child of this test that runs processes, whose children sleep for a number of seconds.
func startVictim(t *testing.T) (command *exec.Cmd, number string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	number = sleeper()
	command = exec.Command(self)
	command.Env = append(os.Environ(), victim+"="+number)
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	for range 2 {
		if line, err := lines.ReadString('\n'); line != "ready\n" {
			t.Fatalf("the victim says %q, %v", line, err)
		}
	}
	return command, number
}

// TestKilledWrit kills a child of this test, and sees the groups end that it had started.
func TestKilledWrit(t *testing.T) {
	t.Parallel()
	command, number := startVictim(t)
	processes := []string{number + "01", number + "02", number + "21", number + "22"}
	for _, each := range processes {
		await(t, func() bool { return len(sleepers(each)) == 1 })
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = command.Process.Wait()
	for _, each := range processes {
		await(t, func() bool { return len(sleepers(each)) == 0 })
	}
}

// TestKilledWithoutLeash kills a child of this test whose leash is dead, as it would be a moment after the start of a process
// that it does not hold yet. What such a process has started may live, the process itself may not.
func TestKilledWithoutLeash(t *testing.T) {
	t.Parallel()
	command, number := startVictim(t)
	var leaders []int
	for _, each := range []string{number + "01", number + "21"} {
		await(t, func() bool { return len(sleepers(each)) == 1 })
		leader := parent(t, sleepers(each)[0])
		t.Cleanup(func() { _ = syscall.Kill(-leader, syscall.SIGKILL) })
		leaders = append(leaders, leader)
	}
	for _, pid := range children(t, command.Process.Pid) {
		if !slices.Contains(leaders, pid) { // the leash
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = command.Process.Wait()
	for _, pid := range leaders {
		await(t, func() bool { return !lives(pid) })
	}
}

// status is the state of a process, and its parent.
func status(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	_, _ = fmt.Sscan(rest, &state, &parent)
	return state, parent
}

func parent(t *testing.T, pid int) int {
	t.Helper()
	_, of := status(pid)
	if of <= 1 {
		t.Fatalf("process %d has the parent %d", pid, of)
	}
	return of
}

func lives(pid int) bool {
	state, _ := status(pid)
	return state != "" && state != "Z"
}

func children(t *testing.T, of int) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if _, parent := status(pid); parent == of {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
