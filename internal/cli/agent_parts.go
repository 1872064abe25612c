package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/host"
	"github.com/writ-run/writ/fleet"
	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

// agentRun is what the agent of this process is made of.
type agentRun struct {
	app     *app
	cmd     *cobra.Command
	log     *slog.Logger
	environ []string
	host    *host.Runtime
	current *agentSettings

	mu         sync.Mutex
	containers *taskRuntime // once a Command needed one
}

// agentSettings are a configuration as it was read, and what it says of verification.
type agentSettings struct {
	config    config.Config
	execs     map[string]command.Exec // of sources
	verifiers map[string]*sourceVerifier
	pulls     *pull.Getter
}

func (a *app) openAgent(cmd *cobra.Command) (*agentRun, error) {
	r := &agentRun{app: a, cmd: cmd, environ: withoutNotify(withSelf(a.environ))}
	loaded, err := a.loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	if r.log, err = a.logger(slog.LevelInfo); err != nil {
		return nil, err
	}
	if len(loaded.Sources) == 0 {
		return nil, hinted{errors.New("the configuration has no sources: an agent would have nothing to do"), "docs/agent.md says what an agent is told"}
	}
	if r.current, err = r.settings(loaded); err != nil {
		return nil, err
	}
	if r.host, err = host.New(host.Config{Log: r.log}); err != nil {
		return nil, err
	}
	if err := script.Sweep(""); err != nil {
		r.log.Warn("values that a killed run left could not be removed", "error", err)
	}
	return r, nil
}

func (r *agentRun) close() error {
	problems := []error{r.host.Close()}
	if r.containers != nil {
		problems = append(problems, r.containers.close())
	}
	return errors.Join(problems...)
}

// read reads the configuration again.
func (r *agentRun) read() (*agentSettings, error) {
	loaded, err := r.app.loadConfig(r.cmd)
	if err != nil {
		return nil, err
	}
	return r.settings(loaded)
}

// settings sees that every source's keys and rules can be read. Keys that are elsewhere may be away for now.
func (r *agentRun) settings(loaded config.Config) (*agentSettings, error) {
	s := &agentSettings{config: loaded, execs: map[string]command.Exec{}, verifiers: map[string]*sourceVerifier{}}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(loaded.Sources)) {
		allowed := false
		if s.execs[name], allowed = loaded.Exec.Override(loaded.Sources[name].Exec); !allowed {
			r.log.Warn("the exec of a source is not used: the main one has no allowOverride", "source", name)
		}
		v := &sourceVerifier{run: r, orders: r.orders(s, name, &logSink{r.log.With("source", name)})}
		s.verifiers[name] = v
		if err := v.refresh(r.cmd.Context()); err != nil {
			problems = append(problems, fmt.Errorf("source %s: %w", name, err))
		}
	}
	var err error
	if s.pulls, err = getter(loaded); err != nil {
		problems = append(problems, err)
	}
	return s, errors.Join(problems...)
}

// getter is how orders are pulled: as httpClient says.
func getter(c config.Config) (*pull.Getter, error) {
	reach, err := reach(c)
	if err != nil {
		return nil, err
	}
	client := func(c fleet.Config) *http.Client {
		transport := fleet.Transport(c)
		transport.DisableCompression = false // what is packed is bounded as it is unpacked
		return &http.Client{Transport: transport}
	}
	verified := client(reach)
	reach.SkipVerify = true
	return &pull.Getter{Client: verified, Unverified: client(reach)}, nil
}

// orders are what the Patterns of a source find and run with, for one run: what is masked there is not masked for good.
func (r *agentRun) orders(s *agentSettings, source string, sink journal.Sink) *orders {
	o := &orders{
		swept:  true, // when the agent starts
		config: s.config, source: source, exec: s.execs[source], test: s.config.Test, redactor: journal.NewRedactor(stamp{sink}), log: r.log, environ: r.environ, host: r.host,
		shared: r.container,
	}
	if of := s.config.Sources[source]; of != nil {
		o.of = *of
	}
	return o
}

// agentConfig is what an agent is made of, with these settings.
func (r *agentRun) agentConfig(s *agentSettings) agent.Config {
	return agent.Config{
		Run: s.config.Run, Sources: s.config.Sources, Pulls: s.pulls, Log: r.log,
		Open: func(ctx context.Context, source string, raw []byte) (pattern.Opened, token.Report, error) {
			v := s.verifiers[source]
			if v == nil {
				return pattern.Opened{}, nil, pattern.ErrNoVerify
			}
			return v.open(ctx, raw)
		},
		Work: func(source string, sink journal.Sink) (agent.Work, error) {
			o := r.orders(s, source, sink)
			runner := o.runner(o.exec, nil)
			environment := o.environment("")
			if o.exec.User != "" || o.exec.Group != "" || o.exec.Sudo || o.exec.ContainerImage != "" {
				if environment.Access.File != nil {
					environment.Access.File = o.fileByExec
				}
			}
			return agent.Work{Environment: environment, Runner: runner, Mask: o.redactor.Mask}, nil
		},
	}
}

func (r *agentRun) serverConfig(s *agentSettings) agent.ServerConfig {
	return agent.ServerConfig{HTTP: s.config.HTTPServer, MetricsKey: s.config.Run.MetricsKey, Sources: s.config.Sources, StateDir: s.config.Run.StateDir}
}

// fileByExec reads a file as a script of the source could, for getFile: by a process of its user, or in its container.
func (o *orders) fileByExec(ctx context.Context, path string) ([]byte, error) {
	exec := o.exec
	exec.Command = "" // the words of the script are executed, and the path is one of them
	plan, err := command.Diff(nil, command.List{{ID: "getFile", Always: true, Change: "cat -- $WRIT_GET_FILE"}}, command.Change)
	if err != nil {
		return nil, err
	}
	runner := o.runner(exec, map[string]string{"WRIT_GET_FILE": path})
	runner.Sink, runner.Keep = nil, maxFileByExec
	result, err := runner.Run(ctx, plan)
	switch {
	case err != nil:
		return nil, errors.New("it cannot be read by the source's exec")
	case result.Outcomes[0].Change.Output.Dropped() > 0:
		return nil, fmt.Errorf("it has more than %d bytes", 2*maxFileByExec)
	}
	output := result.Outcomes[0].Change.Output
	return append(slices.Clone(output.Head), output.Tail...), nil
}

// maxFileByExec is half of what fileByExec reads: an output's beginning, and its end.
const maxFileByExec = 16 << 20

// container makes an image ready, in the one runtime of all sources.
func (r *agentRun) container(ctx context.Context, image, pull string) (container.Runtime, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.containers == nil {
		note := func(text string) { r.log.Info(text) }
		opened, err := openContainers(ctx, r.current.config.Container, note, r.log)
		if err != nil {
			return nil, "", err
		}
		r.containers = opened
		if err := opened.Runtime.Sweep(ctx); err != nil {
			r.log.Warn("what a killed run left could not be removed", "error", err)
		}
	}
	name, err := r.containers.images.named(ctx, image, pull)
	return r.containers.Runtime, name, err
}

// logSink writes what is said outside of any run into the log.
type logSink struct{ log *slog.Logger }

// Append writes warnings and errors, and nothing else.
func (s *logSink) Append(e journal.Entry) error {
	switch e.Kind {
	case journal.Warning:
		s.log.Warn(e.Text)
	case journal.Errored:
		s.log.Error(e.Text)
	}
	return nil
}
