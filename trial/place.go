package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/sysinfo"
)

// Place is where a trial is made: a new container for each, in which a process calls Inside.
type Place struct {
	Runtime container.Runtime
	Spec    container.Spec
}

// Try starts the container, has the Task made for what it is, and makes the trial there. Entries go to the sink, which may be
// nil. An error says that nothing could be tried, or is that of the caller's function, of the sink, or of ctx.
func (p Place) Try(ctx context.Context, task func(sysinfo.Info) (Task, error), sink journal.Sink) (Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	input, tasks := io.Pipe()
	defer input.Close() // what is still being written then has no reader
	messages, output := io.Pipe()
	said := &tail{}
	process, err := p.Runtime.Start(ctx, p.Spec, container.IO{Stdin: input, Stdout: output, Stderr: said})
	if err != nil {
		return Report{}, err
	}
	c := conversation{task: task, tasks: tasks, sink: sink}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		err := read(messages, c.hear)
		messages.CloseWithError(io.ErrClosedPipe) // nobody listens any more
		if err != nil {
			cancel(err) // ends the container
		}
	}()
	status, err := process.Wait(ctx)
	output.Close()
	<-heard
	switch cause := context.Cause(ctx); {
	case cause != nil:
		return c.report, cause
	case err != nil:
		return c.report, err
	case c.refused != nil:
		return Report{}, c.refused
	case !c.reported:
		return Report{}, fmt.Errorf("the trial ended with status %d and no report%s", status, said)
	}
	return c.report, nil
}

// conversation is what is said to and by a process that calls Inside.
type conversation struct {
	task  func(sysinfo.Info) (Task, error)
	tasks *io.PipeWriter
	sink  journal.Sink

	asked    bool
	refused  error // of task
	reported bool
	report   Report
}

// hear answers the facts with a Task, hands entries on, and keeps the report.
func (c *conversation) hear(m message) error {
	switch {
	case m.Facts != nil && !c.asked:
		c.asked = true
		return c.answer(*m.Facts)
	case m.Entry != nil && c.asked:
		if c.sink == nil {
			return nil
		}
		return c.sink.Append(*m.Entry)
	case m.Report != nil && c.asked && !c.reported:
		c.report, c.reported = *m.Report, true
		return nil
	}
	return errors.New("what the trial says is out of order")
}

func (c *conversation) answer(facts sysinfo.Info) error {
	task, err := c.task(facts)
	if err != nil {
		c.refused = err
		return c.tasks.Close() // no Task: it ends
	}
	text, err := json.Marshal(task)
	if err != nil {
		return err
	}
	go func() { // the other side may be writing as well
		_, err := c.tasks.Write(text)
		c.tasks.CloseWithError(err) // where it could not be written, the container is gone, which is seen elsewhere
	}()
	return nil
}

// maxTail is how much is kept of what a process said that has no report.
const maxTail = 4 << 10

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(data []byte) (int, error) {
	t.text = append(t.text, data...)
	t.text = t.text[max(0, len(t.text)-maxTail):]
	return len(data), nil
}

// String is the text behind a colon; empty where there is none.
func (t *tail) String() string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.text), ""))
	if text == "" {
		return ""
	}
	return ": " + text
}
