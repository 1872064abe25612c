package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
)

// never is the exit status of what did not run.
const never = -1

// execute runs one script of a step's Command, and reports it to the journal.
func (r *run) execute(t *turn, phase Mode, script string) (e *Execution, aborted bool) {
	if t.refused {
		t.refused = false
		r.tell(journal.Entry{Kind: journal.Warning, Step: t.name, Text: "its exec is not allowed here; the inherited one counts"})
	}
	r.tell(journal.Entry{Kind: journal.Start, Step: t.name, Text: string(phase)})
	output := newCapture(r.Keep)
	var lines *journal.Writer
	if r.Sink != nil {
		lines = journal.NewWriter(r, journal.Entry{Kind: journal.Output, Step: t.name, Stream: "stdout"})
		output.on = lines
	}
	e = &Execution{Exit: never, Started: r.Now()}
	err := r.start(t, script, output, e)
	e.Duration = r.Now().Sub(e.Started)
	if lines != nil {
		_ = lines.Close() // r keeps the sink's error
	}
	if output.size > maxShown {
		r.tell(journal.Entry{Kind: journal.Note, Step: t.name, Text: fmt.Sprintf("%d bytes more of its output are not shown", output.size-maxShown)})
	}
	e.Output = output.output()
	switch {
	case err == nil:
	case r.ctx.Err() != nil && errors.Is(err, r.ctx.Err()):
		e.Err, aborted = "aborted", true
	case phase == Check && t.exec.Command == "" && errors.Is(err, fs.ErrNotExist): // its own executable: a shell would say no
		e.Exit = 127
		output.Write([]byte(reasonOf(err) + "\n"))
		e.Output = output.output()
	default:
		e.Err, t.hint = reasonOf(err), hintOf(err)
		r.tell(journal.Entry{Kind: journal.Errored, Step: t.name, Text: e.Err})
	}
	return e, aborted
}

// reasonOf is an error in one line, without the name that stands by it anyway.
func reasonOf(err error) string {
	if start := (*container.StartError)(nil); errors.As(err, &start) {
		err = start.Reason
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

func hintOf(err error) string {
	if help := (interface{ Hint() string })(nil); errors.As(err, &help) {
		return help.Hint()
	}
	return ""
}

// start starts the script and waits for it.
func (r *run) start(t *turn, script string, output *capture, e *Execution) error {
	ctx := r.ctx
	if r.Timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, r.Timeout, errTimeout)
		defer cancel()
		ctx = limited
	}
	rt, spec, err := r.starter.Spec(ctx, t.exec, script, t.variables)
	if err != nil {
		return r.timed(ctx, err)
	}
	spec.Name = t.name
	io := container.IO{Stdout: output, Stderr: output}
	if t.command.Stdin != "" {
		io.Stdin = strings.NewReader(t.command.Stdin)
	}
	p, err := rt.Start(ctx, spec, io)
	if err != nil {
		return r.timed(ctx, err)
	}
	if r.Kill != nil {
		defer context.AfterFunc(r.Kill, func() { _ = p.Signal(os.Kill) })() // it may have ended
	}
	status, err := p.Wait(ctx)
	e.Exit = status
	return r.timed(ctx, err)
}

var errTimeout = errors.New("it took too long")

// timed replaces the error of a script that had to be ended since it took too long.
func (r *run) timed(ctx context.Context, err error) error {
	if err != nil && r.ctx.Err() == nil && errors.Is(context.Cause(ctx), errTimeout) {
		return fmt.Errorf("ended after %v", r.Timeout)
	}
	return err
}
