package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
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
		{"image", s.Image != ""}, {"privileged", s.Privileged}, {"hermetic", s.Hermetic},
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
	executable, err := lookUp(s.Path, directory, environment)
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
			failed <- explain(err, executable)
			return
		}
		p.handle, p.streams = handle, streams
		p.runtime.leash.hold(handle.Pid, p.runtime.log)
		streams.Run(io.Stdin)
		failed <- nil
		p.reap()
	}()
	return <-failed
}

// explain gives a failed start the words of its cause.
func explain(err error, executable string) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if _, found := os.Stat(executable); found == nil && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%q: the interpreter that it names is missing: %w", executable, err)
	}
	return fmt.Errorf("%q: %w", executable, err)
}

// environment is what the process sees: ours, then the Spec's, the last of a name winning.
func (p *process) environment(own []string) ([]string, error) {
	return container.Environment([]string{
		"PATH=" + p.runtime.path, "HOME=" + p.tree.home(), "TMPDIR=" + p.tree.tmp(),
		"USER=" + p.runtime.user, "LOGNAME=" + p.runtime.user, "LANG=C.UTF-8",
	}, own, []string{markOf(p.tree.root)})
}

// lookUp finds the executable: in the run's own PATH, or, with a slash, relative to the directory where it starts.
func lookUp(name, directory string, environment []string) (string, error) {
	if name == "" {
		return "", errors.New("no executable is named")
	}
	if strings.Contains(name, "/") {
		if filepath.IsAbs(name) {
			return name, nil
		}
		return filepath.Join(directory, name), nil
	}
	search := ""
	for _, entry := range environment {
		if value, found := strings.CutPrefix(entry, "PATH="); found {
			search = value
		}
	}
	for _, candidate := range filepath.SplitList(search) {
		if candidate == "" {
			candidate = "."
		}
		if !filepath.IsAbs(candidate) {
			candidate = filepath.Join(directory, candidate)
		}
		path := filepath.Join(candidate, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("executable %q: not found in PATH (%s)", name, search)
}
