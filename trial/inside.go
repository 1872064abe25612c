package trial

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/sysinfo"
)

// Task is a trial that is to be made in a Place.
type Task struct {
	Name    string            `json:"name"` // the Job of journal entries
	List    command.List      `json:"list"`
	Exec    command.Exec      `json:"exec"`
	Env     map[string]string `json:"env,omitzero"` // as command.Runner.Env
	Only    string            `json:"only,omitzero"`
	Timeout int64             `json:"timeout,omitzero"` // of one script, in nanoseconds; 0: none
}

// message is a line that Inside writes. One of its members is set.
type message struct {
	Facts  *sysinfo.Info  `json:"facts,omitzero"` // the first one
	Entry  *journal.Entry `json:"entry,omitzero"`
	Report *Report        `json:"report,omitzero"` // the last one
}

// maxMessage bounds a line, and a Task.
const maxMessage = 64 << 20

// Inside makes a trial where it runs, with a runtime of that machine: it writes what the machine is, reads a Task, and writes
// what happens and the Report, each as a line of JSON. Where the input ends without a Task there is nothing to do.
func Inside(ctx context.Context, rt container.Runtime, input io.Reader, output io.Writer) error {
	w := &writer{to: output}
	facts := sysinfo.Read()
	if err := w.write(message{Facts: &facts}); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(input, maxMessage+1))
	switch {
	case err != nil:
		return err
	case len(text) == 0:
		return nil
	case len(text) > maxMessage:
		return fmt.Errorf("the Commands take over %d bytes", maxMessage)
	}
	var task Task
	if err := json.Unmarshal(text, &task, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	t := Trial{Only: task.Only, Runner: command.Runner{
		Runtime: rt, Containers: noContainers, Exec: task.Exec, Env: task.Env, Timeout: time.Duration(task.Timeout), Source: task.Name, Sink: w,
	}}
	report, err := t.Run(ctx, task.List)
	if err != nil {
		return err
	}
	return w.write(message{Report: &report})
}

// noContainers refuses an image of a Command's own.
func noContainers(context.Context, string, string) (container.Runtime, string, error) {
	return nil, "", errors.New("it is tried in a container, which starts no others")
}

// writer writes messages. It is a journal.Sink.
type writer struct {
	mu sync.Mutex
	to io.Writer
}

func (w *writer) Append(e journal.Entry) error { return w.write(message{Entry: &e}) }

func (w *writer) write(m message) error {
	line, err := json.Marshal(m, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.to.Write(append(line, '\n'))
	return err
}

// read reads messages to their end.
func read(from io.Reader, each func(message) error) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("what the trial says is not understood: %v", err)
		}
		if err := each(m); err != nil {
			return err
		}
	}
	return lines.Err()
}
