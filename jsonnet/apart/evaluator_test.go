package apart_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/jsonnet/apart"
)

// children are the processes of this one that wait for a program.
func children(t *testing.T) (pids []int) {
	t.Helper()
	list, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		text, _ := os.ReadFile(path)
		for field := range strings.FieldsSeq(string(text)) {
			name, _ := os.ReadFile(filepath.Join("/proc", field, "cmdline"))
			var pid int
			if _, err := fmt.Sscan(field, &pid); err == nil && strings.HasPrefix(string(name), "writ-jsonnet") {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// TestEvaluator: a process is ready for the next program, no two programs share one, one that has died is not used, and none
// is left. It is not parallel, since it counts this process's children.
func TestEvaluator(t *testing.T) {
	var e apart.Evaluator
	run := func(text string) (string, error) {
		program := jsonnet.Program{Entrypoint: "/a", Import: jsonnet.Memory(map[string]string{"/a": text})}
		defer e.Prepare()
		result, err := e.Run(t.Context(), program, jsonnet.Access{}, patient)
		return strings.TrimSpace(string(result)), err
	}
	ready := func(count int) (pids []int) {
		t.Helper()
		for deadline := time.Now().Add(patient.Time); ; time.Sleep(time.Millisecond) {
			if pids = children(t); len(pids) == count && e.Ready() == (count == 1) {
				return pids
			}
			if time.Now().After(deadline) {
				t.Fatalf("children %v; want %d", pids, count)
			}
		}
	}
	for _, n := range []string{"1", "1", "2", "1"} { // what was read last is not mistaken for another
		if got, err := run("{ a: " + n + " }"); got != "{\n   \"a\": "+n+"\n}" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	e.Settle()
	if e.Ready() {
		t.Errorf("a process is ready, though plain data takes none")
	}
	if got, err := run("1 + 1"); got != "2" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	first := ready(1)[0]
	if got, err := run("2 + 1"); got != "3" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	second := ready(1)[0]
	if first == second {
		t.Error("two programs shared a process")
	}
	if err := syscall.Kill(second, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for { // it is no more than a number now
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", second))
		if err != nil || strings.Contains(string(text), ") Z ") {
			break
		}
	}
	if got, err := run("3 + 1"); got != "4" || err != nil {
		t.Errorf("after its process was killed: %q, %v", got, err)
	}
	var problem *jsonnet.Error
	if _, err := run("error 'oh'"); !errors.As(err, &problem) {
		t.Errorf("%v", err)
	}
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			if got, err := run(fmt.Sprintf("%d + 0", i)); got != fmt.Sprint(i) || err != nil {
				t.Errorf("%d: %q, %v", i, got, err)
			}
		})
	}
	all.Wait()
	ready(1)
	e.Rest()
	ready(0)
	if got, err := run("5 + 1"); got != "6" || err != nil {
		t.Errorf("after a rest: %q, %v", got, err)
	}
	e.Close()
	ready(0)
	if got, err := run("6 + 1"); got != "7" || err != nil {
		t.Errorf("after Close: %q, %v", got, err)
	}
	ready(0)
}

// TestPlainDataIsReadOnce: a file that changes between two looks is never taken for what it was.
func TestPlainDataIsReadOnce(t *testing.T) {
	t.Parallel()
	var e apart.Evaluator
	reads := 0
	program := jsonnet.Program{Entrypoint: "/a", Import: func(_, _ string) (string, []byte, error) {
		reads++
		return "/a", fmt.Appendf(nil, "{ a: %d }", reads), nil
	}}
	for want := 1; want <= 3; want++ {
		got, err := e.Run(t.Context(), program, jsonnet.Access{}, patient)
		if string(got) != fmt.Sprintf("{\n   \"a\": %d\n}\n", want) || err != nil {
			t.Errorf("%q, %v; want %d", got, err, want)
		}
	}
}

// TestWarm: what a process evaluates while it waits is right.
func TestWarm(t *testing.T) {
	t.Parallel()
	if err := apart.Warm(); err != nil {
		t.Error(err)
	}
}
