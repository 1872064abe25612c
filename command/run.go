package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
)

// Runner runs plans on a machine.
type Runner struct {
	Runtime container.Runtime // of the machine itself

	// Containers makes an image ready (pull is always, missing, never or empty) and returns the runtime that has it, and the
	// name by which that knows it. It is called when a Command first needs the image. Nil: none can be had.
	Containers func(ctx context.Context, image, pull string) (rt container.Runtime, name string, err error)

	Exec    Exec              // of Commands that have none of their own
	Env     map[string]string // variables that every Command sees, as ETCHA_EVENT_NAME
	Environ []string          // what envInherit inherits; nil: this process's
	Timeout time.Duration     // of one script; 0: none. How it is ended is the runtime's to say
	Kill    context.Context   // when it ends, the script that runs is killed, whatever time it had to end by itself; nil: never
	Stop    context.Context   // when it ends, the Command that runs may end by itself, and no other starts; nil: never
	Keep    int               // how much of an output's beginning is kept, and how much of its end; 0: 512 KiB
	Dir     string            // where files with long values are made; empty: the directory for temporary files
	Source  string            // the Job of journal entries
	Sink    journal.Sink      // nil: none
	Done    func(Outcome)     // is told each outcome when its Command is done; nil: nobody is
	Now     func() time.Time  // nil: time.Now
}

