package agent

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/record"
)

// source is a source of a running agent.
type source struct {
	name  string
	agent *Agent
	log   *slog.Logger
	queue queue

	keeping sync.Mutex // held while what is remembered is compared and replaced; mu is taken within it

	mu       sync.Mutex
	config   Source
	loaded   bool   // ran has been read
	restored bool   // so has the order, or another has come
	current  *order // what it runs; nil: the Commands of its configuration, or nothing
	verified int64  // the configuration that it was verified with last
	held     bool   // there is an order that was refused, or cannot be verified yet: nothing runs in its place
	fresh    bool   // current has not run yet
	unsaved  bool   // ran could not be written
	taken    int    // how many orders were taken
	ran      Ran    // but for Extra, which is the two below
	extra    command.List
	flying   map[int]command.List // what runs now put on the machine, by run
	runs     int                  // how many runs have begun

	seen  map[string]pull.Seen // by path: what was got there and was of use
	shown shown

	wake [3]chan struct{}   // what the loop is told, by wakeChanged, ...
	halt context.CancelFunc // ends the loop; nil: there is none
}

// order is one that was taken.
type order struct {
	pattern.Opened
	digest string
	number int  // the how many-th that was taken
	next   bool // it is in S.next
	ran    bool // since the agent started
	since  time.Time
}

func newSource(a *Agent, name string, config Source) *source {
	s := &source{
		name: name, agent: a, log: a.log.With("source", name), config: config, flying: map[int]command.List{}, seen: map[string]pull.Seen{},
		shown: shown{trouble: map[string]string{}},
	}
	for i := range s.wake {
		s.wake[i] = make(chan struct{}, 1)
	}
	return s
}

// settings are the source's configuration as it is now.
func (s *source) settings() Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// gone says whether the configuration has the source no more: what waited for its turn does not run then.
func (s *source) gone() bool { return s.agent.source(s.name) != s }

var errGone = errors.New("the configuration has this source no more")

// signer says whose order it is; nil: nobody's.
func (o *order) signer() *record.Signer {
	if o == nil {
		return nil
	}
	claims := o.Order()
	return &record.Signer{Key: o.Key(), Issuer: claims.Issuer, Subject: claims.Subject, ID: claims.ID, IssuedAt: claims.IssuedAt.Time().UTC()}
}

// enter waits for the source's turn. What ends it is returned.
func (s *source) enter(ctx context.Context) (leave func(), err error) {
	if s.settings().RunMulti {
		return func() {}, s.agent.stopping.Err()
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.agent.stopping, cancel)()
	if err := s.queue.enter(waiting); err != nil {
		return nil, err
	}
	if s.agent.stopping.Err() != nil {
		s.queue.leave()
		return nil, errStopping
	}
	return s.queue.leave, nil
}

var errStopping = errors.New("the agent is about to end")

// errLater means that what is remembered cannot be verified for now: keys are away, or the clock is wrong.
var errLater = errors.New("the order cannot be verified yet")

// restore reads what is remembered, once, and verifies the order in it again. With errLater nothing runs until it is
// called again, or another order has come.
func (s *source) restore(ctx context.Context) error {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	s.mu.Lock()
	done, loaded, off, configured := s.restored, s.loaded, s.config.NoRestore, s.agent.configured.Load()
	s.mu.Unlock()
	if !loaded {
		s.load(off)
	}
	if done || off {
		return nil
	}
	state := s.agent.state
	next, err := state.Next(s.name)
	last, problem := state.Order(s.name)
	if err := errors.Join(err, problem); err != nil {
		s.trouble(troubleOrder, "the order that it ran cannot be read", err)
	}
	found, err := s.reopen(ctx, next, last)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = found == nil && (next != nil || last != nil)
	if err != nil {
		return err
	}
	s.restored, s.current, s.verified, s.shown.interrupted = true, found, configured, next != nil
	s.fresh = next != nil || found == nil && len(s.extra) > 0 || found != nil && s.ran.Order != found.digest
	if next != nil {
		s.log.Warn("the run of an order was interrupted")
	}
	if found != nil {
		s.log.Info("the order is restored", "order", found.digest, "key", found.Key(), "iat", found.Order().IssuedAt.Time().UTC())
	}
	return nil
}

