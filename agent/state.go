package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/internal/filelock"
	"github.com/writ-run/writ/key/atrest"
)

// State is what an agent remembers across starts, in a directory of its own. Of a source called S:
//
//	S.jwt   the order whose run has ended last, as it came
//	S.next  an order whose run has begun: it becomes S.jwt when the run ends
//	S.ran   the Commands that are, or may be, on the machine by what has run and what runs
//	S.mark  the time of the newest order that was ever accepted: no older one is
//
// Every file is replaced whole or not at all. S.ran and S.mark carry a checksum: one flipped bit is seen; an order has its
// signature for that.
type State struct {
	directory string
	lock      *os.File
}

// maxState bounds what is read of one file: an order has a bound of its own below this.
const maxState = 64 << 20

// ErrDamaged is a file of the state that does not hold what was written into it.
var ErrDamaged = errors.New("is damaged")

// OpenState opens the state in a directory, which is made (0700). One agent holds it at a time.
func OpenState(directory string) (*State, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(directory, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := filelock.Lock(lock, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("state: %s is in use by another agent", directory)
		}
		return nil, fmt.Errorf("state: lock %s: %w", directory, err)
	}
	return &State{directory, lock}, nil
}

// Close lets the directory go.
func (s *State) Close() error {
	return filelock.Release(s.lock)
}

// Directory is where the state is.
func (s *State) Directory() string { return s.directory }

func (s *State) path(source, suffix string) string {
	return filepath.Join(s.directory, source+suffix)
}

// The files of a source.
const (
	orderSuffix = ".jwt"
	nextSuffix  = ".next"
	ranSuffix   = ".ran"
	markSuffix  = ".mark"
)

// Order returns the order whose run ended last; nil: there is none.
func (s *State) Order(source string) ([]byte, error) { return s.read(source, orderSuffix) }

// Next returns the order whose run began and has not ended; nil: there is none.
func (s *State) Next(source string) ([]byte, error) { return s.read(source, nextSuffix) }

// Begin keeps an order whose run begins.
func (s *State) Begin(source string, order []byte) error { return s.write(source, nextSuffix, order) }

// Take keeps an order whose run begins, and its mark, on the disk at once, and the order first: with its mark alone nothing
// would run at the next start. On an error neither is there, or, where the disk does not say that they last, both.
func (s *State) Take(source string, order []byte, m Mark) error {
	mark, err := sealedText(m)
	if err != nil {
		return err
	}
	appeared, err := atrest.WriteFiles(s.directory, atrest.File{Name: source + nextSuffix, Data: order}, atrest.File{Name: source + markSuffix, Data: mark})
	if err != nil {
		err = fmt.Errorf("state: %w", err)
	}
	if appeared == 1 {
		err = errors.Join(err, s.Drop(source))
	}
	return err
}

// End keeps the order whose run has ended, with what is on the machine now.
func (s *State) End(source string, ran Ran) error {
	if err := s.KeepRan(source, ran); err != nil {
		return err
	}
	return s.Promote(source)
}

