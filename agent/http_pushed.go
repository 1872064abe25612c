package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/command"
)

// The bounds of what an answer shows, so that it stays under api.MaxPushed however JSON has to escape it.
const (
	maxOutput  = 64 << 10  // of one output
	maxOutputs = 512 << 10 // of all
	maxListed  = 512 << 10 // of the names of Commands, and of steps
	maxError   = 16 << 10
	maxShownID = 1 << 10 // of an id
)

// telling makes an outcome, in which what is secret is masked, into what is told of it within bounds.
type telling struct {
	outputs, listing int // room that is left
}

// pushedOf is an outcome as it is told.
func pushedOf(o Outcome) api.Pushed {
	t := telling{maxOutputs, maxListed}
	a := api.Pushed{Exit: o.Exit, Mode: string(o.Result.Mode), Drift: o.Result.Drifted()}
	if o.Err != nil {
		a.Err = cut(o.Err.Error(), maxError)
	}
	for i, c := range o.Result.Outcomes {
		if t.listing <= 0 {
			a.Omitted += len(o.Result.Outcomes) - i
			break
		}
		t.outcome(&a, c)
	}
	t.listing = maxListed
	for i, step := range o.Plan.Steps {
		if t.listing <= 0 {
			a.Omitted += len(o.Plan.Steps) - i
			break
		}
		a.Plan = append(a.Plan, api.PushedStep{Action: string(step.Action), Parent: t.name(step.Parent), ID: t.name(step.ID), Why: t.name(step.Why)})
	}
	if a.Mode == "" {
		a.Mode = string(o.Plan.Mode)
	}
	return complete(a)
}

// outcome tells what became of a Command.
func (t *telling) outcome(a *api.Pushed, c command.Outcome) {
	last := c.Check
	switch {
	case c.Change != nil:
		last = c.Change
	case c.Remove != nil:
		last = c.Remove
	}
	ids, outputs := &a.ChangedIDs, &a.ChangedOutputs
	if c.Action == command.Remove {
		ids, outputs = &a.RemovedIDs, &a.RemovedOutputs
	}
	told := api.PushedCommand{Action: string(c.Action), Parent: t.name(c.Parent), ID: t.name(c.ID), State: string(c.State), By: t.name(c.By), Seconds: spent(c.Check, c.Change, c.Remove)}
	if last != nil {
		told.Exit = last.Exit
	}
	switch c.State {
	case command.Changed, command.Removed, command.Drifted:
		*ids, *outputs = append(*ids, told.ID), append(*outputs, t.output(last))
	case command.Failed, command.Aborted:
		told.Output = t.output(last)
	}
	a.Commands = append(a.Commands, told)
}

// name is a name as it is told. Each takes room, also an empty one.
func (t *telling) name(text string) string {
	text = cut(text, maxShownID)
	t.listing -= len(text) + 16
	return text
}

func (t *telling) output(x *command.Execution) string {
	if x == nil {
		return ""
	}
	text := cut(x.Output.String(), max(0, min(maxOutput, t.outputs)))
	t.outputs -= len(text)
	return text
}

// spent is how long the scripts of a Command took together.
func spent(scripts ...*command.Execution) float64 {
	var all time.Duration
	for _, x := range scripts {
		if x != nil {
			all += x.Duration
		}
	}
	return all.Seconds()
}

// cut leaves the middle out of a text that is too long, and makes it valid UTF-8.
func cut(text string, most int) string {
	if len(text) > most {
		half := most / 2
		text = fmt.Sprintf("%s\n... %d bytes left out ...\n%s", text[:half], len(text)-2*half, text[len(text)-half:])
	}
	return strings.ToValidUTF8(text, "\ufffd")
}

// complete gives lists where there are none: Etcha's members are always there.
func complete(a api.Pushed) api.Pushed {
	for _, list := range []*[]string{&a.ChangedIDs, &a.ChangedOutputs, &a.RemovedIDs, &a.RemovedOutputs} {
		if *list == nil {
			*list = []string{}
		}
	}
	return a
}

// encode is JSON in one line. It fails for no text and no number.
func encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}
