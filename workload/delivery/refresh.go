package delivery

import (
	"context"
	"log/slog"
	"time"

	"github.com/writ-run/writ/workload"
)

const (
	firstRetry = time.Second
	lastRetry  = time.Minute
	shortest   = 100 * time.Millisecond // between two refreshes, however short a token lives
	longestNap = time.Minute            // a timer stands still while the machine is suspended, a token's life does not
)

// file is a token in the directory.
type file struct {
	name     string
	audience []string // nil: the grant's first
	token    string
	expiry   time.Time
	life     time.Duration // as the issuer gave it; its clock may differ from ours
	next     time.Time     // when it is to be replaced
	retry    time.Duration // how long after the last failure; 0: it did not fail
	expired  bool          // said so
	renew    bool          // the key of its token was withdrawn: any other is better
	last     bool          // no token can be longer: it is replaced no more, unless its key is withdrawn
}

// accept takes a new token, which is due for replacement after two thirds of its life.
func (f *file) accept(m workload.Minted, now time.Time) {
	f.token, f.expiry, f.life = m.Token, m.Claims.Expiry.Time(), lifeOf(m)
	f.next = now.Add(max(f.life*2/3, shortest))
	f.retry, f.expired, f.renew = 0, false, false
}

func lifeOf(m workload.Minted) time.Duration {
	return m.Claims.Expiry.Time().Sub(m.Claims.IssuedAt.Time())
}

// refresher replaces tokens before they expire.
//
//	fresh --2/3 of life--> mint --ok--> fresh
//	                         |  \--expires no later than the old one--> the run's limit: the last token
//	                         \--fails--> the old one stays; again after 1 s, 2 s, ... 1 min
//	any --key withdrawn--> mint at once
type refresher struct {
	mint minter
	// renewal is closed when tokens should be replaced at once, and then another is to be had.
	renewal func() <-chan struct{}
	told    <-chan struct{} // of renewal, from before the first tokens were minted
	write   func(name, content string) error
	now     func() time.Time
	log     *slog.Logger
}

// run returns when ctx ends, or when no token can be replaced any more and none would be told of.
func (r *refresher) run(ctx context.Context, files []*file) {
	renewal := r.told
	for ctx.Err() == nil {
		f := first(files)
		if f == nil && renewal == nil {
			return
		}
		nap := longestNap
		if f != nil {
			nap = min(nap, f.next.Sub(r.now()))
		}
		select {
		case <-renewal:
			renewal = r.renewal()
			for _, each := range files {
				each.renew, each.last, each.next = true, false, r.now()
			}
			continue
		default:
		}
		if nap <= 0 {
			f.last = r.refresh(ctx, f)
			continue
		}
		select {
		case <-ctx.Done():
		case <-renewal: // seen at the next turn
		case <-time.After(nap):
		}
	}
}

// first is the file that is due first; nil where none is.
func first(files []*file) (due *file) {
	for _, f := range files {
		if !f.last && (due == nil || f.next.Before(due.next)) {
			due = f
		}
	}
	return due
}

// refresh replaces one token, and says whether it was the last one.
func (r *refresher) refresh(ctx context.Context, f *file) (last bool) {
	minted, err := r.mint.Mint(ctx, workload.Request{Audience: f.audience})
	// A shorter life that ends no later: no token outlives the run's limit, and the old one is as good.
	if err == nil && !f.renew && lifeOf(minted) < f.life && !minted.Claims.Expiry.Time().After(f.expiry) {
		return true
	}
	if err == nil {
		err = r.write(f.name, minted.Token)
	}
	if ctx.Err() != nil {
		return true
	}
	if err != nil {
		r.failed(f, err)
		return false
	}
	if f.retry > 0 {
		r.log.Info("the identity token of a run is replaced again", "file", f.name)
	}
	f.accept(minted, r.now())
	return false
}

// failed logs the first of a series of failures, and the moment when the token is of no use any more.
func (r *refresher) failed(f *file, err error) {
	now := r.now()
	if f.retry == 0 {
		r.log.Warn("the identity token of a run could not be replaced; the old one stays, and will be tried again", "file", f.name, "expires", f.expiry, "error", err)
	}
	if !f.expired && !now.Before(f.expiry) {
		f.expired = true
		r.log.Warn("the identity token of a run has expired and could not be replaced", "file", f.name, "error", err)
	}
	f.retry = min(max(2*f.retry, firstRetry), lastRetry)
	f.next = now.Add(f.retry)
}
