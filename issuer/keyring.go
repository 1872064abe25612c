package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/writ-run/writ/internal/filelock"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
	"github.com/writ-run/writ/token"
)

// KeyInfo is what may be told of a key.
type KeyInfo struct {
	ID        string        `json:"kid"`
	Algorithm key.Algorithm `json:"alg"`
	State     State         `json:"state"`
	Created   time.Time     `json:"created"`
	Since     time.Time     `json:"since"`         // when it came into its state
	Then      State         `json:"then,omitzero"` // what it becomes; empty: it stays what it is until a rotation by hand
	At        time.Time     `json:"at,omitzero"`   // when; zero with Then: when the key set has been exported
}

// RingConfig says how a ring of keys is kept.
type RingConfig struct {
	Rotation   Rotation
	Algorithms []key.Algorithm  // of which there is a key at all times; nil: RS256, ES256, EdDSA
	Now        func() time.Time // nil: time.Now
	// Generate makes the keys that nobody waits for, until ctx ends; nil: key.Generate.
	Generate func(ctx context.Context, a key.Algorithm) (key.Private, error)
	Log      *slog.Logger // of each key's changes of state; nil: none
}

// KeyRing holds the issuer's identity keys, for each algorithm one that signs. They rest in one file, encrypted. Several
// processes may share the file: each sees what another has changed at its next use of a key.
//
// The first key of every algorithm is made with the first key of all, and so is published before anyone can have read a
// key set without it. Later keys are published before they sign (Rotation).
type KeyRing struct {
	path     string
	sealer   *atrest.Sealer
	plan     plan
	now      func() time.Time
	log      *slog.Logger
	generate func(context.Context, key.Algorithm) (key.Private, error) // the keys that nobody waits for

	current atomic.Pointer[keys]
	loading sync.Mutex // whoever reads the file into current, or writes it
	failed  stamp      // the version of the file that could not be read, under loading
}

// keys are the ring at one moment. They are never changed.
type keys struct {
	entries []entry
	signers map[key.Algorithm]signer
	set     key.Set
	stamp   stamp
	renewal chan struct{} // closed when a key has been withdrawn
}

type signer struct {
	*token.KeySigner
	expires time.Time // of its tokens, at most, until the ring is told of a later one
}

