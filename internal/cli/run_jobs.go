package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/internal/server"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
	"github.com/writ-run/writ/pipeline/build"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/vars/dummy"
	"github.com/writ-run/writ/vars/idtoken"
	"github.com/writ-run/writ/vars/vault"
	"github.com/writ-run/writ/workload"
	"github.com/writ-run/writ/workload/delivery"
)

// maxPipeline bounds a pipeline file.
const maxPipeline = 4 << 20

// runPipeline checks everything that can be checked, and then runs the jobs.
func (a *app) runPipeline(cmd *cobra.Command, file string, f runFlags) error {
	if f.server != "" && cmd.Flags().Changed("data") {
		return usage(cmd, "--data and --server exclude one another: the server has its own data directory")
	}
	loaded, err := a.loadConfig(cmd)
	if err != nil {
		return err
	}
	name, err := f.runtimeName(loaded.Container.Runtime)
	if err != nil {
		return err
	}
	log, err := a.logger(slog.LevelWarn)
	if err != nil {
		return err
	}
	plan, err := a.plan(cmd, file, f)
	if err != nil {
		return err
	}
	ctx, killed, stop := a.abortOn(cmd.Context())
	defer stop()
	sink, closeSink := a.sink(f.asJSON)
	defer closeSink()
	redactor := journal.NewRedactor(stamp{sink})
	note := func(text string) { _ = redactor.Append(journal.Entry{Kind: journal.Note, Text: text}) } // the journal fails again in the build
	runtime, err := openRuntime(ctx, name, f.server != "", loaded.Container, note, log)
	if err != nil {
		return err
	}
	defer runtime.close()
	for _, sweep := range []func() error{func() error { return runtime.Runtime.Sweep(ctx) }, func() error { return delivery.Sweep(delivery.Config{Log: log}) }} {
		if err := sweep(); err != nil {
			log.Warn("what a killed run left could not be removed", "error", err)
		}
	}
	minter, closeMinter, err := a.runMinter(ctx, loaded, f.server, log)
	if err != nil {
		return err
	}
	defer closeMinter()

	plan.base.Runtime, plan.base.Sink, plan.base.AddSecret, plan.base.Kill = runtime.Runtime, redactor, redactor.Add, killed
	plan.base.Wrap = func(rt container.Runtime, s *workload.Session) container.Runtime {
		return delivery.Wrap(rt, s, delivery.Config{Log: log})
	}
	plan.base.Kinds = kinds(log, redactor.Add)
	caches := build.NewCacheStore(runtime.Runtime, cacheDirectory(loaded, f), container.CopyTree, log)
	plan.base.Caches = caches
	defer func() {
		if err := caches.Close(killed); err != nil {
			log.Warn("caches of tasks are not kept", "error", err)
		}
	}()
	if runtime.images != nil {
		plan.base.Image = runtime.images.prepare
	}
	for _, job := range plan.jobs {
		check := plan.base
		check.Job = job
		if err := check.Check(); err != nil {
			return err
		}
	}
	if runtime.images != nil {
		if err := plan.pin(ctx, runtime.images); err != nil {
			return err
		}
	}
	plan.notices = runtime.notices
	return plan.run(ctx, minter)
}

// pin pins the images of all jobs.
func (p *plan) pin(ctx context.Context, all *images) error {
	var resources []pipeline.ImageResource
	for _, name := range p.jobs {
		job, err := p.base.Pipeline.Job(name)
		if err != nil {
			return err
		}
		resources = append(resources, job.Images()...)
	}
	if err := all.pin(ctx, resources); err != nil {
		if ctx.Err() != nil {
			return exit{statusAborted, nil}
		}
		return err
	}
	return nil
}

// cacheDirectory is where the caches of tasks are kept for the next run. A server's data directory is its own, so with one
// they last as long as the run.
func cacheDirectory(loaded config.Config, f runFlags) string {
	if f.server != "" {
		return ""
	}
	return filepath.Join(loaded.Server.Data, "caches")
}

// stamp gives entries that have no time the present one.
type stamp struct{ next journal.Sink }

func (s stamp) Append(e journal.Entry) error {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	return s.next.Append(e)
}

// kinds are the types of var sources.
func kinds(log *slog.Logger, secret func(string)) map[string]vars.Kind {
	return map[string]vars.Kind{
		"dummy": dummy.Kind{}, "idtoken": idtoken.Kind{}, "vault": vault.Kind{Log: log, OnSecret: secret},
	}
}

// plan is what to run.
type plan struct {
	base     build.Config
	jobs     []string
	subject  workload.Subject // of the jobs, without their names
	exported map[string]bool
	notices  []string // the first lines of the log
}

