package issuer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// maxRuns bounds how many runs may be registered at once, builds and tasks together.
const maxRuns = 100_000

// googleSubject is how many bytes of sub Google's workload identity federation takes.
const googleSubject = 127

// Issuer is a workload.Minter. It is safe for concurrent use.
type Issuer struct {
	config  Config
	keys    *KeyRing
	store   Store
	grants  grants
	metrics *counters
	now     func() time.Time
	log     *slog.Logger

	mu       sync.RWMutex
	runs     map[workload.RunID]*run
	byPublic map[string]*run
}

// run is a registered run.
type run struct {
	id       workload.RunID
	public   string // stands in its tokens' jti; follows from id one way
	subject  workload.Subject
	ids      workload.IDs
	build    string
	grant    workload.Grant
	deadline time.Time // no token outlives it; zero: none
	parent   *run
	children map[*run]struct{}
}

// New returns an issuer with its keys and numbers. Keys are made where there are none.
func New(c Config, keys *KeyRing, store Store) (*Issuer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Algorithm == "" {
		c.Algorithm = key.RS256
	}
	if c.Rate == 0 {
		c.Rate = defaultRate
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	g, err := newGrants(c)
	if err != nil {
		return nil, err
	}
	i := &Issuer{
		config: c, keys: keys, store: store, grants: g, now: c.Now, log: c.Log,
		runs: map[workload.RunID]*run{}, byPublic: map[string]*run{},
	}
	i.metrics = newCounters(i.count, keys.List, c.Now)
	if _, err := keys.Signer(c.Algorithm, time.Time{}); err != nil {
		return nil, err
	}
	return i, nil
}

// Renewal is closed when a key has been withdrawn: tokens should be minted anew. It makes Issuer a workload.Renewer.
func (i *Issuer) Renewal(workload.RunID) <-chan struct{} { return i.keys.Renewal() }

// URL returns the issuer URL.
func (i *Issuer) URL() string { return i.config.URL }

// Begin registers a run: a build, which is numbered, or (with a parent) a task of one.
func (i *Issuer) Begin(ctx context.Context, s workload.Subject, l workload.Limits) (workload.Run, error) {
	if err := s.Validate(); err != nil {
		return workload.Run{}, fmt.Errorf("%w: %w", workload.ErrRefused, err)
	}
	r := &run{subject: s, children: map[*run]struct{}{}}
	if l.Life > 0 {
		r.deadline = i.now().Add(l.Life)
	}
	if err := i.number(ctx, r); err != nil {
		return workload.Run{}, err
	}
	grant, err := i.grants.of(workload.NewIdentity(s, r.ids, r.build))
	if err != nil {
		return workload.Run{}, err
	}
	r.grant = grant
	r.id, r.public = newHandle()

	i.mu.Lock()
	defer i.mu.Unlock()
	if s.Parent != "" {
		if r.parent = i.runs[s.Parent]; r.parent == nil {
			return workload.Run{}, errParentEnded
		}
		r.limitTo(r.parent)
	}
	if len(i.runs) >= maxRuns {
		return workload.Run{}, fmt.Errorf("%w: %d runs are registered, and no more are taken at once", workload.ErrRefused, maxRuns)
	}
	if r.parent != nil {
		r.parent.children[r] = struct{}{}
	}
	i.runs[r.id], i.byPublic[r.public] = r, r
	i.metrics.count(runsBegun)
	i.log.Info("run registered", "run", r.public, "team", s.Team, "pipeline", s.Pipeline, "job", s.Job, "build", r.build, "buildid", r.ids.BuildID, "task", s.Task, "attempt", s.Attempt)
	return workload.Run{ID: r.id, IDs: r.ids, Build: r.build, Issuer: i.config.URL, Grant: r.grant}, nil
}

var errParentEnded = fmt.Errorf("%w: the build of this task is not registered, or has ended", workload.ErrRefused)

// number gives a build its ids; a task has its build's.
func (i *Issuer) number(ctx context.Context, r *run) error {
	s := r.subject
	if s.Parent == "" {
		instance, err := s.Instance()
		if err != nil {
			return fmt.Errorf("%w: %w", workload.ErrRefused, err)
		}
		if r.ids, r.build, err = i.store.Number(ctx, s.Team, s.Pipeline, instance, s.Job); err != nil {
			return fmt.Errorf("number the build: %w", err)
		}
		return nil
	}
	i.mu.RLock()
	parent := i.runs[s.Parent]
	i.mu.RUnlock()
	if parent == nil {
		return errParentEnded
	}
	if parent.parent != nil {
		return fmt.Errorf("%w: the parent run is a task, not a build", workload.ErrRefused)
	}
	own, _ := s.Instance()
	theirs, _ := parent.subject.Instance()
	if s.Team != parent.subject.Team || s.Pipeline != parent.subject.Pipeline || s.Job != parent.subject.Job || own != theirs {
		return fmt.Errorf("%w: the task names another team, pipeline or job than its build", workload.ErrRefused)
	}
	r.ids, r.build = parent.ids, parent.build
	return nil
}

// limitTo keeps a task within its build.
func (r *run) limitTo(parent *run) {
	r.grant.Enabled = r.grant.Enabled && parent.grant.Enabled
	if !parent.deadline.IsZero() && (r.deadline.IsZero() || parent.deadline.Before(r.deadline)) {
		r.deadline = parent.deadline
	}
}

// newHandle makes a run's secret handle, and the public part that its tokens show.
func newHandle() (workload.RunID, string) {
	id := rand.Text()
	sum := sha256.Sum256([]byte("writ run " + id))
	return workload.RunID(id), base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Mint signs a token of a registered run.
func (i *Issuer) Mint(ctx context.Context, id workload.RunID, q workload.Request) (workload.Minted, error) {
	minted, err := i.mint(ctx, id, q)
	if err != nil {
		i.metrics.count(tokensRefused)
		i.log.Warn("mint refused", "audience", q.Audience, "error", err)
		return workload.Minted{}, err
	}
	return minted, nil
}

func (i *Issuer) mint(ctx context.Context, id workload.RunID, q workload.Request) (workload.Minted, error) {
	i.mu.RLock()
	r := i.runs[id]
	i.mu.RUnlock()
	if r == nil {
		return workload.Minted{}, fmt.Errorf("%w: the run has ended, or was never registered here", workload.ErrRefused)
	}
	audience, err := r.audience(q.Audience)
	if err != nil {
		return workload.Minted{}, fmt.Errorf("%w: %w", workload.ErrRefused, err)
	}
	now := i.now()
	expiry, err := r.expiry(now, q.Life)
	if err != nil {
		return workload.Minted{}, fmt.Errorf("%w: %w", workload.ErrRefused, err)
	}
	sub, err := r.subject.Sub(q.Scope)
	if err != nil {
		return workload.Minted{}, fmt.Errorf("%w: %w", workload.ErrRefused, err)
	}
	algorithm := q.Algorithm
	if algorithm == "" {
		algorithm = i.config.Algorithm
	}
	signer, err := i.keys.Signer(algorithm, expiry)
	if err != nil {
		return workload.Minted{}, err
	}
	claims := workload.NewIdentity(r.subject, r.ids, r.build)
	claims.Registered = token.Registered{
		Issuer: i.config.URL, Subject: sub, Audience: audience, ID: r.public + "." + rand.Text(),
		Expiry: token.NumericDate(expiry.Unix()), NotBefore: token.NumericDate(now.Unix()), IssuedAt: token.NumericDate(now.Unix()),
	}
	raw, err := signer.SignToken(ctx, "JWT", claims)
	if err != nil {
		return workload.Minted{}, err
	}
	i.metrics.count(mintedWith(algorithm))
	i.log.Info("token minted", "jti", claims.ID, "sub", sub, "aud", audience, "run", r.public, "exp", expiry.UTC())
	if len(sub) > googleSubject {
		i.log.Warn("sub is longer than Google takes", "sub", sub, "bytes", len(sub), "limit", googleSubject)
	}
	return workload.Minted{Token: raw, Claims: claims}, nil
}

// audience checks what is asked for against the grant.
func (r *run) audience(asked []string) (token.Audience, error) {
	if !r.grant.Enabled {
		return nil, errors.New("issuer.identity disables the identity of this run")
	}
	if len(asked) == 0 {
		return token.Audience(r.grant.Audiences[:1]), nil
	}
	if err := checkAudiences(asked); err != nil {
		return nil, err
	}
	for _, a := range asked {
		if r.grant.Restricted && !slices.Contains(r.grant.Audiences, a) &&
			!slices.ContainsFunc(r.grant.Files, func(f workload.File) bool { return f.Audience == a }) {
			return nil, fmt.Errorf("audience %q is not granted to this run; issuer.identity grants %s", a, strings.Join(r.grant.Audiences, ", "))
		}
	}
	return token.Audience(slices.Clone(asked)), nil
}

// expiry is when a token of this life expires: whole seconds, never past the run's deadline.
func (r *run) expiry(now time.Time, life time.Duration) (time.Time, error) {
	if life == 0 {
		life = workload.DefaultLife
	}
	if err := workload.CheckLife(life); err != nil {
		return time.Time{}, err
	}
	expiry := now.Add(life)
	if !r.deadline.IsZero() && expiry.After(r.deadline) {
		expiry = r.deadline
	}
	expiry = expiry.Truncate(time.Second)
	if !expiry.After(now) {
		return time.Time{}, errors.New("the run's time is over")
	}
	return expiry, nil
}

// End ends a run and its children; one that has ended already is well.
func (i *Issuer) End(_ context.Context, id workload.RunID) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r := i.runs[id]; r != nil {
		if r.parent != nil {
			delete(r.parent.children, r)
		}
		i.end(r)
	}
	return nil
}

// end forgets a run and its children. The caller holds the lock.
func (i *Issuer) end(r *run) {
	for child := range r.children {
		i.end(child)
	}
	delete(i.runs, r.id)
	delete(i.byPublic, r.public)
	i.log.Info("run ended", "run", r.public, "buildid", r.ids.BuildID, "task", r.subject.Task)
}

// live tells whether the run that a jti belongs to is registered.
func (i *Issuer) live(jti string) bool {
	public, _, found := strings.Cut(jti, ".")
	i.mu.RLock()
	defer i.mu.RUnlock()
	return found && i.byPublic[public] != nil
}

// count is how many runs are registered.
func (i *Issuer) count() int {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return len(i.runs)
}
