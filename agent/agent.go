package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/jsonnet/apart"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

// Config is what an agent is made of.
type Config struct {
	Run     Run
	Sources map[string]*Source // by name

	// Open verifies an order for a source. Where that cannot be done now (its keys cannot be reached), the error wraps
	// ErrUnverified, and it is tried again.
	Open func(ctx context.Context, source string, raw []byte) (pattern.Opened, token.Report, error)

	// Work is what one run of a source is done with. Entries go to the sink, with what is secret masked.
	Work func(source string, sink journal.Sink) (Work, error)

	Pulls *pull.Getter     // how orders are got; nil: as it is by default
	Ready func()           // is told once Run has begun; nil: nobody is
	Grace time.Duration    // how long a Command that runs may go on when the agent is to end; 0: a minute
	Log   *slog.Logger     // nil: none
	Now   func() time.Time // nil: time.Now
}

// Work is what a run of a source is done with.
type Work struct {
	Environment pattern.Environment      // what Patterns find and reach; the agent adds what is an order's own
	Runner      command.Runner           // Exec is the source's. What its Sink is given has been, or will be, masked
	Mask        func(text string) string // hides what is secret; nil: as it is
}

// ErrUnverified means that an order could not be verified for now, which says nothing about it.
var ErrUnverified = errors.New("it cannot be verified now")

// Validate returns every mistake, each beginning with its key.
func (c Config) Validate() error {
	problems := []error{below("run", c.Run.Validate())}
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		problems = append(problems, below("sources."+name, errors.Join(ValidateName(name), c.Sources[name].Validate())))
	}
	if c.Open == nil || c.Work == nil {
		problems = append(problems, errors.New("an agent needs Open and Work"))
	}
	return errors.Join(problems...)
}

// below puts a key in front of an error's lines.
func below(key string, err error) error {
	joined, is := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !is:
		return fmt.Errorf("%s.%w", key, err)
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, below(key, one))
	}
	return errors.Join(all...)
}

// Agent runs the orders of its sources.
type Agent struct {
	state     *State
	log       *slog.Logger
	now       func() time.Time
	watcher   pull.Watcher
	blind     sync.Once // says that it watches nothing
	metrics   *metrics
	evaluator apart.Evaluator
	renders   chan struct{} // a place for each Pattern that is rendered at a time: each takes a process

	configured atomic.Int64 // counts configurations: an order was verified with one of them

	refusals *rate.Limiter // of what the log says of them
	unsaid   atomic.Int64  // what it did not

	stopping context.Context // it ends: no Command starts any more
	stop     context.CancelFunc
	ended    context.Context // it ends: those that run are ended
	end      context.CancelFunc
	pushes   sync.WaitGroup // runs that somebody outside has set off
	loops    sync.WaitGroup

	mu      sync.Mutex
	config  Config
	sources map[string]*source
	parked  map[string]*source // that the configuration has no more: what runs there may not have ended
	life    context.Context    // of the sources' loops; nil: none has begun
}

const (
	defaultGrace = time.Minute
	recordsBelow = "runs" // the directory of records within that of the state
)

// New returns an agent that holds its state's directory. Nothing runs before Run or Once.
func New(c Config) (*Agent, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Grace, c.Pulls = cmp.Or(c.Grace, defaultGrace), cmp.Or(c.Pulls, &pull.Getter{})
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	state, err := OpenState(c.Run.StateDir)
	if err != nil {
		return nil, err
	}
	if err := state.Sweep(); err != nil {
		c.Log.Warn("what a killed agent had begun to write stays", "error", err)
	}
	a := &Agent{
		state: state, log: c.Log, now: c.Now, config: c, sources: map[string]*source{}, parked: map[string]*source{},
		refusals: rate.NewLimiter(10, 100), metrics: newMetrics(), renders: make(chan struct{}, max(4, runtime.NumCPU())),
	}
	a.stopping, a.stop = context.WithCancel(context.Background())
	a.ended, a.end = context.WithCancel(context.Background())
	for name, of := range c.Sources {
		a.sources[name] = newSource(a, name, *of)
	}
	return a, nil
}

