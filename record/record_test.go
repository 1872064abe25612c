package record

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if directory := os.Getenv("RECORD_VICTIM"); directory != "" {
		victim(directory)
	}
	os.Exit(m.Run())
}

// victim begins a run, and waits to be killed.
func victim(directory string) {
	w, err := Open(directory, Config{}).Begin(Head{Source: "killed", Mode: "change"})
	if err == nil {
		err = w.Command(Command{ID: "first", State: "changed", Change: &Script{}})
	}
	fmt.Println("ready", err)
	time.Sleep(time.Hour) // select {} would end the process: nothing else goes on in it
	runtime.KeepAlive(w)
}

// clock advances by a second with each look.
func clock() func() time.Time {
	now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

func TestRecord(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "runs")
	s := Open(directory, Config{Now: clock(), Redact: func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") }})
	if all, err := s.List("", 0); err != nil || len(all) != 0 {
		t.Fatalf("before the first run: %v, %v", all, err)
	}
	w, err := s.Begin(Head{Source: "web", Mode: "change", Trigger: "push", Pattern: "ab12", Signer: &Signer{Key: "k1", Subject: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	script := &Script{Exit: 1, Seconds: 1, Bytes: 3, Digest: "ff", Error: "no user hunter2"}
	for _, c := range []Command{{ID: "a hunter2", State: "changed", Change: &Script{Digest: "00"}}, {Parent: "g", ID: "b", State: "failed", By: "a", Check: script}} {
		if err := w.Command(c); err != nil {
			t.Fatal(err)
		}
	}
	if script.Error != "no user hunter2" {
		t.Error("the caller's script was changed")
	}
	going, err := s.Find(w.ID())
	if err != nil || going.Status != Running || len(going.Commands) != 2 {
		t.Errorf("while it runs: %+v, %v", going, err)
	}
	if err := w.End(Failed, errors.New("b: exit status 1, hunter2")); err != nil {
		t.Fatal(err)
	}
	run, err := s.Find(w.ID()[:20])
	if err != nil {
		t.Fatal(err)
	}
	if run.Status != Failed || run.Error != "b: exit status 1, ***" || run.Signer.Key != "k1" || run.Source != "web" || run.Ended.IsZero() {
		t.Errorf("%+v", run)
	}
	if a, b := run.Commands[0], run.Commands[1]; a.ID != "a ***" || a.Check != nil || b.Parent != "g" || b.Check.Error != "no user ***" || b.Check.Seconds != 1 {
		t.Errorf("%+v", run.Commands)
	}
	for path, want := range map[string]os.FileMode{directory: 0o700, filepath.Join(directory, "source-web", w.ID()+suffix): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info, err, want)
		}
	}
	if _, err := s.Find("2020"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown id: %v", err)
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir(), Config{Keep: 3, Now: clock()})
	going, err := s.Begin(Head{Source: "a"})
	if err != nil {
		t.Fatal(err)
	}
	var last string
	for range 7 {
		for _, source := range []string{"a", "../b"} {
			w, err := s.Begin(Head{Source: source})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.End(Succeeded, nil); err != nil {
				t.Fatal(err)
			}
			last = w.ID()
		}
	}
	// The run that goes on stays beyond the three newest.
	for source, want := range map[string]int{"a": 4, "../b": 3, "": 7, "c": 0} {
		runs, err := s.List(source, 0)
		if err != nil || len(runs) != want {
			t.Errorf("%q: %d runs, %v; want %d", source, len(runs), err, want)
		}
	}
	if runs, err := s.List("", 1); err != nil || len(runs) != 1 || runs[0].ID != last {
		t.Errorf("the newest: %v, %v; want %s", runs, err, last)
	}
	if sources, err := s.Sources(); err != nil || fmt.Sprint(sources) != "[../b a]" {
		t.Errorf("%q, %v", sources, err)
	}
	if err := going.End(Succeeded, nil); err != nil {
		t.Error(err)
	}
}

// TestKilled kills a run in the middle.
func TestKilled(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(self)
	process.Env = append(os.Environ(), "RECORD_VICTIM="+directory)
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	if n, err := stdout.Read(line); string(line[:n]) != "ready <nil>\n" {
		t.Fatalf("%q, %v", line[:n], err)
	}
	s := Open(directory, Config{})
	if runs, err := s.List("killed", 0); err != nil || len(runs) != 1 || runs[0].Status != Running {
		t.Errorf("while it lives: %+v, %v", runs, err)
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	runs, err := s.List("killed", 0)
	if err != nil || len(runs) != 1 || runs[0].Status != Interrupted || len(runs[0].Commands) != 1 {
		t.Errorf("afterwards: %+v, %v", runs, err)
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	s := Open(directory, Config{})
	w, err := s.Begin(Head{Source: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.End(Succeeded, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "source-x", w.ID()+suffix)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text   string
		status Status
		want   string
	}{
		"cut off":     {text: string(whole[:len(whole)-5]), status: Interrupted},
		"empty":       {status: Interrupted},
		"half a line": {text: "{\n", status: Damaged, want: ":1:"},
		"not JSON":    {text: string(whole) + "oops\n", status: Damaged, want: ":3:"},
		"endless":     {text: strings.Repeat("x", maxRecord+1), status: Damaged, want: "over 67108864 bytes"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		runs, err := s.List("x", 0)
		if err != nil || len(runs) != 1 || runs[0].Status != c.status || runs[0].ID != w.ID() || runs[0].Source != "x" || !strings.Contains(runs[0].Error, c.want) {
			t.Errorf("%s: %+v, %v", name, runs, err)
		}
		if run, err := s.Find(w.ID()); err != nil || run.Status != c.status {
			t.Errorf("%s: found %+v, %v", name, run, err)
		}
	}
}

// TestClockGoesBack has a clock that was set back: the order of runs stays, and the newest are kept.
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	s := Open(t.TempDir(), Config{Keep: 3, Now: func() time.Time { return now }})
	var ids []string
	for range 5 {
		w, err := s.Begin(Head{Source: "x"})
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(-24 * time.Hour)
		if err := w.End(Succeeded, nil); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, w.ID())
	}
	runs, err := s.List("x", 0)
	if err != nil || len(runs) != 3 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for i, run := range runs {
		if run.ID != ids[4-i] || !run.Started.Equal(time.Date(2026, 11, 27-(4-i), 10, 0, 0, 0, time.UTC)) {
			t.Errorf("%d: %s, started %v; want %s", i, run.ID, run.Started, ids[4-i])
		}
	}
}

// TestAtOnce has runs begin at once while the clock stands still: each sees those before it.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir(), Config{Now: func() time.Time { return time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC) }})
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			w, err := s.Begin(Head{Source: "x"})
			if err == nil {
				err = w.End(Succeeded, nil)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	runs, err := s.List("x", 0)
	if err != nil || len(runs) != 50 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for i, run := range runs {
		if want := fmt.Sprintf("20261127T100000.%06dZ", 49-i); !strings.HasPrefix(run.ID, want) {
			t.Errorf("%d: %s, want %s", i, run.ID, want)
		}
	}
}

// TestFull writes where there is no room: nothing is left of a record that has no head, and one that breaks off lets its
// lock go.
func TestFull(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir(), Config{})
	w, err := s.Begin(Head{Source: "x"})
	if err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	kept := w.file
	w.file = full
	if err := w.Command(Command{ID: "a"}); err == nil {
		t.Error("it was written")
	}
	if err := full.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is still open: %v", err)
	}
	for _, err := range []error{w.Command(Command{ID: "b"}), w.End(Failed, nil)} {
		if err != nil {
			t.Errorf("said again: %v", err)
		}
	}
	kept.Close()
	if runs, err := s.List("x", 0); err != nil || runs[0].Status != Interrupted {
		t.Errorf("%+v, %v", runs, err)
	}
}
