package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/writ-run/writ/container"
)

// Start starts a plain child in a session of its own. It sees PATH, HOME and TMPDIR (both private, and gone afterwards),
// USER, LOGNAME, LANG=C.UTF-8 and the Spec's own variables, and nothing else of this process's environment.
func (r *Runtime) Start(ctx context.Context, s container.Spec, io container.IO) (container.Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, &container.StartError{Name: s.Name, Reason: err}
	}
	if err := s.CheckArguments(); err != nil {
		return nil, &container.StartError{Name: s.Name, Reason: err}
	}
	if err := plain(s); err != nil {
		return nil, &container.StartError{Name: s.Name, Reason: err}
	}
	p := &process{runtime: r, done: make(chan struct{})}
	root := filepath.Join(r.scratch.Path(), "r"+strconv.Itoa(r.number()))
	var err error
	if p.tree, err = newTree(root, s.Mounts, r.log); err != nil {
		return nil, &container.StartError{Name: s.Name, Reason: err}
	}
	if err := p.start(s, io); err != nil {
		return nil, &container.StartError{Name: s.Name, Reason: errors.Join(err, p.tree.close())}
	}
	return p, nil
}

// plain refuses what only a container has.
func plain(s container.Spec) error {
	field := s.OnlyContainers()
	if field == "" && s.User != "" {
		field = "user"
	}
	if field != "" {
		return needsContainer(field)
	}
	return nil
}

type needsContainer string

func (field needsContainer) Error() string {
	return string(field) + ": the process runtime has no containers"
}
func (needsContainer) Hint() string { return "use --runtime oci" }

func (p *process) start(s container.Spec, io container.IO) error {
	environment, err := p.environment(s.Env)
	if err != nil {
		return err
	}
	directory := filepath.Join(p.tree.work(), s.Dir)
	if !filepath.IsLocal(filepath.Clean("./" + s.Dir)) {
		return fmt.Errorf("dir %q: leaves the working directory", s.Dir)
	}
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		return fmt.Errorf("dir %q: no such directory", s.Dir)
	}
	executable, err := container.FindExecutable(s.Path, directory, environment)
	if err != nil {
		return err
	}
	streams, err := container.OpenStreams(io)
	if err != nil {
		return err
	}
	p.group, err = p.runtime.leash.Start(executable, append([]string{s.Path}, s.Args...), os.ProcAttr{
		Dir: directory, Env: environment, Files: streams.Child,
	}, p.runtime.log)
	streams.Started()
	if err != nil {
		streams.Abandon()
		return container.ExplainStart(err, executable)
	}
	p.streams = streams
	streams.Run(io.Stdin)
	go p.reap()
	return nil
}

// environment is what the process sees: ours, then the Spec's, the last of a name winning.
func (p *process) environment(own []string) ([]string, error) {
	return container.Environment([]string{
		"PATH=" + p.runtime.path, "HOME=" + p.tree.home(), "TMPDIR=" + p.tree.tmp(),
		"USER=" + p.runtime.user, "LOGNAME=" + p.runtime.user, "LANG=C.UTF-8",
	}, own, []string{markOf(p.tree.root)})
}
