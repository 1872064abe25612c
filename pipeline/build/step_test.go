package build

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/writ-run/writ/journal"
)

// The matrix of steps, hooks and modifiers: what runs, in which order, and how the build ends.
func TestSemantics(t *testing.T) {
	t.Parallel()
	// Each hook is a step that succeeds and is named after itself and the step that has it.
	hooks := func(of string) string {
		text := ""
		for _, hook := range []string{"on_success", "on_failure", "on_abort", "on_error", "ensure"} {
			text += ", " + hook + ": {T(" + of + "-" + hook + " ok)}"
		}
		return text
	}
	for _, test := range []struct {
		name, job string
		ran       string
		want      Status
	}{
		{"success", "plan: [{T(a ok)}, {T(b ok)}]", "a b", Succeeded},
		{"do stops at a failure", "plan: [{do: [{T(a ok)}, {T(b fail)}, {T(c ok)}]}, {T(d ok)}]", "a b", Failed},
		{"do stops at an error", "plan: [{T(a missing)}, {T(b ok)}]", "a", Errored},
		{"an abort stops all", "plan: [{T(a abort)}, {T(b ok)}]", "a", Aborted},

		{"hooks of success", "plan: [{T(a ok)" + hooks("a") + "}]" + hooks("j"), "a a-on_success a-ensure j-on_success j-ensure", Succeeded},
		{"hooks of failure", "plan: [{T(a fail)" + hooks("a") + "}]" + hooks("j"), "a a-on_failure a-ensure j-on_failure j-ensure", Failed},
		{"hooks of an error", "plan: [{T(a missing)" + hooks("a") + "}]" + hooks("j"), "a a-on_error a-ensure j-on_error j-ensure", Errored},
		{"hooks of an abort", "plan: [{T(a abort)" + hooks("a") + "}]" + hooks("j"), "a a-on_abort a-ensure j-on_abort j-ensure", Aborted},
		{"hooks of a timeout", "plan: [{T(a hang), timeout: 5s" + hooks("a") + "}]" + hooks("j"), "a a-on_failure a-ensure j-on_failure j-ensure", Failed},

		{"on_success fails", "plan: [{T(a ok), on_success: {T(b fail)}, on_failure: {T(c ok)}}]", "a b c", Failed},
		{"on_success errors", "plan: [{T(a ok), on_success: {T(b missing)}, on_error: {T(c ok)}}]", "a b c", Errored},
		{"on_failure fails", "plan: [{T(a fail), on_failure: {T(b fail)}}]", "a b", Failed},
		{"on_failure errors", "plan: [{T(a fail), on_failure: {T(b missing)}, on_error: {T(c ok)}}]", "a b c", Errored},
		{"on_failure does not recover", "plan: [{T(a fail), on_failure: {T(b ok)}}, {T(c ok)}]", "a b", Failed},
		{"on_error fails", "plan: [{T(a missing), on_error: {T(b fail)}}]", "a b", Errored},
		{"on_error errors", "plan: [{T(a missing), on_error: {T(b missing)}}]", "a b", Errored},
		{"on_abort fails", "plan: [{T(a abort), on_abort: {T(b fail)}}]", "a b", Aborted},
		{"ensure fails", "plan: [{T(a ok), ensure: {T(b fail)}}, {T(c ok)}]", "a b", Failed},
		{"ensure errors", "plan: [{T(a fail), ensure: {T(b missing)}}]", "a b", Errored},
		{"ensure fails after an error", "plan: [{T(a missing), ensure: {T(b fail)}}]", "a b", Errored},
		{"hooks have hooks", "plan: [{T(a fail), on_failure: {T(b ok), on_success: {T(c fail), on_failure: {T(d ok)}}, ensure: {T(e ok)}}}]", "a b c d e", Failed},
		{"hooks of do", "plan: [{do: [{T(a ok)}, {T(b fail)}], on_success: {T(c ok)}, on_failure: {T(d ok)}}]", "a b d", Failed},
		{"abort in a hook", "plan: [{T(a fail), on_failure: {T(b abort)}, on_abort: {T(c ok)}, ensure: {T(d ok)}}]", "a b c d", Aborted},
		{"abort in on_error", "plan: [{T(a missing), on_error: {T(b abort)}}, {T(c ok)}]", "a b", Aborted},
		{"abort in ensure", "plan: [{T(a ok), ensure: {T(b abort)}}, {T(c ok)}]", "a b", Aborted},
		{"abort within do", "plan: [{do: [{T(a abort), on_abort: {T(b ok)}}], on_abort: {T(c ok)}}]", "a b c", Aborted},

		{"try masks a failure", "plan: [{try: {T(a fail)}}, {T(b ok)}]", "a b", Succeeded},
		{"try masks an error", "plan: [{try: {T(a missing)}}, {T(b ok)}]", "a b", Succeeded},
		{"try masks a timeout", "plan: [{try: {T(a hang), timeout: 1s}}, {T(b ok)}]", "a b", Succeeded},
		{"try does not mask an abort", "plan: [{try: {T(a abort)}}, {T(b ok)}]", "a", Aborted},
		{"hooks of try", "plan: [{try: {T(a fail), on_failure: {T(b ok)}}, on_success: {T(c ok)}, on_failure: {T(d ok)}}]", "a b c", Succeeded},

		{"attempts until success", "plan: [{T(a ok-on-3), attempts: 5, on_failure: {T(b ok)}}, {T(c ok)}]", "a a a c", Succeeded},
		{"attempts run out", "plan: [{T(a fail), attempts: 3, on_failure: {T(b ok)}}]", "a a a b", Failed},
		{"attempts after errors", "plan: [{T(a missing), attempts: 2, on_error: {T(b ok)}}]", "a a b", Errored},
		{"attempts of do", "plan: [{do: [{T(a ok)}, {T(b ok-on-2)}], attempts: 2}]", "a b a b", Succeeded},
		{"no attempt after an abort", "plan: [{T(a abort), attempts: 3, on_abort: {T(b ok)}}]", "a b", Aborted},
		{"each attempt has the timeout", "plan: [{T(a hang), attempts: 2, timeout: 1s, on_failure: {T(b ok)}}]", "a a b", Failed},
		{"a timeout around attempts", "plan: [{do: [{T(a hang), attempts: 3}], timeout: 1s}]", "a", Failed},

		{"a timeout of do", "plan: [{do: [{T(a ok)}, {T(b hang)" + hooks("b") + "}, {T(c ok)}], timeout: 1s" + hooks("d") + "}]", "a b b-on_error b-ensure d-on_failure d-ensure", Failed},
		{"the inner timeout first", "plan: [{do: [{T(a hang), timeout: 1s, on_failure: {T(b ok)}}], timeout: 1m, on_failure: {T(c ok)}}]", "a b c", Failed},
		{"in time", "plan: [{T(a ok), timeout: 1s}]", "a", Succeeded},
		{"a timeout of a hook after an abort", "plan: [{T(a abort), on_abort: {T(b hang), timeout: 1s, on_failure: {T(c ok)}}, ensure: {T(d ok)}}]", "a b c d", Aborted},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, rt, _, minter := config(t, test.job)
				ctx, abort := context.WithCancel(t.Context())
				defer abort()
				rt.abort = abort
				status, err := Run(ctx, c)
				if err != nil || status != test.want {
					t.Errorf("got %s, %v; want %s", status, err, test.want)
				}
				if got := strings.Join(rt.ran, " "); got != test.ran {
					t.Errorf("ran %s; want %s", got, test.ran)
				}
				if live := minter.Live(); live != 1 || rt.live != 0 {
					t.Errorf("%d runs live, want the build's alone; %d processes", live, rt.live)
				}
			})
		})
	}
}

