// Package fleet sends an order to many machines, and says of each what became of it there.
//
// Invariants. An order leaves for a machine at most once: it is tried again only as long as nothing of it was sent, since it
// may have run. A machine is believed about itself alone: what it answers is bounded, and shown under the name that it has
// here.
//
//	             ┌─ worker ─ order ─▶ TLS (authority or pin) ─▶ POST ─▶ entries, live ─▶ Result ─┐
//	targets ─────┼─ worker ...                                                                  ├─▶ done, one at a time
//	             └─ worker ...                                                                  ┘
package fleet

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/journal"
)

// Target is a machine that takes orders.
type Target struct {
	Name string // as it is shown
	URL  string // where it takes orders, up to and without the source: https://web1:4000/etcha/v1/push
}

// Push is an order for one machine.
type Push struct {
	Target Target
	Source string
	Order  func(ctx context.Context) ([]byte, error) // makes the token; called once, before anything is sent
	Check  bool                                      // checks only
	Plan   bool                                      // nothing runs there, and nothing is remembered
	Only   string                                    // Commands whose id, or a group's id, this expression matches; empty: all
	Sink   journal.Sink                              // is told what happens there while it does, under the target's name; nil: nobody is
}

// State is what became of an order on a machine, in one word.
type State string

// The states.
const (
	Done        State = "done"        // it ran, or its plan was made
	Drifted     State = "drifted"     // it was only checked, and something would be done
	Failed      State = "failed"      // it ran, and a Command failed; or the machine could not run it
	Refused     State = "refused"     // no such source there, or no pushes, or the order was not verified: machines do not say which
	Older       State = "older"       // a newer order was accepted there before
	Limited     State = "limited"     // too much is sent there at once; nothing ran
	Unreachable State = "unreachable" // nothing was sent
	Lost        State = "lost"        // it was sent, and no whole answer came: it may have run, or still run
	Odd         State = "odd"         // what answered is no agent, or said what no agent says
	Unfit       State = "unfit"       // the machine does not know Plan and Only, as Etcha's do not: it would run all; nothing was sent
	Unmade      State = "unmade"      // there is no order to send: Push.Order failed
	Aborted     State = "aborted"     // the context ended before the answer did; what runs there goes on to its end
)

// Sent tells whether the order has left for the machine.
func (s State) Sent() bool {
	return s != Unreachable && s != Unfit && s != Unmade
}

// Result is what became of an order on a machine.
type Result struct {
	Target string
	State  State
	Err    string // why it is not Done; one line where it is ours, else what the machine said
	Hint   string // what to do about it; mostly empty
	Answer api.Pushed
	Took   time.Duration
}

// Config says how machines are reached.
type Config struct {
	SkipVerify   bool                // certificates are not verified
	NoSystemCA   bool                // the authorities of the system are not trusted
	CAs          *x509.CertPool      // authorities that are trusted beside them; nil: none
	Pins         [][sha256.Size]byte // SHA-256 of certificates that are trusted whoever has signed them, for whatever name
	Certificates []tls.Certificate   // of this sender, for machines that ask for one

	Timeout time.Duration // of one machine, from its order on; 0: 15 minutes
	Dial    time.Duration // of one try to connect, and of the handshake; 0: 10 seconds
	Silence time.Duration // at most, between two signs of life of an answer that is streamed; 0: a minute
}

// Sender sends orders. Connections are kept for a while, for the next ones.
type Sender struct {
	config Config
	client *http.Client
	pause  time.Duration // before the second try to reach a machine
}

// New returns a Sender, which Close ends.
func New(c Config) *Sender {
	c = c.withDefaults()
	return &Sender{config: c, pause: pause, client: &http.Client{
		Transport: transport(c),
		// An order goes where it was sent, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c Config) withDefaults() Config {
	for limit, otherwise := range map[*time.Duration]time.Duration{&c.Timeout: 15 * time.Minute, &c.Dial: 10 * time.Second, &c.Silence: time.Minute} {
		if *limit == 0 {
			*limit = otherwise
		}
	}
	return c
}

// Close lets kept connections go.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// All sends orders to machines, so many at once, and tells done each result when it is there, one at a time. When the
// context ends, nothing more is sent, and what has not been answered is Aborted.
func (s *Sender) All(ctx context.Context, pushes []Push, workers int, done func(Result)) {
	next := make(chan Push)
	var group sync.WaitGroup
	var one sync.Mutex
	for range max(1, min(workers, len(pushes))) {
		group.Go(func() {
			for p := range next {
				r := s.Push(ctx, p)
				one.Lock()
				done(r)
				one.Unlock()
			}
		})
	}
	for _, p := range pushes {
		next <- p
	}
	close(next)
	group.Wait()
}

// Push sends an order to one machine, and waits for what becomes of it.
func (s *Sender) Push(ctx context.Context, p Push) Result {
	began := time.Now()
	r := s.push(ctx, p)
	r.Target, r.Took = p.Target.Name, time.Since(began)
	return r
}

// address is where the order goes, with what is asked for.
func (p Push) address() string {
	query := url.Values{}
	if p.Check {
		query.Set(api.PushCheck, "")
	}
	if p.Plan {
		query.Set(api.PushPlan, "")
	}
	if p.Only != "" {
		query.Set(api.PushOnly, p.Only)
	}
	address := strings.TrimSuffix(p.Target.URL, "/") + "/" + url.PathEscape(p.Source)
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}