// reverify verifies the order that runs, once with each configuration. One that is refused does not run any more; what it has
// put on the machine stays there.
func (s *source) reverify(ctx context.Context) {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	s.mu.Lock()
	current, configured := s.current, s.agent.configured.Load()
	done := s.verified == configured
	if !done {
		s.verified = configured
		s.restored = s.restored && !s.held // what was refused at the start may be taken now
	}
	s.mu.Unlock()
	if done || current == nil {
		return
	}
	opened, reason, err := s.open(ctx, current.Raw(), byRestore, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current != current:
	case err == nil:
		again := *current
		again.Opened = opened
		s.current = &again
	case reason != "" && reason != reasonAway:
		s.current, s.held = nil, true
	}
}

// load reads what is on the machine, and when the newest order was issued.
func (s *source) load(markOnly bool) {
	var ran Ran
	if !markOnly {
		var err error
		if ran, err = s.agent.state.Ran(s.name); err != nil {
			s.trouble(troubleRan, "what earlier orders have put on the machine is not known, and stays there", err)
		}
	}
	mark, found, err := s.agent.state.Mark(s.name)
	if err != nil {
		s.trouble(troubleMark, "when its newest order was issued is not known, so that none is taken until `writ agent accept` says from when on", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded, s.ran, s.extra = true, ran, ran.Extra
	if found && err == nil {
		s.shown.mark = &mark
	}
}

// reopen verifies the order whose run was interrupted, or else the last one whose run ended. What is refused stays where it
// is: with another configuration it may be taken at the next start.
func (s *source) reopen(ctx context.Context, next, last []byte) (*order, error) {
	if next != nil {
		if o, err := s.verifyAgain(ctx, next, true, true); o != nil || err != nil {
			return o, err
		}
	}
	if last == nil {
		return nil, nil
	}
	return s.verifyAgain(ctx, last, false, next != nil)
}

// verifyAgain verifies one of them; nil: it is refused.
func (s *source) verifyAgain(ctx context.Context, raw []byte, isNext, isThere bool) (*order, error) {
	opened, reason, err := s.open(ctx, raw, byRestore, "")
	switch {
	case err != nil && (reason == "" || reason == reasonAway || reason == reasonFuture):
		return nil, errLater
	case err != nil:
		return nil, nil
	}
	mark, _, err := s.agent.state.Mark(s.name)
	o := &order{Opened: opened, digest: opened.Order().Bundle.Digest(), next: isNext, since: mark.Accepted}
	issued := int64(opened.Order().IssuedAt)
	switch {
	case err != nil: // the mark is not known: no other order is taken, but this one was
	case issued < mark.IssuedAt && !(mark.stays(o) && (isThere || mark.Broken)):
		s.refuse(refusal{reason: reasonOlder, by: byRestore, issued: issued, err: s.older(issued, mark)})
		return nil, nil
	case issued > mark.IssuedAt: // the agent was killed before the mark was written, or somebody has removed it
		raised := Mark{IssuedAt: issued, Accepted: s.agent.now().UTC(), Order: o.digest, Stays: mark.Stays}
		if mark.Order != "" && !mark.Broken {
			raised.Stays = &Standing{mark.IssuedAt, mark.Order}
		}
		if err := s.keepMark(raised); err != nil {
			s.trouble(troubleWrite, "when the newest order was issued cannot be written down", err)
		}
	}
	return o, nil
}

// fallBack has the last order whose run ended run in the place of one whose run was interrupted and which cannot be rendered
// now. That one stays where it is, for the next start.
func (s *source) fallBack(ctx context.Context, o *order) bool {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	last, err := s.agent.state.Order(s.name)
	if err != nil || last == nil {
		return false
	}
	found, err := s.verifyAgain(ctx, last, false, true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if found == nil || err != nil || s.current != o {
		return false
	}
	s.current, s.fresh = found, true
	return true
}

// stays says whether an order is the one that runs on though a newer was accepted.
func (m Mark) stays(o *order) bool {
	return m.Stays != nil && *m.Stays == Standing{int64(o.Order().IssuedAt), o.digest}
}

// What is wrong with what is remembered.
const (
	troubleRan    = "ran"
	troubleMark   = "mark"
	troubleOrder  = "order"
	troubleWrite  = "write"
	troubleRecord = "record"
)

// well takes back what was wrong.
func (s *source) well(kinds ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range kinds {
		delete(s.shown.trouble, kind)
	}
}

// trouble says what is wrong, in the log and in the status, until it is no more.
func (s *source) trouble(kind, text string, err error) {
	text += ": " + oneLine(err)
	s.mu.Lock()
	known := s.shown.trouble[kind] == text
	s.shown.trouble[kind] = text
	s.mu.Unlock()
	if !known {
		s.log.Error(text)
	}
}

// same says whether two lists are the same Commands.
func same(a, b command.List) bool { return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b) }
