package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/pattern"
)

// What came of a pull.
const (
	pullNew         = "new"
	pullSame        = "same"
	pullNotModified = "not modified"
	pullMissing     = "missing" // there is no file yet
	pullFailed      = "failed"
)

// pulled is what came of a pull.
type pulled struct {
	result string
	path   string  // as it may be shown
	out    Outcome // of the run, where the order is new
	err    error   // why there is none, or it was not taken
}

// pull gets the order of a source from the first of its places that has one which is taken, and runs it where it is new. The
// order that the source has stays where there is none.
func (s *source) pull(ctx context.Context) pulled {
	var problems []error
	missing := true
	for _, path := range s.settings().PullPaths {
		p, err := s.pullFrom(ctx, path)
		if err == nil {
			return p
		}
		missing = missing && errors.Is(err, pull.ErrMissing)
		problems = append(problems, fmt.Errorf("%s: %w", pull.Shown(path), err))
	}
	if missing {
		return pulled{result: pullMissing, err: errors.Join(problems...)}
	}
	return pulled{result: pullFailed, err: errors.Join(problems...)}
}

// pullFrom tries one place.
func (s *source) pullFrom(ctx context.Context, path string) (pulled, error) {
	place, err := pull.Parse(path)
	if err != nil {
		return pulled{}, err
	}
	p := pulled{path: pull.Shown(path)}
	s.mu.Lock()
	seen := s.seen[path]
	s.mu.Unlock()
	body, seen, err := s.agent.settings().Pulls.Get(ctx, place, seen)
	if errors.Is(err, pull.ErrUnchanged) {
		p.result = pullNotModified
		return p, nil
	}
	if err != nil {
		return p, err
	}
	configured := s.agent.configured.Load()
	opened, _, err := s.open(ctx, body, byPull, p.path)
	if err != nil {
		return p, err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return p, err
	}
	left := false
	defer func() {
		if !left {
			leave()
		}
	}()
	if now := s.agent.configured.Load(); now != configured { // while it waited: its key may have been taken out
		if configured = now; s.gone() {
			return p, errGone
		}
		if opened, _, err = s.open(ctx, body, byPull, p.path); err != nil {
			return p, err
		}
	}
	if err := s.restore(ctx); err != nil && !errors.Is(err, errLater) {
		return p, err
	}
	if s.same(opened) {
		p.result, err = pullSame, s.adopt(opened, byPull, p.path)
	} else {
		p.result = pullNew
		p.out, err = s.receive(s.agent.ended, opened, job{by: byPull, configured: configured})
		if render := (*RenderError)(nil); err == nil && errors.As(p.out.Err, &render) {
			err = render // the next place may have one that can be
		}
	}
	if err != nil {
		return p, err
	}
	s.mu.Lock()
	s.seen[path] = seen
	s.mu.Unlock()
	if p.result == pullNew {
		left = true
		leave()
		s.dispatch(sent{events: append(p.out.events, systemEvent(byPull, s.name, p.out)), key: p.out.key})
	}
	return p, nil
}

// same says whether an order says what the one of the source says.
func (s *source) same(o pattern.Opened) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != nil && len(pattern.Compare(s.current.Order(), o.Order(), s.config.PullIgnoreVersion)) == 0
}

// report shows what came of a pull.
func (s *source) report(p pulled, next time.Time, first bool) {
	text := oneLine(p.err)
	switch {
	case p.result == pullFailed && first:
		s.log.Warn("no order could be pulled; what there is runs on", "error", text, "next", next)
	case p.err != nil || p.result != pullNew:
		s.log.Debug("pulled", "result", p.result, "path", p.path, "error", text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown.pull = &PullStatus{Time: s.agent.now().UTC(), Path: p.path, Result: p.result, Error: text, Next: next}
}

// watch has the loop woken when a file of pullPaths may have changed. It is false where one cannot be watched.
func (s *source) watch() (stop func(), all bool) {
	var stops []func()
	all = true
	s.eachFile(func(_ string, p pull.Place) {
		one, err := s.agent.watcher.Watch(p.File(), func() { s.tell(wakeChanged) })
		if errors.Is(err, pull.ErrNoWatch) {
			s.agent.blind.Do(func() {
				s.agent.log.Warn("files are not watched, but looked at from time to time", "error", err)
			})
		}
		if err != nil {
			s.log.Debug("a file is looked at from time to time, since it cannot be watched", "error", err)
			all = false
			return
		}
		stops = append(stops, one)
	})
	return func() {
		for _, one := range stops {
			one()
		}
	}, all
}

// once restores, pulls and runs the source once, without waiting for anything.
func (s *source) once() error {
	err := s.restore(s.agent.stopping)
	c, p := s.settings(), pulled{}
	if len(c.PullPaths) > 0 {
		p = s.pull(s.agent.stopping)
		err = errors.Join(err, p.err, p.out.Err)
	}
	if p.result == pullNew || c.TriggerOnly {
		return err
	}
	leave, problem := s.enter(s.agent.stopping)
	if problem != nil {
		return errors.Join(err, problem)
	}
	out, ran := s.again(s.agent.ended, job{by: byRepair})
	leave()
	if ran {
		s.dispatch(sent{events: out.events, key: out.key})
	}
	return errors.Join(err, out.Err)
}
