package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
)

// maxTaskFile bounds a task config that a task or a user has written, in bytes.
const maxTaskFile = 1 << 20

// artifact returns the artifact of that name; nil: there is none. A directory of the user's is copied when it is first used.
func (b *build) artifact(ctx context.Context, name string) (container.Volume, error) {
	if volume := b.artifacts[name]; volume != nil {
		return volume, nil
	}
	directory, given := b.Inputs[name]
	if !given {
		return nil, nil
	}
	volume, err := b.Runtime.Volume(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("input %q: %w", name, err)
	}
	if err := b.Copy(ctx, volume.Path(), directory); err != nil {
		return nil, errors.Join(fmt.Errorf("input %q: %w", name, err), volume.Close())
	}
	b.artifacts[name] = volume
	return volume, nil
}

// artifactNames are those that there are, sorted.
func (b *build) artifactNames() []string {
	names := slices.Collect(maps.Keys(b.artifacts))
	for name := range b.Inputs {
		if b.artifacts[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// register makes a volume the artifact of that name, in the place of an earlier one.
func (b *build) register(name string, volume container.Volume) error {
	old := b.artifacts[name]
	b.artifacts[name] = volume
	if old == nil {
		return nil
	}
	return old.Close()
}

// taskFile reads the task config that a task names. No symbolic link leads out of the artifact.
func (b *build) taskFile(ctx context.Context, t *pipeline.Task) (*pipeline.TaskTemplate, error) {
	name, path := t.Artifact()
	volume, err := b.artifact(ctx, name)
	if err != nil {
		return nil, err
	}
	if volume == nil {
		there := "there are no artifacts yet"
		if names := b.artifactNames(); len(names) > 0 {
			there = "there are: " + strings.Join(names, ", ")
		}
		return nil, fmt.Errorf("task file missing: no artifact %q for file %q; %s", name, t.File, there)
	}
	root, err := os.OpenRoot(volume.Path())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	path = filepath.Clean(filepath.FromSlash(strings.TrimLeft(path, "/")))
	info, err := root.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("task file missing: artifact %q has no file %q", name, path)
	case err != nil:
		return nil, fmt.Errorf("task file %q: %w", t.File, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("task file %q: not a regular file", t.File)
	}
	file, err := root.Open(path)
	if err != nil {
		return nil, fmt.Errorf("task file %q: %w", t.File, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxTaskFile+1))
	if err != nil {
		return nil, fmt.Errorf("task file %q: %w", t.File, err)
	}
	return t.ReadFile(t.File, data)
}

// mounted is what a task gets, and what it leaves.
type mounted struct {
	mounts  []container.Mount
	outputs map[string]container.Volume // artifact -> volume
	all     []container.Volume
}

// mount forks the inputs and makes the outputs. An output at the path of an input is the input's own fork.
func (b *build) mount(ctx context.Context, t *pipeline.Task, c pipeline.TaskConfig) (m mounted, err error) {
	m.outputs = map[string]container.Volume{}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close(nil))
		}
	}()
	found, err := b.inputs(ctx, t, c)
	if err != nil {
		return m, err
	}
	at := map[string]container.Volume{}
	add := func(path string, volume container.Volume) {
		at[path] = volume
		m.all = append(m.all, volume)
		m.mounts = append(m.mounts, container.Mount{Path: path, Volume: volume})
	}
	for _, path := range slices.Sorted(maps.Keys(found)) {
		fork, err := found[path].Fork(ctx)
		if err != nil {
			return m, fmt.Errorf("input at %q: %w", path, err)
		}
		add(path, fork)
	}
	for _, output := range c.Outputs {
		name := mapped(t.OutputMapping, output.Name)
		if at[output.Path] == nil {
			volume, err := b.Runtime.Volume(ctx, name)
			if err != nil {
				return m, fmt.Errorf("output %q: %w", name, err)
			}
			add(output.Path, volume)
		}
		if m.outputs[name] != nil {
			return m, fmt.Errorf("output %q: output_mapping gives two outputs this name", name)
		}
		m.outputs[name] = at[output.Path]
	}
	return m, nil
}

// inputs finds the artifacts that a task asks for, by path. Of two at one path the later one is seen.
func (b *build) inputs(ctx context.Context, t *pipeline.Task, c pipeline.TaskConfig) (map[string]container.Volume, error) {
	found := map[string]container.Volume{}
	var missing []string
	for _, input := range c.Inputs {
		name := mapped(t.InputMapping, input.Name)
		volume, err := b.artifact(ctx, name)
		switch {
		case err != nil:
			return nil, err
		case volume != nil:
			found[input.Path] = volume
		case !input.Optional:
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("missing inputs: %s", strings.Join(missing, ", "))
	}
	return found, nil
}

func mapped(mapping map[string]string, name string) string {
	if to, is := mapping[name]; is {
		return to
	}
	return name
}

// close closes the volumes that are not kept.
func (m mounted) close(kept map[string]container.Volume) error {
	var problems []error
	for _, volume := range m.all {
		keep := false
		for _, output := range kept {
			keep = keep || output == volume
		}
		if !keep {
			problems = append(problems, volume.Close())
		}
	}
	return errors.Join(problems...)
}

// export copies artifacts to where the user wants them, also of a build that failed: what was made is there.
func (b *build) export(status Status) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(b.Outputs)) {
		volume := b.artifacts[name]
		if volume == nil {
			if status == Succeeded && b.Exported == nil {
				problems = append(problems, fmt.Errorf("output %q: no task made it; artifacts: %s", name, strings.Join(b.artifactNames(), ", ")))
			}
			continue
		}
		target := b.Outputs[name]
		err := os.MkdirAll(filepath.Dir(target), 0o777)
		if err == nil {
			err = b.Copy(b.always(), target, volume.Path())
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("output %q: %w", name, err))
			continue
		}
		if b.Exported != nil {
			b.Exported(name)
		}
	}
	return errors.Join(problems...)
}

func (b *build) closeArtifacts() {
	for _, name := range slices.Sorted(maps.Keys(b.artifacts)) {
		if err := b.artifacts[name].Close(); err != nil {
			b.log(journal.Entry{Kind: journal.Warning, Text: fmt.Sprintf("artifact %q: %v", name, err)})
		}
	}
}
