package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/writ-run/writ/container"
)

// stageDirectories are where a stage's directory may be mounted, which hides what is there from the stage alone. Their
// parents are open to every user: a container's root, another user on the host, must pass.
var stageDirectories = [...]string{"/mnt", "/media", "/srv", "/opt", "/tmp"}

// Start starts a container. It returns once the task's executable has been started in it.
func (r *Runtime) Start(ctx context.Context, s container.Spec, io container.IO) (container.Process, error) {
	refuse := func(err error) (container.Process, error) {
		return nil, &container.StartError{Name: s.Name, Reason: err}
	}
	if err := ctx.Err(); err != nil {
		return refuse(err)
	}
	if err := s.CheckArguments(); err != nil {
		return refuse(err)
	}
	p, err := r.start(ctx, s, io)
	if r.settleNetwork(s, err) {
		p, err = r.start(ctx, s, io)
	}
	if err != nil {
		return refuse(err)
	}
	return p, nil
}

func (r *Runtime) start(ctx context.Context, s container.Spec, io container.IO) (container.Process, error) {
	p := &process{runtime: r, done: make(chan struct{})}
	err := p.prepare(ctx, s)
	if err == nil {
		err = p.launch(ctx, io)
	}
	if err != nil {
		return nil, errors.Join(err, p.discard())
	}
	if p.learn {
		r.learnFilter(p)
	}
	go p.reap()
	return p, nil
}

// prepare makes what the container is made of, and its plan.
func (p *process) prepare(ctx context.Context, s container.Spec) (err error) {
	r := p.runtime
	p.id, p.directory = r.newID()
	if p.state, err = r.stateNow(); err != nil {
		return err
	}
	if err := os.Mkdir(p.directory, 0o700); err != nil {
		return err
	}
	if p.image, err = r.image(ctx, s.Image); err != nil {
		return err
	}
	if err := p.image.check(); err != nil {
		return fmt.Errorf("image %q: %w", s.Image, err)
	}
	s = p.image.fill(s)
	user := s.User
	if user == "" {
		user = p.image.User
	}
	account, err := p.image.account(user)
	if err != nil {
		return err
	}
	if r.rootless && (account.UID != 0 || account.GID != 0) {
		return &userError{user}
	}
	if account.UID >= countID || account.GID >= countID {
		return fmt.Errorf("user %q: a container has the users and groups 0 to %d", user, countID-1)
	}
	if err := r.checkLimits(s.Limits); err != nil {
		return err
	}
	if !filepath.IsAbs(s.Dir) && !filepath.IsLocal(filepath.Clean("./"+s.Dir)) {
		return fmt.Errorf("dir %q: leaves the working directory", s.Dir)
	}
	stageDirectory, err := r.findStage()
	if err != nil {
		return err
	}
	m := made{id: p.id, spec: s, account: account, stage: stageDirectory, work: filepath.Join(workParent, p.id[strings.LastIndex(p.id, "-o-")+3:]), rootless: r.rootless, processes: r.config.Processes, narrow: p.image.narrow()}
	if m.env, err = m.environment(p.image, s.Hermetic); err != nil {
		return err
	}
	if err := container.CheckSize(append([]string{s.Path}, s.Args...), veil(m.env)); err != nil { // init's are longer than the task's
		return err
	}
	p.hostUser, p.account = int(account.UID), account
	if !s.Privileged && !r.rootless {
		p.hostUser += firstID
	}
	p.plan = plan{Directory: stageDirectory, Sys: true, Files: map[string]string{}}
	if err := p.addRoot(ctx, &m); err != nil {
		return err
	}
	if err := p.addMounts(&m, s.Mounts, account); err != nil {
		return err
	}
	if err := p.addPoints(&m); err != nil {
		return err
	}
	if err := p.addNetwork(s); err != nil {
		return err
	}
	p.limited = s.Limits.Memory
	return p.addConfig(m)
}

// userError refuses another user than root where there is only one.
type userError struct{ user string }

func (e *userError) Error() string {
	return fmt.Sprintf("user %q: containers of an ordinary user have one user, root, who is you", e.user)
}
func (e *userError) Hint() string { return "run writ as root, or leave the user out" }

// limitsError refuses limits where nothing would keep them.
type limitsError struct{}

func (limitsError) Error() string {
	return "container_limits: an ordinary user has no cgroup to keep them in"
}
func (limitsError) Hint() string { return "run writ as root, or leave container_limits out" }

// leastMemory is what a container needs to start at all.
const leastMemory = 16 << 20

func (r *Runtime) checkLimits(l container.Limits) error {
	switch {
	case r.rootless && l != (container.Limits{}):
		return limitsError{}
	case l.Memory > 0 && l.Memory < leastMemory:
		return fmt.Errorf("container_limits.memory %d: a container needs %d bytes at least", l.Memory, leastMemory)
	}
	return nil
}

// findStage finds one that hides nothing which is needed by its path once the stage's directory is there.
func (r *Runtime) findStage() (string, error) {
	needed := []string{r.base, r.command, r.networking().pasta}
	for _, directory := range stageDirectories {
		info, err := os.Lstat(directory)
		if err == nil && info.IsDir() && !slices.ContainsFunc(needed, func(path string) bool { return within(path, directory) }) {
			return directory, nil
		}
	}
	return "", fmt.Errorf("no directory to mount in: none of %s is there", strings.Join(stageDirectories[:], ", "))
}

// image finds an image by its name.
func (r *Runtime) image(ctx context.Context, name string) (*Image, error) {
	if name == "" {
		return r.ownImage()
	}
	if r.config.Images == nil {
		return nil, fmt.Errorf("image %q: this runtime has no images", name)
	}
	return r.config.Images(ctx, name)
}

// addConfig describes the container to the OCI runtime.
func (p *process) addConfig(m made) error {
	p.filter = nil
	if m.usualProfile() {
		p.filter = p.runtime.knownFilter()
		p.learn = p.filter == nil
	}
	m.filtered = p.filter != nil
	config, err := m.configure()
	if err != nil {
		return err
	}
	for _, path := range p.selfPaths(&m) {
		config.Mounts = append(config.Mounts, specs.Mount{Destination: path, Type: "bind", Source: filepath.Join(m.stage, "self"), Options: []string{"rbind", "ro", "nosuid", "nodev"}})
	}
	data, err := json.Marshal(config)
	if err != nil {
		return err
	}
	p.plan.Files["bundle/config.json"] = string(data)
	notes := p.directory
	if !p.runtime.rootless {
		notes = m.stage // in memory: see stageThread
	}
	p.plan.Command = []string{p.runtime.command, "--root", p.state, "--log", filepath.Join(notes, logName), "--log-format", "json", "run", "--detach",
		"--bundle", filepath.Join(m.stage, "bundle"), "--pid-file", filepath.Join(notes, pidName), "--preserve-fds", strconv.Itoa(p.handedOn()), p.id}
	return nil
}

// handedOn is how many descriptors the OCI runtime hands on to init.
func (p *process) handedOn() int {
	if p.filter != nil {
		return filterFD - passedFD + 1
	}
	return 1
}

// What the OCI runtime notes.
const (
	logName = "log"
	pidName = "pid"
)

// noted reads what the OCI runtime has noted.
func (p *process) noted(name string) ([]byte, error) {
	if p.notes != nil { // the stage's directory, which no path leads to any more
		return os.ReadFile(fmt.Sprintf("/proc/self/fd/%d/%s", p.notes.Fd(), name))
	}
	return os.ReadFile(filepath.Join(p.directory, name))
}
