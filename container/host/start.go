package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/writ-run/writ/container"
)

// Start starts a process in a session of its own.
func (r *Runtime) Start(ctx context.Context, s container.Spec, io container.IO) (container.Process, error) {
	p := &process{runtime: r}
	err := ctx.Err()
	if err == nil {
		err = s.CheckArguments()
	}
	if err == nil {
		err = plain(s)
	}
	if err == nil {
		err = p.start(s, io)
	}
	if err != nil {
		return nil, &container.StartError{Name: s.Name, Reason: err}
	}
	return p, nil
}

// plain refuses what only a container has.
func plain(s container.Spec) error {
	if field := s.OnlyContainers(); field != "" {
		return fmt.Errorf("%s: only a container has that, and this is the machine itself", field)
	}
	if len(s.Mounts) == 0 {
		return nil
	}
	mounts, err := container.CheckMounts(s.Mounts)
	for _, m := range mounts {
		if m.Volume != nil {
			return &container.MountError{Path: m.Path, Reason: errNoVolumes.Error()}
		}
	}
	return err
}

func (p *process) start(s container.Spec, io container.IO) error {
	environment, err := container.Environment(s.Env)
	if err != nil {
		return err
	}
	if err := container.CheckSize(append([]string{s.Path}, s.Args...), environment); err != nil {
		return err
	}
	directory, err := workingDirectory(s.Dir)
	if err != nil {
		return err
	}
	search := environment
	if !slices.ContainsFunc(environment, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") }) {
		search = []string{"PATH=" + path()}
	}
	executable, err := container.FindExecutable(s.Path, directory, search)
	if err != nil {
		return err
	}
	who, err := credential(s.User)
	if err != nil {
		return err
	}
	streams, err := container.OpenStreams(io)
	if err != nil {
		return err
	}
	p.group, err = p.runtime.leash.Start(executable, append([]string{s.Path}, s.Args...), os.ProcAttr{
		Dir: directory, Env: append([]string{}, environment...), Files: streams.Child, // a nil Env would be ours
		Sys: &syscall.SysProcAttr{Credential: who},
	}, p.runtime.log)
	streams.Started()
	if err != nil {
		streams.Abandon()
		return explain(err, executable, s.User)
	}
	p.streams = streams
	streams.Run(io.Stdin)
	return nil
}

// workingDirectory is where a process starts, as an absolute path; empty: here.
func workingDirectory(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(absolute)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("dir %q: there is no such directory", dir) // no ErrNotExist: that is the executable's
	case err != nil:
		return "", fmt.Errorf("dir %q: %w", dir, err)
	case !info.IsDir():
		return "", fmt.Errorf("dir %q: is %s, not a directory", dir, container.Kind(info.Mode()))
	}
	return absolute, nil
}

// credential is what a process runs as; nil: as this one does.
func credential(text string) (*syscall.Credential, error) {
	if text == "" {
		return nil, nil
	}
	me, group := uint32(os.Geteuid()), uint32(os.Getegid())
	if name, alone := strings.CutPrefix(text, ":"); alone {
		number, err := container.LookUpGroup(name)
		if err != nil || number == group {
			return nil, err
		}
		return &syscall.Credential{Uid: me, Gid: number, NoSetGroups: true}, nil
	}
	account, err := container.LookUpAccount(text)
	if err != nil || account.UID == me && account.GID == group && me != 0 {
		return nil, err // an ordinary user may not set even its own groups
	}
	return &syscall.Credential{Uid: account.UID, Gid: account.GID, Groups: account.Groups}, nil
}

// explain gives a failed start the words of its cause.
func explain(err error, executable, user string) error {
	if user != "" && errors.Is(err, syscall.EPERM) {
		return &userError{user}
	}
	return container.ExplainStart(err, executable)
}

// userError is a user that this one may not become.
type userError struct{ user string }

func (e *userError) Error() string {
	return fmt.Sprintf("user %q: operation not permitted: to become another user takes root", e.user)
}
func (e *userError) Hint() string { return "run writ as root, or leave user and group out" }
