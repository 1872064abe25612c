package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/trial"
)

// trialSink is where what happens in a trial is shown: all of it, or what runs now, and what a user should know.
func (a *app) trialSink(verbose bool) (journal.Sink, func()) {
	if verbose {
		return a.stderrSink(true)
	}
	sink, closeSink := a.textSink(a.stderr)
	return quiet{sink}, sync.OnceFunc(closeSink)
}

// quiet leaves to a live status line what steps do.
type quiet struct{ next journal.Sink }

// Append passes an entry on, or not.
func (q quiet) Append(e journal.Entry) error {
	switch {
	case e.Step == "" && e.Job == "", e.Kind == journal.Warning:
	case e.Step != "" && (e.Kind == journal.Start || e.Kind == journal.Finish):
		e.Text, e.Status, e.Exit = "", "", nil
	default:
		return nil
	}
	return q.next.Append(e)
}

// print prints what came out of a file, with what its scripts printed that failed.
func (t *trials) print(r tested) {
	if t.states == nil {
		t.states, t.counts = map[string]int{}, map[trial.Verdict]int{}
	}
	t.states[r.State]++
	for _, cases := range [][]trial.Case{r.Build, r.Run} {
		for _, c := range cases {
			t.counts[c.Verdict]++
		}
	}
	var text strings.Builder
	if t.flags.asJSON {
		line, err := json.Marshal(r)
		if err != nil { // it is made of texts and numbers
			panic(err)
		}
		text.Write(append(line, '\n'))
	} else {
		r.write(&text)
	}
	fmt.Fprint(t.to, t.orders.redactor.Mask(text.String()))
}

// write writes the result as lines: how it ended, and what is to be said of Commands.
func (r tested) write(to *strings.Builder) {
	counts := map[trial.Verdict]int{}
	for _, c := range append(append([]trial.Case{}, r.Build...), r.Run...) {
		counts[c.Verdict]++
	}
	fmt.Fprintf(to, "%s: %s", safe(r.Pattern), r.State)
	if r.Reason != "" {
		fmt.Fprintf(to, ": %s", safeLines(r.Reason))
	}
	if len(counts) > 0 {
		fmt.Fprintf(to, ": %s, %s", verdicts(counts), brief(time.Duration(r.Seconds*float64(time.Second))))
	}
	to.WriteByte('\n')
	if r.Left > 0 && r.State != testSkipped {
		fmt.Fprintf(to, "  build: %s not tried; -b tries them\n", count(r.Left, "Command"))
	}
	writeCases(to, "build: ", r.Build)
	writeCases(to, "", r.Run)
}

// verdicts counts Commands by what was told of them.
func verdicts(counts map[trial.Verdict]int) string {
	var parts []string
	for _, v := range []struct {
		verdict trial.Verdict
		words   string
	}{
		{trial.Tested, "tested"}, {trial.Partly, "tested in part"}, {trial.Untested, "not tested"}, {trial.Failed, "failed"}, {trial.Unknown, "not reached"},
	} {
		if n := counts[v.verdict]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v.words))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "no Commands")
}

// writeCases writes a line for each Command that is not simply good, and the output of those that failed.
func writeCases(to *strings.Builder, list string, cases []trial.Case) {
	for _, c := range cases {
		name := list + safe(c.Name())
		switch c.Verdict {
		case trial.Partly:
			fmt.Fprintf(to, "  %s: tested in part: %s\n", name, safe(c.Reason))
		case trial.Untested:
			fmt.Fprintf(to, "  %s: not tested: %s\n", name, safe(c.Reason))
		case trial.Failed:
			fmt.Fprintf(to, "  %s: FAILED in phase %d of 4, %s: %s\n", name, c.Phase, c.Script, safe(c.Reason))
			for line := range strings.Lines(c.Output) {
				fmt.Fprintf(to, "    | %s\n", journal.Plain(strings.TrimRight(line, "\r\n")))
			}
		}
	}
}

// safeLines is text of several lines in one.
func safeLines(text string) string {
	return safe(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "))
}

// end prints the summary, and returns the exit status that it means.
func (t *trials) end(ctx context.Context) error {
	if t.flags.asJSON {
		text, err := json.Marshal(struct {
			Kind     string                `json:"kind"`
			Patterns map[string]int        `json:"patterns"`
			Commands map[trial.Verdict]int `json:"commands"`
		}{"summary", t.states, t.counts})
		if err != nil {
			return err
		}
		fmt.Fprintln(t.to, string(text))
	} else {
		var parts []string
		for _, state := range []string{testPassed, testFailed, testSkipped, testErrored, testAborted} {
			if n := t.states[state]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, state))
			}
		}
		fmt.Fprintf(t.to, "Patterns: %s; Commands: %s\n", strings.Join(parts, ", "), verdicts(t.counts))
	}
	switch {
	case ctx.Err() != nil:
		return exit{statusAborted, nil}
	case t.states[testErrored] > 0:
		return exit{statusErrored, nil}
	case t.states[testFailed] > 0:
		return exit{statusFailed, nil}
	case t.states[testPassed] > 0:
		return nil
	case t.flags.only != "":
		return fmt.Errorf("--only %q matches no Command of what was found", t.flags.only)
	}
	return errors.New("there is no Pattern with Commands to try")
}
