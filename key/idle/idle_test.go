package idle

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/key"
)

// TestMain plays the child, which shares the processor here: as idle as it should be, it would not end for minutes where
// the tests of other packages run beside this one.
func TestMain(m *testing.M) {
	if status, played := play(os.Args, func(int) {}); played {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// TestChild: the child's key is a key like any other, and another one each time.
func TestChild(t *testing.T) {
	t.Parallel()
	seen, lowered := map[string]bool{}, 0
	lower := func(child int) { lowered = child }
	for range 2 {
		made, err := fromChild(t.Context(), key.RS256, lower)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := made.Sign(t.Context(), []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte("text"))
		if err := rsa.VerifyPKCS1v15(made.Public().Crypto().(*rsa.PublicKey), crypto.SHA256, sum[:], signature); err != nil {
			t.Errorf("%v: %v", made, err)
		}
		seen[made.Public().ID()] = true
	}
	if len(seen) != 2 {
		t.Errorf("two keys have the ids %v", seen)
	}
	if lowered == 0 {
		t.Error("the child was not lowered")
	}
	if _, err := fromChild(t.Context(), "HS256", lower); err == nil {
		t.Error("a child made a key for HS256")
	}
}

// TestGenerate: every algorithm has its key, also where there is no child.
func TestGenerate(t *testing.T) {
	for _, apart := range []bool{true, false} {
		ready.Store(apart)
		for _, a := range []key.Algorithm{key.RS256, key.ES256, key.EdDSA} {
			made, err := generateApart(t.Context(), a, patience, func(int) {})
			if err != nil || made.Public().Algorithm() != a {
				t.Errorf("%s: %v, %v", a, made, err)
			}
		}
	}
	if _, err := Generate(t.Context(), "none"); err == nil {
		t.Error("a key was made for none")
	}
	ready.Store(true)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Generate(ended, key.RS256); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// TestPatience: a key is made also where the child never gets to run.
func TestPatience(t *testing.T) {
	t.Parallel()
	stop := func(child int) {
		if err := syscall.Kill(child, syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
	}
	if made, err := generateApart(t.Context(), key.RS256, 10*time.Millisecond, stop); err != nil || made.Public().Algorithm() != key.RS256 {
		t.Errorf("%v, %v", made, err)
	}
}

// TestPutAside: whoever waits for a child waits in no system call, where it would keep a processor from those who ask.
func TestPutAside(t *testing.T) {
	t.Parallel()
	stopped := make(chan int, 1)
	stop := func(child int) {
		if err := syscall.Kill(child, syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
		stopped <- child
	}
	made := make(chan error, 1)
	go func() {
		_, err := fromChild(t.Context(), key.RS256, stop)
		made <- err
	}()
	child := <-stopped
	for since := time.Now(); !putAside(); runtime.Gosched() {
		if time.Since(since) > time.Minute {
			t.Error("it waits in a system call")
			break
		}
	}
	if err := syscall.Kill(child, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := <-made; err != nil {
		t.Error(err)
	}
}

// putAside tells whether the goroutine of TestPutAside waits in the runtime's poller.
func putAside() bool {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for one := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(one, "idle.fromChild(") && strings.Contains(one, "idle.TestPutAside") {
			return strings.Contains(one, " [IO wait")
		}
	}
	return false
}

// TestLower: what is lowered runs only while nothing else wants to.
func TestLower(t *testing.T) {
	t.Parallel()
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	lower(child.Process.Pid)
	if attributes, err := unix.SchedGetAttr(child.Process.Pid, 0); err != nil || attributes.Policy != unix.SCHED_IDLE {
		t.Errorf("%+v, %v; want the policy %d", attributes, err, unix.SCHED_IDLE)
	}
}

// TestMainIsForTheChild: whoever is called otherwise is not it.
func TestMainIsForTheChild(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"writ"}, {"writ", "RS256"}, {childName}, {childName, "RS256", "x"}} {
		if _, played := Main(args); played {
			t.Errorf("%q was played", args)
		}
	}
}
