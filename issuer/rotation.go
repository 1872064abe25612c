package issuer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/workload"
)

// What rotation is where nothing is said, and the bounds that it keeps.
const (
	DefaultPeriod = 7 * 24 * time.Hour
	DefaultCache  = time.Hour

	// clockLeeway is how much longer than its last token a retired key is published: the clocks of relying parties, the
	// leeway that they give exp, and a process that was just signing when the key retired.
	clockLeeway = 5 * time.Minute

	// maxRing bounds the keys of a ring, and so the key set: relying parties bound what they read.
	maxRing = 64
)

// Rotation says how keys follow one another.
type Rotation struct {
	Period time.Duration // how long a key signs; 0: until it is rotated by hand
	Cache  time.Duration // how long a relying party may keep the key set after max-age; 0: DefaultCache
}

// lead is how long a key is published before it signs: a copy that was max-age old when a relying party took it, and
// that party's own cache.
func (r Rotation) lead() time.Duration { return maxAge*time.Second + r.cache() }

func (r Rotation) cache() time.Duration {
	if r.Cache == 0 {
		return DefaultCache
	}
	return r.Cache
}

// Validate refuses a period in which a key could not be published, sign and see its last token expire.
func (r Rotation) Validate() error {
	if r.Cache < 0 {
		return fmt.Errorf("issuer.rotation.cache %s is negative", r.Cache)
	}
	if r.Period < 0 {
		return fmt.Errorf("issuer.rotation.period %s is negative; 0 is never", r.Period)
	}
	if least := r.lead() + workload.MaxLife; r.Period > 0 && r.Period < least {
		return fmt.Errorf("issuer.rotation.period %s is shorter than %s: the key set's max-age (%s), issuer.rotation.cache (%s) and the longest life of a token (%s); 0 is never",
			brief(r.Period), brief(least), brief(maxAge*time.Second), brief(r.cache()), brief(workload.MaxLife))
	}
	return nil
}

// brief writes a duration without units that are zero at its end.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Move is one step of a key through its states.
type Move struct {
	At        time.Time     `json:"at,omitzero"` // zero: when the key set has been exported
	Algorithm key.Algorithm `json:"alg"`
	ID        string        `json:"kid,omitzero"` // empty: a key that is not made yet
	State     State         `json:"state"`        // what it becomes
}

// plan is the whole of rotation, as functions of what the keys are and what time it is. It reads no clock and no file.
type plan struct {
	Rotation
	algorithms []key.Algorithm // kept at all times
	generate   func(key.Algorithm) (key.Private, error)
}

// moves are the steps ahead as far as they follow from what the keys are now, in no order.
func (p plan) moves(entries []entry) []Move {
	var moves []Move
	var known []key.Algorithm
	for _, e := range entries {
		if e.state == Retired {
			moves = append(moves, Move{e.until, e.algorithm, e.id(), Gone})
		} else if !slices.Contains(known, e.algorithm) {
			known = append(known, e.algorithm)
		}
	}
	for _, a := range p.algorithms {
		if !slices.Contains(known, a) { // an algorithm that joins later is published before it signs, too
			moves = append(moves, Move{time.Unix(0, 0), a, "", Next})
		}
	}
	static := isStatic(entries)
	for _, a := range known {
		next, active := of(entries, a, Next), of(entries, a, Active)
		if next < 0 {
			if p.Period > 0 {
				moves = append(moves, Move{entries[active].since.Add(p.Period - p.lead()), a, "", Next})
			}
			continue
		}
		e := entries[next]
		lead := max(e.lead, p.lead())
		at := e.since.Add(lead)
		if static {
			at = later(at, e.exported.Add(lead))
		}
		if active >= 0 && !e.asked {
			if p.Period == 0 {
				continue
			}
			at = later(at, entries[active].since.Add(p.Period))
		}
		if static && e.exported.IsZero() {
			at = time.Time{}
		}
		moves = append(moves, Move{at, a, e.id(), Active})
	}
	return moves
}

// isStatic tells whether relying parties may be reading exported files: a key that is in none of them must not sign.
func isStatic(entries []entry) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return !e.exported.IsZero() })
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// of is the index of the one key of an algorithm in a state, next or active; -1: none.
func of(entries []entry, a key.Algorithm, s State) int {
	return slices.IndexFunc(entries, func(e entry) bool { return e.algorithm == a && e.state == s })
}

// due tells whether advance has something to do.
func (p plan) due(entries []entry, now time.Time) bool {
	return slices.ContainsFunc(p.moves(entries), func(m Move) bool { return !m.At.IsZero() && !m.At.After(now) }) ||
		slices.ContainsFunc(entries, func(e entry) bool { return e.ahead(now) || p.tooShort(e) })
}

// tooShort is a wait that was begun by a process with another configuration: a command line without the server's file,
// say. The longest of all counts.
func (p plan) tooShort(e entry) bool { return e.state == Next && e.lead < p.lead() }

