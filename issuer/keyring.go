package issuer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
	"github.com/writ-run/writ/token"
)

// State of a key of the ring.
type State string

// The states of a key. All of them are published; only an active one signs.
const (
	Active  State = "active"
	Next    State = "next"    // published before it signs
	Retired State = "retired" // its tokens have not all expired yet
)

// KeyInfo is what may be told of a key.
type KeyInfo struct {
	ID        string        `json:"kid"`
	Algorithm key.Algorithm `json:"alg"`
	State     State         `json:"state"`
	Created   time.Time     `json:"created"`
}

// KeyRing holds the issuer's identity keys, one active key for each algorithm in use. They rest in one file, encrypted;
// a key is made when its algorithm is first asked for. Several processes may share the file.
type KeyRing struct {
	path   string
	sealer *atrest.Sealer
	now    func() time.Time

	version atomic.Uint64 // counts changes

	mu      sync.RWMutex
	entries []entry
	signers map[key.Algorithm]*token.KeySigner
	set     key.Set
}

type entry struct {
	private key.Private
	state   State
	created time.Time
}

// storedEntry is an entry as it rests, inside the encryption.
type storedEntry struct {
	Key     jsontext.Value `json:"key"`
	State   State          `json:"state"`
	Created time.Time      `json:"created"`
}

// OpenKeyRing reads the ring in a data directory; there need not be one yet.
func OpenKeyRing(directory string, s *atrest.Sealer, now func() time.Time) (*KeyRing, error) {
	if now == nil {
		now = time.Now
	}
	r := &KeyRing{path: filepath.Join(directory, "keys.age"), sealer: s, now: now}
	return r, r.reload()
}

// Signer returns the active key's signer for an algorithm, and makes the key where there is none.
func (r *KeyRing) Signer(algorithm key.Algorithm) (*token.KeySigner, error) {
	r.mu.RLock()
	signer := r.signers[algorithm]
	r.mu.RUnlock()
	if signer != nil {
		return signer, nil
	}
	return r.generate(algorithm)
}

// Find makes the ring a token.KeySet of its public keys.
func (r *KeyRing) Find(ctx context.Context, kid string) ([]key.Public, error) {
	return r.Set().Find(ctx, kid)
}

// Set returns the keys to publish.
func (r *KeyRing) Set() key.Set {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.set
}

// List tells what keys there are.
func (r *KeyRing) List() []KeyInfo {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := []KeyInfo{}
	for _, e := range r.entries {
		public := e.private.Public()
		list = append(list, KeyInfo{public.ID(), public.Algorithm(), e.state, e.created})
	}
	return list
}

// generate makes a key under the file's lock, unless another process has just done so.
func (r *KeyRing) generate(algorithm key.Algorithm) (*token.KeySigner, error) {
	unlock, err := lockFile(r.path+".lock", true)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := r.reload(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if signer := r.signers[algorithm]; signer != nil {
		return signer, nil
	}
	made, err := key.Generate(algorithm, "")
	if err != nil {
		return nil, err
	}
	entries := append(append([]entry(nil), r.entries...), entry{made, Active, r.now().UTC().Truncate(time.Second)})
	if err := r.save(entries); err != nil {
		return nil, fmt.Errorf("write the key ring: %w", err)
	}
	if err := r.use(entries); err != nil {
		return nil, err
	}
	return r.signers[algorithm], nil
}

// reload reads the file.
func (r *KeyRing) reload() error {
	sealed, err := os.ReadFile(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("key ring: %w", err)
	}
	plain, err := r.sealer.Open(sealed)
	if err != nil {
		return fmt.Errorf("key ring %s: %w", r.path, err)
	}
	var stored []storedEntry
	if err := json.Unmarshal(plain, &stored); err != nil {
		return fmt.Errorf("key ring %s: damaged: not a list of keys", r.path)
	}
	var entries []entry
	for i, s := range stored {
		private, err := key.ParsePrivate(s.Key)
		if err != nil {
			return fmt.Errorf("key ring %s: key %d: %w", r.path, i+1, err)
		}
		entries = append(entries, entry{private, s.State, s.Created})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.use(entries)
}

// use puts entries to work. The caller holds the lock.
func (r *KeyRing) use(entries []entry) error {
	var public []key.Public
	signers := map[key.Algorithm]*token.KeySigner{}
	for _, e := range entries {
		public = append(public, e.private.Public())
		if e.state == Active {
			signers[e.private.Public().Algorithm()] = token.NewSigner(e.private)
		}
	}
	set, err := key.NewSet(public...)
	if err != nil {
		return fmt.Errorf("key ring %s: %w", r.path, err)
	}
	r.entries, r.signers, r.set = entries, signers, set
	r.version.Add(1)
	return nil
}

func (r *KeyRing) save(entries []entry) error {
	var stored []storedEntry
	for _, e := range entries {
		text, err := e.private.JWK()
		if err != nil {
			return err
		}
		stored = append(stored, storedEntry{text, e.state, e.created})
	}
	plain, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	sealed, err := r.sealer.Seal(plain)
	if err != nil {
		return err
	}
	return atrest.WriteFile(r.path, sealed)
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
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}
