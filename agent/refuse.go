package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/token"
)

// ErrRefused is an order, or a request, that this agent does not take. Who sent it learns no more.
var ErrRefused = errors.New("refused")

// OlderError is an order that is older than the newest that its source has accepted.
type OlderError struct {
	Source   string
	IssuedAt time.Time // of the order
	Newest   time.Time // that was accepted
	Clock    time.Time // of this machine
}

func (e *OlderError) Error() string {
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	return fmt.Sprintf("the order is of %s, and source %s has accepted one of %s; it is %s here", at(e.IssuedAt), e.Source, at(e.Newest), at(e.Clock))
}

// Hint says how an older order is let in.
func (e *OlderError) Hint() string {
	return fmt.Sprintf("sign it anew, or let it in on the machine itself: writ agent accept --source %s --older", e.Source)
}

// Why something was refused: the label of a metric, and what status shows.
const (
	reasonOlder     = "older"     // than the newest accepted
	reasonMark      = "mark"      // what the newest is, is not known
	reasonFuture    = "future"    // it is issued ahead of the clock, or not valid yet
	reasonExpired   = "expired"   //
	reasonAudience  = "audience"  // it is for somebody else
	reasonRule      = "rule"      // one does not hold
	reasonSignature = "signature" // of no key that is trusted, or none
	reasonMalformed = "malformed" // it is no order
	reasonNoKeys    = "no_keys"   // nothing to verify it with
	reasonAway      = "unverified"
	reasonRender    = "render" // it is no Pattern here
	reasonPushOff   = "push_off"
	reasonSource    = "source" // there is none of that name
	reasonWebhook   = "webhook"
)

// reasonOf is the reason of what Open has refused.
func reasonOf(err error) string {
	for _, one := range []struct {
		err    error
		reason string
	}{
		{ErrUnverified, reasonAway}, {pattern.ErrNoVerify, reasonNoKeys}, {token.ErrKey, reasonSignature}, {token.ErrAlgorithm, reasonSignature},
		{token.ErrSignature, reasonSignature}, {pattern.ErrVouch, reasonSignature}, {token.ErrExpired, reasonExpired}, {token.ErrNotYetValid, reasonFuture},
		{token.ErrAudience, reasonAudience}, {policy.ErrRule, reasonRule},
	} {
		if errors.Is(err, one.err) {
			return one.reason
		}
	}
	return reasonMalformed
}

// refusal is one thing that was refused.
type refusal struct {
	reason string
	by     string // how it came: push, pull, restore, webhook
	from   string // the place of a pull, or the address of a push
	issued int64  // iat, where it was verified
	err    error
}

// maxRefusals is how many of a source's are remembered.
const maxRefusals = 10

// refuse remembers what was refused, and says so in the log, as far as that is not flooded.
func (s *source) refuse(r refusal) {
	s.agent.metrics.refused(s.name, r.reason)
	now := s.agent.now()
	one := Refusal{Time: now, Reason: r.reason, By: r.by, From: r.from, Text: oneLine(r.err), Count: 1}
	if r.issued != 0 {
		one.IssuedAt = time.Unix(r.issued, 0).UTC()
	}
	s.mu.Lock()
	if r.reason == reasonOlder || r.reason == reasonMark { // it was verified: no stranger can push this one out
		s.shown.old = one.IssuedAt
	}
	last := len(s.shown.refusals) - 1
	again := last >= 0 && s.shown.refusals[last].isLike(one)
	if again {
		one.Count += s.shown.refusals[last].Count
		s.shown.refusals[last] = one
	} else {
		s.shown.refusals = append(s.shown.refusals[max(0, len(s.shown.refusals)-maxRefusals+1):], one)
	}
	s.mu.Unlock()
	if again {
		return
	}
	if !s.agent.refusals.Allow() {
		s.agent.unsaid.Add(1)
		return
	}
	s.log.Warn("refused", "reason", r.reason, "by", r.by, "from", r.from, "error", one.Text)
	if unsaid := s.agent.unsaid.Swap(0); unsaid > 0 {
		s.log.Warn("more was refused than is said here; see the metrics", "unsaid", unsaid)
	}
}

// isLike says whether another refusal, soon after this one, is the same once more.
func (r Refusal) isLike(next Refusal) bool {
	return r.Reason == next.Reason && r.By == next.By && r.From == next.From && r.IssuedAt.Equal(next.IssuedAt) && next.Time.Sub(r.Time) < time.Minute
}

