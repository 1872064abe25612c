package build

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
)

// What runs, how many at a time, for how long, and how the build ends. What ran at one time is sorted.
func TestParallel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, job string
		ran       string
		want      Status
		most      int
		took      time.Duration
	}{
		{"at the same time", "plan: [{in_parallel: [{T(a sleep)}, {T(b sleep)}, {T(c sleep)}]}, {T(d ok)}]", "a b c d", Succeeded, 3, time.Second},
		{"a limit", "plan: [{in_parallel: {limit: 2, steps: [{T(a sleep)}, {T(b sleep)}, {T(c sleep)}]}}]", "a b c", Succeeded, 2, 2 * time.Second},
		{"one at a time", "plan: [{in_parallel: {limit: 1, steps: [{T(c sleep)}, {T(b sleep)}]}}]", "b c", Succeeded, 1, 2 * time.Second},
		{"no limit", "plan: [{in_parallel: {limit: 0, steps: [{T(a sleep)}, {T(b sleep)}]}}]", "a b", Succeeded, 2, time.Second},
		{"a failure lets the others end", "plan: [{in_parallel: [{T(a fail)}, {T(b sleep), on_success: {T(c ok)}}]}, {T(d ok)}]", "a b c", Failed, 2, time.Second},
		{"an error is worse than a failure", "plan: [{in_parallel: [{T(a missing)}, {T(b fail-late)}]}]", "a b", Errored, 1, time.Second},
		{"a failure after an error", "plan: [{in_parallel: {limit: 1, steps: [{T(a missing)}, {T(b fail)}, {T(c ok)}]}}]", "a b c", Errored, 1, 0},
		{"hooks of the whole", "plan: [{in_parallel: [{T(a fail)}, {T(b ok)}], on_failure: {T(c ok)}, on_success: {T(d ok)}, ensure: {T(e ok)}}]", "a b c e", Failed, 2, 0},
		{"fail_fast interrupts", "plan: [{in_parallel: {fail_fast: true, steps: [{T(a fail-late)}, {T(b hang), on_abort: {T(c ok)}, on_failure: {T(x ok)}, on_error: {T(x ok)}, ensure: {T(d ok)}}]}, on_failure: {T(e ok)}, on_abort: {T(x ok)}}]", "a b c d e", Failed, 2, time.Second},
		{"fail_fast after an error", "plan: [{in_parallel: {fail_fast: true, steps: [{do: [{T(a sleep)}, {T(b missing)}]}, {T(c hang)}]}, on_error: {T(d ok)}}]", "a b c d", Errored, 2, time.Second},
		{"fail_fast starts no more", "plan: [{in_parallel: {fail_fast: true, limit: 1, steps: [{T(a fail)}, {T(b ok)}]}}]", "a", Failed, 1, 0},
		{"fail_fast and try", "plan: [{in_parallel: {fail_fast: true, steps: [{try: {T(a fail)}}, {T(b sleep)}]}}]", "a b", Succeeded, 2, time.Second},
		{"fail_fast within", "plan: [{in_parallel: [{in_parallel: {fail_fast: true, steps: [{T(a fail-late)}, {T(b hang)}]}}, {do: [{T(c sleep)}, {T(d sleep)}]}]}]", "a b c d", Failed, 3, 2 * time.Second},
		{"a timeout of the whole", "plan: [{in_parallel: [{T(a hang), on_abort: {T(x ok)}, ensure: {T(b ok)}}, {T(c sleep)}], timeout: 3s, on_failure: {T(d ok)}}]", "a b c d", Failed, 2, 3 * time.Second},
		{"a timeout of one", "plan: [{in_parallel: [{T(a hang), timeout: 2s}, {T(b sleep)}]}]", "a b", Failed, 2, 2 * time.Second},
		{"attempts of the whole", "plan: [{in_parallel: [{T(a ok-on-2)}, {T(b sleep)}], attempts: 3}]", "a a b b", Succeeded, 2, 2 * time.Second},
		{"attempts of one", "plan: [{in_parallel: [{T(a ok-on-3), attempts: 3}, {T(b sleep)}]}]", "a a a b", Succeeded, 2, time.Second},
		{"an abort", "plan: [{in_parallel: [{T(a hang), on_abort: {T(b ok)}}, {T(c hang), ensure: {T(d ok)}}, {do: [{T(e sleep)}, {T(f abort)}, {T(x ok)}]}], on_abort: {T(g ok)}}], on_abort: {T(h ok)}",
			"a b c d e f g h", Aborted, 3, time.Second},
		{"an abort starts no more", "plan: [{in_parallel: {limit: 1, steps: [{T(a abort)}, {T(b ok)}]}}]", "a", Aborted, 1, 0},
		{"in a hook", "plan: [{T(a fail)}], on_failure: {in_parallel: [{T(b sleep)}, {T(c sleep)}]}", "a b c", Failed, 2, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, rt, log, minter := config(t, test.job)
				ctx, abort := context.WithCancel(t.Context())
				defer abort()
				rt.abort = abort
				begin := time.Now()
				status, err := Run(ctx, c)
				if err != nil || status != test.want {
					t.Errorf("got %s, %v; want %s", status, err, test.want)
				}
				slices.Sort(rt.ran)
				if got := strings.Join(rt.ran, " "); got != test.ran {
					t.Errorf("ran %s; want %s\n%s", got, test.ran, log.text(journal.Errored, journal.Finish))
				}
				if took := time.Since(begin); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if rt.most > test.most || minter.Live() != 1 || rt.live != 0 {
					t.Errorf("%d at a time, want at most %d; left %d runs, %d processes", rt.most, test.most, minter.Live(), rt.live)
				}
			})
		})
	}
}

