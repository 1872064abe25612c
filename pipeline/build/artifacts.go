package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/pipeline"
)

// mounted is what a task gets, and what it leaves.
type mounted struct {
	mounts  []container.Mount
	outputs map[string]container.Volume // artifact -> volume
	all     []container.Volume          // of inputs and outputs
	caches  map[string]container.Volume // by key
}

// mount forks the inputs and makes the outputs. An output at the path of an input is the input's own fork.
func (b *build) mount(ctx context.Context, at frame, t *pipeline.Task, c pipeline.TaskConfig) (m mounted, err error) {
	m.outputs, m.caches = map[string]container.Volume{}, map[string]container.Volume{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.unmount(m, nil))
		}
	}()
	found, err := b.inputs(ctx, at, t, c)
	defer func() { err = errors.Join(err, at.scope.release(found)) }()
	if err != nil {
		return m, err
	}
	placed := map[string]container.Volume{}
	add := func(path string, volume container.Volume) {
		placed[path] = volume
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
		if placed[output.Path] == nil {
			volume, err := b.Runtime.Volume(ctx, name)
			if err != nil {
				return m, fmt.Errorf("output %q: %w", name, err)
			}
			add(output.Path, volume)
		}
		if m.outputs[name] != nil {
			return m, fmt.Errorf("output %q: output_mapping gives two outputs this name", name)
		}
		m.outputs[name] = placed[output.Path]
	}
	for _, cache := range c.Caches {
		key := b.cacheKey(t.Name, cache.Path)
		volume, err := b.takeCache(ctx, key)
		if err != nil {
			return m, fmt.Errorf("cache %q: %w", cache.Path, err)
		}
		m.caches[key] = volume
		m.mounts = append(m.mounts, container.Mount{Path: cache.Path, Volume: volume})
	}
	return m, nil
}

// inputs finds the artifacts that a task asks for, by path, also where it returns an error. Of two at one path the later
// one is seen. They are the caller's to release.
func (b *build) inputs(ctx context.Context, at frame, t *pipeline.Task, c pipeline.TaskConfig) (map[string]*artifact, error) {
	found := map[string]*artifact{}
	var missing []string
	for _, input := range c.Inputs {
		name := mapped(t.InputMapping, input.Name)
		volume, err := b.artifact(ctx, at, name)
		switch {
		case err != nil:
			return found, err
		case volume != nil:
			hidden := found[input.Path]
			found[input.Path] = volume
			if err := at.scope.release(map[string]*artifact{"": hidden}); err != nil {
				return found, err
			}
		case !input.Optional:
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return found, fmt.Errorf("missing inputs: %s", strings.Join(missing, ", "))
	}
	return found, nil
}

func mapped(mapping map[string]string, name string) string {
	if to, is := mapping[name]; is {
		return to
	}
	return name
}

// unmount keeps the caches, and closes the volumes that are not kept.
func (b *build) unmount(m mounted, kept map[string]container.Volume) error {
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
	for _, key := range slices.Sorted(maps.Keys(m.caches)) {
		problems = append(problems, b.keepCache(key, m.caches[key]))
	}
	return errors.Join(problems...)
}

// exporter is what copies an artifact to the user.
func (b *build) exporter() func(ctx context.Context, dst, src string) error {
	if b.Export != nil {
		return b.Export
	}
	return b.Copy
}

// export copies artifacts to where the user wants them, also of a build that failed: what was made is there.
func (b *build) export(status Status) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(b.Outputs)) {
		volume := b.scope.artifacts[name] // nothing else runs any more
		if volume == nil {
			if status == Succeeded && b.Exported == nil {
				problems = append(problems, fmt.Errorf("output %q: no task made it; artifacts: %s", name, strings.Join(b.artifactNames(frame{scope: b.scope}), ", ")))
			}
			continue
		}
		target := b.Outputs[name]
		files, err := volume.Files(b.always())
		if err == nil {
			err = os.MkdirAll(filepath.Dir(target), 0o777)
		}
		if err == nil {
			err = b.exporter()(b.always(), target, files)
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
