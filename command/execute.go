package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
)

// never is the exit status of what did not run.
const never = -1

// execute runs one script of a step's Command, and reports it to the journal.
func (r *run) execute(t *turn, phase Mode, script string) (e *Execution, aborted bool) {
	if t.refused {
		t.refused = false
		r.tell(journal.Entry{Kind: journal.Warning, Step: t.name, Text: "its exec is not allowed here; the inherited one counts"})
	}
	r.tell(journal.Entry{Kind: journal.Start, Step: t.name, Text: string(phase)})
	output := newCapture(r.Keep)
	var lines *journal.Writer
	if r.Sink != nil {
		lines = journal.NewWriter(r, journal.Entry{Kind: journal.Output, Step: t.name, Stream: "stdout"})
		output.on = lines
	}
	e = &Execution{Exit: never, Started: r.Now()}
	err := r.start(t, script, output, e)
	e.Duration = r.Now().Sub(e.Started)
	if lines != nil {
		_ = lines.Close() // r keeps the sink's error
	}
	if output.size > maxShown {
		r.tell(journal.Entry{Kind: journal.Note, Step: t.name, Text: fmt.Sprintf("%d bytes more of its output are not shown", output.size-maxShown)})
	}
	e.Output = output.output()
	switch {
	case err == nil:
	case r.ctx.Err() != nil && errors.Is(err, r.ctx.Err()):
		e.Err, aborted = "aborted", true
	case phase == Check && t.exec.Command == "" && errors.Is(err, fs.ErrNotExist): // its own executable: a shell would say no
		e.Exit = 127
		output.Write([]byte(reasonOf(err) + "\n"))
		e.Output = output.output()
	default:
		e.Err, t.hint = reasonOf(err), hintOf(err)
		r.tell(journal.Entry{Kind: journal.Errored, Step: t.name, Text: e.Err})
	}
	return e, aborted
}

// reasonOf is an error in one line, without the name that stands by it anyway.
func reasonOf(err error) string {
	if start := (*container.StartError)(nil); errors.As(err, &start) {
		err = start.Reason
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

func hintOf(err error) string {
	if help := (interface{ Hint() string })(nil); errors.As(err, &help) {
		return help.Hint()
	}
	return ""
}

// start starts the script and waits for it.
func (r *run) start(t *turn, script string, output *capture, e *Execution) error {
	ctx := r.ctx
	if r.Timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, r.Timeout, errTimeout)
		defer cancel()
		ctx = limited
	}
	rt, spec, err := r.spec(ctx, t.exec, script, t.variables)
	if err != nil {
		return r.timed(ctx, err)
	}
	spec.Name = t.name
	io := container.IO{Stdout: output, Stderr: output}
	if t.command.Stdin != "" {
		io.Stdin = strings.NewReader(t.command.Stdin)
	}
	p, err := rt.Start(ctx, spec, io)
	if err != nil {
		return r.timed(ctx, err)
	}
	if r.Kill != nil {
		defer context.AfterFunc(r.Kill, func() { _ = p.Signal(os.Kill) })() // it may have ended
	}
	status, err := p.Wait(ctx)
	e.Exit = status
	return r.timed(ctx, err)
}

var errTimeout = errors.New("it took too long")

// timed replaces the error of a script that had to be ended since it took too long.
func (r *run) timed(ctx context.Context, err error) error {
	if err != nil && r.ctx.Err() == nil && errors.Is(context.Cause(ctx), errTimeout) {
		return fmt.Errorf("ended after %v", r.Timeout)
	}
	return err
}

