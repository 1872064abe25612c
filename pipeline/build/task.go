package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload"
)

// task runs one attempt of a task and logs how it went.
func (b *build) task(ctx context.Context, t *pipeline.Task, at frame) outcome {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	log := b.begin(t.Name, at)
	exit, err := b.try(ctx, t, at, log)
	return log.end(ctx, exit, err)
}

// try runs a task and returns its exit status; nil with an error that says why there is none.
func (b *build) try(ctx context.Context, t *pipeline.Task, at frame, log *stepLog) (exit *int, err error) {
	log.entry(journal.Start, "initializing")
	c, err := b.config(ctx, at, t, log)
	if err != nil {
		return nil, err
	}
	image, digest, err := b.image(ctx, at, t, c)
	if err != nil {
		return nil, err
	}
	m, err := b.mount(ctx, at, t, c)
	if err != nil {
		return nil, err
	}
	ran := false
	defer func() {
		// As in Concourse what a task leaves is registered however it ended: a later attempt and a hook can see it.
		kept := m.outputs
		if !ran {
			kept = nil
		}
		problems := []error{b.unmount(m, kept)}
		for _, name := range slices.Sorted(maps.Keys(kept)) {
			problems = append(problems, at.scope.put(name, kept[name]))
		}
		if problem := errors.Join(problems...); problem != nil {
			log.entry(journal.Warning, problem.Error())
		}
	}()
	session, err := b.Session.Task(ctx, workload.Task{
		Name: t.Name, Step: t.Name, Attempt: max(at.attempt, 1), Runtime: b.Runtime.Name(), ImageDigest: digest, Privileged: t.Privileged,
	}, life(ctx))
	if err != nil {
		return nil, err
	}
	defer func() {
		if problem := session.Close(ctx); problem != nil {
			log.entry(journal.Warning, problem.Error())
		}
	}()
	rt := b.Runtime
	if b.Wrap != nil {
		rt = b.Wrap(rt, session)
	}
	stdout, stderr := log.stream("stdout"), log.stream("stderr")
	log.entry(journal.Start, "running "+c.Command)
	process, err := rt.Start(ctx, container.Spec{
		Name: t.Name, Path: c.Path, Args: c.Args, Env: environment(c.Params), Dir: c.Dir, Mounts: m.mounts,
		User: c.User, Privileged: t.Privileged, Hermetic: t.Hermetic, Limits: container.Limits(t.Limits.Over(c.Limits)), Image: image,
	}, container.IO{Stdout: stdout, Stderr: stderr})
	if err != nil {
		return nil, err
	}
	ran = true
	if b.Kill != nil { // the grace that a task has to end is over then, too
		defer context.AfterFunc(b.Kill, func() { _ = process.Signal(os.Kill) })()
	}
	status, err := process.Wait(ctx)
	if problem := errors.Join(stdout.Close(), stderr.Close()); err == nil {
		err = problem
	}
	if err != nil {
		return nil, err
	}
	return &status, nil
}

// config resolves a task's vars and reads what they make of its config.
func (b *build) config(ctx context.Context, at frame, t *pipeline.Task, log *stepLog) (pipeline.TaskConfig, error) {
	template := t.Config
	if template == nil {
		var err error
		if template, err = b.taskFile(ctx, at, t); err != nil {
			return pipeline.TaskConfig{}, err
		}
	}
	for _, warning := range template.Warnings {
		log.entry(journal.Warning, warning)
	}
	value, err := vars.Interpolate(ctx, template.Value(), b.lookup(at))
	if err != nil {
		return pipeline.TaskConfig{}, err
	}
	c, err := template.Fill(value)
	if err != nil {
		return pipeline.TaskConfig{}, err
	}
	if err := c.CheckPlatform(b.platform()); err != nil {
		return pipeline.TaskConfig{}, err
	}
	if b.Reserved != nil {
		err = c.CheckPaths(b.Reserved)
	}
	return c, err
}

// image makes the task's image ready; empty: the runtime's own.
func (b *build) image(ctx context.Context, at frame, t *pipeline.Task, c pipeline.TaskConfig) (name, digest string, err error) {
	switch {
	case t.Image == "" && c.Image == nil:
		return "", "", nil
	case b.Image == nil:
		return "", "", errors.Join(t.CheckImage(), c.CheckImage())
	case t.Image == "":
		return b.Image(ctx, *c.Image, nil)
	}
	volume, err := b.artifact(ctx, at, t.Image)
	if err != nil {
		return "", "", err
	}
	if volume == nil {
		return "", "", fmt.Errorf("missing image artifact: %s", t.Image)
	}
	name, digest, err = b.Image(ctx, pipeline.ImageResource{}, volume.Volume)
	return name, digest, errors.Join(err, at.scope.release(map[string]*artifact{t.Image: volume}))
}

// life bounds the tokens of a task by the time that it has left.
func life(ctx context.Context) workload.Limits {
	deadline, limited := ctx.Deadline()
	if !limited {
		return workload.Limits{}
	}
	return workload.Limits{Life: max(time.Until(deadline), time.Nanosecond)}
}

func environment(params map[string]string) []string {
	env := make([]string, 0, len(params))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		env = append(env, fmt.Sprintf("%s=%s", name, params[name]))
	}
	return env
}
