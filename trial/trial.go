// Package trial tries a Pattern's Commands: whether what each has changed is then as its check wants it, and whether its
// remove undoes that.
//
//	1 change --all went well--> 2 check --> 3 remove --all went well--> 4 check --> Report
//	     \ one failed                \ one drifts: it is not idempotent     \ one that 1 has changed does not drift:
//	       Report: failed              (and the trial goes on)                it was not undone
//
// A machine is needed that may be changed. Place has one made: a container with this binary in it.
//
//	Place.Try -- starts --> Inside: facts of the container --> Try: renders for them --> Task --> Inside: a Trial
//	    ^                                                                                               |
//	    +---- Report <----------------------------- journal entries <-----------------------------------+
//
// Invariant: a Command is Tested only where all four phases have shown it; what was not shown is said, with the reason.
package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/journal"
)

// Trial says how Commands are tried: on the machine of the Runner, which they change.
type Trial struct {
	Runner command.Runner
	Only   string // a regular expression as command.Plan.Only takes it; empty: all
}

// The phases, by their numbers from 1.
const (
	changing = 1 + iota
	checking
	removing
	checkingAgain
	phases = checkingAgain
)

// mode is what a phase does with the list.
func mode(phase int) command.Mode {
	return [...]command.Mode{"", command.Change, command.Check, command.Remove, command.Check}[phase]
}

// Run tries a list. That Commands failed is in the Report. An error is one of the list, of ctx, or of the journal: the Report
// then says how far the trial came.
func (t Trial) Run(ctx context.Context, list command.List) (Report, error) {
	var tried attempt
	plans := [phases + 1]command.Plan{}
	for phase := changing; phase <= phases; phase++ {
		plan, err := command.Diff(nil, list, mode(phase))
		if err == nil && t.Only != "" {
			plan, err = plan.Only(t.Only)
		}
		if err != nil {
			return Report{}, err
		}
		plans[phase] = plan
	}
	tried.steps = plans[changing].Steps
	for phase := changing; phase <= phases; phase++ {
		t.note(fmt.Sprintf("phase %d of %d: %s", phase, phases, mode(phase)))
		result, err := t.Runner.Run(ctx, plans[phase])
		tried.results[phase] = result
		tried.reached = phase
		if err := beside(err); err != nil || ctx.Err() != nil {
			return tried.report(), errors.Join(ctx.Err(), err)
		}
		if err != nil && phase != checking {
			break // what a check says now is about half of the list
		}
	}
	return tried.report(), nil
}

func (t Trial) note(text string) {
	if t.Runner.Sink == nil {
		return
	}
	// A journal that cannot be written fails again with the first Command.
	_ = t.Runner.Sink.Append(journal.Entry{Kind: journal.Note, Job: t.Runner.Source, Text: text})
}

// beside is what an error of a run says beside that Commands failed.
func beside(err error) error {
	var failed *command.FailedError
	if joined, is := err.(interface{ Unwrap() []error }); is {
		var others []error
		for _, one := range joined.Unwrap() {
			others = append(others, beside(one))
		}
		return errors.Join(others...)
	}
	if errors.As(err, &failed) {
		return nil
	}
	return err
}

// attempt is what the phases have come to.
type attempt struct {
	steps   []command.Step // of the first phase
	results [phases + 1]command.Result
	reached int
}

// outcome is what became of the Command of a step in a phase; nil: it was not reached. In Remove mode the list is reversed.
func (a *attempt) outcome(phase, step int) *command.Outcome {
	at := step
	if phase == removing {
		at = len(a.steps) - 1 - step
	}
	if phase > a.reached || at >= len(a.results[phase].Outcomes) {
		return nil
	}
	o := &a.results[phase].Outcomes[at]
	if o.State == command.Skipped || o.State == command.Aborted {
		return nil
	}
	return o
}

func (a *attempt) report() Report {
	r := Report{Events: a.results[changing].Events}
	for i, step := range a.steps {
		c := Case{Parent: step.Parent, ID: step.ID}
		a.judge(step.Command(), i, &c)
		r.Cases = append(r.Cases, c)
	}
	return r
}

// maxShown is how much of an output is in a Report: its beginning and its end.
const maxShown = 64 << 10

// shown is an output for people.
func shown(e *command.Execution) string {
	if e == nil {
		return ""
	}
	text := strings.ToValidUTF8(e.Output.String(), "\ufffd")
	if len(text) <= maxShown {
		return text
	}
	head, tail := text[:maxShown/4], text[len(text)-3*maxShown/4:]
	return fmt.Sprintf("%s\n... %d bytes left out ...\n%s", strings.ToValidUTF8(head, ""), len(text)-maxShown, strings.ToValidUTF8(tail, ""))
}
