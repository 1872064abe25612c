package agent

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"sync"

	"github.com/writ-run/writ/command"
)

// The events that mean something to the agent itself (Etcha's documentation, Events).
const (
	exitEvent        = "exit"
	stdoutEvent      = "stdout"
	bodyEvent        = "webhookBody"
	contentTypeEvent = "webhookContentType"
)

// OwnEvents are the names of those events.
func OwnEvents() []string { return []string{exitEvent, stdoutEvent, bodyEvent, contentTypeEvent} }

// sent are the events of one run.
type sent struct {
	events []command.Event
	key    string // of the order whose Commands sent them
	from   string // address of who pushed it
	stays  bool   // the run was itself set off by an event or a webhook: no other source runs
}

// systemEvent is what follows a push or pull: its output says what was done, as JSON.
func systemEvent(name, source string, out Outcome) command.Event {
	text, err := json.Marshal(struct {
		Source  string   `json:"source"`
		Changed []string `json:"changedIDs"`
		Removed []string `json:"removedIDs"`
		Err     string   `json:"err"`
	}{source, orEmpty(out.Result.IDs(command.Changed)), orEmpty(out.Result.IDs(command.Removed)), oneLine(out.Err)})
	if err != nil {
		text = nil // texts and lists of them always can
	}
	return command.Event{Name: name, Output: string(text), Command: system}
}

// system is in the place of the Command's id in an event of the agent's own. No Command has it: an id is not empty.
const system = ""

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// dispatch runs the sources that receive a run's events: the events in the order in which they were sent, the sources in
// the order of their names. The turn of who sent them must be over, so that no two sources wait for one another. It says
// whether the agent is to end, and ends it.
func (s *source) dispatch(of sent) (exit bool) {
	allowed := s.settings().Events.allowed()
	for _, e := range of.events {
		switch own := e.Command == system; {
		case e.Name == bodyEvent || e.Name == contentTypeEvent:
			continue
		case !own && !allowed(e.Name):
			s.log.Warn("an event may not be sent: eventsSend does not match its name", "event", e.Name, "command", e.Command)
			continue
		case e.Name == stdoutEvent && !own:
			s.log.Info(e.Output, "command", e.Command)
		case e.Name == exitEvent && !own:
			exit = true
		}
		if !of.stays {
			s.deliver(e, of)
		}
	}
	if exit {
		s.log.Info("an event ends the agent", "event", exitEvent)
		s.agent.stop()
	}
	return exit
}

// allowed says which events may be sent. The expression is compiled with the first: most runs send none but the agent's own.
func (e Events) allowed() func(name string) bool {
	compiled := sync.OnceValues(func() (*regexp.Regexp, error) { return regexp.Compile("^(?:" + e.Send + ")$") })
	return func(name string) bool {
		if e.Send == "" {
			return false
		}
		pattern, err := compiled()
		return err == nil && pattern.MatchString(name) // Validate has refused another
	}
}

// deliver runs the sources that receive an event. What goes wrong there stops no other.
func (s *source) deliver(e command.Event, of sent) {
	for _, to := range s.agent.all() {
		if to == s || !slices.Contains(to.settings().Events.Receive, e.Name) {
			continue
		}
		to.log.Info("runs for an event", "event", e.Name, "from", s.name)
		out, err := to.triggered(s.agent.ended, job{by: byEvent, env: map[string]string{
			"ETCHA_EVENT_ID": e.Command, "ETCHA_EVENT_NAME": e.Name, "ETCHA_EVENT_OUTPUT": e.Output,
			"ETCHA_EVENT_PUBLIC_KEY": of.key, "ETCHA_EVENT_SRC": of.from,
			"ETCHA_SOURCE_NAME": to.name, "ETCHA_SOURCE_TRIGGER": byEvent,
		}})
		if err != nil {
			to.log.Error("an event was not handled", "event", e.Name, "from", s.name, "error", err)
			continue
		}
		to.dispatch(sent{events: out.events, key: out.key, stays: true})
	}
}

// triggered runs what the source has, in its turn, within the time of a push. Where it has nothing, nothing runs.
func (s *source) triggered(ctx context.Context, j job) (Outcome, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer leave()
	c := s.agent.settings().Run
	limit := c.PushTimeout
	if j.by == byWebhook {
		limit = c.WebhookTimeout
	}
	running, cancel := context.WithTimeout(s.agent.ended, limit)
	defer cancel()
	out, _ := s.again(running, j)
	return out, nil
}

// again runs what the source has, in its turn. It is false where there is nothing to run.
func (s *source) again(ctx context.Context, j job) (Outcome, bool) {
	if s.gone() {
		return Outcome{}, false
	}
	s.reverify(ctx) // the loop may have waited for this turn, too
	if err := s.restore(ctx); err != nil {
		return Outcome{}, false
	}
	s.mu.Lock()
	o, held, static := s.current, s.held, len(s.config.Commands) > 0
	idle := o != nil && o.ran && j.by == byRestore || o == nil && (held || !static && (s.ran.Order != "" || len(s.ran.Commands) == 0)) // an order whose file is gone is not undone
	s.mu.Unlock()
	if idle {
		return Outcome{}, false
	}
	out := s.run(ctx, o, j)
	if errors.As(out.Err, new(*RenderError)) && o != nil && o.next && o.number == 0 && s.fallBack(ctx, o) {
		s.refuse(refusal{reason: reasonRender, by: byRestore, issued: int64(o.Order().IssuedAt), err: out.Err})
		return s.again(ctx, j)
	}
	if out.Err != nil && out.Result.Mode == "" { // it did not get as far as a log of its own
		s.log.Error("nothing ran", "error", oneLine(out.Err))
	}
	return out, true
}