// What fail_fast interrupts says so.
func TestFailFastLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _, log, _ := config(t, "plan: [{in_parallel: {fail_fast: true, steps: [{T(a fail-late)}, {T(b hang)}]}}]")
		if status, err := Run(t.Context(), c); status != Failed || err != nil {
			t.Fatal(status, err)
		}
		if got := log.text(journal.Errored, journal.Finish); got != "a failed\nb interrupted\nb aborted\nfailed" {
			t.Errorf("log: %s", got)
		}
	})
}

// Steps of one name at the same time can be told apart in the log, and have their own name in the identity.
func TestSameNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _, log, minter := config(t, "plan: [{in_parallel: [{T(a sleep)}, {T(a sleep)}, {T(a sleep)}]}, {T(a ok)}]")
		if status, err := Run(t.Context(), c); status != Succeeded || err != nil {
			t.Fatal(status, err)
		}
		got := log.lines(journal.Finish)
		slices.Sort(got)
		if want := []string{"a [2] succeeded", "a [3] succeeded", "a succeeded", "a succeeded", "succeeded"}; !slices.Equal(got, want) {
			t.Errorf("log: %q", got)
		}
		for _, s := range minter.Begun()[1:] {
			if s.Task != "a" || s.Step != "a" {
				t.Errorf("identity %+v", s)
			}
		}
	})
}

// Steps at the same time share artifacts, sources and the log.
func TestParallelState(t *testing.T) {
	t.Parallel()
	c, log := real(t, "var_sources: [{name: s, type: dummy, config: {vars: {word: ((t:word))}}}, {name: t, type: dummy, config: {vars: {word: shared}}}]\n"+
		"jobs: [{name: j, plan: [{in_parallel: [{"+
		sh("a", "cat in/f; echo a >made/f", ", inputs: [{name: in}], outputs: [{name: made}]")+"}, {"+
		sh("b", "cat in/f; echo b >made/f", ", inputs: [{name: in}], outputs: [{name: made}]")+"}, {"+
		sh("c", "cat in/f; echo $W", ", inputs: [{name: in}, {name: made, optional: true}], params: {W: ((s:word))}")+"}, {"+
		sh("d", "echo $W", ", inputs: [{name: made, optional: true}], params: {W: ((s:word))}")+"}]}, {"+
		sh("e", "grep -qx [ab] made/f", ", inputs: [{name: made}]")+"}]}]")
	c.Inputs = map[string]string{"in": inputWith(t, "f", "hello")}
	if status, err := Run(t.Context(), c); status != Succeeded || err != nil {
		t.Fatal(status, err, log.text(journal.Errored, journal.Output, journal.Warning, journal.Finish))
	}
	got := log.lines(journal.Output, journal.Warning)
	slices.Sort(got)
	if want := []string{"a hello", "b hello", "c hello", "c shared", "d shared"}; !slices.Equal(got, want) {
		t.Errorf("log: %q", got)
	}
}

// A volume that is replaced while it is in use is closed by its last user.
func TestReplacedArtifact(t *testing.T) {
	t.Parallel()
	s := newScope()
	old := &closing{}
	if err := s.put("a", old); err != nil {
		t.Fatal(err)
	}
	first, second := s.hold("a"), s.hold("a")
	if err := s.put("a", &closing{}); err != nil || old.closed != 0 {
		t.Fatal(err, old.closed)
	}
	for i, held := range []*artifact{first, second} {
		if err := s.release(map[string]*artifact{"x": held, "y": nil}); err != nil || old.closed != i {
			t.Errorf("closed %d times, %v", old.closed, err)
		}
	}
	if s.hold("b") != nil {
		t.Error("an artifact that nobody made")
	}
}

type closing struct {
	container.Volume
	closed int
}

func (c *closing) Close() error { c.closed++; return nil }
