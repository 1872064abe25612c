package cli

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/record"
)

// recordsBelow is the directory of records within the state directory.
const recordsBelow = "runs"

// recordsOf is where the records of this machine's runs are.
func recordsOf(c config.Config) string { return filepath.Join(c.Run.StateDir, recordsBelow) }

func (o *orders) records() *record.Store {
	return record.Open(recordsOf(o.config), record.Config{Redact: o.redactor.Mask})
}

// recording writes the record of one run. A record that cannot be written is said once, and stops nothing.
type recording struct {
	orders *orders
	writer *record.Writer
}

func (o *orders) begin(h record.Head) *recording {
	writer, err := o.records().Begin(h)
	if err != nil {
		o.warn("%v", err)
	}
	return &recording{o, writer}
}

func (r *recording) command(c command.Outcome) {
	if r.writer == nil {
		return
	}
	err := r.writer.Command(record.Command{
		Parent: c.Parent, ID: c.ID, State: string(c.State), By: c.By, Check: recorded(c.Check), Change: recorded(c.Change), Remove: recorded(c.Remove),
	})
	if err != nil { // it is the last: the writer writes no more
		r.orders.warn("%v", err)
	}
}

func recorded(e *command.Execution) *record.Script {
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
	var failed *command.FailedError
	status := record.Succeeded
	switch {
	case errors.Is(problem, context.Canceled):
		status = record.Aborted
	case errors.As(problem, &failed):
		status = record.Failed
	case problem != nil:
		status = record.Errored
	}
	if err := r.writer.End(status, problem); err != nil {
		r.orders.warn("%v", err)
	}
}
