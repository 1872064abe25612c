package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/writ-run/writ/key"
)

// ErrUnknownKey is a key that the ring does not hold.
var ErrUnknownKey = errors.New("no such key")

// keepEvery is how often a process that keeps the ring looks whether something is due, or was changed by another.
const keepEvery = time.Second

// Keep moves keys through their states when their time comes, until ctx ends.
func (r *KeyRing) Keep(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	problem := ""
	for {
		switch err := r.tend(ctx); {
		case ctx.Err() != nil:
			return
		case err == nil:
			problem = ""
		case err.Error() != problem:
			problem = err.Error()
			r.log.Error("keys could not be rotated; the active ones sign on, and it will be tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Tend takes the steps whose time has come.
func (r *KeyRing) Tend() error { return r.tend(context.Background()) }

func (r *KeyRing) tend(ctx context.Context) error {
	if !r.plan.due(r.snapshot().entries, r.now()) {
		return nil
	}
	return r.changePatiently(ctx, func(p plan, entries []entry, now time.Time) ([]entry, error) {
		after, _, err := p.advance(entries, now)
		return after, err
	})
}

// changePatiently is change with a plan whose keys are made before the file is locked: that may take long, and meanwhile
// others sign.
func (r *KeyRing) changePatiently(ctx context.Context, f func(p plan, entries []entry, now time.Time) ([]entry, error)) error {
	made := map[key.Algorithm][]key.Private{}
	for {
		taken := map[key.Algorithm]int{}
		var missing key.Algorithm
		p := r.plan
		p.generate = func(a key.Algorithm) (key.Private, error) {
			if taken[a] == len(made[a]) {
				missing = a
				return key.Private{}, errNotMade
			}
			taken[a]++
			return made[a][taken[a]-1], nil
		}
		err := r.change(func(entries []entry, now time.Time) ([]entry, error) { return f(p, entries, now) })
		if !errors.Is(err, errNotMade) {
			return err
		}
		one, err := r.generate(ctx, missing)
		if err != nil {
			return err
		}
		made[missing] = append(made[missing], one)
	}
}

var errNotMade = errors.New("a key is wanted that is not made yet")

// Rotate has the next key of each algorithm (none: all) sign as soon as it has been published for long enough, or
// immediately: then a relying party that has cached the key set knows the key only when it looks again. It returns what
// was done, and what will be. With dryRun it does nothing.
func (r *KeyRing) Rotate(wanted []key.Algorithm, immediately, dryRun bool) ([]Move, error) {
	if len(wanted) == 0 {
		wanted = r.plan.algorithms
	}
	thought := r.plan
	thought.generate = func(key.Algorithm) (key.Private, error) { return key.Private{}, nil }
	if dryRun {
		after, done, err := thought.rotate(r.snapshot().entries, wanted, immediately, r.now().UTC().Truncate(time.Second))
		if err != nil {
			return nil, err
		}
		return append(done, thought.foresee(after, wanted)...), nil
	}
	var done []Move
	if err := r.changePatiently(context.Background(), func(p plan, entries []entry, now time.Time) (after []entry, err error) {
		after, done, err = p.rotate(entries, wanted, immediately, now)
		return after, err
	}); err != nil {
		return nil, err
	}
	return append(done, thought.foresee(r.current.Load().entries, wanted)...), nil
}

// Withdraw takes a key away at once, in an emergency: it is no longer published, every token that it signed is inactive
// and cannot be verified, its private half is destroyed, and another key signs. An id that the ring does not hold is
// ErrUnknownKey.
func (r *KeyRing) Withdraw(id string) ([]Move, error) {
	var done []Move
	err := r.change(func(entries []entry, now time.Time) (after []entry, err error) {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.id() == id }) {
			return nil, fmt.Errorf("%w: kid %q; there are %s", ErrUnknownKey, id, names(entries))
		}
		after, done, err = r.plan.withdraw(entries, id, now)
		return after, err
	})
	return done, err
}

// exported notes that keys stand in exported files: from the first export on, a key that is in none of them waits.
func (r *KeyRing) exported(set key.Set) error {
	return r.change(func(entries []entry, now time.Time) ([]entry, error) {
		after := slices.Clone(entries)
		for i, e := range after {
			if e.exported.IsZero() && slices.ContainsFunc(set.Keys(), e.public.Equal) {
				after[i].exported = now
			}
		}
		return after, nil
	})
}

// ForgetExports says that nobody reads exported files any more, so that no key waits for them.
func (r *KeyRing) ForgetExports() error {
	return r.change(func(entries []entry, _ time.Time) ([]entry, error) {
		after := slices.Clone(entries)
		for i := range after {
			after[i].exported = time.Time{}
		}
		return after, nil
	})
}

// Static tells whether keys wait for an export before they sign.
func (r *KeyRing) Static() bool { return isStatic(r.snapshot().entries) }

// same tells whether nothing has changed.
func (e entry) same(other entry) bool {
	return e.state == other.state && e.public.Equal(other.public) && e.created.Equal(other.created) && e.since.Equal(other.since) &&
		e.until.Equal(other.until) && e.expires.Equal(other.expires) && e.exported.Equal(other.exported) && e.lead == other.lead && e.asked == other.asked
}

// announce logs each key's change of state, whichever process made it, and tells whether one was withdrawn.
func (r *KeyRing) announce(before, after []entry) (withdrawn bool) {
	at := func(entries []entry, e entry) int {
		return slices.IndexFunc(entries, func(other entry) bool { return other.id() == e.id() })
	}
	now := r.now()
	for _, e := range before {
		switch {
		case at(after, e) >= 0:
		case e.state == Retired && !now.Before(e.until):
			r.log.Info("key is gone: its last token has expired", "kid", e.id(), "alg", e.algorithm)
		default:
			withdrawn = true
			r.log.Warn("key was withdrawn: its tokens are no longer valid", "kid", e.id(), "alg", e.algorithm, "state", string(e.state))
		}
	}
	static := isStatic(after)
	for _, e := range after {
		if i := at(before, e); i >= 0 && before[i].state == e.state || len(before) == 0 && e.state != Active {
			continue
		}
		switch e.state {
		case Next:
			r.log.Info("key is published, and will sign", "kid", e.id(), "alg", e.algorithm, "earliest", e.since.Add(max(e.lead, r.plan.lead())))
			if static {
				r.log.Warn("key waits to be exported: relying parties may read the files of `writ issuer export`", "kid", e.id(), "alg", e.algorithm)
			}
		case Active:
			r.log.Info("key signs", "kid", e.id(), "alg", e.algorithm)
		case Retired:
			r.log.Info("key has retired, and its private half is destroyed", "kid", e.id(), "alg", e.algorithm, "published until", e.until)
		}
	}
	return withdrawn
}
