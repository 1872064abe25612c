// Package build runs one job's plan: steps, hooks and modifiers with Concourse's semantics, artifacts between tasks, vars when
// a step starts, and a child run with its own identity for each attempt of a task.
//
//	Run --step--> hooks(across(attempts(timeout(task | do | in_parallel | load_var | try))))
//	                                     |
//	    vars --Interpolate--> config --Session.Task--> Wrap(runtime, session).Start --Wait--> outputs registered, session closed
//
// A step succeeds, fails (a task exited with another status than 0, or ran out of time), errors (it could not be tried), or
// is aborted (the context of Run has ended). It knows nothing of how identity is delivered: Wrap does.
package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload"
)

// Status is how a build ended.
type Status string

// The statuses of a build, of its job and of its steps.
const (
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	Errored   Status = "errored"
	Aborted   Status = "aborted"
)

// DefaultGrace is how long hooks may take once a build is aborted.
const DefaultGrace = 5 * time.Minute

// Config is a build to run.
type Config struct {
	Pipeline pipeline.Pipeline
	Job      string
	Session  *workload.Session // the build's; the caller closes it
	Runtime  container.Runtime
	Sink     journal.Sink
	Copy     func(ctx context.Context, dst, src string) error // copies a tree into a directory, which may be there
	Export   func(ctx context.Context, dst, src string) error // as Copy, of an output to the user; nil: Copy

	Wrap      func(container.Runtime, *workload.Session) container.Runtime // puts a task's identity into what is started; nil: none
	Kinds     map[string]vars.Kind                                         // by type of var source
	Vars      map[string]any                                               // static: for vars without a source
	Inputs    map[string]string                                            // artifact -> directory that it is a copy of
	Outputs   map[string]string                                            // artifact -> directory that it is copied to at the end
	Exported  func(artifact string)                                        // called after each copy; nil: one that was never made is an error of a build that succeeded
	AddSecret func(string)                                                 // called with each secret and token before it is used
	Reserved  func(path string) error                                      // says why an input or output may not be at a path
	Platform  string                                                       // of task configs; empty: this machine's
	Image     Image                                                        // makes images ready; nil: the runtime has no containers
	Caches    Caches                                                       // of tasks; nil: each attempt finds an empty one
	Kill      context.Context                                              // when it ends hooks are ended too; nil: never
	Grace     time.Duration                                                // for hooks of an aborted build; 0: DefaultGrace
	Now       func() time.Time                                             // of entries; nil: time.Now
}

// Image makes a task's image ready for the runtime: what r names, or, where artifact is not nil, what is in it (r is then zero).
// name goes into container.Spec, digest into the task's identity.
type Image func(ctx context.Context, r pipeline.ImageResource, artifact container.Volume) (name, digest string, err error)

// Check refuses what can be refused before anything runs: a job that does not exist, var sources of a type or configuration
// that is not known, reserved paths, tasks for another platform.
func (c Config) Check() error {
	job, err := c.Pipeline.Job(c.Job)
	if err != nil {
		return err
	}
	var problems []error
	if c.Copy == nil && len(c.Inputs)+len(c.Outputs) > 0 {
		problems = append(problems, errors.New("inputs and outputs: Copy is missing"))
	}
	for _, source := range c.Pipeline.VarSources {
		kind, known := c.Kinds[source.Type]
		if !known {
			problems = append(problems, source.Wrong(fmt.Errorf("type %q: not yet in writ; there are: %s", source.Type, strings.Join(slices.Sorted(maps.Keys(c.Kinds)), ", "))))
			continue
		}
		if err := kind.Validate(source.Config); err != nil {
			problems = append(problems, source.Wrong(err))
		}
	}
	if c.Reserved != nil {
		problems = append(problems, c.Pipeline.CheckPaths(c.Reserved))
	}
	job.Plan.Walk(func(t *pipeline.Task) {
		if t.Config != nil {
			problems = append(problems, t.Config.CheckPlatform(c.platform()))
		}
		if c.Image == nil {
			problems = append(problems, t.CheckImage())
		}
	})
	return errors.Join(problems...)
}

func (c Config) platform() string {
	if c.Platform != "" {
		return c.Platform
	}
	return runtime.GOOS
}

// build is one run of a job.
type build struct {
	Config
	job  pipeline.Job
	name string // "42"
	sink *sink

	ctx   context.Context // ends when the build is aborted; has no deadline
	grace context.Context // of hooks after that

	scope   *scope
	copying sync.Mutex // of the user's directories
	sources sources
	titles  titles
}

// Run runs the job's plan. When ctx ends the build is aborted: what runs is ended, its on_abort and ensure hooks run, for at
// most Grace and until Kill ends.
//
// Why a step failed or errored is in the journal. Run's own error is for what is outside the plan: a Config that Check
// refuses, an output that could not be copied, a journal that could not be written. With it a build never is Succeeded.
func Run(ctx context.Context, c Config) (Status, error) {
	if err := c.Check(); err != nil {
		return Errored, err
	}
	job, err := c.Pipeline.Job(c.Job)
	if err != nil {
		return Errored, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.AddSecret == nil {
		c.AddSecret = func(string) {}
	}
	c.Session.OnMint(func(m workload.Minted) { c.AddSecret(m.Token) })
	b := &build{
		Config: c, job: job, name: c.Session.Run().Build,
		scope: newScope(), sources: sources{all: map[string]*opening{}}, titles: titles{all: map[title]bool{}},
	}
	b.sink = &sink{next: c.Sink, now: c.Now}
	stop := b.clocks(ctx)
	defer stop()
	if ctx.Err() != nil { // nothing has begun, so no hook has anything to put in order
		return Aborted, nil
	}
	return b.run()
}

// clocks makes the contexts of the plan and of its hooks after an abort.
func (b *build) clocks(ctx context.Context) (stop func()) {
	lasting := context.WithoutCancel(ctx)
	var abort, cut context.CancelFunc
	b.ctx, abort = context.WithCancel(lasting)
	b.grace, cut = context.WithCancel(lasting)
	grace := b.Grace
	if grace <= 0 {
		grace = DefaultGrace
	}
	// The timer is made here and started by the abort, so that stop can stop it.
	patience := time.AfterFunc(grace, cut)
	patience.Stop()
	unlink := context.AfterFunc(ctx, func() {
		patience.Reset(grace)
		abort()
	})
	unkill := func() bool { return true }
	if b.Kill != nil {
		unkill = context.AfterFunc(b.Kill, func() {
			abort()
			cut()
		})
	}
	return func() {
		unlink()
		unkill()
		patience.Stop()
		abort()
		cut()
	}
}

func (b *build) run() (Status, error) {
	b.log(journal.Entry{Kind: journal.Start, Text: "started"})
	status := b.step(b.ctx, &b.job.Plan, frame{scope: b.scope}).status()
	problem := b.export(status)
	if problem != nil {
		b.log(journal.Entry{Kind: journal.Errored, Text: problem.Error()})
		status = worse(status)
	}
	b.closeSources()
	b.closeScope(b.scope)
	b.log(journal.Entry{Kind: journal.Finish, Status: string(status)})
	if unwritten := b.sink.err(); unwritten != nil {
		problem = errors.Join(problem, fmt.Errorf("write the log: %w", unwritten))
		status = worse(status)
	}
	return status, problem
}

// worse is the status of a build whose plan ended so, but which did not do all that was asked for.
func worse(s Status) Status {
	if s == Succeeded {
		return Errored
	}
	return s
}

// log appends an entry of the job.
func (b *build) log(e journal.Entry) {
	e.Job, e.Build = b.job.Name, b.name
	b.sink.append(e)
}
