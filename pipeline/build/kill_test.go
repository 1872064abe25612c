package build

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/writ-run/writ/container/process"
	"github.com/writ-run/writ/journal"
)

// TestKill ends a task that ignores SIGTERM, and has an hour to end, at the second interrupt.
func TestKill(t *testing.T) {
	t.Parallel()
	c, log := real(t, "jobs: [{name: j, plan: [{"+sh("stubborn", `trap "echo ignored" TERM; echo ready; while :; do sleep 0.01 || :; done`, "")+"}]}]")
	rt, err := process.New(process.Config{BaseDir: filepath.Join(t.TempDir(), "slow"), KillGrace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	ctx, abort := context.WithCancel(t.Context())
	kill, second := context.WithCancel(t.Context())
	defer abort()
	defer second()
	c.Runtime, c.Kill = rt, kill
	c.Sink = sinkFunc(func(e journal.Entry) error {
		switch e.Text {
		case "ready":
			abort()
		case "ignored":
			second()
		}
		return log.Append(e)
	})
	done := make(chan Status, 1)
	go func() {
		status, _ := Run(ctx, c) // how it ended is what counts
		done <- status
	}()
	select {
	case status := <-done:
		if status != Aborted {
			t.Errorf("it ended %s; want aborted", status)
		}
	case <-time.After(5 * time.Minute): // only of one that hangs
		t.Fatal("the second interrupt did not end the task")
	}
}
