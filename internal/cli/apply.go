package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/record"
)

type applyFlags struct {
	check, remove, plan bool
	source, only        string
	timeout             time.Duration
	asJSON, verbose     bool
	order               orderFlags
}

func (a *app) applyVerb() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply PATTERN",
		Short: "Make this machine as a Pattern says",
		Long: `Run a Pattern's Commands on this machine: each is checked, and changed where its check fails. PATTERN is a file; or Jsonnet,
which is what belongs into a Pattern's run list; or a pattern token, which has to be verified; or -, for either on standard
input. The Pattern's build Commands run
first, also with --check and --remove: what they find out may be needed to render it. A token's have run when it was built.
Exits 0 where all is well, 1 where a Command failed or --check found something to do, 2 where it could not be tried, 3 where
it was interrupted: the Command that ran is ended, and no other is started.`,
		Example: `  writ apply patterns/web.jsonnet
  writ apply patterns/web.jsonnet --check       # what would change?
  writ apply patterns/web.jsonnet --remove      # undo it
  writ apply "{ id: 'hello', always: true, change: 'echo hello' }"`,
		Args: exactly("PATTERN"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			switch {
			case f.check && f.remove:
				return usage(cmd, "--check and --remove exclude one another")
			case f.timeout < 0:
				return usage(cmd, "--timeout %s: is negative", f.timeout)
			case arguments[0] == "":
				return usage(cmd, "PATTERN is empty")
			}
			return a.apply(cmd, arguments[0], f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.check, "check", false, "only check: say what would change, and exit 1 where something would")
	flags.BoolVar(&f.remove, "remove", false, "undo: run the Commands' remove, in reverse")
	flags.BoolVar(&f.plan, "plan", false, "show what would be done, in order, and run nothing (not even checks)")
	flags.StringVar(&f.source, "source", "local", "the source whose exec and vars count")
	flags.StringVar(&f.only, "only", "", "run only Commands whose id, or group's id, this regular expression matches as a whole")
	flags.DurationVar(&f.timeout, "timeout", 0, "end a script that runs longer than this (default: no limit)")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show what checks print, too")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON: one event a line, or the plan")
	f.order.register(cmd)
	return cmd
}

func (f applyFlags) mode() command.Mode {
	switch {
	case f.check:
		return command.Check
	case f.remove:
		return command.Remove
	}
	return command.Change
}

// apply builds, renders and runs.
func (a *app) apply(cmd *cobra.Command, argument string, f applyFlags) (err error) {
	if f.only != "" {
		if _, err := (command.Plan{}).Only(f.only); err != nil {
			return usage(cmd, "--only %v", err)
		}
	}
	sink, closeSink := a.commandSink(f.asJSON, f.verbose)
	defer closeSink()
	o, err := a.openOrders(cmd, f.source, sink)
	if err != nil {
		return err
	}
	defer func() { err = o.close(err) }()
	if o.of.CheckOnly && f.remove {
		return fmt.Errorf("--remove: source %s has checkOnly", o.source)
	}
	if o.of.CheckOnly && !f.check {
		o.warn("source %s has checkOnly: it is checked, and nothing is changed", o.source)
		f.check = true
	}
	ctx, stop := a.stoppable(cmd.Context(), o)
	defer stop()

	what, err := a.prepare(ctx, cmd, o, argument, f)
	if err != nil {
		return ended(ctx, err)
	}
	o.unheard(what.name, what.build, what.pattern.Run)
	if f.plan {
		return a.showPlan(o, what, f)
	}
	result, err := o.run(ctx, what, f)
	closeSink()
	if result.Mode == "" { // nothing was tried
		return err
	}
	a.summary(o, result, f)
	a.hints(o, err)
	switch unsaid := unsaid(err); {
	case errors.Is(err, context.Canceled):
		return exit{statusAborted, unsaid}
	case err != nil:
		return exit{statusOf(err), unsaid}
	case f.check && result.Drifted():
		return exit{statusFailed, nil}
	}
	return nil
}

