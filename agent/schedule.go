package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/writ-run/writ/agent/pull"
)

// When a source runs and pulls.
//
//	start ──▶ restore ──▶ run what it has ──▶ pull
//	runFrequency ──▶ pull ──▶ the order is new: it has run
//	                  ├─ not new, or none ──▶ run what it has
//	                  └─ it takes long ─────▶ run what it has, and go on pulling
//	a pull failed ──▶ pull again, after a time that doubles
//	a file changed ──▶ pull
const (
	firstRetry   = 10 * time.Second       // after a pull that failed
	longestRetry = 5 * time.Minute        // where runFrequency is not longer
	settleTime   = 100 * time.Millisecond // that files are given to change
	pullPatience = 10 * time.Second       // that a run waits for its pull
)

// What wakes a loop.
const (
	wakeChanged = iota // a file may have changed
	wakePull           // somebody wants a pull now
	wakeAgain          // there is another configuration
)

// tell wakes the loop. Where it has been told and did not look yet, once is enough.
func (s *source) tell(what int) {
	select {
	case s.wake[what] <- struct{}{}:
	default:
	}
}

// begin starts the loop. It needs agent.mu.
func (s *source) begin() {
	ctx, cancel := context.WithCancel(s.agent.life)
	s.halt = cancel
	s.agent.loops.Go(func() { s.loop(ctx) })
}

// endLoop ends it, after what runs. It needs agent.mu.
func (s *source) endLoop() {
	if s.halt != nil {
		s.halt()
	}
}

// reconfigure gives a source another configuration; its loop has to be told.
func (s *source) reconfigure(config Source) {
	s.mu.Lock()
	s.config = config
	s.seen = map[string]pull.Seen{}
	s.mu.Unlock()
}

// schedule is a loop's own.
type schedule struct {
	*source
	ctx context.Context

	run     timer       // the next one
	late    timer       // then it does not wait for its pull any longer
	pulling timer       // another try, or a look at files that may have changed
	looking timer       // at files that may have changed
	again   timer       // another try to restore
	done    chan pulled // of the pull that goes on; nil: none does
	due     string      // what waits for the pull to run: byRepair, byRestore; empty: nothing
	more    bool        // another pull is wanted once this one is done

	failures, restores int // in a row
	looked             map[string]pull.Seen
	watched            bool
	stopWatch          func()
}

// timer is one that may be off.
type timer struct {
	*time.Timer
	on bool
}

func (t *timer) in(d time.Duration) {
	t.on = true
	if t.Timer == nil {
		t.Timer = time.NewTimer(d)
		return
	}
	t.Reset(d)
}

func (t *timer) off() {
	t.on = false
	if t.Timer != nil {
		t.Stop()
	}
}

// fires is nil for one that is off.
func (t *timer) fires() <-chan time.Time {
	if !t.on {
		return nil
	}
	return t.C
}

// loop runs the source until ctx ends.
func (s *source) loop(ctx context.Context) {
	l := &schedule{source: s, ctx: ctx, looked: map[string]pull.Seen{}, stopWatch: func() {}}
	defer func() { l.stopWatch() }()
	l.start()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-l.run.fires():
			l.tick()
		case <-l.late.fires():
			l.runDue()
		case <-l.pulling.fires():
			l.startPull()
		case <-l.looking.fires():
			l.look()
		case <-l.again.fires():
			l.restoreAgain()
		case p := <-l.done:
			l.pulled(p)
		case <-s.wake[wakeChanged]:
			if !l.looking.on {
				l.looking.in(settleTime)
			}
		case <-s.wake[wakePull]:
			l.startPull()
		case <-s.wake[wakeAgain]:
			l.configured()
		}
	}
	if l.done != nil {
		<-l.done // it has seen that ctx has ended
	}
}

// start restores, runs what there is, and pulls.
func (l *schedule) start() {
	err := l.restore(l.ctx)
	l.putOff(err)
	l.next()
	has := l.has()
	if has {
		l.runNow(byRestore)
	}
	switch {
	case l.pulls():
		if !has && err == nil {
			l.due = byRestore // the Commands of the configuration, where no order comes
			l.late.in(pullPatience)
		}
		l.startPull()
	case !has && err == nil:
		l.runNow(byRestore)
	}
}

func (s *source) has() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != nil
}

func (l *schedule) pulls() bool { return len(l.settings().PullPaths) > 0 }

