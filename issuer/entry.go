package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
	"github.com/writ-run/writ/workload"
)

// State of a key of the ring.
type State string

// The states of a key, in their order. All but the last are published; only an active one signs.
const (
	Next    State = "next"    // published before it signs
	Active  State = "active"  // signs
	Retired State = "retired" // its tokens have not all expired yet; its private half is destroyed
	Gone    State = "gone"    // of a Move: no longer in the ring
)

// entry is a key of the ring.
type entry struct {
	algorithm key.Algorithm
	public    key.Public
	private   *private          // nil once it has retired
	sum       [sha256.Size]byte // of the text that it was read from

	state    State
	created  time.Time
	since    time.Time     // when it came into its state; for a next one: since when it is published
	until    time.Time     // retired: when it goes
	expires  time.Time     // by then every token that it may have signed has expired; a whole hour
	exported time.Time     // when it was first in exported files; zero: never
	lead     time.Duration // next: how long it is to be published before it signs, at least
	asked    bool          // next: a rotation was asked for, so that it does not wait for the period to end
}

// private is a private half that is read when it is first needed: to check an RSA key takes over a millisecond, which the
// request that finds the ring changed should not wait for. It is a key.Signer.
type private struct {
	public key.Public
	read   func() (key.Private, error)
}

func newPrivate(k key.Private) *private {
	return &private{k.Public(), func() (key.Private, error) { return k, nil }}
}

// readPrivate reads it from its text, which stays out of sight of fmt.
func readPrivate(public key.Public, text []byte) *private {
	return &private{public, sync.OnceValues(func() (key.Private, error) {
		k, err := key.ParsePrivate(text)
		if err == nil && !k.Public().Equal(public) {
			err = errors.New("its private and its public half are of different keys")
		}
		return k, err
	})}
}

func (p *private) Public() key.Public { return p.public }

func (p *private) Sign(ctx context.Context, input []byte) ([]byte, error) {
	k, err := p.read()
	if err != nil {
		return nil, err
	}
	return k.Sign(ctx, input)
}

// id is empty for a key that is only thought of.
func (e entry) id() string { return e.public.ID() }

// ahead tells whether the clock was set back since.
func (e entry) ahead(now time.Time) bool {
	return e.state != Retired && (e.since.After(now) || e.exported.After(now))
}

// retire ends an active key's signing.
func (e *entry) retire(now time.Time) {
	e.state, e.since, e.private = Retired, now, nil
	e.until = later(now, e.expires).Add(clockLeeway)
}

// wholeHour rounds the expiry of a token up, so that a ring is written at most once an hour because of tokens.
func wholeHour(t time.Time) time.Time {
	if whole := t.Truncate(time.Hour); whole.Before(t) {
		return whole.Add(time.Hour)
	}
	return t
}

// storedEntry is an entry as it rests, inside the encryption.
type storedEntry struct {
	Key      jsontext.Value `json:"key,omitzero"` // private; none of a retired one
	Public   jsontext.Value `json:"public,omitzero"`
	State    State          `json:"state"`
	Created  time.Time      `json:"created"`
	Since    time.Time      `json:"since,omitzero"`
	Until    time.Time      `json:"until,omitzero"`
	Expires  time.Time      `json:"expires,omitzero"`
	Exported time.Time      `json:"exported,omitzero"`
	Lead     int64          `json:"lead,omitzero"` // seconds
	Asked    bool           `json:"asked,omitzero"`
}

func (e entry) stored() (storedEntry, error) {
	s := storedEntry{
		State: e.state, Created: e.created, Since: e.since, Until: e.until,
		Expires: e.expires, Exported: e.exported, Lead: int64(e.lead / time.Second), Asked: e.asked,
	}
	var err error
	if s.Public, err = json.Marshal(e.public); err != nil || e.state == Retired {
		return s, err
	}
	k, err := e.private.read()
	if err != nil {
		return s, err
	}
	s.Key, err = k.JWK()
	return s, err
}

// entry reads it back; known are entries that need not be read again.
func (s storedEntry) entry(known []entry, now time.Time) (entry, error) {
	e := entry{
		sum: s.sum(), state: s.State, created: s.Created, since: s.Since, until: s.Until,
		expires: s.Expires, exported: s.Exported, lead: time.Duration(s.Lead) * time.Second, asked: s.Asked,
	}
	if e.since.IsZero() { // written before keys rotated
		e.since, e.expires = s.Created, wholeHour(now.Add(workload.MaxLife))
	}
	for _, k := range known {
		if k.sum == e.sum {
			e.private, e.public, e.algorithm = k.private, k.public, k.algorithm
			return e, nil
		}
	}
	var err error
	switch {
	case s.State != Next && s.State != Active && s.State != Retired:
		err = fmt.Errorf("state %.20q; want %s, %s or %s", string(s.State), Next, Active, Retired)
	case s.Public != nil:
		e.public, err = key.ParsePublic(s.Public)
	default: // written before keys rotated
		var k key.Private
		k, err = key.ParsePrivate(s.Key)
		e.public = k.Public()
	}
	if s.State != Retired {
		e.private = readPrivate(e.public, s.Key)
	}
	e.algorithm = e.public.Algorithm()
	return e, err
}

// sum tells a key from every other, and from itself without its private half.
func (s storedEntry) sum() [sha256.Size]byte {
	return sha256.Sum256(slices.Concat(s.Public, []byte{0}, s.Key))
}

// seal writes entries as they rest.
func seal(s *atrest.Sealer, entries []entry) ([]byte, error) {
	stored := make([]storedEntry, 0, len(entries))
	for i := range entries {
		one, err := entries[i].stored()
		if err != nil {
			return nil, err
		}
		entries[i].sum = one.sum()
		stored = append(stored, one)
	}
	plain, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	return s.Seal(plain)
}

// unseal reads them back; one key of an algorithm at most is active, and one next.
func unseal(s *atrest.Sealer, sealed []byte, known []entry, now time.Time) ([]entry, error) {
	plain, err := s.Open(sealed)
	if err != nil {
		return nil, err
	}
	var stored []storedEntry
	if err := json.Unmarshal(plain, &stored); err != nil {
		return nil, errors.New("damaged: not a list of keys")
	}
	var entries []entry
	for i, one := range stored {
		e, err := one.entry(known, now)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if e.state != Retired && of(entries, e.algorithm, e.state) >= 0 {
			return nil, fmt.Errorf("key %d: a second %s key for %s", i+1, e.state, e.algorithm)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// stamp tells versions of the file apart; zero: there is none.
type stamp struct {
	inode    uint64
	size     int64
	modified int64 // nanoseconds
}

// stampOf costs a system call and no memory: it stands before every signature and every introspection.
func stampOf(path string) stamp {
	var s unix.Stat_t
	for {
		if err := unix.Stat(path, &s); err == nil {
			return stamp{s.Ino, s.Size, s.Mtim.Nano()}
		} else if !errors.Is(err, unix.EINTR) {
			return stamp{}
		}
	}
}

// write replaces the file. Its time always moves on, whatever the clock and the file system's ticks do, so that no
// version is taken for another.
func write(path string, sealed []byte) error {
	before := stampOf(path)
	if err := atrest.WriteFile(path, sealed); err != nil {
		return err
	}
	modified := later(time.Now(), time.Unix(0, before.modified+1000))
	return os.Chtimes(path, modified, modified)
}
