package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

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
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"image", s.Image != ""}, {"entrypoint", s.Entrypoint}, {"image's directory", s.ImageDir},
		{"privileged", s.Privileged}, {"hermetic", s.Hermetic}, {"writ binary", s.Self}, {"host network", s.HostNetwork},
		{"container_limits", s.Limits != container.Limits{}}, {"user", s.User != ""},
	} {
		if field.given {
			return needsContainer(field.name)
		}
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
	attributes := &os.ProcAttr{
		Dir: directory, Env: environment, Files: streams.Child,
		// A session of its own: a group to end, and no terminal of the caller's to read from or to signal.
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	failed := make(chan error, 1)
	go func() {
		// The kernel sends Pdeathsig when the thread that forked ends, so this one stays for as long as the process does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		handle, err := os.StartProcess(executable, append([]string{s.Path}, s.Args...), attributes)
		streams.Started()
		if err != nil {
			streams.Abandon()
			failed <- container.ExplainStart(err, executable)
			return
		}
		p.handle, p.streams = handle, streams
		p.runtime.leash.Hold(handle.Pid, p.runtime.log)
		streams.Run(io.Stdin)
		failed <- nil
		p.reap()
	}()
	return <-failed
}

// environment is what the process sees: ours, then the Spec's, the last of a name winning.
func (p *process) environment(own []string) ([]string, error) {
	return container.Environment([]string{
		"PATH=" + p.runtime.path, "HOME=" + p.tree.home(), "TMPDIR=" + p.tree.tmp(),
		"USER=" + p.runtime.user, "LOGNAME=" + p.runtime.user, "LANG=C.UTF-8",
	}, own, []string{markOf(p.tree.root)})
}