// What scripts look for in logs.
func TestLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, rt, log, _ := config(t, "plan: [{T(a ok)}, {try: {T(b fail)}}, {try: {T(c missing)}}, {try: {T(d hang), timeout: 5s, attempts: 2}}, {T(e abort)}]")
		ctx, abort := context.WithCancel(t.Context())
		rt.abort = abort
		if status, err := Run(ctx, c); status != Aborted || err != nil {
			t.Fatal(status, err)
		}
		want := []string{
			"started",
			"a initializing", "a running ok", "a succeeded",
			"b initializing", "b running fail", "b failed",
			"c initializing", "c running missing", `c executable "missing" not found`, "c errored",
			"d initializing", "d running hang", "d timeout exceeded", "d failed",
			"d initializing", "d running hang", "d timeout exceeded", "d failed",
			"e initializing", "e running abort", "e interrupted", "e aborted",
			"aborted",
		}
		if got := log.lines(journal.Start, journal.Finish, journal.Errored, journal.Warning, journal.Note); !slices.Equal(got, want) {
			t.Errorf("got\n%s", strings.Join(got, "\n"))
		}
		for _, e := range log.entries {
			if e.Time.IsZero() || e.Job != "j" || e.Build != c.Session.Run().Build {
				t.Errorf("entry %+v", e)
			}
			switch {
			case e.Step == "b" && e.Kind == journal.Finish && (e.Exit == nil || *e.Exit != 1):
				t.Errorf("exit of b: %v", e.Exit)
			case e.Step == "d" && e.Kind == journal.Finish && e.Exit != nil:
				t.Errorf("exit of d: %v", *e.Exit)
			case e.Step == "d" && e.Attempt == 0, e.Step == "a" && e.Attempt != 0:
				t.Errorf("attempt of %s: %d", e.Step, e.Attempt)
			}
		}
	})
}

// The grace is shared by all hooks after an abort; Kill ends it at once.
func TestGrace(t *testing.T) {
	t.Parallel()
	const job = "plan: [{T(a abort), on_abort: {T(b hang), ensure: {T(c ok)}}, ensure: {T(d ok)}}]"
	for _, test := range []struct {
		name  string
		grace time.Duration
		kill  time.Duration
		want  time.Duration
	}{
		{"default", 0, 0, DefaultGrace},
		{"given", time.Minute, 0, time.Minute},
		{"killed", time.Minute, 7 * time.Second, 7 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, rt, log, _ := config(t, job)
				c.Grace = test.grace
				kill, end := context.WithCancel(t.Context())
				defer end()
				c.Kill = kill
				ctx, abort := context.WithCancel(kill)
				rt.abort = func() {
					abort()
					if test.kill > 0 {
						time.AfterFunc(test.kill, end)
					}
				}
				begin := time.Now()
				if status, err := Run(ctx, c); status != Aborted || err != nil {
					t.Error(status, err)
				}
				if took := time.Since(begin); took != test.want {
					t.Errorf("took %v, want %v", took, test.want)
				}
				if got := strings.Join(rt.ran, " "); got != "a b" {
					t.Errorf("ran %s; nothing may start after the grace", got)
				}
				if got := log.text(journal.Errored); got != "a interrupted\nb interrupted" {
					t.Errorf("errors: %s", got)
				}
			})
		})
	}
}

func TestAbortedBefore(t *testing.T) {
	t.Parallel()
	c, rt, log, _ := config(t, "plan: [{T(a ok)}], ensure: {T(b ok)}")
	ctx, abort := context.WithCancel(t.Context())
	abort()
	status, err := Run(ctx, c)
	if status != Aborted || err != nil || len(rt.ran) != 0 || len(log.entries) != 0 {
		t.Errorf("%s %v, ran %q", status, err, rt.ran)
	}
}