// Run runs a plan. The Result is complete whatever happens. The error says which Commands failed (*FailedError, joined), or
// holds the error of ctx, or of Stop, where the run was ended: with ctx the script that ran then has been ended too, and no other was
// started.
func (r Runner) Run(ctx context.Context, p Plan) (Result, error) {
	if r.Environ == nil {
		r.Environ = os.Environ()
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	running := &run{
		Runner: r, ctx: ctx, plan: p, result: Result{Mode: p.Mode, Outcomes: make([]Outcome, 0, len(p.Steps))},
		by: map[int]string{}, rescue: map[int]bool{}, starter: script.Starter{Runtime: r.Runtime, Containers: r.Containers, Env: r.Env, Environ: r.Environ, Dir: r.Dir},
	}
	for i := range p.Steps {
		running.step(i)
	}
	err := running.starter.Close()
	return running.result, errors.Join(running.problem(), err, running.unheard)
}

// run is one run of a plan.
type run struct {
	Runner
	ctx    context.Context
	plan   Plan
	result Result

	lists    []list         // those that the current step is in, outer before inner
	by       map[int]string // steps that were set off, and by whom first
	rescue   map[int]bool   // of these, those that were by a failure
	failed   bool           // nothing runs any more but what was set off by a failure, or always runs
	aborted  bool           // nothing runs any more
	failures []error
	starter  script.Starter
	unheard  error // of the sink: the first one
	outputs  int   // bytes of them in the Result
}

// list is one that runs: what its Commands have left for those after them.
type list struct {
	scope     *scope
	variables variables
}

// turn is a Command's step while it runs.
type turn struct {
	*Step
	at        int
	name      string
	exec      Exec
	variables variables
	outcome   *Outcome
	setOff    bool
	refused   bool   // its own exec is, and that was not said yet
	hint      string // to the error of its script
}

// Append hands an entry to the sink with what all of them have. The sink's error is kept for the end: no script fails since
// nobody listens.
func (r *run) Append(e journal.Entry) error {
	if r.Sink == nil {
		return nil
	}
	e.Job, e.Time = r.Source, r.Now()
	if err := r.Sink.Append(e); err != nil && r.unheard == nil {
		r.unheard = fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (r *run) tell(e journal.Entry) { _ = r.Append(e) }

// variablesOf are those of a list; a group begins with those that were set before it.
func (r *run) variablesOf(s *scope) variables {
	for len(r.lists) > 0 && !r.lists[len(r.lists)-1].scope.holds(s) {
		r.lists = r.lists[:len(r.lists)-1]
	}
	var missing []*scope
	for at := s; at != nil && (len(r.lists) == 0 || r.lists[len(r.lists)-1].scope != at); at = at.parent {
		missing = append(missing, at)
	}
	for _, inner := range slices.Backward(missing) {
		v := variables{}
		if len(r.lists) > 0 {
			v = maps.Clone(r.lists[len(r.lists)-1].variables)
		}
		r.lists = append(r.lists, list{inner, v})
	}
	return r.lists[len(r.lists)-1].variables
}

// holds says whether other is s, or within it.
func (s *scope) holds(other *scope) bool {
	for ; other != nil; other = other.parent {
		if other == s {
			return true
		}
	}
	return false
}

// step does one step, and keeps what became of it.
func (r *run) step(at int) {
	step := &r.plan.Steps[at]
	by, setOff := r.by[at]
	if step.setOff && !setOff {
		return
	}
	r.result.Outcomes = append(r.result.Outcomes, Outcome{Action: step.Action, Parent: step.Parent, ID: step.ID, By: by})
	t := &turn{Step: step, at: at, name: step.Name(), setOff: setOff, outcome: &r.result.Outcomes[len(r.result.Outcomes)-1]}
	r.aborted = r.aborted || r.ended() != nil
	if r.aborted || r.failed && !r.rescue[at] && !step.command.Always {
		t.outcome.State = Skipped
		r.finish(t)
		return
	}
	allowed := false
	t.exec, allowed = r.Exec.Override(step.command.Exec)
	t.refused = !allowed
	t.variables = r.variablesOf(step.scope)
	t.outcome.State = r.decide(t)
	r.aborted = t.outcome.State == Aborted
	t.variables.settle(step.command, t.outcome)
	r.finish(t)
	r.setOff(t)
	r.spare(t.outcome)
}

// spare bounds what the Result takes. Variables, events and Done have had it all.
func (r *run) spare(o *Outcome) {
	for _, e := range []*Execution{o.Check, o.Change, o.Remove} {
		if e == nil {
			continue
		}
		if size := len(e.Output.Head) + len(e.Output.Tail); r.outputs+size > max(maxAll, 2*r.Keep) {
			e.Output = e.Output.less()
		}
		r.outputs += len(e.Output.Head) + len(e.Output.Tail)
	}
}

// decide checks, and changes or removes where that is called for.
func (r *run) decide(t *turn) State {
	c, o := t.command, t.outcome
	if c.Check != "" && !c.Always {
		aborted := false
		if o.Check, aborted = r.execute(t, Check, c.Check); aborted {
			return Aborted
		}
		t.variables.checked(c.EnvPrefix, o.Check)
		if o.Check.Err != "" {
			return Failed
		}
	}
	text, done := c.Change, Changed
	called := o.Check != nil && o.Check.Exit != 0 // by the check
	if t.Action == Remove {
		text, done = c.Remove, Removed
		called = o.Check != nil && o.Check.Exit == 0
	}
	switch {
	case !called && !c.Always && !t.setOff, text == "" && !called:
		return resting(o)
	case text == "" && t.Action == Remove:
		return Idle
	case text == "" || r.plan.Mode == Check && called:
		return Drifted
	case r.plan.Mode == Check:
		return Due
	}
	e, aborted := r.execute(t, t.Action, text)
	if t.Action == Remove {
		o.Remove = e
	} else {
		o.Change = e
	}
	if aborted {
		return Aborted
	}
	if e.well() {
		e.Err = cut(t.on(done), e.Output)
	}
	if !e.well() {
		return Failed
	}
	return done
}

// resting is the state of a Command that is left alone.
func resting(o *Outcome) State {
	if o.Check != nil {
		return Well
	}
	return Idle
}

// cut says that an event cannot carry an output of which a part was dropped.
func cut(t Targets, o Output) string {
	if events := t.events(); len(events) > 0 && o.Dropped() > 0 {
		return fmt.Sprintf("event %q: the output of %d bytes is too long for one: %d bytes of it were dropped", events[0], o.Size, o.Dropped())
	}
	return ""
}

// on are the targets that a state sets off.
func (t *turn) on(s State) Targets {
	switch {
	case s == Failed:
		return t.command.OnFail
	case s == Changed, (s == Drifted || s == Due) && t.Action == Change && t.command.Change != "":
		return t.command.OnChange
	case s == Removed, (s == Drifted || s == Due) && t.Action == Remove:
		return t.command.OnRemove
	}
	return nil
}

// setOff sets off what the Command's state does: Commands, and events where something ran.
func (r *run) setOff(t *turn) {
	state := t.outcome.State
	if state == Failed {
		r.fail(t)
	}
	if state == Failed && r.plan.Mode == Check {
		return
	}
	side := later
	if t.Action == Remove && state != Failed {
		side = earlier
	}
	for _, target := range t.on(state) {
		if name, event := strings.CutPrefix(target, eventPrefix); event {
			if r.plan.Mode != Check {
				r.result.Events = append(r.result.Events, Event{Name: name, Parent: t.Parent, Command: t.ID, Output: strings.TrimSpace(t.outcome.last().Output.String())})
			}
			continue
		}
		r.setOffCommands(t, target, side)
	}
}

// setOffCommands sets off those of the list that a target means, as far as they are still to come.
func (r *run) setOffCommands(t *turn, target string, s side) {
	matches := t.scope.names.matches(t.index, target, s)
	seen := map[int]bool{}
	for at := t.at + 1; at < len(r.plan.Steps); at++ {
		other := &r.plan.Steps[at]
		if other.scope != t.scope || other.Action != t.Action || seen[other.index] || !matches(other.index) {
			continue
		}
		seen[other.index] = true
		if _, already := r.by[at]; !already {
			r.by[at] = t.ID
		}
		if t.outcome.State == Failed {
			r.rescue[at] = true
		}
	}
}

// fail keeps a failure. In Check mode nothing depends on anything, so the rest is looked at all the same.
func (r *run) fail(t *turn) {
	r.failed = r.plan.Mode != Check
	phase, e := Check, t.outcome.last()
	switch e {
	case t.outcome.Change:
		phase = Change
	case t.outcome.Remove:
		phase = Remove
	}
	r.failures = append(r.failures, &FailedError{Name: t.name, Phase: phase, Exit: e.Exit, Reason: e.Err, Help: t.hint})
}

// last is the script that ran last; nil: none did.
func (o *Outcome) last() *Execution {
	for _, e := range []*Execution{o.Change, o.Remove} {
		if e != nil {
			return e
		}
	}
	return o.Check
}

// finish tells the journal what became of a Command, but not that there was nothing to do for it.
func (r *run) finish(t *turn) {
	if r.Done != nil {
		r.Done(*t.outcome)
	}
	e := t.outcome.last()
	if t.outcome.State == Idle && e == nil {
		return
	}
	entry := journal.Entry{Kind: journal.Finish, Step: t.name, Status: string(t.outcome.State)}
	if e != nil && e.Exit != never {
		entry.Exit = &e.Exit
	}
	if t.outcome.By != "" {
		entry.Text = "set off by " + t.outcome.By
	}
	r.tell(entry)
}

// ended is why no Command may start any more; nil: it may.
func (r *run) ended() error {
	if err := r.ctx.Err(); err != nil || r.Stop == nil {
		return err
	}
	return r.Stop.Err()
}

// problem is the error of the run.
func (r *run) problem() error {
	if r.aborted {
		r.failures = append(r.failures, fmt.Errorf("aborted: %w", r.ended()))
	}
	return errors.Join(r.failures...)
}
