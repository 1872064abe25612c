package journal

import (
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// statusEvery is how often the status line shows the time that has passed.
const statusEvery = time.Second

// TerminalConfig says how a Terminal shows entries.
type TerminalConfig struct {
	Width  func() int       // columns; nil or 0: 80
	Colour bool             // false: no colours of ours and none of the tasks'
	Now    func() time.Time // nil: time.Now
}

// Terminal is a Sink for people: lines as Text writes them, with colours, and below them a live status line with the
// steps that run and for how long. Close ends the status line.
type Terminal struct {
	w      io.Writer
	config TerminalConfig
	stop   chan struct{}
	done   chan struct{}

	mu      sync.Mutex
	running []running
	shown   bool // the status line is on the screen
	open    *Entry
	closed  bool
}

type running struct {
	label string
	since time.Time
}

// NewTerminal returns a Terminal that writes to w.
func NewTerminal(w io.Writer, c TerminalConfig) *Terminal {
	if c.Width == nil {
		c.Width = func() int { return 0 }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	t := &Terminal{w: w, config: c, stop: make(chan struct{}), done: make(chan struct{})}
	go t.tick()
	return t
}

// tick redraws the status line, so that a silent step is seen to live.
func (t *Terminal) tick() {
	defer close(t.done)
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			t.mu.Lock()
			if t.open == nil && !t.closed {
				_, _ = io.WriteString(t.w, t.erase()+t.status()) // the next entry meets the same error
			}
			t.mu.Unlock()
		case <-t.stop:
			return
		}
	}
}

// Append writes one line and the status line below it.
func (t *Terminal) Append(e Entry) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(e)
	if e.silent() {
		if t.open != nil || t.closed {
			return nil
		}
		_, err := io.WriteString(t.w, t.erase()+t.status())
		return err
	}
	out := t.erase()
	if t.open != nil && sameStream(*t.open, e) {
		out += sanitize(e.Text, t.config.Colour)
	} else {
		if t.open != nil {
			out += "\n"
		}
		out += t.line(e)
	}
	t.open = nil
	if e.Partial {
		t.open = &e
	} else {
		out += "\n"
		if !t.closed {
			out += t.status()
		}
	}
	_, err := io.WriteString(t.w, out)
	return err
}

// note keeps what runs.
func (t *Terminal) note(e Entry) {
	if e.Step == "" {
		return
	}
	name := label(e)
	at := slices.IndexFunc(t.running, func(r running) bool { return r.label == name })
	switch {
	case e.Kind == Start && at < 0:
		t.running = append(t.running, running{name, t.config.Now()})
	case e.Kind == Finish && at >= 0:
		t.running = slices.Delete(t.running, at, at+1)
	}
}

// line is an entry in colours.
func (t *Terminal) line(e Entry) string {
	before, after := words(e)
	name := label(e)
	if !t.config.Colour {
		return name + before + sanitize(e.Text, false) + after
	}
	switch e.Kind {
	case Output:
		return labelStyle(name).Styled(name) + ansi.Style{}.Faint().Styled(before) + sanitize(e.Text, true) + after
	case Warning:
		return ansi.Style{}.ForegroundColor(ansi.Yellow).Styled(name + before + sanitize(e.Text, false))
	case Errored:
		return ansi.Style{}.ForegroundColor(ansi.Red).Styled(name + before + sanitize(e.Text, false))
	case Finish:
		return statusStyle(e.Status).Styled(name + before + sanitize(e.Text, false) + after)
	}
	return ansi.Style{}.Faint().Styled(name + before + sanitize(e.Text, false) + after)
}

// labelStyle gives each step a colour that it keeps.
func labelStyle(name string) ansi.Style {
	colours := []ansi.BasicColor{ansi.Cyan, ansi.Magenta, ansi.Blue, ansi.BrightCyan, ansi.BrightMagenta, ansi.BrightBlue}
	sum := fnv.New32a()
	sum.Write([]byte(name))
	return ansi.Style{}.ForegroundColor(colours[sum.Sum32()%uint32(len(colours))])
}

func statusStyle(status string) ansi.Style {
	switch status {
	case "succeeded", "well", "done":
		return ansi.Style{}.ForegroundColor(ansi.Green)
	case "failed", "errored":
		return ansi.Style{}.ForegroundColor(ansi.Red)
	}
	return ansi.Style{}.ForegroundColor(ansi.Yellow)
}

// status is the status line, without a break at its end; empty where nothing runs.
func (t *Terminal) status() string {
	if len(t.running) == 0 {
		return ""
	}
	var parts []string
	for _, r := range t.running {
		parts = append(parts, fmt.Sprintf("%s %s", r.label, t.config.Now().Sub(r.since).Truncate(time.Second)))
	}
	width := t.config.Width()
	if width <= 0 {
		width = 80
	}
	text := ansi.Truncate("running: "+strings.Join(parts, ", "), width-1, "…")
	t.shown = true
	if t.config.Colour {
		text = ansi.Style{}.Reverse(true).Styled(text)
	}
	return text
}

// erase takes the status line off the screen.
func (t *Terminal) erase() string {
	if !t.shown {
		return ""
	}
	t.shown = false
	return "\r" + ansi.EraseEntireLine
}

// Close takes the status line off the screen. Entries that come later are written without one.
func (t *Terminal) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	out := t.erase()
	if t.open != nil {
		out, t.open = out+"\n", nil
	}
	_, err := io.WriteString(t.w, out)
	t.mu.Unlock()
	close(t.stop)
	<-t.done
	return err
}
