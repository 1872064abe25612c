package journal

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Text is a Sink of plain lines, JOB/STEP | TEXT for what a step printed. Escape sequences and control characters but
// the tab are left out, so that a log is safe to look at.
type Text struct {
	mu   sync.Mutex
	w    io.Writer
	open *Entry // a partial line that has no end yet
}

// NewText returns a Text that writes to w, each entry in one Write.
func NewText(w io.Writer) *Text { return &Text{w: w} }

// Append writes one line; the parts of a long one follow each other without a break. A silent start is no line.
func (t *Text) Append(e Entry) error {
	if e.silent() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var line strings.Builder
	text := sanitize(e.Text, false)
	switch {
	case t.open != nil && sameStream(*t.open, e):
		line.WriteString(text)
	case t.open != nil:
		line.WriteByte('\n')
		fallthrough
	default:
		before, after := words(e)
		line.WriteString(label(e))
		line.WriteString(before)
		line.WriteString(text)
		line.WriteString(after)
	}
	t.open = nil
	if e.Partial {
		t.open = &e
	} else {
		line.WriteByte('\n')
	}
	_, err := io.WriteString(t.w, line.String())
	return err
}

// silent tells of the start of a step, or its end, of which there is nothing to say: only a live status line shows it.
func (e Entry) silent() bool {
	return (e.Kind == Start || e.Kind == Finish && e.Status == "") && e.Step != "" && e.Text == ""
}

func sameStream(a, b Entry) bool {
	return a.Kind == b.Kind && a.Job == b.Job && a.Step == b.Step && a.Attempt == b.Attempt && a.Stream == b.Stream
}

// label says whose an entry is: job, job/step, job/step#2 for a second attempt.
func label(e Entry) string {
	text := sanitize(e.Job, false)
	if e.Step != "" {
		text += "/" + sanitize(e.Step, false)
	}
	if e.Attempt > 1 {
		text += "#" + strconv.Itoa(e.Attempt)
	}
	return text
}

// words are what stands between the label and the text of an entry, and after the text.
func words(e Entry) (before, after string) {
	colon := ": "
	if e.Job == "" && e.Step == "" {
		colon = ""
	}
	switch e.Kind {
	case Output:
		return " | ", ""
	case Warning:
		return colon + "warning: ", ""
	case Errored:
		return colon + "error: ", ""
	case Finish:
		colon += e.Status
		if e.Exit != nil && *e.Exit != 0 {
			colon += " (exit status " + strconv.Itoa(*e.Exit) + ")"
		}
		if e.Text != "" {
			colon += ", "
		}
	case Start:
		if e.Step == "" && e.Build != "" {
			after = " as build " + e.Build
		}
	}
	return colon, after
}

// JSON is a Sink of JSON objects, one a line.
type JSON struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

// NewJSON returns a JSON that writes to w, each entry in one Write.
func NewJSON(w io.Writer) *JSON {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &JSON{encoder: encoder}
}

// Append writes one object.
func (j *JSON) Append(e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.encoder.Encode(e)
}
