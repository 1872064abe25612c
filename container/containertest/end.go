package containertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/container"
)

func testAbort(t *testing.T, f *fixture) {
	number := sleeper()
	var output buffer
	spec, content := f.output(shell("sleep " + number + " & echo kept >out/file; echo ready; wait"))
	p := f.start(spec, container.IO{Stdout: &output})
	output.await(t, "ready")
	await(t, "process of the test", func() bool { return f.sleeps(number) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := wait(t, ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v; want the context's error", err)
	}
	if f.sleeps(number) {
		t.Error("a grandchild outlives the abort")
	}
	if got := content("file"); got != "kept\n" {
		t.Errorf("an aborted process's output: %q", got)
	}
}

// testAbortStubborn ends processes that ignore SIGTERM, one that is stopped among them.
func testAbortStubborn(t *testing.T, f *fixture) {
	one, two := sleeper(), sleeper()
	var output buffer
	p := f.start(shell(fmt.Sprintf("trap '' TERM; (trap '' TERM HUP INT; sleep %s; sleep %s) & sleep %s & until grep -q ^sleep /proc/$!/cmdline; do :; done; kill -s STOP $!; echo ready; while :; do wait; done", one, one, two)),
		container.IO{Stdout: &output})
	output.await(t, "ready")
	await(t, "processes of the test", func() bool { return f.sleeps(one) && f.sleeps(two) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := wait(t, ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	if f.sleeps(one) || f.sleeps(two) {
		t.Error("a process that ignores SIGTERM outlives the abort")
	}
}

// testAbortGrace lets what a shell started end in its own way, although the shell itself dies at once.
func testAbortGrace(t *testing.T, f *fixture) {
	var output buffer
	script := `sh -c 'trap "i=0; while [ \$i -lt 500 ]; do i=\$((i+1)); done; echo tidy >out/tidy; exit 0" TERM; echo ready; while :; do sleep 0.01; done'; exit 1`
	spec, content := f.output(shell(script))
	p := f.start(spec, container.IO{Stdout: &output})
	output.await(t, "ready")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := wait(t, ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	if got := content("tidy"); got != "tidy\n" {
		t.Errorf("%q", got)
	}
}

// testBackground has processes that outlive the first one, in its group, in a session of their own, with and without the
// output open.
func testBackground(t *testing.T, f *fixture) {
	for _, form := range []string{"sleep %s &", "sleep %s >/dev/null 2>&1 </dev/null &", "(sleep %s &)", "setsid sleep %s &", "setsid sleep %s >/dev/null 2>&1 </dev/null &"} {
		if strings.HasPrefix(form, "setsid") {
			if f.suite.Host { // there it is a daemon, which is to stay
				continue
			}
			if output := f.run(0, shell("command -v setsid || echo none")); output == "none\n" {
				continue
			}
		}
		number := sleeper()
		p := f.start(shell(fmt.Sprintf(form, number)+"\nprintf last; exit 3"), container.IO{Stdout: &buffer{}})
		if status, err := wait(t, t.Context(), p); status != 3 || err != nil {
			t.Errorf("%s: status %d, %v", form, status, err)
		}
		if f.sleeps(number) {
			t.Errorf("%s outlives its process", form)
		}
	}
}

// victimBase names the base directory in the environment of the child that plays a Writ and gets killed.
const victimBase = "CONTAINERTEST_VICTIM_BASE"

// victim starts processes and says so; it never ends by itself.
func victim(s Suite, base string) int {
	ctx := context.Background()
	runtime, err := s.New(base, Grace)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	v, err := runtime.Volume(ctx, "left")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	number := os.Getenv(victimBase + "_SLEEP")
	script := fmt.Sprintf("cd v; mkdir shut; echo >shut/x; chmod 500 shut; sleep %[1]s1 & (trap '' TERM HUP; setsid sleep %[1]s2 || sleep %[1]s2) & echo ready; sleep %[1]s3; true", number)
	p, err := runtime.Start(ctx, shell(script, container.Mount{Path: "v", Volume: v}), container.IO{Stdout: os.Stdout, Stderr: os.Stderr})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	p.Wait(ctx)
	return 1
}

func testSweep(t *testing.T, f *fixture) {
	live := f.filled("live", map[string]string{"file": "kept"})
	busy, number := f.volume("busy"), sleeper()
	var output buffer
	p := f.start(shell("echo ready; sleep "+number, container.Mount{Path: "v", Volume: busy}), container.IO{Stdout: &output})
	output.await(t, "ready")
	before := tree(t, f.base)

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	victimNumber := sleeper()
	command := exec.Command(self)
	command.Env = append(os.Environ(), victimBase+"="+f.base, victimBase+"_SLEEP="+victimNumber)
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the victim says %q, %v", line, err)
	}
	for _, which := range []string{"1", "2", "3"} {
		await(t, "process of the victim", func() bool { return f.sleeps(victimNumber + which) })
	}
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !f.sleeps(victimNumber+"1") || !f.sleeps(victimNumber+"2") || len(tree(t, f.base)) <= len(before) {
		t.Error("a sweep took what belongs to a live process")
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = command.Process.Wait()
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, which := range []string{"1", "2", "3"} {
		if f.sleeps(victimNumber + which) {
			t.Errorf("process %s of a killed writ is left after the sweep", which)
		}
	}
	if after := tree(t, f.base); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("after the sweep: %q; want %q", after, before)
	}
	if got := f.content(live, "file"); got != "kept" || !f.sleeps(number) {
		t.Error("a sweep took what belongs to a live process")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := wait(t, ctx, p); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// tree lists what is in a directory.
func tree(t *testing.T, root string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		if errors.Is(err, os.ErrPermission) { // the kernel's own, of an ordinary user's overlay
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
