// Package journal is the one stream of what happened in a run: Entries appended to Sinks, with redaction at the door.
package journal

import "time"

// Kind of an entry.
type Kind string

// The kinds of entries.
const (
	Output  Kind = "output" // a line that a step printed (Stream says where)
	Start   Kind = "start"  // a job or step begins; Text is "initializing", "running ...", ...
	Finish  Kind = "finish" // a job or step ended; Status says how, Exit with which status
	Note    Kind = "note"   // something a reader should know
	Warning Kind = "warning"
	Errored Kind = "error" // why a step errored
)

// Entry is one thing that happened. Text has no line break.
type Entry struct {
	Time    time.Time `json:"time"`
	Kind    Kind      `json:"kind"`
	Job     string    `json:"job,omitempty"`
	Build   string    `json:"build,omitempty"`
	Step    string    `json:"step,omitempty"`
	Attempt int       `json:"attempt,omitempty"`
	Stream  string    `json:"stream,omitempty"` // stdout or stderr
	Text    string    `json:"text,omitempty"`
	Partial bool      `json:"partial,omitempty"` // the line goes on in the next entry of this stream
	Status  string    `json:"status,omitempty"`  // succeeded, failed, errored, aborted
	Exit    *int      `json:"exit,omitempty"`
}

// Sink takes entries; safe for concurrent use.
type Sink interface{ Append(Entry) error }
