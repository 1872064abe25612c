// Package script says how scripts are executed (Exec), and what is started for one: as itself or in a container, with its
// words, its user and its variables.
//
//	Exec + script + variables --Starter.Spec--> container.Spec, and the runtime that starts it
//	                                 \--> files with the values that are too long for a variable --Close--> gone
//
// Invariant: nothing of a variable is ever put into a script that a shell reads; only the words of one that is executed as
// it is have variables replaced.
package script

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/writ-run/writ/container"
)

// Starter says what is started for each script of a run.
type Starter struct {
	Runtime container.Runtime // of the machine itself

	// Containers makes an image ready (pull is always, missing, never or empty) and returns the runtime that has it, and the
	// name by which that knows it. It is called when a script first needs the image. Nil: none can be had.
	Containers func(ctx context.Context, image, pull string) (rt container.Runtime, name string, err error)

	Env     map[string]string // variables that every script sees
	Environ []string          // what envInherit inherits
	Dir     string            // where files with long values are made; empty: the directory for temporary files

	images map[[2]string]opened
	values values
}

// Close removes the files with long values.
func (s *Starter) Close() error { return s.values.remove() }

// Spec is what is started for a script, and by which runtime. v are the variables that it sees besides.
func (s *Starter) Spec(ctx context.Context, e Exec, script string, v map[string]string) (container.Runtime, container.Spec, error) {
	if e.ContainerImage != "" {
		return s.containerSpec(ctx, e, script, v)
	}
	var environment []string // a later one of a name wins
	if e.EnvInherit {
		environment = slices.Clip(s.Environ)
	}
	who := reader{name: "own"}
	if e.User != "" {
		account, err := container.LookUpAccount(userOf(e))
		if err != nil {
			return nil, container.Spec{}, err
		}
		environment = append(environment, accountEnvironment(account)...)
		if int(account.UID) != os.Geteuid() {
			who = reader{"user-" + strconv.Itoa(int(account.UID)), &account}
		}
	}
	own, err := s.environment(e, v, who, func(directory string) string { return directory })
	if err != nil {
		return nil, container.Spec{}, err
	}
	environment = append(environment, own...)
	words := e.privileged(e.words(script, environment), os.Geteuid())
	return s.Runtime, container.Spec{Path: words[0], Args: words[1:], Env: environment, Dir: e.WorkDir, User: userOf(e)}, nil
}

// userOf is the user and group as a Spec has them.
func userOf(e Exec) string {
	if e.Group != "" {
		return e.User + ":" + e.Group
	}
	return e.User
}

// accountEnvironment are the variables that say who somebody is.
func accountEnvironment(a container.Account) []string {
	home, name := a.Home, a.Name
	if home == "" {
		home = "/"
	}
	if name == "" {
		name = strconv.Itoa(int(a.UID))
	}
	return []string{"HOME=" + home, "USER=" + name, "LOGNAME=" + name}
}

// environment is what an Exec and the run add: the Exec's own, then what the caller gives every Command, then what the
// Commands before have left.
func (s *Starter) environment(e Exec, v map[string]string, who reader, see func(directory string) string) ([]string, error) {
	own := make([]string, 0, len(e.Env))
	for _, name := range slices.Sorted(maps.Keys(e.Env)) {
		own = append(own, name+"="+e.Env[name])
	}
	for _, of := range []map[string]string{s.Env, v} {
		entries, err := s.values.environment(s.Dir, of, who, see)
		if err != nil {
			return nil, err
		}
		own = append(own, entries...)
	}
	return own, nil
}

// containerSpec is what is started in a container: nothing is inherited there.
func (s *Starter) containerSpec(ctx context.Context, e Exec, script string, v map[string]string) (container.Runtime, container.Spec, error) {
	if s.Containers == nil {
		return nil, container.Spec{}, fmt.Errorf("containerImage %q: there are no containers here", e.ContainerImage)
	}
	spec := container.Spec{
		Entrypoint: e.ContainerEntrypoint == "", ImageDir: true, Dir: e.ContainerWorkDir, User: e.ContainerUser, Privileged: e.ContainerPrivileged,
		Hermetic: e.ContainerNetwork == "none", HostNetwork: e.ContainerNetwork == "host",
	}
	if spec.Dir == "" {
		spec.Dir = e.WorkDir
	}
	var err error
	if spec.Mounts, err = e.Mounts(); err != nil {
		return nil, container.Spec{}, err
	}
	rt, image, err := s.container(ctx, e.ContainerImage, e.ContainerPull)
	if err != nil {
		return nil, container.Spec{}, fmt.Errorf("containerImage %q: %w", e.ContainerImage, err)
	}
	spec.Image = image
	mounted := container.Mount{Path: valuesPath, ReadOnly: true, NoExec: true}
	spec.Env, err = s.environment(e, v, reader{name: "container"}, func(directory string) string {
		mounted.Host = directory
		return rt.See(mounted)
	})
	if err != nil {
		return nil, container.Spec{}, err
	}
	if mounted.Host != "" {
		spec.Mounts = append(spec.Mounts, mounted)
	}
	words := append(strings.Fields(e.ContainerEntrypoint), e.words(script, spec.Env)...)
	spec.Path, spec.Args = words[0], words[1:]
	return rt, spec, nil
}

// opened is an image that is ready, and the runtime that has it.
type opened struct {
	runtime container.Runtime
	name    string
}

// container opens the image once for the run.
func (s *Starter) container(ctx context.Context, image, pull string) (container.Runtime, string, error) {
	key := [2]string{image, pull}
	if known, is := s.images[key]; is {
		return known.runtime, known.name, nil
	}
	rt, name, err := s.Containers(ctx, image, pull)
	if err != nil {
		return nil, "", err
	}
	if s.images == nil {
		s.images = map[[2]string]opened{}
	}
	s.images[key] = opened{rt, name}
	return rt, name, nil
}