// putOff sets when a restore is tried again that could not be done.
func (l *schedule) putOff(err error) {
	if !errors.Is(err, errLater) {
		l.restores = 0
		l.again.off()
		return
	}
	l.restores++
	l.again.in(backoff(l.restores, longestRetry))
}

// restoreAgain is another try, after which what was restored runs.
func (l *schedule) restoreAgain() {
	err := l.restore(l.ctx)
	l.putOff(err)
	if err == nil {
		l.runNow(byRestore)
	}
}

// next sets when it runs again: about every runFrequency, a little scattered, so that many agents do not do so together.
func (l *schedule) next() {
	c, at := l.settings(), time.Time{}
	if c.RunFrequency > 0 && (!c.TriggerOnly || len(c.PullPaths) > 0) {
		d := scattered(c.RunFrequency, 0.1)
		l.run.in(d)
		at = l.agent.now().Add(d).UTC()
	} else {
		l.run.off()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown.next = at
}

// scattered is a duration less up to a part of it.
func scattered(d time.Duration, part float64) time.Duration {
	return d - time.Duration(part*rand.Float64()*float64(d))
}

// backoff is the time before another try: it doubles with each failure, up to half of it less by chance.
func backoff(failures int, longest time.Duration) time.Duration {
	return scattered(min(firstRetry<<min(failures-1, 20), longest), 0.5)
}

// tick is a run that is due.
func (l *schedule) tick() {
	l.next()
	if l.due == "" {
		l.due = byRepair
	}
	if !l.pulls() || l.failures > 0 && l.pulling.on { // another try comes in its own time
		l.runDue()
		return
	}
	l.late.in(pullPatience)
	l.startPull()
}

// runDue runs what waits for a pull.
func (l *schedule) runDue() {
	l.late.off()
	by := l.due
	l.due = ""
	if by != "" {
		l.runNow(by)
	}
}

// runNow runs what the source has, unless only something from outside may set it off. byRestore, an order runs once.
func (s *source) runNow(by string) {
	if s.settings().TriggerOnly {
		return
	}
	leave, err := s.enter(s.agent.stopping)
	if err != nil {
		return
	}
	out, ran := s.again(s.agent.ended, job{by: by})
	leave()
	if ran {
		s.dispatch(sent{events: out.events, key: out.key})
	}
}

// look pulls where a file is another one than at the last pull.
func (l *schedule) look() {
	l.looking.off()
	changed := false
	l.eachFile(func(path string, p pull.Place) { changed = changed || p.Look() != l.looked[path] })
	if changed {
		l.startPull()
	}
}

func (s *source) eachFile(visit func(path string, p pull.Place)) {
	for _, path := range s.settings().PullPaths {
		if p, err := pull.Parse(path); err == nil && p.File() != "" {
			visit(path, p)
		}
	}
}

// startPull pulls, or does so again once the pull has ended that goes on.
func (l *schedule) startPull() {
	l.pulling.off()
	if l.done != nil {
		l.more = true
		return
	}
	if !l.pulls() {
		return
	}
	l.stopWatch() // a directory may be another one by now
	l.stopWatch, l.watched = l.watch()
	l.looked = map[string]pull.Seen{}
	l.eachFile(func(path string, p pull.Place) { l.looked[path] = p.Look() })
	done := make(chan pulled, 1)
	l.done = done
	go func() { done <- l.source.pull(l.ctx) }()
}

// pulled is told what came of a pull.
func (l *schedule) pulled(p pulled) {
	l.done = nil
	failed := p.result == pullFailed || p.result == pullMissing && !l.watched
	l.failures++
	if !failed {
		l.failures = 0
	}
	again := l.more
	l.more = false
	next := time.Time{}
	if failed {
		d := backoff(l.failures, max(longestRetry, l.settings().RunFrequency))
		l.pulling.in(d)
		next = l.agent.now().Add(d).UTC()
	}
	l.report(p, next, l.failures == 1)
	if p.result == pullNew {
		l.due = ""
	}
	l.runDue()
	if again {
		l.startPull()
	}
}

// configured follows another configuration.
func (l *schedule) configured() {
	l.reverify(l.ctx)
	err := l.restore(l.ctx)
	l.putOff(err)
	l.failures = 0
	l.next()
	if l.pulls() {
		l.startPull()
	} else {
		l.stopWatch()
		l.stopWatch = func() {}
	}
	if err == nil { // what was refused before, or the Commands of the configuration
		l.runNow(byRestore)
	}
}
