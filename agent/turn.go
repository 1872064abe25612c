package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pattern"
)

// What sets runs off: the trigger of a record, and the label of a metric.
const (
	byPush    = "push"
	byPull    = "pull"
	byEvent   = "event"
	byWebhook = "webhook"
	byRestore = "restore" // the agent has started
	byRepair  = "repair"  // runFrequency
)

// job says what one run is.
type job struct {
	by   string
	from string            // address of who pushed
	env  map[string]string // variables of ETCHA_ that its Commands see
	sink journal.Sink      // beside the log; nil: none

	check bool   // only look, and change nothing that is remembered
	plan  bool   // do not even look
	only  string // these Commands

	configured int64 // the configuration that an order which has come was verified with
}

// Outcome is what came of a run. What is secret is masked in it.
type Outcome struct {
	Result command.Result
	Plan   command.Plan
	Exit   bool  // an event `exit` ends the agent
	Err    error // a Command failed (*command.FailedError, joined), or it could not be run; nil: all is well

	events []command.Event // not masked: for other sources and who called a webhook
	key    string          // whose order it was
}

// turn is one run of a source, in its turn.
type turn struct {
	*source
	job
	config Source
	work   Work
	order  *order       // nil: the Commands of the configuration
	list   command.List // what it runs
	exec   command.Exec
	env    map[string]string

	number int // of the run, where it had to be remembered ahead
	mode   command.Mode
	plan   command.Plan
}

// run runs an order, or the Commands of the configuration. It needs the source's turn.
func (s *source) run(ctx context.Context, o *order, j job) Outcome {
	t := &turn{source: s, job: j, order: o, config: s.settings(), mode: command.Change}
	if j.check || t.config.CheckOnly {
		t.mode = command.Check
	}
	log := &logSink{log: s.log}
	var err error
	if t.work, err = s.agent.settings().Work(s.name, tee{log, j.sink}); err != nil {
		return Outcome{Err: err}
	}
	if t.work.Mask == nil {
		t.work.Mask = func(text string) string { return text }
	}
	if err := guard(func() error { return t.prepare(ctx) }); err != nil {
		return Outcome{Err: &RenderError{t.masked(err)}}
	}
	if t.config.TriggerOnly && t.keeps() && j.by != byEvent && j.by != byWebhook {
		s.stand(o, j.configured)
		t.rest()
		return Outcome{}
	}
	out := t.execute(ctx)
	if o != nil {
		out.key = o.Key()
		if j.by == byPush || j.by == byWebhook || j.by == byEvent { // somebody waits, and may again
			s.agent.evaluator.Prepare()
		}
	}
	return out
}

// keeps says whether what runs becomes what the source has.
func (j job) keeps() bool { return !j.check && !j.plan && j.only == "" }

// stand makes an order that can be rendered the source's. Where there is another configuration since it was verified, it is
// verified once more: that of Reload may have been of the order before.
func (s *source) stand(o *order, configured int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o == nil || s.current != nil && s.current.number >= o.number {
		return // it does already, or a newer one
	}
	s.current, s.verified, s.fresh, s.held, s.restored = o, configured, true, false, true
	if s.agent.configured.Load() != configured {
		s.tell(wakeAgain)
	}
}

// RenderError means that an order is no Pattern on this machine, so that nothing of it has run.
type RenderError struct{ err error }

func (e *RenderError) Error() string { return "render: " + e.err.Error() }

// Unwrap returns why.
func (e *RenderError) Unwrap() error { return e.err }

func (t *turn) key() string {
	if t.order == nil {
		return ""
	}
	return t.order.Key()
}