// spec is what is started for a script, and by which runtime.
func (r *run) spec(ctx context.Context, e Exec, script string, v variables) (container.Runtime, container.Spec, error) {
	if e.ContainerImage != "" {
		return r.containerSpec(ctx, e, script, v)
	}
	var environment []string // a later one of a name wins
	if e.EnvInherit {
		environment = slices.Clip(r.Environ)
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
	own, err := r.environment(e, v, who, func(directory string) string { return directory })
	if err != nil {
		return nil, container.Spec{}, err
	}
	environment = append(environment, own...)
	words := e.privileged(e.words(script, environment), os.Geteuid())
	return r.Runtime, container.Spec{Path: words[0], Args: words[1:], Env: environment, Dir: e.WorkDir, User: userOf(e)}, nil
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
func (r *run) environment(e Exec, v variables, who reader, see func(directory string) string) ([]string, error) {
	own := make([]string, 0, len(e.Env))
	for _, name := range slices.Sorted(maps.Keys(e.Env)) {
		own = append(own, name+"="+e.Env[name])
	}
	for _, of := range []variables{variables(r.Env), v} {
		entries, err := r.values.environment(of, who, see)
		if err != nil {
			return nil, err
		}
		own = append(own, entries...)
	}
	return own, nil
}

// containerSpec is what is started in a container: nothing is inherited there.
func (r *run) containerSpec(ctx context.Context, e Exec, script string, v variables) (container.Runtime, container.Spec, error) {
	if r.Containers == nil {
		return nil, container.Spec{}, fmt.Errorf("containerImage %q: there are no containers here", e.ContainerImage)
	}
	s := container.Spec{
		Entrypoint: e.ContainerEntrypoint == "", ImageDir: true, Dir: e.ContainerWorkDir, User: e.ContainerUser, Privileged: e.ContainerPrivileged,
		Hermetic: e.ContainerNetwork == "none", HostNetwork: e.ContainerNetwork == "host",
	}
	if s.Dir == "" {
		s.Dir = e.WorkDir
	}
	var err error
	if s.Mounts, err = e.Mounts(); err != nil {
		return nil, container.Spec{}, err
	}
	rt, image, err := r.container(ctx, e.ContainerImage, e.ContainerPull)
	if err != nil {
		return nil, container.Spec{}, fmt.Errorf("containerImage %q: %w", e.ContainerImage, err)
	}
	s.Image = image
	mounted := container.Mount{Path: valuesPath, ReadOnly: true, NoExec: true}
	s.Env, err = r.environment(e, v, reader{name: "container"}, func(directory string) string {
		mounted.Host = directory
		return rt.See(mounted)
	})
	if err != nil {
		return nil, container.Spec{}, err
	}
	if mounted.Host != "" {
		s.Mounts = append(s.Mounts, mounted)
	}
	words := append(strings.Fields(e.ContainerEntrypoint), e.words(script, s.Env)...)
	s.Path, s.Args = words[0], words[1:]
	return rt, s, nil
}

// Mounts are containerVolumes as a container.Spec has them.
func (e Exec) Mounts() (mounts []container.Mount, err error) {
	for _, text := range e.ContainerVolumes {
		volume, err := parseVolume(text)
		if err != nil {
			return nil, fmt.Errorf("containerVolumes: %w", err)
		}
		mounts = append(mounts, container.Mount{Path: volume.path, Host: volume.host, ReadOnly: volume.readOnly})
	}
	return mounts, nil
}

// opened is an image that is ready, and the runtime that has it.
type opened struct {
	runtime container.Runtime
	name    string
}

// container opens the image once for the run.
func (r *run) container(ctx context.Context, image, pull string) (container.Runtime, string, error) {
	key := [2]string{image, pull}
	if known, is := r.images[key]; is {
		return known.runtime, known.name, nil
	}
	rt, name, err := r.Containers(ctx, image, pull)
	if err != nil {
		return nil, "", err
	}
	r.images[key] = opened{rt, name}
	return rt, name, nil
}

// words are what is executed: the words of the Exec's command with the script as it is behind them, or, where there is none,
// the words of the script, and only in those are variables replaced. There is always one, if an empty one.
func (e Exec) words(script string, environment []string) []string {
	if words := strings.Fields(e.Command); len(words) > 0 {
		return append(words, script)
	}
	words := strings.Fields(script)
	for i, word := range words {
		words[i] = substitute(word, environment)
	}
	if len(words) == 0 {
		return []string{""}
	}
	return words
}

// privileged are the words as sudo has them, where that is asked for and user is not root.
func (e Exec) privileged(words []string, user int) []string {
	if !e.Sudo || user == 0 {
		return words
	}
	return append([]string{"sudo", "-E"}, words...)
}

// substitute replaces $NAME and ${NAME} where there is such a variable, and leaves all else as it is.
func substitute(word string, environment []string) string {
	var replaced strings.Builder
	for {
		before, after, found := strings.Cut(word, "$")
		replaced.WriteString(before)
		if !found {
			return replaced.String()
		}
		name, rest := variableName(after)
		value, known := lookUp(name, environment)
		if known {
			replaced.WriteString(value)
			word = rest
			continue
		}
		replaced.WriteByte('$')
		word = after
	}
}

// variableName is the name that stands behind a $, and what follows it; empty: none.
func variableName(text string) (name, rest string) {
	inner, braced := strings.CutPrefix(text, "{")
	if braced {
		name, rest, closed := strings.Cut(inner, "}")
		if !closed || !envName().MatchString(name) {
			return "", text
		}
		return name, rest
	}
	end := strings.IndexFunc(text, func(c rune) bool {
		return c != '_' && !('0' <= c && c <= '9') && !('A' <= c && c <= 'Z') && !('a' <= c && c <= 'z')
	})
	if end < 0 {
		end = len(text)
	}
	if !envName().MatchString(text[:end]) {
		return "", text
	}
	return text[:end], text[end:]
}

func lookUp(name string, environment []string) (string, bool) {
	if name == "" {
		return "", false
	}
	for _, entry := range slices.Backward(environment) {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value, true
		}
	}
	return "", false
}