// Close lets the state go. Run and Once must have returned.
func (a *Agent) Close() error {
	a.end()
	a.evaluator.Close()
	return errors.Join(a.state.Close(), a.watcher.Close())
}

// Run runs the sources until ctx ends, or an event `exit` ends the agent. Then no Command starts any more; those that run may
// end within Grace, and are ended after it.
func (a *Agent) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, a.stop)()
	if control, err := a.listenControl(); err != nil {
		a.log.Warn("`writ agent status` cannot reach this agent", "error", err)
	} else {
		defer control.Close()
	}
	if !wait(a.stopping, time.Duration(rand.Int64N(int64(a.settings().Run.StartDelay)+1))) {
		return nil
	}
	a.mu.Lock()
	a.life = a.stopping
	for _, s := range a.sorted() {
		s.begin()
	}
	ready := a.config.Ready
	a.mu.Unlock()
	if ready != nil {
		ready()
	}
	<-a.stopping.Done()
	a.log.Info("the agent ends")
	a.drain()
	return nil
}

// Abort ends what runs without any grace. An agent that is not about to end begins to.
func (a *Agent) Abort() {
	a.stop()
	a.end()
}

// Stopping is closed once the agent is about to end.
func (a *Agent) Stopping() <-chan struct{} { return a.stopping.Done() }

// drain waits for what runs, and ends it after the grace.
func (a *Agent) drain() {
	done := make(chan struct{})
	go func() {
		a.loops.Wait()
		a.pushes.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(a.settings().Grace):
		a.log.Warn("Commands that still run are ended", "after", a.settings().Grace)
		a.end()
		<-done
	}
}

// wait is false where ctx ended before the time was over.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// settings are the configuration as it is now. What it points to must not be changed.
func (a *Agent) settings() Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.config
}

// source returns a source; nil: there is none of that name.
func (a *Agent) source(name string) *source {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sources[name]
}

// sorted are the sources in the order of their names. It needs a.mu.
func (a *Agent) sorted() []*source {
	all := make([]*source, 0, len(a.sources))
	for _, name := range slices.Sorted(maps.Keys(a.sources)) {
		all = append(all, a.sources[name])
	}
	return all
}

func (a *Agent) all() []*source {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sorted()
}

func (a *Agent) records() string { return filepath.Join(a.state.Directory(), recordsBelow) }

// Once pulls and runs every source once, in the order of their names. The error names each that failed.
func (a *Agent) Once(ctx context.Context) error {
	defer context.AfterFunc(ctx, a.stop)()
	defer context.AfterFunc(a.stopping, func() { time.AfterFunc(a.settings().Grace, a.end) })()
	var problems []error
	for _, s := range a.all() {
		if a.stopping.Err() != nil {
			break
		}
		if err := s.once(); err != nil {
			problems = append(problems, fmt.Errorf("source %s: %w", s.name, err))
		}
	}
	return errors.Join(problems...)
}

// Reload takes another configuration. A bad one is refused, and nothing has changed then. Sources that are gone end with what
// runs now; what they have put on the machine stays there. The order of each source is verified again.
func (a *Agent) Reload(c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.Run.StateDir != a.config.Run.StateDir {
		return fmt.Errorf("run.stateDir is %s as long as this agent runs, not %s", a.config.Run.StateDir, c.Run.StateDir)
	}
	c.Grace, c.Pulls, c.Log, c.Now = cmp.Or(c.Grace, defaultGrace), cmp.Or(c.Pulls, a.config.Pulls), a.config.Log, a.config.Now
	a.config = c
	a.configured.Add(1)
	for name, s := range a.sources {
		if c.Sources[name] == nil {
			s.endLoop()
			a.parked[name] = s
			delete(a.sources, name)
		}
	}
	for name, of := range c.Sources {
		if s := a.sources[name]; s != nil {
			s.reconfigure(*of)
			s.tell(wakeAgain)
			continue
		}
		s := a.parked[name]
		if s == nil {
			s = newSource(a, name, *of)
		}
		delete(a.parked, name)
		a.sources[name] = s
		s.reconfigure(*of)
		if a.life != nil {
			s.begin()
		}
	}
	return nil
}
