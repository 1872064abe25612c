package build

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/journal"
)

// Words that scripts look for in logs, as Concourse writes them.
const (
	interrupted     = "interrupted"
	timeoutExceeded = "timeout exceeded"
)

// sink stamps entries and keeps the first error, so that a log that cannot be written does not end a task half way.
type sink struct {
	next journal.Sink
	now  func() time.Time

	mu    sync.Mutex
	first error
}

// Append never fails: err has what happened.
func (s *sink) Append(e journal.Entry) error {
	if e.Time.IsZero() {
		e.Time = s.now()
	}
	if err := s.next.Append(e); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.first == nil {
			s.first = err
		}
	}
	return nil
}

// append writes one entry for each line of the text.
func (s *sink) append(e journal.Entry) {
	text := e.Text
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		e.Text = strings.TrimRight(line, "\r")
		_ = s.Append(e) // never fails
	}
}

func (s *sink) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// stepLog writes the entries of one attempt of a step.
type stepLog struct {
	b    *build
	like journal.Entry
	held bool // like's title is in use until the end
}

// titles are the names under which steps that run now stand in the log: no two have the same at a time.
type titles struct {
	mu  sync.Mutex
	all map[title]bool
}

type title struct {
	step    string
	attempt int
}

// take takes step, or, while another has it, "step [2]" and so on.
func (t *titles) take(step string, attempt int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := step
	for n := 2; t.all[title{name, attempt}]; n++ {
		name = fmt.Sprintf("%s [%d]", step, n)
	}
	t.all[title{name, attempt}] = true
	return name
}

func (t *titles) give(step string, attempt int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, title{step, attempt})
}

// begin is the log of a step that runs from now on; its end must be logged.
func (b *build) begin(name string, at frame) *stepLog {
	log := b.stepLog(name, at)
	log.like.Step, log.held = b.titles.take(log.like.Step, at.attempt), true
	return log
}

func (b *build) stepLog(name string, at frame) *stepLog {
	return &stepLog{b: b, like: journal.Entry{Job: b.job.Name, Build: b.name, Step: at.title(name), Attempt: at.attempt}}
}

func (l *stepLog) entry(kind journal.Kind, text string) {
	e := l.like
	e.Kind, e.Text = kind, text
	l.b.sink.append(e)
}

// end logs how a step ended: with an error, or with the exit status of its process. exit is nil where it has none.
func (l *stepLog) end(ctx context.Context, exit *int, err error) outcome {
	end := succeeded
	switch {
	case err != nil && ctx.Err() != nil:
		end, exit = ended(ctx), nil
		word := interrupted
		if end == expired {
			word = timeoutExceeded
		}
		l.entry(journal.Errored, word)
		if !errors.Is(err, ctx.Err()) {
			l.entry(journal.Warning, err.Error())
		}
	case err != nil:
		end, exit = errored, nil
		l.entry(journal.Errored, err.Error())
		if help := hint(err); help != "" {
			l.entry(journal.Note, "hint: "+help)
		}
	case exit != nil && *exit != 0:
		end = failed
	}
	l.finish(end, exit)
	return end
}

func (l *stepLog) finish(end outcome, exit *int) {
	e := l.like
	e.Kind, e.Status, e.Exit = journal.Finish, string(end.status()), exit
	if end == expired {
		e.Status = string(Failed)
	}
	l.b.sink.append(e)
	if l.held {
		l.b.titles.give(e.Step, e.Attempt)
	}
}

// stream is where a process writes; closing it ends the last line.
func (l *stepLog) stream(name string) *journal.Writer {
	like := l.like
	like.Kind, like.Stream = journal.Output, name
	return journal.NewWriter(l.b.sink, like)
}
