package agent

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/record"
)

// tee hands entries to the log, and to who has asked for them; that one may have gone.
type tee struct {
	log   journal.Sink
	other journal.Sink // nil: nobody
}

func (t tee) Append(e journal.Entry) error {
	if t.other != nil {
		_ = t.other.Append(e)
	}
	return t.log.Append(e)
}

// logSink writes the journal of runs into a log: what changed, drifted and failed; with debug also what is well, and what
// Commands print. It never fails.
type logSink struct{ log *slog.Logger }

func (s *logSink) Append(e journal.Entry) error {
	level, message := slog.LevelInfo, e.Text
	attributes := []any{}
	if e.Step != "" {
		attributes = append(attributes, "command", e.Step)
	}
	switch e.Kind {
	case journal.Output, journal.Start:
		level = slog.LevelDebug
	case journal.Warning:
		level = slog.LevelWarn
	case journal.Errored:
		level = slog.LevelError
	case journal.Finish:
		message = e.Status
		if e.Text != "" {
			attributes = append(attributes, "why", e.Text)
		}
		if e.Exit != nil {
			attributes = append(attributes, "exit", *e.Exit)
		}
		switch command.State(e.Status) {
		case command.Failed, command.Aborted:
			level = slog.LevelError
		case command.Well, command.Idle, command.Due:
			level = slog.LevelDebug
		}
	}
	s.log.Log(context.Background(), level, message, attributes...)
	return nil
}

// recording writes the record of one run. One that cannot be written stops nothing: it is said once.
type recording struct {
	source *source
	writer *record.Writer
}

// record begins a record.
func (t *turn) record() *recording {
	head := record.Head{Source: t.name, Mode: string(t.mode), Trigger: t.by, Signer: t.order.signer()}
	if t.order != nil {
		head.Pattern, head.Name = t.order.digest, t.order.Order().ID
	}
	writer, err := record.Open(t.agent.records(), record.Config{Now: t.agent.now, Redact: t.work.Mask}).Begin(head)
	r := &recording{t.source, writer}
	r.report(err)
	return r
}

func (r *recording) report(err error) {
	if err != nil {
		r.source.trouble(troubleRecord, "the record of a run cannot be written", err)
	} else {
		r.source.well(troubleRecord)
	}
}

func (r *recording) id() string {
	if r.writer == nil {
		return ""
	}
	return r.writer.ID()
}

func (r *recording) command(o command.Outcome) {
	if r.writer == nil {
		return
	}
	err := r.writer.Command(record.Command{
		Parent: o.Parent, ID: o.ID, State: string(o.State), By: o.By, Check: script(o.Check), Change: script(o.Change), Remove: script(o.Remove),
	})
	if err != nil {
		r.report(err)
		_ = r.writer.End(record.Errored, nil) // closes the file; that it cannot be written was said
		r.writer = nil
	}
}

func script(e *command.Execution) *record.Script {
	if e == nil {
		return nil
	}
	return &record.Script{
		Exit: e.Exit, Seconds: e.Duration.Seconds(), Bytes: e.Output.Size, Digest: strings.TrimPrefix(e.Output.Digest, "sha256:"), Error: e.Err,
	}
}

func (r *recording) end(problem error) {
	if r.writer == nil {
		return
	}
	r.report(r.writer.End(statusOf(problem), problem))
}

// statusOf is how a run ended.
func statusOf(problem error) record.Status {
	switch {
	case problem == nil:
		return record.Succeeded
	case isEnd(problem):
		return record.Aborted
	case errors.As(problem, new(*command.FailedError)):
		return record.Failed
	}
	return record.Errored
}

// maskedError hides what is secret in an error's text, and is still known for what it is.
type maskedError struct {
	err  error
	mask func(string) string
}

func (e *maskedError) Error() string        { return e.mask(e.err.Error()) }
func (e *maskedError) Is(target error) bool { return errors.Is(e.err, target) }

// As finds what the error is, with its texts masked.
func (e *maskedError) As(target any) bool {
	into, is := target.(**command.FailedError)
	var failed *command.FailedError
	if !is || !errors.As(e.err, &failed) {
		return false
	}
	*into = &command.FailedError{Name: e.mask(failed.Name), Phase: failed.Phase, Exit: failed.Exit, Reason: e.mask(failed.Reason), Help: e.mask(failed.Help)}
	return true
}

func (t *turn) masked(err error) error {
	if err == nil {
		return nil
	}
	return &maskedError{err, t.work.Mask}
}

// maskedResult is a result in which what is secret is hidden.
func maskedResult(r command.Result, mask func(string) string) command.Result {
	masked := command.Result{Mode: r.Mode, Outcomes: make([]command.Outcome, len(r.Outcomes)), Events: make([]command.Event, len(r.Events))}
	for i, o := range r.Outcomes {
		o.Parent, o.ID, o.By = mask(o.Parent), mask(o.ID), mask(o.By)
		o.Check, o.Change, o.Remove = maskedExecution(o.Check, mask), maskedExecution(o.Change, mask), maskedExecution(o.Remove, mask)
		masked.Outcomes[i] = o
	}
	for i, e := range r.Events {
		masked.Events[i] = command.Event{Name: mask(e.Name), Parent: mask(e.Parent), Command: mask(e.Command), Output: mask(e.Output)}
	}
	return masked
}

func maskedExecution(e *command.Execution, mask func(string) string) *command.Execution {
	if e == nil {
		return nil
	}
	masked := *e
	masked.Err = mask(e.Err)
	if e.Output.Dropped() == 0 { // head and tail are one text: a secret may go across
		masked.Output.Head, masked.Output.Tail = []byte(mask(string(e.Output.Head)+string(e.Output.Tail))), nil
		masked.Output.Size = int64(len(masked.Output.Head))
		return &masked
	}
	masked.Output.Head, masked.Output.Tail = []byte(mask(string(e.Output.Head))), []byte(mask(string(e.Output.Tail)))
	masked.Output.Size += int64(len(masked.Output.Head) + len(masked.Output.Tail) - len(e.Output.Head) - len(e.Output.Tail))
	return &masked
}

func maskedPlan(p command.Plan, mask func(string) string) command.Plan {
	masked := command.Plan{Mode: p.Mode, Steps: make([]command.Step, len(p.Steps))}
	for i, s := range p.Steps {
		masked.Steps[i] = command.Step{Action: s.Action, Parent: mask(s.Parent), ID: mask(s.ID), Why: s.Why}
	}
	return masked
}