// each hands on the errors that are joined in one.
func each(err error, use func(error)) {
	if joined, is := err.(interface{ Unwrap() []error }); is {
		for _, one := range joined.Unwrap() {
			each(one, use)
		}
	} else if err != nil {
		use(err)
	}
}

// unsaid is what of a run's error its log does not show: that a Command failed, or the run was interrupted, it does.
func unsaid(err error) error {
	var left []error
	each(err, func(one error) {
		var failed *command.FailedError
		if !errors.As(one, &failed) && !errors.Is(one, context.Canceled) {
			left = append(left, one)
		}
	})
	return errors.Join(left...)
}

// hints prints what helps where Commands failed, once each.
func (a *app) hints(o *orders, err error) {
	said := map[string]bool{}
	each(err, func(one error) {
		var failed *command.FailedError
		if !errors.As(one, &failed) || failed.Help == "" || said[failed.Help] {
			return
		}
		said[failed.Help] = true
		fmt.Fprintf(a.stderr, "writ: hint: %s\n", safe(o.redactor.Mask(failed.Help)))
	})
}

// statusOf tells a Command that failed from what could not be tried.
func statusOf(err error) int {
	var failed *command.FailedError
	if errors.As(err, &failed) {
		return statusFailed
	}
	return statusErrored
}

// ended is the error of what was done before any Command of run.
func ended(ctx context.Context, err error) error {
	var failed *command.FailedError
	switch {
	case ctx.Err() != nil:
		return exit{statusAborted, nil}
	case errors.As(err, &failed):
		return exit{statusFailed, err}
	}
	return err
}

// applied is a Pattern as it is run here.
type applied struct {
	name    string
	pattern pattern.Pattern
	build   command.List // what would have run before; with --plan it did not
	signer  *record.Signer
	digest  string
}

// prepare renders what is applied: a Pattern of this machine's own, or that of a verified token.
func (a *app) prepare(ctx context.Context, cmd *cobra.Command, o *orders, argument string, f applyFlags) (applied, error) {
	raw, is, err := a.tokenFile(argument)
	if err != nil {
		return applied{}, err
	}
	if is {
		return a.prepareToken(ctx, cmd, o, argument, raw, f)
	}
	text, err := readProgram(argument, raw)
	if err != nil {
		return applied{}, err
	}
	return o.local(ctx, text, f)
}

// prepareToken verifies and renders an order. Nothing to verify with means refuse.
func (a *app) prepareToken(ctx context.Context, cmd *cobra.Command, o *orders, name string, raw []byte, f applyFlags) (applied, error) {
	s, err := a.look(ctx, cmd, o, name, raw, f.order, audienceOf(o.source, o))
	if err != nil {
		return applied{}, err
	}
	if s.refused != nil {
		return applied{}, s.refusal(o)
	}
	rendered, err := o.received(ctx, s.opened)
	if err != nil {
		return applied{}, err
	}
	order := s.opened.Order()
	return applied{name: name, pattern: rendered, digest: order.Bundle.Digest(), signer: &record.Signer{
		Key: s.opened.Key(), Issuer: order.Issuer, Subject: order.Subject, ID: order.ID, IssuedAt: order.IssuedAt.Time().UTC(),
	}}, nil
}

// local runs the build Commands of a Pattern of this machine's own, and renders it with what they found out. With --plan
// they do not run: the Pattern is as it would be without them.
func (o *orders) local(ctx context.Context, p patternText, f applyFlags) (applied, error) {
	built, err := pattern.Render(ctx, p.Program, o.environment(p.directory, nil, p.buildVars()))
	if err != nil {
		return applied{}, err
	}
	o.warnings(p.name, built.Warnings)
	vars := pattern.Vars(built.RunVars)
	if len(built.Build) > 0 && !f.plan {
		output, err := o.build(ctx, built)
		if err != nil {
			return applied{}, err
		}
		vars = pattern.Vars(vars, output.vars)
	}
	rendered, err := pattern.Render(ctx, p.Program, o.environment(p.directory, vars))
	if err != nil {
		return applied{}, err
	}
	digest, err := pattern.Digest(ctx, p.Program, jsonnet.Limits{})
	return applied{name: p.name, pattern: rendered, build: built.Build, digest: digest}, err
}

