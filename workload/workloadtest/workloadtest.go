// Package workloadtest is a small working Minter for tests: it signs with a real key, and a test sees and steers what it does.
package workloadtest

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// IssuerURL is the issuer of a new Minter.
const IssuerURL = "https://ci.example.com"

// Minter is a workload.Minter in memory.
type Minter struct {
	key    key.Private
	signer *token.KeySigner

	mu          sync.Mutex
	issuer      string
	grant       workload.Grant
	now         func() time.Time
	life        time.Duration
	unreachable bool
	runs        map[workload.RunID]*run
	requests    []workload.Request
	begun       []workload.Subject
	next        int
}

type run struct {
	subject  workload.Subject
	ids      workload.IDs
	deadline time.Time
}

// New returns a Minter with an Ed25519 key, which grants the issuer's URL and the variable.
func New(t testing.TB) *Minter {
	t.Helper()
	k, err := key.Generate(key.EdDSA, "")
	if err != nil {
		t.Fatal(err)
	}
	return &Minter{
		key: k, signer: token.NewSigner(k), issuer: IssuerURL, now: time.Now, life: workload.DefaultLife,
		grant: workload.Grant{Enabled: true, Env: true, Audiences: []string{IssuerURL}},
		runs:  map[workload.RunID]*run{},
	}
}

// Open opens a session of subject main/deploy/release, closed with the test.
func (m *Minter) Open(t testing.TB) *workload.Session {
	t.Helper()
	s, err := workload.Open(t.Context(), m, workload.Subject{Team: "main", Pipeline: "deploy", Job: "release"}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// Key returns the verification key.
func (m *Minter) Key() key.Public { return m.key.Public() }

// SetGrant sets what later runs are granted.
func (m *Minter) SetGrant(g workload.Grant) { m.set(func() { m.grant = g }) }

// SetIssuer sets the issuer URL of later runs and tokens, and grants it as the audience.
func (m *Minter) SetIssuer(u url.URL) {
	m.set(func() { m.issuer, m.grant.Audiences = u.String(), []string{u.String()} })
}

// SetNow sets the clock.
func (m *Minter) SetNow(now func() time.Time) { m.set(func() { m.now = now }) }

// SetLife sets the default life of later tokens.
func (m *Minter) SetLife(life time.Duration) { m.set(func() { m.life = life }) }

// SetUnreachable makes every later call fail with workload.ErrUnreachable.
func (m *Minter) SetUnreachable(unreachable bool) { m.set(func() { m.unreachable = unreachable }) }

func (m *Minter) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// Requests returns what was asked for, in order.
func (m *Minter) Requests() []workload.Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]workload.Request(nil), m.requests...)
}

// Begun returns the subjects of all runs, in order.
func (m *Minter) Begun() []workload.Subject {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]workload.Subject(nil), m.begun...)
}

// Live returns how many runs have not ended.
func (m *Minter) Live() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.runs)
}

// Begin registers a run.
func (m *Minter) Begin(_ context.Context, s workload.Subject, l workload.Limits) (workload.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unreachable {
		return workload.Run{}, fmt.Errorf("dial: %w", workload.ErrUnreachable)
	}
	m.next++
	r := &run{subject: s, ids: workload.IDs{TeamID: 1, PipelineID: 2, JobID: 3, BuildID: int64(m.next)}}
	if parent := m.runs[s.Parent]; s.Parent != "" {
		if parent == nil {
			return workload.Run{}, fmt.Errorf("%w: the parent run has ended", workload.ErrRefused)
		}
		r.ids, r.deadline = parent.ids, parent.deadline
	}
	if l.Life > 0 {
		r.deadline = m.now().Add(l.Life)
	}
	id := workload.RunID("run-" + strconv.Itoa(m.next))
	m.runs[id] = r
	m.begun = append(m.begun, s)
	return workload.Run{ID: id, IDs: r.ids, Build: strconv.FormatInt(r.ids.BuildID, 10), Issuer: m.issuer, Grant: m.grant}, nil
}

// Mint signs a token.
func (m *Minter) Mint(ctx context.Context, id workload.RunID, q workload.Request) (workload.Minted, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unreachable {
		return workload.Minted{}, fmt.Errorf("dial: %w", workload.ErrUnreachable)
	}
	m.requests = append(m.requests, q)
	r := m.runs[id]
	if r == nil {
		return workload.Minted{}, fmt.Errorf("%w: the run has ended", workload.ErrRefused)
	}
	if !m.grant.Enabled {
		return workload.Minted{}, fmt.Errorf("%w: identity is disabled for this run", workload.ErrRefused)
	}
	audience := q.Audience
	if len(audience) == 0 {
		audience = m.grant.Audiences[:1]
	}
	if m.grant.Restricted {
		for _, one := range audience {
			if !m.grants(one) {
				return workload.Minted{}, fmt.Errorf("%w: audience %q is not granted to this run", workload.ErrRefused, one)
			}
		}
	}
	sub, err := r.subject.Sub(q.Scope)
	if err != nil {
		return workload.Minted{}, err
	}
	life := q.Life
	if life == 0 {
		life = m.life
	}
	now := m.now()
	expiry := now.Add(life)
	if !r.deadline.IsZero() && expiry.After(r.deadline) {
		expiry = r.deadline
	}
	m.next++
	claims := workload.NewIdentity(r.subject, r.ids, strconv.FormatInt(r.ids.BuildID, 10))
	claims.Registered = token.Registered{
		Issuer: m.issuer, Subject: sub, Audience: audience, ID: strconv.Itoa(m.next),
		IssuedAt: token.NumericDate(now.Unix()), NotBefore: token.NumericDate(now.Unix()), Expiry: token.NumericDate(expiry.Unix()),
	}
	raw, err := m.signer.SignToken(ctx, "JWT", claims)
	return workload.Minted{Token: raw, Claims: claims}, err
}

func (m *Minter) grants(audience string) bool {
	for _, granted := range m.grant.Audiences {
		if granted == audience {
			return true
		}
	}
	for _, file := range m.grant.Files {
		if file.Audience == audience {
			return true
		}
	}
	return false
}

// End ends a run and its children.
func (m *Minter) End(_ context.Context, id workload.RunID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unreachable {
		return fmt.Errorf("dial: %w", workload.ErrUnreachable)
	}
	delete(m.runs, id)
	for child, r := range m.runs {
		if r.subject.Parent == id {
			delete(m.runs, child)
		}
	}
	return nil
}