// Promote makes the order whose run began the one whose run has ended last.
func (s *State) Promote(source string) error {
	err := os.Rename(s.path(source, nextSuffix), s.path(source, orderSuffix))
	if errors.Is(err, fs.ErrNotExist) { // it ran from the configuration, or again
		return nil
	}
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// Forget removes a source's order, but never its mark.
func (s *State) Forget(source string) error {
	var problems []error
	for _, suffix := range []string{nextSuffix, orderSuffix, ranSuffix} {
		if err := os.Remove(s.path(source, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Errorf("state: %w", err))
		}
	}
	return errors.Join(problems...)
}

// Drop forgets an order whose run has begun, since it cannot run.
func (s *State) Drop(source string) error {
	if err := os.Remove(s.path(source, nextSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// Ran is what is on the machine by what a source has run.
type Ran struct {
	Order    string       `json:"order,omitzero"`    // digest of the order's Pattern
	Commands command.List `json:"commands,omitzero"` // as they were rendered
	Left     command.List `json:"left,omitzero"`     // of earlier orders, whose removal was not reached, or failed
	Extra    command.List `json:"extra,omitzero"`    // of a run that goes on, or did not end; and of orders that ran in part
}

// Old is the list that another order is compared with.
func (r Ran) Old() command.List { return slices.Concat(r.Left, r.Extra, r.Commands) }

// Again is the list that the same order is compared with when it runs again.
func (r Ran) Again() command.List { return slices.Concat(r.Left, r.Commands) }

// KeepRan keeps what is on the machine.
func (s *State) KeepRan(source string, ran Ran) error { return s.seal(source, ranSuffix, ran) }

// Ran returns what is on the machine. ErrDamaged: it is not known.
func (s *State) Ran(source string) (ran Ran, err error) {
	_, err = s.unseal(source, ranSuffix, &ran)
	return ran, err
}

// Mark is the newest order that a source ever accepted.
type Mark struct {
	IssuedAt int64     `json:"iat"` // Unix seconds
	Accepted time.Time `json:"accepted"`
	Order    string    `json:"order,omitzero"`   // digest of its Pattern
	Lowered  bool      `json:"lowered,omitzero"` // by hand, to let an older order in
	Stays    *Standing `json:"stays,omitzero"`   // the order before it, which runs on until this one has
	Broken   bool      `json:"broken,omitzero"`  // and for good, since this one could not be rendered
}

// Standing is an order that a source runs.
type Standing struct {
	IssuedAt int64  `json:"iat"`
	Order    string `json:"order"`
}

// Mark returns a source's mark; found is false where it never accepted anything. ErrDamaged: it has one and nobody knows
// which, so that nothing may be accepted.
func (s *State) Mark(source string) (m Mark, found bool, err error) {
	found, err = s.unseal(source, markSuffix, &m)
	return m, found, err
}

// KeepMark replaces a source's mark.
func (s *State) KeepMark(source string, m Mark) error { return s.seal(source, markSuffix, m) }

// sealed begins a file with a checksum: "writ-state 1 SHA256\n", and the rest is JSON.
const sealed = "writ-state 1 "

func (s *State) seal(source, suffix string, value any) error {
	text, err := sealedText(value)
	if err != nil {
		return err
	}
	return s.write(source, suffix, text)
}

func sealedText(value any) ([]byte, error) {
	text, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	sum := sha256.Sum256(text)
	return append([]byte(sealed+hex.EncodeToString(sum[:])+"\n"), text...), nil
}

func (s *State) unseal(source, suffix string, value any) (found bool, err error) {
	text, err := s.read(source, suffix)
	if err != nil || text == nil {
		return false, err
	}
	head, body, _ := strings.Cut(string(text), "\n")
	sum := sha256.Sum256([]byte(body))
	if head != sealed+hex.EncodeToString(sum[:]) {
		return true, fmt.Errorf("state: %s %w", s.path(source, suffix), ErrDamaged)
	}
	if err := json.Unmarshal([]byte(body), value); err != nil {
		return true, fmt.Errorf("state: %s %w: %w", s.path(source, suffix), ErrDamaged, err)
	}
	return true, nil
}

// read returns nil where there is no file.
func (s *State) read(source, suffix string) ([]byte, error) {
	file, err := os.Open(s.path(source, suffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxState+1))
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if len(text) > maxState {
		return nil, fmt.Errorf("state: %s %w: over %d bytes", file.Name(), ErrDamaged, maxState)
	}
	if text == nil {
		text = []byte{}
	}
	return text, nil
}

func (s *State) write(source, suffix string, text []byte) error {
	if err := atrest.WriteFile(s.path(source, suffix), text); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// Sweep removes what a killed agent had begun to write.
func (s *State) Sweep() error {
	left, err := filepath.Glob(filepath.Join(s.directory, ".*.*")) // no source's name begins with a dot
	if err != nil {
		return err
	}
	var problems []error
	for _, path := range left {
		problems = append(problems, os.Remove(path))
	}
	return errors.Join(problems...)
}
