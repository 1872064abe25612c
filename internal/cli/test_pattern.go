package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/sysinfo"
	"github.com/writ-run/writ/trial"
)

// trials are Patterns that are tried.
type trials struct {
	orders *orders
	flags  testFlags
	to     io.Writer

	states map[string]int
	counts map[trial.Verdict]int
}

// tested is what came out of one file.
type tested struct {
	Kind    string       `json:"kind"` // pattern
	Pattern string       `json:"pattern"`
	State   string       `json:"state"` // passed, failed, skipped, errored or aborted
	Reason  string       `json:"reason,omitempty"`
	Build   []trial.Case `json:"build,omitempty"`
	Run     []trial.Case `json:"run,omitempty"`
	Left    int          `json:"buildLeft,omitempty"` // build Commands that were not to be tried
	Seconds float64      `json:"seconds"`
}

// The states of a file.
const (
	testPassed  = "passed"
	testFailed  = "failed"
	testSkipped = "skipped"
	testErrored = "errored"
	testAborted = "aborted"
)

// skipped says why there is nothing to try.
type skipped string

func (s skipped) Error() string { return string(s) }

// unrendered is an error of a Pattern's own: it does not evaluate, or to what it must not.
type unrendered struct{ error }

func (u unrendered) Unwrap() error { return u.error }

// file tries one file, and prints what came out.
func (t *trials) file(ctx context.Context, f sourceFile) {
	started := time.Now()
	r := tested{Kind: "pattern", Pattern: f.path}
	err := t.try(ctx, f, &r)
	r.Seconds = time.Since(started).Seconds()
	failed := func(c trial.Case) bool { return c.Verdict == trial.Failed }
	switch {
	case ctx.Err() != nil:
		r.State = testAborted
	case errors.As(err, new(skipped)):
		r.State, r.Reason = testSkipped, err.Error()
	case errors.As(err, new(unrendered)):
		r.State, r.Reason = testFailed, err.Error()
	case err != nil:
		r.State, r.Reason = testErrored, withHint(err)
	case slices.ContainsFunc(r.Build, failed), slices.ContainsFunc(r.Run, failed):
		r.State = testFailed
	default:
		r.State = testPassed
	}
	t.print(r)
}

// withHint is an error in the middle of a result, where its hint has no line of its own.
func withHint(err error) string {
	if hint := hintOf(err, ""); hint != "" {
		return err.Error() + " (" + hint + ")"
	}
	return err.Error()
}

// try renders a Pattern and tries its lists.
func (t *trials) try(ctx context.Context, f sourceFile, r *tested) error {
	if isConfiguration(f.path) {
		return skipped("it is a configuration")
	}
	text, err := readProgram(f.path, nil)
	if err != nil {
		return unrendered{err}
	}
	p := &triedPattern{trials: t, sourceFile: f, text: text}
	built, err := p.forBuild(ctx, nil)
	if err := p.elsewhere(err); err != nil {
		return err
	}
	for _, warning := range built.Warnings {
		t.orders.warn("%s: %s", f.path, warning)
	}
	if t.flags.build && !(err == nil && t.count(built.Build) == 0) {
		report, err := p.list(ctx, built, true)
		r.Build = report.Cases
		if err != nil || report.Failed() {
			return err
		}
		output, err := collect(report.Events)
		if err != nil {
			return unrendered{err}
		}
		p.found = output.vars
	}
	if !t.flags.build {
		r.Left = t.count(built.Build)
	}
	run := built
	if err == nil {
		run, err = p.forRun(ctx, built, nil)
		if err := p.elsewhere(err); err != nil {
			return err
		}
	}
	if err == nil && t.count(run.Run) == 0 {
		return t.idle(run, r)
	}
	report, err := p.list(ctx, run, false)
	r.Run = report.Cases
	return err
}

// count is how many Commands of a list, which is valid, are to be tried.
func (t *trials) count(list command.List) int {
	plan, err := command.Diff(nil, list, command.Change)
	if err == nil && t.flags.only != "" {
		plan, err = plan.Only(t.flags.only)
	}
	if err != nil {
		return 0
	}
	return len(plan.Steps)
}

// idle says why nothing of a Pattern's run list is tried, unless its build list was.
func (t *trials) idle(p pattern.Pattern, r *tested) error {
	switch {
	case len(r.Build) > 0:
		return nil
	case t.flags.only != "" && len(p.Run)+len(p.Build) > 0:
		return skipped("--only matches none of its Commands")
	case r.Left > 0:
		return skipped("it has no run Commands; -b tries its build Commands")
	}
	return skipped("it has no Commands")
}

func (t *trials) onHost() bool { return t.flags.runtime == "host" }

// triedPattern is a Pattern that is tried.
type triedPattern struct {
	*trials
	sourceFile
	text  patternText
	found map[string]any // by its build
}

// elsewhere forgives a Pattern that it does not evaluate on this machine, where another is to be tried: it has its chance
// there.
func (p *triedPattern) elsewhere(err error) error {
	if !p.onHost() && jsonnet.IsError(err) {
		return nil
	}
	return err
}