// oneLine is an error in one line, of a length that fits into a log.
func oneLine(err error) string {
	if err == nil {
		return ""
	}
	const most = 2000
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// open verifies an order that came. One that is none for this source, or cannot be verified now, has a reason; an error
// without one is that of ctx.
func (s *source) open(ctx context.Context, raw []byte, by, from string) (o pattern.Opened, reason string, err error) {
	var report token.Report
	err = guard(func() (err error) {
		o, report, err = s.agent.settings().Open(ctx, s.name, raw)
		return err
	})
	switch {
	case ctx.Err() != nil && err != nil:
		return pattern.Opened{}, "", ctx.Err()
	case err == nil && o.Order().IssuedAt == 0: // without it, old and new cannot be told apart
		err = fmt.Errorf("%w: iat", token.ErrRequired)
	case err == nil && int64(o.Order().IssuedAt) > s.agent.now().Add(token.OrderLeeway).Unix():
		err = fmt.Errorf("%w: it was issued at %s, and it is %s here", token.ErrNotYetValid, o.Order().IssuedAt.Time().UTC().Format(time.RFC3339), s.agent.now().UTC().Format(time.RFC3339))
	case err == nil:
		return o, "", nil
	}
	reason = reasonOf(err)
	err = explained(report, err)
	s.refuse(refusal{reason: reason, by: by, from: from, err: err})
	return pattern.Opened{}, reason, err
}

// guard makes an error of a panic: an order that has found a mistake of ours must not end the agent, and again at each start.
func guard(do func() error) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("internal error: %v, at %s", problem, debug.Stack())
		}
	}()
	return do()
}

// explained names the checks that failed.
func explained(report token.Report, err error) error {
	var failed []string
	for _, c := range report.Failed() {
		failed = append(failed, fmt.Sprintf("%s: want %s, got %s", c.Name, c.Want, c.Got))
	}
	if len(failed) == 0 {
		return err
	}
	return errors.New(strings.Join(failed, "; "))
}

func (s *source) older(issued int64, m Mark) *OlderError {
	return &OlderError{Source: s.name, IssuedAt: time.Unix(issued, 0).UTC(), Newest: time.Unix(m.IssuedAt, 0).UTC(), Clock: s.agent.now().UTC()}
}

// compare refuses an order that is older than the newest that was accepted.
func (s *source) compare(o pattern.Opened, by, from string) error {
	issued := int64(o.Order().IssuedAt)
	mark, _, err := s.agent.state.Mark(s.name)
	switch {
	case errors.Is(err, ErrDamaged):
		s.refuse(refusal{reason: reasonMark, by: by, from: from, issued: issued, err: err})
		return fmt.Errorf("%w: the newest order that was accepted is not known", ErrRefused)
	case err != nil:
		return err
	case issued < mark.IssuedAt:
		err := s.older(issued, mark)
		s.refuse(refusal{reason: reasonOlder, by: by, from: from, issued: issued, err: err})
		return err
	}
	return nil
}

// take makes a verified order the one that is to run: it is kept, and nothing older is taken any more. Where that fails,
// the order before it stays.
//
// That holds for a source that is checkOnly, too. Else somebody with an old order of ours could have its checks looked at in
// place of the newest one's, so that drift is not seen, and have it run once the source may change things again. To hold a
// source up by raising its time takes a key, and an iat at most half a minute ahead of the clock.
func (s *source) take(o pattern.Opened, by, from string) (*order, error) {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	if err := s.compare(o, by, from); err != nil {
		return nil, err
	}
	taken := &order{Opened: o, digest: o.Order().Bundle.Digest(), since: s.agent.now(), next: true}
	s.mu.Lock()
	s.taken++
	taken.number = s.taken
	current, noRestore := s.current, s.config.NoRestore
	s.mu.Unlock()
	next := Mark{IssuedAt: int64(o.Order().IssuedAt), Accepted: s.agent.now().UTC(), Order: taken.digest}
	if current != nil {
		next.Stays = &Standing{int64(current.Order().IssuedAt), current.digest}
	}
	if err := s.writeDown(o, next, noRestore); err != nil {
		return nil, err
	}
	return taken, nil
}

// writeDown keeps an order with its mark.
func (s *source) writeDown(o pattern.Opened, mark Mark, noRestore bool) error {
	state := s.agent.state
	if noRestore {
		if err := state.Forget(s.name); err != nil {
			return err
		}
		return s.keepMark(mark)
	}
	if err := state.Take(s.name, o.Raw(), mark); err != nil {
		return err
	}
	s.showMark(mark)
	return nil
}

func (s *source) keepMark(m Mark) error {
	if err := s.agent.state.KeepMark(s.name, m); err != nil {
		return err
	}
	s.showMark(m)
	return nil
}

func (s *source) showMark(m Mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown.mark = &m
}