// plan reads the pipeline and what the flags say of it.
func (a *app) plan(cmd *cobra.Command, file string, f runFlags) (*plan, error) {
	static, err := a.staticVars(f)
	if err != nil {
		return nil, err
	}
	instance, err := f.instance()
	if err != nil {
		return nil, err
	}
	maps.Copy(static, instance)
	inputs, err := directories("--input", f.inputs, true)
	if err != nil {
		return nil, err
	}
	outputs, err := directories("--output", f.outputs, false)
	if err != nil {
		return nil, err
	}
	name := f.pipeline
	if name == "" {
		if file == "-" {
			return nil, usage(cmd, "a pipeline on standard input has no name: give it one with --pipeline")
		}
		name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	text, err := a.readFile(file, maxPipeline)
	if err != nil {
		return nil, err
	}
	parsed, err := pipeline.ParseWith(file, text, static)
	if err != nil {
		return nil, err
	}
	p := &plan{exported: map[string]bool{}, subject: workload.Subject{Team: f.team, Pipeline: name, InstanceVars: instance}}
	if f.job != "" {
		if _, err := parsed.Job(f.job); err != nil {
			return nil, err
		}
		p.jobs = []string{f.job}
	} else {
		for _, job := range parsed.Jobs {
			p.jobs = append(p.jobs, job.Name)
		}
	}
	p.base = build.Config{
		Pipeline: parsed, Vars: static, Inputs: inputs, Outputs: outputs, Copy: container.CopyTree, Export: container.ExportTree, Reserved: delivery.Reserved,
		Exported: func(artifact string) { p.exported[artifact] = true },
	}
	return p, nil
}

// run runs the jobs one after the other, until one does not succeed.
func (p *plan) run(ctx context.Context, minter workload.Minter) error {
	// The journal fails again in the build, which says so.
	for _, notice := range p.notices {
		_ = p.base.Sink.Append(journal.Entry{Kind: journal.Note, Text: notice})
	}
	for _, warning := range p.base.Pipeline.Warnings {
		_ = p.base.Sink.Append(journal.Entry{Kind: journal.Warning, Text: warning.Error()})
	}
	for _, job := range p.jobs {
		if ctx.Err() != nil {
			return exit{statusAborted, nil}
		}
		status, err := p.job(ctx, minter, job)
		switch {
		case err != nil && status != build.Aborted:
			return err
		case status == build.Failed:
			return exit{statusFailed, nil}
		case status == build.Errored:
			return exit{statusErrored, nil}
		case status == build.Aborted:
			return exit{statusAborted, err}
		}
	}
	for _, artifact := range slices.Sorted(maps.Keys(p.base.Outputs)) {
		if !p.exported[artifact] {
			return fmt.Errorf("--output %s: no task made an output of this name", artifact)
		}
	}
	return nil
}

// job runs one job with its own session.
func (p *plan) job(ctx context.Context, minter workload.Minter, name string) (build.Status, error) {
	subject := p.subject
	subject.Job = name
	session, err := workload.Open(ctx, minter, subject, workload.Limits{})
	if err != nil {
		if ctx.Err() != nil {
			return build.Aborted, nil
		}
		return build.Errored, err
	}
	config := p.base
	config.Job, config.Session = name, session
	status, err := build.Run(ctx, config)
	if problem := session.Close(ctx); problem != nil {
		_ = config.Sink.Append(journal.Entry{Kind: journal.Warning, Job: name, Text: problem.Error()})
	}
	return status, err
}

// runMinter is the running issuer that name names, or one in this process.
func (a *app) runMinter(ctx context.Context, loaded config.Config, name string, log *slog.Logger) (workload.Minter, func(), error) {
	if name != "" {
		return dial(ctx, name)
	}
	local, err := server.OpenLocal(loaded, log)
	if err != nil {
		return nil, nil, err
	}
	return local.Minter(), func() {
		if err := local.Close(); err != nil {
			log.Warn("stop the issuer of this run", "error", err)
		}
	}, nil
}

// dial connects to a running issuer, and sees that it answers.
func dial(ctx context.Context, name string) (workload.Minter, func(), error) {
	client, err := api.Dial(name)
	if err != nil {
		return nil, nil, fmt.Errorf("--server: %w", err)
	}
	if err := client.Health(ctx); err != nil {
		client.Close()
		return nil, nil, fmt.Errorf("--server: %w", err)
	}
	return client, func() { client.Close() }, nil
}

// sink is where the log goes: JSON, colours and a live status line on a terminal, or plain lines.
func (a *app) sink(asJSON bool) (journal.Sink, func()) {
	if asJSON {
		return journal.NewJSON(jsonWriter{a.stdout}), func() {}
	}
	return a.textSink(a.stdout)
}

// textSink is for people: colours and a live status line on a terminal, or plain lines.
func (a *app) textSink(to io.Writer) (journal.Sink, func()) {
	file, isFile := to.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) || a.getenv("TERM") == "dumb" {
		return journal.NewText(to), func() {}
	}
	terminal := journal.NewTerminal(file, journal.TerminalConfig{
		Colour: a.getenv("NO_COLOR") == "" && !a.config.noColor,
		Width: func() int {
			width, _, err := term.GetSize(int(file.Fd()))
			if err != nil {
				return 0
			}
			return width
		},
	})
	return terminal, func() { terminal.Close() }
}