// forBuild renders the Pattern as it is built. machine is what it is to run on; nil: this one.
func (p *triedPattern) forBuild(ctx context.Context, machine *sysinfo.Info) (pattern.Pattern, error) {
	environment := p.orders.environment(p.text.directory, nil, p.text.buildVars())
	environment.Machine = machine
	built, is, err := pattern.RenderIf(ctx, p.text.Program, environment)
	switch {
	case err != nil:
		return built, unrendered{err}
	case !is:
		return built, skipped("it is no Pattern: neither its run nor its build is a list")
	}
	return built, nil
}

// forRun renders it again, with what the build has found out.
func (p *triedPattern) forRun(ctx context.Context, built pattern.Pattern, machine *sysinfo.Info) (pattern.Pattern, error) {
	environment := p.orders.environment(p.text.directory, pattern.Vars(built.RunVars, p.found))
	environment.Machine = machine
	run, err := pattern.Render(ctx, p.text.Program, environment)
	if err != nil {
		return run, unrendered{err}
	}
	return run, nil
}

// part is one of a Pattern's lists, with what is around it.
func part(p pattern.Pattern, build bool) (command.List, *command.Exec, map[string]string) {
	if build {
		return p.Build, p.BuildExec, nil
	}
	return p.Run, p.RunExec, p.RunEnv
}

// list tries a list. here is the Pattern as it is on this machine, as far as it evaluates.
func (p *triedPattern) list(ctx context.Context, here pattern.Pattern, build bool) (trial.Report, error) {
	list, own, env := part(here, build)
	if p.onHost() {
		runner := p.orders.runner(p.orders.override(p.path, p.orders.exec, own), env)
		runner.Source, runner.Timeout = p.path, p.flags.timeout
		return trial.Trial{Runner: runner, Only: p.flags.only}.Run(ctx, list)
	}
	exec, _ := p.orders.exec.Override(own)
	place, err := p.place(ctx, p.sourceFile, exec)
	if err != nil {
		return trial.Report{}, err
	}
	return place.Try(ctx, func(machine sysinfo.Info) (trial.Task, error) {
		there, err := p.forBuild(ctx, &machine)
		if err == nil && !build {
			there, err = p.forRun(ctx, there, &machine)
		}
		if err != nil {
			return trial.Task{}, err
		}
		list, own, env := part(there, build)
		exec := p.orders.override(p.path, p.orders.exec, own)
		return trial.Task{Name: p.path, List: list, Exec: inContainer(exec), Env: env, Only: p.flags.only, Timeout: int64(p.flags.timeout)}, nil
	}, p.orders.redactor)
}

// place is a container as an exec describes it, with this binary and the directory that was named.
func (t *trials) place(ctx context.Context, f sourceFile, exec command.Exec) (trial.Place, error) {
	spec := container.Spec{
		Name: f.path, Path: container.SelfPath, Args: []string{"test", "--inside"}, Self: true,
		User: exec.ContainerUser, Privileged: exec.ContainerPrivileged, Hermetic: exec.ContainerNetwork == "none", HostNetwork: exec.ContainerNetwork == "host",
	}
	var mounts []container.Mount
	if exec.ContainerImage != "" {
		spec.ImageDir, spec.Dir = true, cmp.Or(exec.ContainerWorkDir, exec.WorkDir)
		var err error
		if mounts, err = exec.Mounts(); err != nil {
			return trial.Place{}, err
		}
	}
	covered := slices.ContainsFunc(mounts, func(m container.Mount) bool { return filepath.Clean(m.Path) == f.root })
	switch {
	case isSystem(f.root):
		t.orders.note(f.root + " is not in the container: it would hide what is there")
	case !covered:
		mounts = append(mounts, container.Mount{Path: f.root, Host: f.root, ReadOnly: true})
	}
	spec.Mounts = mounts
	opened, err := t.orders.contained(ctx)
	if err != nil {
		return trial.Place{}, err
	}
	if image := cmp.Or(t.flags.image, exec.ContainerImage); image != "" {
		if spec.Image, err = opened.images.named(ctx, image, exec.ContainerPull); err != nil {
			return trial.Place{}, err
		}
	}
	return trial.Place{Runtime: opened.Runtime, Spec: spec}, nil
}

// isSystem tells a directory without which a container is none: the root and those in it that every system has, and all that
// belongs to the kernel or the distribution.
func isSystem(directory string) bool {
	names := strings.Split(strings.TrimPrefix(directory, "/"), "/")
	switch names[0] {
	case "", "bin", "boot", "dev", "lib", "lib32", "lib64", "proc", "run", "sbin", "sys":
		return true
	case "etc", "home", "root", "tmp", "var":
		return len(names) == 1
	case "usr":
		return len(names) < 3 || len(names) == 3 && names[1] == "local"
	}
	return false
}

// inContainer is an exec within the container that it asks for: as an exec in a container is, it inherits what the image has,
// and the user is that of the container.
func inContainer(e command.Exec) command.Exec {
	if e.ContainerImage == "" {
		return e
	}
	return command.Exec{AllowOverride: e.AllowOverride, Command: strings.TrimSpace(e.ContainerEntrypoint + " " + e.Command), Env: e.Env, EnvInherit: true}
}
