package build

import (
	"context"
	"errors"

	"github.com/writ-run/writ/pipeline"
)

// outcome is how a step ended. expired is one that ran out of time, on its way to the timeout that makes it a failure.
type outcome byte

const (
	succeeded outcome = iota
	failed
	errored
	expired
	aborted
)

func (o outcome) status() Status {
	switch o {
	case succeeded:
		return Succeeded
	case failed:
		return Failed
	case aborted:
		return Aborted
	}
	return Errored
}

// ended is the outcome of a step whose context has ended.
func ended(ctx context.Context) outcome {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return expired
	}
	return aborted
}

// always is a context for a hook that runs no matter what has ended: the build's while it lives, and then the grace.
func (b *build) always() context.Context {
	if b.ctx.Err() == nil {
		return b.ctx
	}
	return b.grace
}

// step runs a step with its hooks, from the inside out.
func (b *build) step(ctx context.Context, s *pipeline.Step, at frame) outcome {
	end := b.attempts(ctx, s, at)
	if s.OnSuccess != nil && end == succeeded {
		end = b.step(ctx, s.OnSuccess, at)
	}
	if s.OnFailure != nil && end == failed {
		// A hook that fails changes nothing; one that could not be run does.
		if hook := b.step(ctx, s.OnFailure, at); hook > failed {
			end = hook
		}
	}
	if s.OnAbort != nil && end == aborted {
		b.step(b.always(), s.OnAbort, at)
	}
	if s.OnError != nil && (end == errored || end == expired) {
		if hook := b.step(b.always(), s.OnError, at); hook == aborted {
			end = aborted
		}
	}
	if s.Ensure != nil {
		end = b.ensure(ctx, s.Ensure, at, end)
	}
	return end
}

func (b *build) ensure(ctx context.Context, hook *pipeline.Step, at frame, end outcome) outcome {
	hookCtx := ctx
	if ctx.Err() != nil {
		hookCtx = b.always()
	}
	hookEnd := b.step(hookCtx, hook, at)
	if ctx.Err() != nil {
		return ended(ctx)
	}
	return max(end, hookEnd)
}

// attempts runs a step until it succeeds or there is no attempt left. Each attempt has the whole timeout.
func (b *build) attempts(ctx context.Context, s *pipeline.Step, at frame) outcome {
	if s.Attempts == 0 {
		return b.limited(ctx, s, at)
	}
	end := failed
	for i := 1; i <= s.Attempts && end != succeeded; i++ {
		at.attempt = i
		end = b.limited(ctx, s, at)
		if ctx.Err() != nil {
			return ended(ctx)
		}
	}
	return end
}

// limited runs a step within its timeout. As in Concourse (and not as in its documentation) a timeout fails the step.
func (b *build) limited(ctx context.Context, s *pipeline.Step, at frame) outcome {
	if s.Timeout == 0 {
		return b.core(ctx, s, at)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	end := b.core(ctx, s, at)
	if end == expired {
		return failed
	}
	return end
}

func (b *build) core(ctx context.Context, s *pipeline.Step, at frame) outcome {
	switch {
	case s.Task != nil:
		return b.task(ctx, s.Task, at)
	case s.Across != nil:
		return b.across(ctx, s.Across, at)
	case s.LoadVar != nil:
		return b.loadVar(ctx, s.LoadVar, at)
	case s.Parallel != nil:
		p := s.Parallel
		return parallel(ctx, len(p.Steps), p.Limit, p.FailFast, func(ctx context.Context, i int) outcome {
			return b.step(ctx, &p.Steps[i], at)
		})
	case s.Try != nil:
		if end := b.step(ctx, s.Try, at); end == aborted {
			return aborted
		}
		return succeeded
	}
	for i := range s.Do {
		if ctx.Err() != nil {
			return ended(ctx)
		}
		if end := b.step(ctx, &s.Do[i], at); end != succeeded {
			return end
		}
	}
	return succeeded
}
