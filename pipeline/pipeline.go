// Package pipeline reads Concourse's pipeline and task YAML into a plan. It is pure: bytes in, a Pipeline or positions of
// mistakes out.
//
//	bytes --> YAML nodes --bounds, aliases, merges--> nodes --static vars--> nodes --strict reading--> Pipeline
//	                                                                            \--> TaskTemplate --Fill (when the task starts)--> TaskConfig
//
// Invariant: nothing is ignored. A field is read, or it is one of those that mean nothing to a run on one machine (they are
// checked and listed at their schema), or it is refused with file, line and column. What Concourse has and writ has not is
// refused by its name.
package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/internal/nearest"
)

// Pipeline is a parsed pipeline.
type Pipeline struct {
	File       string
	VarSources []VarSource // each after those that its config refers to
	Jobs       []Job       // in the order of the file
	Warnings   []Error     // what Concourse warns of: names that are no identifiers, deprecated fields
}

// VarSource is an entry of var_sources. Config still has its ((vars)).
type VarSource struct {
	Name, Type string
	Config     map[string]any
	at         Error
}

// Job is a job. Its plan is a Do step that carries the job's hooks.
type Job struct {
	Name string
	Plan Step
}

// Step is one step of a plan. Exactly one of Task, Do, Parallel, LoadVar, Try and Across is set.
//
// Its modifiers apply from the inside out: Timeout (to each attempt), Attempts, Across (whose step has these two), OnSuccess, OnFailure, OnAbort, OnError, Ensure.
type Step struct {
	Task     *Task
	Do       []Step
	Parallel *Parallel
	LoadVar  *LoadVar
	Try      *Step
	Across   *Across

	Timeout                                        time.Duration // 0: none
	Attempts                                       int           // 0: once, and no attempt is numbered
	OnSuccess, OnFailure, OnAbort, OnError, Ensure *Step
}

// Parallel are steps that run at the same time.
type Parallel struct {
	Steps    []Step
	Limit    int  // how many at a time; 0: all
	FailFast bool // the first that does not succeed interrupts the others
}

// Task is a task step. Either Config is set or File.
type Task struct {
	Name          string
	Config        *TaskTemplate     // the step's params are in it
	File          string            // ARTIFACT/PATH of a task config
	InputMapping  map[string]string // input of the task -> artifact of the build
	OutputMapping map[string]string // output of the task -> artifact of the build
	Image         string            // artifact that the task's image is in; empty: as the config says
	Privileged    bool
	Hermetic      bool   // without a network
	Limits        Limits // each one given wins over the config's

	vars    map[string]any // fill the file's ((vars)); they may themselves hold ((vars))
	params  *node          // win over the file's
	imaged  bool           // there is an image, though its name may be a var
	imageAt Error
}

// Artifact splits File at its first slash: the artifact that the file is in, and its path there.
func (t *Task) Artifact() (name, path string) {
	name, path, _ = strings.Cut(t.File, "/")
	return name, path
}

// Job returns the job of that name. The error lists the jobs there are.
func (p Pipeline) Job(name string) (Job, error) {
	names := make([]string, len(p.Jobs))
	for i, job := range p.Jobs {
		if job.Name == name {
			return job, nil
		}
		names[i] = job.Name
	}
	return Job{}, fmt.Errorf("%s: no job %q%s; jobs: %s", p.File, name, nearest.Suggestion(name, names), strings.Join(names, ", "))
}

// CheckPaths asks reserved about every path of an input, output and cache that is known before a run, in all jobs. Its error
// names the file, the line and the path.
func (p Pipeline) CheckPaths(reserved func(path string) error) error {
	var problems Errors
	for _, job := range p.Jobs {
		job.Plan.Walk(func(t *Task) {
			if t.Config != nil {
				problems = append(problems, t.Config.known.reservedPaths(reserved)...)
			}
		})
	}
	return problems.orNil()
}

// Walk calls f for every task in the step and its hooks, in the order of the file's nesting. What depends on a var of across
// is empty in them.
func (s Step) Walk(f func(*Task)) {
	if s.Task != nil {
		f(s.Task)
	}
	for _, inner := range s.Do {
		inner.Walk(f)
	}
	if s.Parallel != nil {
		for _, inner := range s.Parallel.Steps {
			inner.Walk(f)
		}
	}
	if s.Across != nil {
		s.Across.Step.Walk(f)
	}
	for _, inner := range []*Step{s.Try, s.OnSuccess, s.OnFailure, s.OnAbort, s.OnError, s.Ensure} {
		if inner != nil {
			inner.Walk(f)
		}
	}
}

// Wrong returns err with the place of the source in its file.
func (v VarSource) Wrong(err error) error {
	return fmt.Errorf("%s: var source %q: %w", v.at.place(), v.Name, err)
}

// An Error is one mistake in a file. Text never holds a value that came out of a ((var)).
type Error struct {
	File         string
	Line, Column int // from 1; 0: the whole file
	Text         string
	help         string
}

// Hint says what may help.
func (e Error) Hint() string { return e.help }

func (e Error) Error() string { return e.place() + ": " + e.Text }

func (e Error) place() string {
	switch {
	case e.Line == 0:
		return e.File
	case e.Column == 0:
		return fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
}

// maxErrors bounds what is printed of one file.
const maxErrors = 20

// Errors are the mistakes of one file in the order of their lines. It prints one a line, twenty at most.
type Errors []Error

func (e Errors) Error() string {
	lines := make([]string, 0, maxErrors+1)
	for i, one := range e {
		if i == maxErrors {
			lines = append(lines, fmt.Sprintf("%s: and %d more", one.File, len(e)-maxErrors))
			break
		}
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// Hint says what may help, each thing once.
func (e Errors) Hint() string {
	var hints []string
	for _, one := range e {
		if one.help != "" && !slices.Contains(hints, one.help) {
			hints = append(hints, one.help)
		}
	}
	return strings.Join(hints, "\n")
}

func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	e = slices.Clone(e)
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	// An anchor that is used twice shows its mistakes once.
	return slices.Compact(e)
}