// prepare renders the order, and sees what its Commands run with.
func (t *turn) prepare(ctx context.Context) error {
	t.exec, t.env = t.work.Runner.Exec, maps.Clone(t.env)
	if t.order == nil {
		t.list, t.env = t.config.Commands, t.job.env
		return nil
	}
	select { // each takes a process
	case t.agent.renders <- struct{}{}:
		defer func() { <-t.agent.renders }()
	case <-ctx.Done():
		return ctx.Err()
	}
	claims := t.order.Order()
	e := t.work.Environment
	e.Source, e.Apart, e.Evaluator = t.name, true, &t.agent.evaluator
	e.Vars = pattern.Vars(claims.Vars(), e.Vars, map[string]any{"jwt": string(t.order.Raw())})
	e.Access.Cache = pattern.KeptBy(claims.RunVars)
	if t.config.CheckOnly {
		e.Access.Command = nil // it may change something
	}
	rendered, err := pattern.Render(ctx, claims.Bundle.Program(), e)
	for _, warning := range rendered.Warnings {
		t.warn("%s: %s", claims.Bundle.Entrypoint, warning)
	}
	if err != nil {
		return err
	}
	allowed := false
	if t.exec, allowed = t.exec.Override(rendered.RunExec); !allowed {
		t.warn("the runExec of the Pattern is not used: the source's exec has no allowOverride")
	}
	t.list, t.env = rendered.Run, map[string]string{}
	maps.Copy(t.env, rendered.RunEnv)
	maps.Copy(t.env, t.job.env)
	return nil
}

func (t *turn) warn(format string, arguments ...any) {
	if sink := t.work.Runner.Sink; sink != nil {
		_ = sink.Append(journal.Entry{Kind: journal.Warning, Text: fmt.Sprintf(format, arguments...)}) // the log's never fails
	}
}

// execute plans, runs and remembers.
func (t *turn) execute(ctx context.Context) Outcome {
	if err := guard(t.compareWithMachine); err != nil {
		return Outcome{Err: t.masked(err)}
	}
	if t.job.plan {
		return Outcome{Plan: maskedPlan(t.plan, t.work.Mask)}
	}
	begun := sync.OnceValue(t.record)
	if !t.ranBefore() {
		go begun() // while the disk is waited for
	}
	if err := t.ahead(); err != nil {
		err = fmt.Errorf("nothing runs, since what would cannot be remembered: %w", err)
		begun().end(err)
		return Outcome{Err: err}
	}
	if t.keeps() {
		t.stand(t.order, t.configured)
		t.mu.Lock()
		if t.order != nil {
			t.order.ran = true
		}
		t.mu.Unlock()
	}
	kept := begun()
	runner := t.work.Runner
	runner.Exec, runner.Env, runner.Source, runner.Stop = t.exec, t.env, t.name, t.agent.stopping
	runner.Done = func(o command.Outcome) {
		kept.command(o)
		t.agent.metrics.command(t, o)
	}
	ended := t.begins(kept.id())
	var result command.Result
	err := guard(func() (err error) {
		result, err = runner.Run(ctx, t.plan)
		return err
	})
	t.settle(result, isEnd(err) && t.agent.stopping.Err() != nil)
	err = t.masked(err)
	kept.end(err)
	out := Outcome{Result: maskedResult(result, t.work.Mask), Plan: maskedPlan(t.plan, t.work.Mask), Err: err, events: result.Events}
	ended(out)
	return out
}

// ranBefore says whether the order has run since the agent started: then there is mostly nothing to write down ahead.
func (t *turn) ranBefore() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.order != nil && t.order.ran
}

// isEnd says whether a run was ended.
func isEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// compareWithMachine plans what is to be done on the machine as it is.
func (t *turn) compareWithMachine() (err error) {
	if t.plan, err = command.Diff(t.old(), t.list, t.mode); err != nil {
		return err
	}
	if t.config.NoRemove {
		t.plan.Steps = slices.DeleteFunc(t.plan.Steps, func(s command.Step) bool { return s.Action == command.Remove })
	}
	if t.only == "" {
		return nil
	}
	if t.plan, err = t.plan.Only(t.only); err == nil && len(t.plan.Steps) == 0 {
		t.warn("%q matches no Command", t.only)
	}
	return err
}

// old is what the list is compared with.
func (t *turn) old() command.List {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isFresh() || t.only != "" || t.job.check || t.job.plan {
		return slices.Concat(t.ran.Left, t.extras(), t.ran.Commands)
	}
	return t.ran.Again()
}

// isFresh says whether something else ran last. It needs mu.
func (t *turn) isFresh() bool {
	if t.order == nil {
		return t.ran.Order != "" || t.fresh
	}
	return t.ran.Order != t.order.digest || !t.stands() || t.fresh
}

// stands says whether what runs is what the source has. It needs mu.
func (t *turn) stands() bool {
	if t.order == nil || t.current == nil {
		return t.order == nil && t.current == nil
	}
	return t.order.number == t.current.number
}
