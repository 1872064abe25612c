package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/journal"
)

// terse leaves out of a run of Commands what hides the rest: that a script starts (a live status line shows it), and what
// checks print. It adds how long each Command took.
type terse struct {
	next    journal.Sink
	verbose bool

	mu     sync.Mutex
	phases map[string]phase // by Command
}

// phase is what a Command does now.
type phase struct {
	script  string
	started time.Time // of its first script
}

// Append passes an entry on, or not.
func (t *terse) Append(e journal.Entry) error {
	key := e.Job + "\x00" + e.Step
	t.mu.Lock()
	now, running := t.phases[key]
	switch {
	case e.Step == "":
	case e.Kind == journal.Start:
		now.script = e.Text
		if !running {
			now.started = e.Time
		}
		t.phases[key] = now
		e.Text = ""
	case e.Kind == journal.Finish:
		delete(t.phases, key)
		if running {
			took := brief(e.Time.Sub(now.started))
			if e.Text != "" {
				took = e.Text + ", " + took
			}
			e.Text = took
		}
	}
	t.mu.Unlock()
	if e.Kind == journal.Output && now.script == string(command.Check) && !t.verbose {
		return nil
	}
	return t.next.Append(e)
}

// brief is a duration to three digits or so.
func brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Truncate(time.Second).String()
}
