package agent

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pattern"
)

// Push is an order that somebody sends.
type Push struct {
	Source     string
	Token      []byte
	Check      bool         // only look what it would change: the agent remembers nothing of it
	Plan       bool         // not even that: say what would be done
	Only       string       // run these Commands alone: see Push
	RemoteAddr string       // of the sender, for variables, metrics and the log
	Sink       journal.Sink // is told what happens while it does; it must not wait for who reads. Nil: nobody is
}

// ErrFilter is an Only that is no regular expression. Nothing has run.
var ErrFilter = errors.New("the filter is no regular expression")

// Push verifies an order, waits for its source's turn, and runs it. With Only it runs a part: the order that the source has stays
// what it is, its time too, and is what repairs compare with; what the part has put on the machine is remembered, and goes with
// the next whole order that does not have it.
//
// Once it runs, it does so whatever becomes of ctx. The error
// is ErrFilter; ErrRefused, and its reason is in the log and the status; ErrUnverified; *OlderError; ErrBusy; the end of ctx or
// of the agent while it waited; or what is wrong with the state, and then the order was not taken. A Command that failed is no
// error of Push, nor is an order that cannot be rendered: they are the Outcome's.
func (a *Agent) Push(ctx context.Context, p Push) (Outcome, error) {
	if p.Only != "" {
		if _, err := regexp.Compile(p.Only); err != nil {
			return Outcome{}, fmt.Errorf("%w: %w", ErrFilter, err)
		}
	}
	s := a.source(p.Source)
	if s == nil {
		a.metrics.refused("", reasonSource)
		a.log.Debug("refused: no such source", "source", p.Source, "from", p.RemoteAddr)
		return Outcome{}, ErrRefused
	}
	configured := a.configured.Load()
	opened, err := s.admit(ctx, p)
	if err != nil {
		return Outcome{}, err
	}
	if err := s.compare(opened, byPush, p.RemoteAddr); err != nil {
		return Outcome{}, err
	}
	release, err := a.hold()
	if err != nil {
		return Outcome{}, err
	}
	defer release()
	leave, err := s.enter(ctx)
	if err != nil {
		return Outcome{}, err
	}
	left := false
	defer func() {
		if !left {
			leave()
		}
	}()
	if now := a.configured.Load(); now != configured { // while it waited: its key may have been taken out
		configured = now
		if opened, err = s.admit(ctx, p); err != nil {
			return Outcome{}, err
		}
	}
	running, cancel := context.WithTimeout(a.ended, a.settings().Run.PushTimeout)
	defer cancel()
	out, err := s.receive(running, opened, job{by: byPush, from: p.RemoteAddr, sink: p.Sink, check: p.Check, plan: p.Plan, only: p.Only, configured: configured})
	if err != nil || p.Check || p.Plan {
		return out, err
	}
	left = true
	leave() // before other sources run, which may wait for this one
	out.Exit = s.dispatch(sent{events: append(out.events, systemEvent(byPush, s.name, out)), key: out.key, from: p.RemoteAddr})
	return out, nil
}

// admit verifies an order that is pushed, if any may be.
func (s *source) admit(ctx context.Context, p Push) (pattern.Opened, error) {
	if s.gone() {
		return pattern.Opened{}, ErrRefused
	}
	if !s.settings().AllowPush {
		s.refuse(refusal{reason: reasonPushOff, by: byPush, from: p.RemoteAddr, err: errors.New("orders may not be pushed to it: allowPush is false")})
		return pattern.Opened{}, ErrRefused
	}
	opened, reason, err := s.open(ctx, p.Token, byPush, p.RemoteAddr)
	switch {
	case reason == reasonAway:
		return pattern.Opened{}, ErrUnverified
	case reason != "":
		return pattern.Opened{}, ErrRefused
	}
	return opened, err
}

// hold keeps the agent from ending before a run that somebody outside has set off is over.
func (a *Agent) hold() (release func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopping.Err() != nil {
		return nil, errStopping
	}
	a.pushes.Add(1)
	return a.pushes.Done, nil
}

// receive takes a verified order, in the source's turn, and runs it. An error means that it was not taken.
func (s *source) receive(ctx context.Context, opened pattern.Opened, j job) (Outcome, error) {
	if err := s.restore(ctx); err != nil && !errors.Is(err, errLater) {
		return Outcome{}, err
	}
	if !j.keeps() {
		if err := s.compare(opened, j.by, j.from); err != nil {
			return Outcome{}, err
		}
		return s.run(ctx, &order{Opened: opened, digest: opened.Order().Bundle.Digest(), number: unkept}, j), nil
	}
	o := s.standing(opened)
	taken := o == nil
	if taken {
		var err error
		if o, err = s.take(opened, j.by, j.from); err != nil {
			return Outcome{}, err
		}
	}
	out := s.run(ctx, o, j)
	if errors.As(out.Err, new(*RenderError)) {
		s.refuse(refusal{reason: reasonRender, by: j.by, from: j.from, issued: int64(opened.Order().IssuedAt), err: out.Err})
		if taken {
			out.Err = errors.Join(out.Err, s.giveUp(o))
		}
	}
	return out, nil
}

// standing is the order that the source has, where it is this very token, has run to its end, and is all that is on the machine:
// there is nothing new to write down. Nil: take it.
func (s *source) standing(opened pattern.Opened) *order {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, mark := s.current, s.shown.mark
	switch {
	case o == nil || !o.ran || o.next || o.number != s.taken || s.held || s.fresh || s.unsaved:
	case s.ran.Order != o.digest || len(s.ran.Left)+len(s.extra)+len(s.flying) > 0:
	case mark == nil || mark.Lowered || mark.Broken || mark.IssuedAt != int64(o.Order().IssuedAt):
	case string(o.Raw()) == string(opened.Raw()):
		return o
	}
	return nil
}

// unkept is the number of an order that is not the source's.
const unkept = -1

// adopt takes an order that says the same as the one that the source has, and does not run it again: it may be of a newer
// key, or valid for longer.
func (s *source) adopt(opened pattern.Opened, by, from string) error {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	if current == nil {
		return errors.New("the order that it had has just been refused")
	}
	if string(opened.Raw()) == string(current.Raw()) {
		return nil
	}
	o, err := s.take(opened, by, from)
	if err != nil {
		return err
	}
	s.keeping.Lock()
	defer s.keeping.Unlock()
	s.mu.Lock()
	o.since, o.ran = current.since, current.ran
	if s.current == current {
		s.current = o
	}
	fresh, off := s.fresh, s.config.NoRestore
	s.mu.Unlock()
	if fresh || off { // it has not run yet: S.next stays until it has
		return nil
	}
	if err := s.agent.state.Promote(s.name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o.next = false
	return nil
}
