package workload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// What a Minter's errors are, where a caller may branch.
var (
	ErrUnreachable = errors.New("issuer is unreachable")
	ErrRefused     = errors.New("refused by the issuer")
)

// The life of a token: what it is by default, and at most.
const (
	DefaultLife = time.Hour
	MaxLife     = 24 * time.Hour
)

// closeTimeout bounds how long ending a run may take: a run whose end cannot be told ends with its connection.
const closeTimeout = 10 * time.Second

// ParseLife reads the life of a token, "10m" or "1h30m": at least 1s, at most 24h.
func ParseLife(text string) (time.Duration, error) {
	life, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("life %.40q is not a duration like 10m or 1h30m", text)
	}
	return life, CheckLife(life)
}

// CheckLife refuses a life under 1s or over 24h.
func CheckLife(life time.Duration) error {
	if life < time.Second || life > MaxLife {
		return fmt.Errorf("life %s is not from 1s to 24h", life)
	}
	return nil
}

// Session is a registered run for as long as it lasts. It is safe for concurrent use.
type Session struct {
	minter  Minter
	run     Run
	subject Subject
	parent  *Session

	mu       sync.Mutex
	hooks    []func(Minted)
	children map[*Session]struct{}
	closed   bool
}

// Open registers a run.
func Open(ctx context.Context, m Minter, s Subject, l Limits) (*Session, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	run, err := m.Begin(ctx, s, l)
	if err != nil {
		return nil, fmt.Errorf("register the run: %w", err)
	}
	return &Session{minter: m, run: run, subject: s, children: map[*Session]struct{}{}}, nil
}

// Task is what a build runs one of.
type Task struct {
	Name        string
	Step        string
	Attempt     int // from 1
	ImageDigest string
	Runtime     string
	Privileged  bool
}

// Task registers a run of one task of this build: the same names and ids, and an end of its own. It ends with its build.
func (s *Session) Task(ctx context.Context, t Task, l Limits) (*Session, error) {
	subject := s.subject
	subject.Parent = s.run.ID
	subject.Task, subject.Step, subject.Attempt = t.Name, t.Step, t.Attempt
	subject.ImageDigest, subject.Runtime, subject.Privileged = t.ImageDigest, t.Runtime, t.Privileged
	child, err := Open(ctx, s.minter, subject, l)
	if err != nil {
		return nil, err
	}
	child.parent = s
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.children[child] = struct{}{}
	}
	s.mu.Unlock()
	if closed {
		return nil, errors.Join(errEnded, child.Close(ctx))
	}
	return child, nil
}

var errEnded = fmt.Errorf("%w: the run has ended", ErrRefused)

// Run returns the registered run.
func (s *Session) Run() Run { return s.run }

// Subject returns who the run is.
func (s *Session) Subject() Subject { return s.subject }

// OnMint has f called for every token minted through this session and those below it, before the caller gets it.
func (s *Session) OnMint(f func(Minted)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(s.hooks, f)
}

// Mint asks for one token of this run. Nothing is cached: each call mints.
func (s *Session) Mint(ctx context.Context, q Request) (Minted, error) {
	if q.Life != 0 {
		if err := CheckLife(q.Life); err != nil {
			return Minted{}, err
		}
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return Minted{}, errEnded
	}
	minted, err := s.minter.Mint(ctx, s.run.ID, q)
	if err != nil {
		return Minted{}, err
	}
	for at := s; at != nil; at = at.parent {
		at.mu.Lock()
		hooks := at.hooks
		at.mu.Unlock()
		for _, hook := range hooks {
			hook(minted)
		}
	}
	return minted, nil
}

// Renewal is closed when this run's tokens should be minted anew before they expire; ask again for the next time. Nil: the
// minter cannot tell.
func (s *Session) Renewal() <-chan struct{} {
	if renewer, can := s.minter.(Renewer); can {
		return renewer.Renewal(s.run.ID)
	}
	return nil
}

// Close ends the run and those below it: their tokens turn inactive. It goes on, for ten seconds, where ctx has ended.
// A second Close does nothing.
func (s *Session) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var children []*Session
	for child := range s.children {
		children = append(children, child)
	}
	s.mu.Unlock()

	var problems []error
	for _, child := range children {
		problems = append(problems, child.Close(ctx))
	}
	if s.parent != nil {
		s.parent.mu.Lock()
		delete(s.parent.children, s)
		s.parent.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := s.minter.End(ctx, s.run.ID); err != nil {
		problems = append(problems, fmt.Errorf("end the run: %w", err))
	}
	return errors.Join(problems...)
}

// String hides the handle.
func (RunID) String() string { return "run handle" }

// GoString hides the handle.
func (RunID) GoString() string { return "run handle" }

// LogValue hides the handle.
func (RunID) LogValue() slog.Value { return slog.StringValue("run handle") }

// String names the token by its jti and sub.
func (m Minted) String() string { return fmt.Sprintf("token %s of %s", m.Claims.ID, m.Claims.Subject) }

// GoString is String.
func (m Minted) GoString() string { return m.String() }

// LogValue is String.
func (m Minted) LogValue() slog.Value { return slog.StringValue(m.String()) }
