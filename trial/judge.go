package trial

import (
	"fmt"

	"github.com/writ-run/writ/command"
)

// Report is what a trial has shown.
type Report struct {
	Cases  []Case          `json:"commands"`        // in the order of the list
	Events []command.Event `json:"events,omitzero"` // of the first phase
}

// Case is what was shown of one Command.
type Case struct {
	Parent  string  `json:"parent,omitzero"` // ids of its groups
	ID      string  `json:"id"`
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason,omitzero"` // empty where it is Tested
	Phase   int     `json:"phase,omitzero"`  // of a failure: 1 to 4
	Script  string  `json:"script,omitzero"` // of a failure: check, change or remove
	Output  string  `json:"output,omitzero"` // of that script
}

// Name is the path of the Command: that of its group, and its id.
func (c Case) Name() string {
	return command.Outcome{Parent: c.Parent, ID: c.ID}.Name()
}

// Verdict is whether a Command is what it should be.
type Verdict string

// The verdicts.
const (
	Tested   Verdict = "tested"   // its check called for its change, was content with it, and saw its remove undo it
	Partly   Verdict = "partly"   // the same, but its own remove undid nothing
	Untested Verdict = "untested" // it did not fail, and nothing more can be said
	Failed   Verdict = "failed"
	Unknown  Verdict = "unknown" // the trial ended before it could be said
)

// Failed says whether a Command failed.
func (r Report) Failed() bool { return r.Count(Failed) > 0 }

// Count is how many Commands have a verdict.
func (r Report) Count(v Verdict) (n int) {
	for _, c := range r.Cases {
		if c.Verdict == v {
			n++
		}
	}
	return n
}

// The reasons that need no words of their own.
const (
	notIdempotent = "not idempotent: after its change its check still finds something to do"
	undoneBefore  = "not idempotent: its check found nothing to do, and does now: another Command undoes it, or the check does not always say the same"
	notUndone     = "not undone: after its remove its check still finds nothing to do"
	ended         = "the trial ended before it could be told"
)

// judge gives the Command of a step its verdict.
func (a *attempt) judge(c command.Command, step int, to *Case) {
	for phase := changing; phase <= phases; phase++ {
		o := a.outcome(phase, step)
		if o == nil {
			continue
		}
		if script, e := failure(o); e != nil {
			to.fail(phase, script, reason(e), e)
			return
		}
		if phase == checking && o.State == command.Drifted && c.Change != "" {
			text := notIdempotent
			if first := a.outcome(changing, step); first != nil && first.State == command.Well {
				text = undoneBefore
			}
			to.fail(phase, command.Check, text, o.Check)
			return
		}
	}
	first, last := a.outcome(changing, step), a.outcome(checkingAgain, step)
	if first == nil {
		to.Verdict, to.Reason = Unknown, ended
		return
	}
	if why := unjudged(c, first); why != "" {
		to.Verdict, to.Reason = Untested, why
		return
	}
	if last == nil {
		to.Verdict, to.Reason = Unknown, ended
		return
	}
	to.undone(c, a.outcome(removing, step), last)
}

// undone judges what is left of a change after phase 3, in which its Command came to removal.
func (c *Case) undone(of command.Command, removal, last *command.Outcome) {
	gone, removed := last.State == command.Drifted, removal != nil && removal.Remove != nil
	switch {
	case gone && removed:
		c.Verdict = Tested
	case gone && of.Remove == "":
		c.Verdict, c.Reason = Partly, "it has no remove: that of another Command undid it"
	case gone:
		c.Verdict, c.Reason = Partly, "its remove never ran: that of another Command had undone it"
	case of.Remove == "":
		c.Verdict, c.Reason = Partly, "it has no remove, and what it changed stays"
	case removed:
		c.fail(checkingAgain, command.Remove, notUndone, removal.Remove) // what it said may tell why
	default:
		c.fail(checkingAgain, command.Check, notUndone, last.Check)
	}
}

func (c *Case) fail(phase int, script command.Mode, reason string, e *command.Execution) {
	c.Verdict, c.Phase, c.Script, c.Reason, c.Output = Failed, phase, string(script), reason, shown(e)
}

// failure is the script that failed, if one did.
func failure(o *command.Outcome) (script command.Mode, e *command.Execution) {
	switch {
	case o.State != command.Failed:
		return "", nil
	case o.Change != nil:
		return command.Change, o.Change
	case o.Remove != nil:
		return command.Remove, o.Remove
	}
	return command.Check, o.Check
}

func reason(e *command.Execution) string {
	if e.Err != "" {
		return e.Err
	}
	return fmt.Sprintf("exit status %d", e.Exit)
}

// unjudged says why nothing can be told of a Command that the first phase came to; empty: it can.
func unjudged(c command.Command, first *command.Outcome) string {
	switch {
	case c.Always:
		return "it always changes, so that no check says whether it had to"
	case c.Check == "" && first.State == command.Changed:
		return "it has no check: it only ran since " + first.By + " set it off"
	case c.Check == "":
		return "it has no check, and nothing set it off"
	case c.Change == "":
		return "it has no change"
	case first.State == command.Well:
		return "it was as it should be before: its change never ran"
	case first.Check.Exit == 0:
		return "it was as it should be before: its change only ran since " + first.By + " set it off"
	}
	return ""
}
