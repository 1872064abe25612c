package agent_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
)

func openState(t *testing.T) *agent.State {
	t.Helper()
	s, err := agent.OpenState(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestState(t *testing.T) {
	t.Parallel()
	s := openState(t)
	for _, read := range []func(string) ([]byte, error){s.Order, s.Next} {
		if order, err := read("web"); order != nil || err != nil {
			t.Errorf("before the first: %q, %v", order, err)
		}
	}
	ran := agent.Ran{Order: "ab", Commands: command.List{{ID: "a", Change: "x"}}, Left: command.List{{ID: "old", Remove: "y"}}}
	must(t, s.Begin("web", []byte("first")))
	if order, err := s.Order("web"); order != nil || err != nil {
		t.Errorf("while it runs: %q, %v", order, err)
	}
	must(t, s.End("web", ran))
	if order, err := s.Order("web"); string(order) != "first" || err != nil {
		t.Errorf("%q, %v", order, err)
	}
	if next, err := s.Next("web"); next != nil || err != nil {
		t.Errorf("after the end: %q, %v", next, err)
	}
	got, err := s.Ran("web")
	if err != nil || !reflect.DeepEqual(got, ran) || len(got.Old()) != 2 || got.Old()[0].ID != "old" {
		t.Errorf("%+v, %v", got, err)
	}
	must(t, s.End("web", agent.Ran{})) // it ran again, as it was
	if order, err := s.Order("web"); string(order) != "first" || err != nil {
		t.Errorf("after another run: %q, %v", order, err)
	}
	mark := agent.Mark{IssuedAt: 17, Accepted: time.Unix(20, 0).UTC(), Order: "ab"}
	must(t, s.KeepMark("web", mark))
	if m, found, err := s.Mark("web"); !found || err != nil || m != mark {
		t.Errorf("%+v, %v, %v", m, found, err)
	}
	if m, found, err := s.Mark("other"); found || err != nil || m != (agent.Mark{}) {
		t.Errorf("of a source without: %+v, %v, %v", m, found, err)
	}
	must(t, s.Forget("web"))
	order, err := s.Order("web")
	if _, found, _ := s.Mark("web"); order != nil || err != nil || !found {
		t.Errorf("forgotten: %q, %v; the mark is there: %v", order, err, found)
	}
	entries, err := os.ReadDir(s.Directory())
	must(t, err)
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", entry.Name(), info, err)
		}
	}
}

// TestTake: an order and its mark are there, or neither, and no mark without its order; what was there before stays.
func TestTake(t *testing.T) {
	t.Parallel()
	s := openState(t)
	mark := agent.Mark{IssuedAt: 17, Accepted: time.Unix(20, 0).UTC(), Order: "ab"}
	path := func(suffix string) string { return filepath.Join(s.Directory(), "web"+suffix) }
	for _, suffix := range []string{".next", ".mark"} {
		must(t, os.MkdirAll(filepath.Join(path(suffix), "in the way"), 0o700))
		if err := s.Take("web", []byte("first"), mark); err == nil {
			t.Errorf("%s cannot be written, and no error", suffix)
		}
		must(t, os.RemoveAll(path(suffix)))
		entries, err := os.ReadDir(s.Directory())
		must(t, err)
		for _, entry := range entries {
			if entry.Name() != ".lock" {
				t.Errorf("%s cannot be written: there is %s", suffix, entry.Name())
			}
		}
	}
	must(t, s.Take("web", []byte("first"), mark))
	next, err := s.Next("web")
	must(t, err)
	if m, found, err := s.Mark("web"); string(next) != "first" || !found || err != nil || m != mark {
		t.Errorf("%q; %+v, %v, %v", next, m, found, err)
	}
	long := strings.Repeat("x", 245) // longer yet while it is written
	must(t, os.WriteFile(filepath.Join(s.Directory(), long+".next"), []byte("first"), 0o600))
	if err := s.Take(long, []byte("second"), mark); err == nil {
		t.Error("no file can be made, and no error")
	}
	if next, err := s.Next(long); string(next) != "first" || err != nil {
		t.Errorf("after the second: %q, %v", next, err)
	}
}

func TestOneAgent(t *testing.T) {
	t.Parallel()
	s := openState(t)
	if _, err := agent.OpenState(s.Directory()); err == nil || !strings.Contains(err.Error(), "in use by another agent") {
		t.Errorf("a second agent: %v", err)
	}
	must(t, s.Close())
	must(t, reopen(t, s.Directory()).Close())
}

// reopen opens a state whose lock a process may hold that another test has just forked.
func reopen(t *testing.T, directory string) (s *agent.State) {
	t.Helper()
	awaitFor(t, "the state can be opened", func() bool {
		var err error
		if s, err = agent.OpenState(directory); err != nil && !strings.Contains(err.Error(), "in use") {
			t.Fatal(err)
		}
		return err == nil
	})
	return s
}

// TestFlippedBits flips every bit of what carries a checksum, one at a time.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	s := openState(t)
	must(t, s.KeepMark("web", agent.Mark{IssuedAt: 1795441584}))
	must(t, s.KeepRan("web", agent.Ran{Commands: command.List{{ID: "a"}}}))
	for suffix, look := range map[string]func() error{
		".mark": func() error { _, _, err := s.Mark("web"); return err },
		".ran":  func() error { _, err := s.Ran("web"); return err },
	} {
		path := filepath.Join(s.Directory(), "web"+suffix)
		whole, err := os.ReadFile(path)
		must(t, err)
		must(t, look())
		for bit := range 8 * len(whole) {
			damaged := bytes.Clone(whole)
			damaged[bit/8] ^= 1 << (bit % 8)
			must(t, os.WriteFile(path, damaged, 0o600))
			if err := look(); !errors.Is(err, agent.ErrDamaged) {
				t.Fatalf("%s: bit %d: %v", suffix, bit, err)
			}
		}
		for _, cut := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
			must(t, os.WriteFile(path, whole[:cut], 0o600))
			if err := look(); !errors.Is(err, agent.ErrDamaged) {
				t.Errorf("%s: cut to %d bytes: %v", suffix, cut, err)
			}
		}
	}
}

// TestHalfWritten: what a killed agent had begun to write is no state, and goes.
func TestHalfWritten(t *testing.T) {
	t.Parallel()
	s := openState(t)
	must(t, s.Begin("web", []byte("order")))
	half := filepath.Join(s.Directory(), ".web.mark.123")
	must(t, os.WriteFile(half, []byte("wri"), 0o600))
	must(t, s.Sweep())
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if next, err := s.Next("web"); string(next) != "order" || err != nil {
		t.Errorf("%q, %v", next, err)
	}
	if _, err := agent.OpenState(s.Directory()); err == nil {
		t.Error("the lock went too")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