// plan is what is done of a Pattern's run Commands.
func (p applied) plan(f applyFlags) (command.Plan, error) {
	plan, err := command.Diff(nil, p.pattern.Run, f.mode())
	if err != nil || f.only == "" {
		return plan, err
	}
	if plan, err = plan.Only(f.only); err == nil && len(plan.Steps) == 0 {
		err = fmt.Errorf("--only %q matches no Command", f.only)
	}
	return plan, err
}

// run runs a Pattern's run Commands, and leaves a record of it.
func (o *orders) run(ctx context.Context, p applied, f applyFlags) (command.Result, error) {
	plan, err := p.plan(f)
	if err != nil {
		return command.Result{}, err
	}
	runner := o.runner(o.override("the Pattern", o.exec, p.pattern.RunExec), p.pattern.RunEnv)
	runner.Timeout = f.timeout
	kept := o.begin(record.Head{Source: o.source, Mode: string(plan.Mode), Trigger: "cli", Name: p.name, Pattern: p.digest, Signer: p.signer})
	runner.Done = kept.command
	result, err := runner.Run(ctx, plan)
	kept.end(err)
	return result, err
}

// showPlan prints what would be done.
func (a *app) showPlan(o *orders, p applied, f applyFlags) error {
	build, err := command.Diff(nil, p.build, command.Change)
	if err != nil {
		return err
	}
	run, err := p.plan(f)
	if err != nil {
		return err
	}
	if f.asJSON {
		text, err := json.MarshalIndent(struct {
			Build command.Plan `json:"build"`
			Run   command.Plan `json:"run"`
		}{build, run}, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(jsonWriter{a.stdout}, o.redactor.Mask(string(text)))
		return err
	}
	if len(build.Steps) > 0 {
		fmt.Fprintln(a.stdout, "build, which may change what is run:")
		io.WriteString(a.stdout, o.redactor.Mask(build.String()))
		fmt.Fprintln(a.stdout, "run:")
	}
	_, err = io.WriteString(a.stdout, o.redactor.Mask(run.String())) // after the first error there is another one
	return err
}

// summary says in one line what was done.
func (a *app) summary(o *orders, r command.Result, f applyFlags) {
	counts := map[command.State]int{}
	for _, outcome := range r.Outcomes {
		counts[outcome.State]++
	}
	if f.asJSON {
		text, err := json.Marshal(struct {
			Kind   string                `json:"kind"`
			States map[command.State]int `json:"states"`
			Drift  bool                  `json:"drift"`
		}{"summary", counts, r.Drifted()})
		if err == nil {
			fmt.Fprintln(a.stdout, string(text))
		}
		return
	}
	var parts []string
	for _, state := range []command.State{command.Changed, command.Removed, command.Drifted, command.Due, command.Well, command.Idle, command.Failed, command.Skipped, command.Aborted} {
		if n := counts[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing to run"}
	}
	fmt.Fprintf(a.stdout, "%s: %s\n", o.source, strings.Join(parts, ", "))
}

// commandSink is where what Commands do is shown. What a check prints is shown only where all is asked for.
func (a *app) commandSink(asJSON, verbose bool) (journal.Sink, func()) {
	sink, closeSink := a.sink(asJSON)
	closeSink = sync.OnceFunc(closeSink)
	if asJSON {
		return sink, closeSink
	}
	return &terse{next: sink, verbose: verbose, phases: map[string]phase{}}, closeSink
}

// stderrSink is commandSink for verbs whose standard output is their result.
func (a *app) stderrSink(verbose bool) (journal.Sink, func()) {
	sink, closeSink := a.textSink(a.stderr)
	return &terse{next: sink, verbose: verbose, phases: map[string]phase{}}, sync.OnceFunc(closeSink)
}