// OpenKeyRing reads the ring in a data directory; there need not be one yet.
func OpenKeyRing(directory string, s *atrest.Sealer, c RingConfig) (*KeyRing, error) {
	if err := c.Rotation.Validate(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Algorithms == nil {
		c.Algorithms = algorithms[:]
	}
	if c.Generate == nil {
		c.Generate = func(_ context.Context, a key.Algorithm) (key.Private, error) { return generate(a) }
	}
	r := &KeyRing{
		path: filepath.Join(directory, "keys.age"), sealer: s, now: c.Now, log: c.Log,
		plan: plan{c.Rotation, c.Algorithms, generate}, generate: c.Generate,
	}
	r.current.Store(&keys{renewal: make(chan struct{})})
	r.loading.Lock()
	defer r.loading.Unlock()
	if err := r.load(); err != nil {
		return nil, err
	}
	for _, e := range r.current.Load().entries { // who starts is told now, not at the first token
		if e.private != nil {
			if _, err := e.private.read(); err != nil {
				return nil, fmt.Errorf("key ring %s: %s key %s: %w", r.path, e.state, e.id(), err)
			}
		}
	}
	return r, nil
}

func generate(a key.Algorithm) (key.Private, error) { return key.Generate(a, "") }

// algorithms are all of ours, in the order in which keys are published: a verifier that looks at no kid tries RS256 first.
var algorithms = [...]key.Algorithm{key.RS256, key.ES256, key.EdDSA}

// Signer returns the active key's signer for tokens that expire no later than given, and keeps that in mind: the key is
// published until then, whatever becomes of it and of the clock.
func (r *KeyRing) Signer(algorithm key.Algorithm, expires time.Time) (*token.KeySigner, error) {
	if s, ok := r.snapshot().signers[algorithm]; ok && !expires.After(s.expires) {
		return s.KeySigner, nil
	}
	var early string
	err := r.change(func(entries []entry, now time.Time) (_ []entry, err error) {
		entries, early = slices.Clone(entries), ""
		wanted := []key.Algorithm{algorithm}
		fresh := len(entries) == 0
		if fresh { // nobody has seen a key set of ours yet: every algorithm begins with a key that signs
			wanted = append(wanted, r.plan.algorithms...)
		}
		for _, a := range wanted {
			if of(entries, a, Active) >= 0 {
				continue
			}
			if entries, _, err = r.plan.rotate(entries, []key.Algorithm{a}, true, now); err != nil {
				return nil, err
			}
			if !fresh {
				early = entries[of(entries, a, Active)].id()
			}
		}
		active := of(entries, algorithm, Active)
		entries[active].expires = later(entries[active].expires, wholeHour(expires.UTC()))
		return entries, nil
	})
	if err != nil {
		return nil, err
	}
	if early != "" {
		r.log.Warn("a key signs before it was published for long enough: it is the first of its algorithm here", "kid", early, "alg", algorithm)
	}
	return r.current.Load().signers[algorithm].KeySigner, nil
}

// Find makes the ring a token.KeySet of its public keys.
func (r *KeyRing) Find(ctx context.Context, kid string) ([]key.Public, error) {
	return r.snapshot().set.Find(ctx, kid)
}

// Set returns the keys to publish.
func (r *KeyRing) Set() key.Set { return r.snapshot().set }

// Renewal is closed when a key is withdrawn, after which tokens that it signed should be minted anew.
func (r *KeyRing) Renewal() <-chan struct{} { return r.current.Load().renewal }

// List tells what keys there are, and what becomes of them.
func (r *KeyRing) List() []KeyInfo {
	list := []KeyInfo{}
	entries := r.snapshot().entries
	moves := r.plan.moves(entries)
	for _, e := range entries {
		info := KeyInfo{ID: e.id(), Algorithm: e.algorithm, State: e.state, Created: e.created, Since: e.since}
		for _, m := range moves {
			switch {
			case m.ID == info.ID:
				info.Then, info.At = m.State, m.At
			case e.state == Active && m.Algorithm == e.algorithm && m.State == Active: // another takes its place
				info.Then, info.At = Retired, m.At
			case e.state == Active && m.Algorithm == e.algorithm && m.State == Next:
				info.Then, info.At = Retired, m.At.Add(r.plan.lead())
			}
		}
		list = append(list, info)
	}
	return list
}

// snapshot is the ring now. Where another process has changed the file, one caller reads it and the others go on with
// what they have; a file that cannot be read leaves everybody with that.
func (r *KeyRing) snapshot() *keys {
	current := r.current.Load()
	at := stampOf(r.path)
	if at == current.stamp || !r.loading.TryLock() {
		return current
	}
	defer r.loading.Unlock()
	if at == r.failed {
		return current
	}
	if err := r.load(); err != nil {
		r.failed = at
		r.log.Error("the key ring was changed and cannot be read; the keys stay what they were", "error", err)
	}
	return r.current.Load()
}

// load reads the file. The caller holds loading.
func (r *KeyRing) load() error {
	at := stampOf(r.path) // before the text: a change between both is seen at the next look
	current := r.current.Load()
	if at == current.stamp {
		return nil
	}
	sealed, err := os.ReadFile(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("key ring: %w", err)
	}
	entries, err := unseal(r.sealer, sealed, current.entries, r.now())
	if err != nil {
		return fmt.Errorf("key ring %s: %w", r.path, err)
	}
	return r.use(entries, at)
}

// use puts entries to work. The caller holds loading.
func (r *KeyRing) use(entries []entry, at stamp) error {
	next := &keys{entries: entries, signers: map[key.Algorithm]signer{}, stamp: at, renewal: r.current.Load().renewal}
	var public []key.Public
	for _, e := range entries {
		public = append(public, e.public)
		if e.state == Active {
			next.signers[e.algorithm] = signer{token.NewSigner(e.private), e.expires}
		}
	}
	slices.SortStableFunc(public, func(a, b key.Public) int {
		return slices.Index(algorithms[:], a.Algorithm()) - slices.Index(algorithms[:], b.Algorithm())
	})
	var err error
	if next.set, err = key.NewSet(public...); err != nil {
		return fmt.Errorf("key ring %s: %w", r.path, err)
	}
	before := r.current.Load()
	withdrawn := r.announce(before.entries, entries)
	if withdrawn {
		next.renewal = make(chan struct{})
	}
	r.current.Store(next)
	if withdrawn {
		close(before.renewal)
	}
	return nil
}

// change changes the ring under the file's lock: what other processes wrote is read, f makes of it what is to be, and
// that is written and put to work. Where f fails, or leaves everything as it is, nothing is written.
func (r *KeyRing) change(f func(entries []entry, now time.Time) ([]entry, error)) error {
	unlock, err := lockFile(r.path+".lock", true)
	if err != nil {
		return err
	}
	defer unlock()
	r.loading.Lock()
	err = r.load()
	r.loading.Unlock()
	if err != nil {
		return err
	}
	before := r.current.Load().entries
	after, err := f(before, r.now().UTC().Truncate(time.Second)) // without loading: to make a key takes long
	if err != nil {
		return fmt.Errorf("key ring %s: %w", r.path, err)
	}
	if slices.EqualFunc(before, after, entry.same) {
		return nil
	}
	sealed, err := seal(r.sealer, after)
	if err != nil {
		return fmt.Errorf("key ring %s: %w", r.path, err)
	}
	r.loading.Lock()
	defer r.loading.Unlock()
	if err := write(r.path, sealed); err != nil {
		return fmt.Errorf("write the key ring: %w", err)
	}
	return r.use(after, stampOf(r.path))
}

// errLocked is a lock that another process holds.
var errLocked = errors.New("in use by another process")

// lockFile takes an exclusive lock (flock(2)) on a file that it makes; the lock goes with the process. Without wait it
// fails with errLocked where another process has it.
func lockFile(path string, wait bool) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	if err := filelock.Lock(file, how); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { filelock.Release(file) }, nil
}

// names joins the ids of entries.
func names(entries []entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.id())
	}
	return strings.Join(all, ", ")
}