// advance takes every step whose time has come. Where the clock was set back, what is in its future begins now: waits
// grow longer by that, never shorter. A key that has retired keeps its end: its tokens carry the clock of then.
func (p plan) advance(entries []entry, now time.Time) (after []entry, done []Move, err error) {
	after = slices.Clone(entries)
	for i, e := range after {
		if p.tooShort(e) {
			after[i].lead = p.lead()
		}
		if e.ahead(now) {
			after[i].since = now
			if e.exported.After(now) {
				after[i].exported = now
			}
		}
	}
	for range 8 * maxRing {
		i := slices.IndexFunc(p.moves(after), func(m Move) bool { return !m.At.IsZero() && !m.At.After(now) })
		if i < 0 {
			break
		}
		var taken []Move
		if after, taken, err = p.take(after, p.moves(after)[i], now); err != nil {
			return nil, nil, err
		}
		done = append(done, taken...)
	}
	return after, done, nil
}

// take takes one step. It may change entries.
func (p plan) take(entries []entry, m Move, now time.Time) ([]entry, []Move, error) {
	switch m.State {
	case Gone:
		return slices.DeleteFunc(entries, func(e entry) bool { return e.id() == m.ID }), []Move{{now, m.Algorithm, m.ID, Gone}}, nil
	case Next:
		if len(entries) >= maxRing {
			return nil, nil, fmt.Errorf("the key ring holds %d keys, and at most %d are published: retired ones go when their last token has expired", len(entries), maxRing)
		}
		made, err := p.generate(m.Algorithm)
		if err != nil {
			return nil, nil, err
		}
		e := entry{algorithm: m.Algorithm, private: newPrivate(made), public: made.Public(), state: Next, created: now, since: now, lead: p.lead()}
		return append(entries, e), []Move{{now, m.Algorithm, e.id(), Next}}, nil
	}
	var done []Move
	if old := of(entries, m.Algorithm, Active); old >= 0 {
		entries[old].retire(now)
		done = append(done, Move{now, m.Algorithm, entries[old].id(), Retired})
	}
	e := &entries[of(entries, m.Algorithm, Next)]
	e.state, e.since, e.asked = Active, now, false
	return entries, append(done, Move{now, m.Algorithm, e.id(), Active}), nil
}

// rotate asks for a rotation: the next key, made where there is none, signs as soon as it has been published for long
// enough, or immediately.
func (p plan) rotate(entries []entry, algorithms []key.Algorithm, immediately bool, now time.Time) (after []entry, done []Move, err error) {
	after = slices.Clone(entries)
	for _, a := range algorithms {
		next := of(after, a, Next)
		if next < 0 {
			var taken []Move
			if after, taken, err = p.take(after, Move{State: Next, Algorithm: a}, now); err != nil {
				return nil, nil, err
			}
			done = append(done, taken...)
			next = of(after, a, Next)
		}
		after[next].asked = true
		if immediately {
			var taken []Move
			if after, taken, err = p.take(after, Move{State: Active, Algorithm: a}, now); err != nil {
				return nil, nil, err
			}
			done = append(done, taken...)
		}
	}
	asked := p // and no more: the period is the business of whoever keeps the ring
	asked.Period = 0
	after, due, err := asked.advance(after, now)
	return after, append(done, due...), err
}

// withdraw takes a key away at once. Another signs from now on: the next one, which has been published for a while, or
// a new one.
func (p plan) withdraw(entries []entry, id string, now time.Time) (after []entry, done []Move, err error) {
	i := slices.IndexFunc(entries, func(e entry) bool { return e.id() == id })
	gone := entries[i]
	after = slices.Delete(slices.Clone(entries), i, i+1)
	done = []Move{{now, gone.algorithm, id, Gone}}
	if gone.state != Active {
		return after, done, nil
	}
	after, replaced, err := p.rotate(after, []key.Algorithm{gone.algorithm}, true, now)
	return after, append(done, replaced...), err
}

// foresee lists what comes of the keys of some algorithms until they are at rest: none is waiting to sign because of a
// rotation that was asked for, and those that retired are gone. It takes it that tokens of the default life are signed.
func (p plan) foresee(entries []entry, algorithms []key.Algorithm) []Move {
	var coming []Move
	entries = slices.Clone(entries)
	for range 8 * maxRing {
		ahead := slices.DeleteFunc(p.moves(entries), func(m Move) bool {
			return m.State == Next || m.At.IsZero() || !slices.Contains(algorithms, m.Algorithm)
		})
		if len(ahead) == 0 {
			break
		}
		first := slices.MinFunc(ahead, func(a, b Move) int { return a.At.Compare(b.At) })
		if old := of(entries, first.Algorithm, Active); old >= 0 && first.State == Active { // it signs until then
			entries[old].expires = later(entries[old].expires, first.At.Add(workload.DefaultLife))
		}
		var taken []Move
		var err error
		if entries, taken, err = p.take(entries, first, first.At); err != nil {
			break
		}
		coming = append(coming, taken...)
	}
	for _, m := range p.moves(entries) {
		if m.At.IsZero() && slices.Contains(algorithms, m.Algorithm) {
			coming = append(coming, m)
		}
	}
	return coming
}
