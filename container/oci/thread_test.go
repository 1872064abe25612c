package oci

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOnThread runs more than there are threads, some of them on the first: none may be left in other namespaces.
func TestOnThread(t *testing.T) {
	if Rootless() {
		t.Skip("new mount namespaces of one's own need root")
	}
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	made := map[string]bool{}
	const threads = 64
	var all, within sync.WaitGroup
	within.Add(threads)
	for range threads {
		all.Go(func() {
			in := sync.OnceFunc(within.Done)
			defer in()
			err := onThread(unix.CLONE_NEWNS, func() error {
				in()
				within.Wait() // the next one would have the number of a namespace that is gone
				now, err := os.Readlink("/proc/thread-self/ns/mnt")
				mu.Lock()
				defer mu.Unlock()
				made[now] = true
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(made) != threads || made[own] {
		t.Errorf("%d namespaces (this process's own among them: %v), want %d new ones", len(made), made[own], threads)
	}
	problem := errors.New("a problem")
	if err := onThread(unix.CLONE_NEWNS, func() error { return problem }); err != problem {
		t.Errorf("error %v, want that of the function", err)
	}
	// Threads end a moment after their function.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		elsewhere := threadsElsewhere(t, own)
		if elsewhere == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(elsewhere)
		}
	}
}

func threadsElsewhere(t *testing.T, own string) string {
	t.Helper()
	threads, err := filepath.Glob("/proc/self/task/*/ns/mnt")
	if err != nil || len(threads) == 0 {
		t.Fatalf("no threads: %v", err)
	}
	for _, path := range threads {
		if now, err := os.Readlink(path); err == nil && now != own {
			return fmt.Sprintf("%s is %s, not %s", path, now, own)
		}
	}
	return ""
}
