package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// State is how a Command stands after a run.
type State string

// The states.
const (
	Well    State = "well"    // its check says so: in Remove mode, that nothing is there
	Idle    State = "idle"    // nothing asked for it, or it has nothing to run
	Changed State = "changed" // its change ran
	Removed State = "removed" // its remove ran
	Drifted State = "drifted" // its check says that something is to be done, and it was not: Check mode, or it has no change
	Due     State = "due"     // Check mode: it would run since it always does, or since By would set it off; that is no drift
	Failed  State = "failed"
	Skipped State = "skipped" // after a failure
	Aborted State = "aborted" // it ran when the run was ended
)

// Result is what a run did: complete also when it failed or was ended. Where all outputs have more than 64 MiB together, less
// is kept of those that come later.
type Result struct {
	Mode     Mode      `json:"mode"`
	Outcomes []Outcome `json:"outcomes"` // in the order of the plan; without removals that nothing set off
	Events   []Event   `json:"events"`   // in order
}

// Outcome is what became of a Command.
type Outcome struct {
	Action Mode       `json:"action"` // Change or Remove
	Parent string     `json:"parent,omitzero"`
	ID     string     `json:"id"`
	State  State      `json:"state"`
	By     string     `json:"by,omitzero"` // the id of the first Command that set it off
	Check  *Execution `json:"check,omitzero"`
	Change *Execution `json:"change,omitzero"`
	Remove *Execution `json:"remove,omitzero"`
}

// Name is the path of the Command: that of its group, and its id.
func (o Outcome) Name() string { return join(o.Parent, o.ID) }

// Execution is one run of a script.
type Execution struct {
	Exit     int           `json:"exit"` // 128+n for a signal; -1: it never ran
	Output   Output        `json:"output"`
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"seconds"`        // as JSON a number of seconds
	Err      string        `json:"error,omitzero"` // why it never ran, did not end by itself, or is a failure all the same
}

// MarshalJSON writes the duration in seconds.
func (e Execution) MarshalJSON() ([]byte, error) {
	type plain Execution
	return json.Marshal(struct {
		plain
		Seconds float64 `json:"seconds"`
	}{plain(e), e.Duration.Seconds()})
}

func (e *Execution) well() bool { return e.Exit == 0 && e.Err == "" }

// Event is one that a Command set off.
type Event struct {
	Name    string `json:"name"` // without etcha:
	Parent  string `json:"parent,omitzero"`
	Command string `json:"command"` // its id
	Output  string `json:"output"`  // of what set it off, without the white space around it
}

// Output is what an execution wrote to its standard output and error, as one stream.
type Output struct {
	Head, Tail []byte // all of it, in two parts; where it was long, its beginning and its end
	Size       int64  // of all of it
	Digest     string // of all of it, sha256: and hexadecimal digits; empty: there was none
}

// Dropped is how many bytes between head and tail were not kept.
func (o Output) Dropped() int64 { return o.Size - int64(len(o.Head)) - int64(len(o.Tail)) }

// String is the text with a line where something is left out.
func (o Output) String() string {
	dropped := ""
	if n := o.Dropped(); n > 0 {
		dropped = fmt.Sprintf("\n... %d bytes left out ...\n", n)
	}
	return string(o.Head) + dropped + string(o.Tail)
}

// MarshalJSON writes the text, with U+FFFD for what is not UTF-8, the size, and what was dropped.
func (o Output) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Text    string `json:"text"`
		Size    int64  `json:"size"`
		Dropped int64  `json:"dropped,omitzero"`
		Digest  string `json:"digest,omitzero"`
	}{strings.ToValidUTF8(o.String(), "\ufffd"), o.Size, o.Dropped(), o.Digest})
}

// IDs are those of the Commands in a state.
func (r Result) IDs(s State) (ids []string) {
	for _, o := range r.Outcomes {
		if o.State == s {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// Drifted says whether a check found something to do that was not done.
func (r Result) Drifted() bool {
	for _, o := range r.Outcomes {
		if o.State == Drifted {
			return true
		}
	}
	return false
}

// FailedError is a Command that failed.
type FailedError struct {
	Name   string // of the Command, with its groups
	Phase  Mode   // which script
	Exit   int    // -1: it never ran
	Reason string // empty: the exit status says it
	Help   string // may be empty
}

// Error names the Command and the script.
func (e *FailedError) Error() string {
	return fmt.Sprintf("command %q: %s: %s", e.Name, e.Phase, e.Cause())
}

// Cause is why, without whose.
func (e *FailedError) Cause() string {
	if e.Reason == "" {
		return fmt.Sprintf("exit status %d", e.Exit)
	}
	return e.Reason
}

// Hint says what may help.
func (e *FailedError) Hint() string { return e.Help }
