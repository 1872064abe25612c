package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/host"
	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/pattern"
)

// orders is what the Patterns of one source find and run with on this machine.
type orders struct {
	config   config.Config
	source   string
	of       agent.Source
	exec     command.Exec // the source's, or the main one
	test     bool
	redactor *journal.Redactor
	log      *slog.Logger
	environ  []string
	kill     context.Context // when it ends scripts are killed; nil: never
	stopping string          // what is said when an interrupt comes; empty: that the script which runs is asked to end

	swept      bool // what a killed run left is
	host       *host.Runtime
	containers *taskRuntime // once a Command needed one

	shared func(ctx context.Context, image, pull string) (container.Runtime, string, error) // the containers of others; nil: its own
}

// openOrders opens what a source's Patterns run with. Entries go to the sink, with what native functions bring in masked.
func (a *app) openOrders(cmd *cobra.Command, source string, sink journal.Sink) (*orders, error) {
	loaded, err := a.loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	log, err := a.logger(slog.LevelWarn)
	if err != nil {
		return nil, err
	}
	o := &orders{config: loaded, source: source, exec: loaded.Exec, test: loaded.Test, redactor: journal.NewRedactor(stamp{sink}), log: log, environ: withSelf(a.environ)}
	switch of := loaded.Sources[source]; {
	case of != nil:
		o.of = *of
	case cmd.Flags().Changed("source"):
		names := slices.Sorted(maps.Keys(loaded.Sources))
		err := fmt.Errorf("--source %s: the configuration has no such source%s", source, nearest.Suggestion(source, names))
		return nil, hinted{err, "sources: " + cmp.Or(strings.Join(names, ", "), "none")}
	}
	o.exec = o.override("source "+source, o.exec, o.of.Exec)
	if o.host, err = host.New(host.Config{Log: log}); err != nil {
		return nil, err
	}
	return o, nil
}

// withSelf is an environment in whose PATH this program is found, last of all: the library's Commands call it.
func withSelf(environ []string) []string {
	self, err := os.Executable()
	if err != nil || filepath.Base(self) != "writ" {
		return environ
	}
	directory := filepath.Dir(self)
	environ = slices.Clone(environ)
	for i, entry := range environ {
		if path, is := strings.CutPrefix(entry, "PATH="); is && !slices.Contains(filepath.SplitList(path), directory) {
			environ[i] = entry + string(filepath.ListSeparator) + directory
		}
	}
	return environ
}

// override puts an exec in the place of the one around it, and says where that is not allowed.
func (o *orders) override(whose string, outer command.Exec, inner *command.Exec) command.Exec {
	counts, allowed := outer.Override(inner)
	if !allowed {
		o.warn("the exec of %s is not used: the one around it has no allowOverride", whose)
	}
	return counts
}

func (o *orders) warn(format string, arguments ...any) {
	// A journal that cannot be written fails again with the first Command.
	_ = o.redactor.Append(journal.Entry{Kind: journal.Warning, Text: fmt.Sprintf(format, arguments...)})
}

// warnings says what there is to say of a Pattern.
func (o *orders) warnings(name string, texts []string) {
	for _, text := range texts {
		o.warn("%s: %s", name, text)
	}
}

// close ends what was opened, and returns with its problems the error of what it was opened for, as people may see it.
func (o *orders) close(err error) error {
	problems := []error{err, o.host.Close()}
	if o.containers != nil {
		problems = append(problems, o.containers.close())
	}
	if err = errors.Join(problems...); err == nil {
		return nil
	}
	return &maskedError{err, o.redactor.Mask}
}

// maskedError is an error without what native functions have brought in: mistakes in a Pattern quote what is in it.
type maskedError struct {
	error
	mask func(string) string
}

func (e *maskedError) Error() string { return e.mask(e.error.Error()) }
func (e *maskedError) Unwrap() error { return e.error }

// Hint is that of the error within.
func (e *maskedError) Hint() string {
	var hint interface{ Hint() string }
	if errors.As(e.error, &hint) {
		return e.mask(hint.Hint())
	}
	return ""
}

// minBrought is how long a value must be to be masked: shorter ones are names of stages and hosts rather than secrets.
const minBrought = 8

// brought masks what a native function has brought in.
func (o *orders) brought(value string) {
	if len(strings.TrimSpace(value)) >= minBrought {
		o.redactor.Add(value)
	}
}

// access is what the native functions of this machine's own Patterns reach: what their scripts could.
func (o *orders) access(directory string) jsonnet.Access {
	if o.config.Jsonnet.CloseNative {
		return jsonnet.Access{}
	}
	access := jsonnet.Access{
		Env: o.env, File: jsonnet.LocalFile, Fetch: jsonnet.HTTPFetch(nil), Record: jsonnet.DNSRecords(""), Command: o.command,
		Brought: o.brought, Dir: directory, Trace: nil,
	}
	if o.of.CheckOnly {
		access.Command = nil // it may change something
	}
	return access
}

// env is the environment as scripts of the source see it.
func (o *orders) env(name string) (string, bool) {
	if value, set := o.exec.Env[name]; set {
		return value, true
	}
	if !o.exec.EnvInherit {
		return "", false
	}
	for i := len(o.environ) - 1; i >= 0; i-- {
		if own, value, _ := strings.Cut(o.environ[i], "="); own == name {
			return value, true
		}
	}
	return "", false
}

// command runs a script under the source's exec, for getCmd. What it prints is without the line ends at its end, as in
// writ.jsonnet.
func (o *orders) command(ctx context.Context, script string) (string, error) {
	if strings.TrimSpace(script) == "" {
		return "", errors.New("the command is empty")
	}
	plan, err := command.Diff(nil, command.List{{ID: "getCmd", Always: true, Change: script}}, command.Change)
	if err != nil {
		return "", err
	}
	runner := o.runner(o.exec, nil)
	runner.Sink = nil // what it prints is a value, not a log
	result, err := runner.Run(ctx, plan)
	var failed *command.FailedError
	if errors.As(err, &failed) && ctx.Err() == nil {
		return "", errors.New(failed.Cause())
	}
	if err != nil {
		return "", err
	}
	output := result.Outcomes[0].Change.Output
	if output.Dropped() > 0 {
		return "", fmt.Errorf("it prints %d bytes; at most %d are taken", output.Size, output.Size-output.Dropped())
	}
	return strings.TrimRight(output.String(), "\r\n"), nil
}

// environment is what Patterns are rendered with.
func (o *orders) environment(directory string, vars ...map[string]any) pattern.Environment {
	targets := map[string]any{}
	for name, target := range o.config.Targets {
		said := map[string]any{}
		if target.Hostname != "" {
			said["hostname"] = target.Hostname
		}
		if len(target.Vars) > 0 {
			said["vars"] = target.Vars
		}
		targets[name] = said
	}
	layers := []map[string]any{o.config.Vars, o.of.Vars}
	if len(vars) > 0 {
		layers = append([]map[string]any{vars[0]}, append(layers, vars[1:]...)...) // run vars are under all others
	}
	return pattern.Environment{
		Source: o.source, Test: o.test, Vars: pattern.Vars(layers...), Exec: o.exec, Targets: targets, Access: o.access(directory),
	}
}

// runner runs Commands on this machine, and in containers where their exec names an image.
func (o *orders) runner(exec command.Exec, env map[string]string) command.Runner {
	if !o.swept {
		o.swept = true
		if err := script.Sweep(""); err != nil {
			o.log.Warn("values that a killed run left could not be removed", "error", err)
		}
	}
	return command.Runner{
		Runtime: o.host, Containers: o.container, Exec: exec, Env: env, Environ: o.environ, Source: o.source, Sink: o.redactor, Kill: o.kill,
	}
}

// container makes an image ready, with the runtime that has it.
func (o *orders) container(ctx context.Context, image, pull string) (container.Runtime, string, error) {
	if o.shared != nil {
		return o.shared(ctx, image, pull)
	}
	opened, err := o.contained(ctx)
	if err != nil {
		return nil, "", err
	}
	name, err := opened.images.named(ctx, image, pull)
	return opened.Runtime, name, err
}

// contained is the runtime of containers. It is opened when it is first needed.
func (o *orders) contained(ctx context.Context) (*taskRuntime, error) {
	if o.containers != nil {
		return o.containers, nil
	}
	opened, err := openContainers(ctx, o.config.Container, o.note, o.log)
	if err != nil {
		return nil, err
	}
	o.containers = opened
	if err := opened.Runtime.Sweep(ctx); err != nil {
		o.log.Warn("what a killed run left could not be removed", "error", err)
	}
	return opened, nil
}

func (o *orders) note(text string) {
	// A journal that cannot be written fails again with the first Command.
	_ = o.redactor.Append(journal.Entry{Kind: journal.Note, Text: text})
}

// patternText is a Pattern's text: a file, or Jsonnet on the command line, which is wrapped into a Pattern's run list.
type patternText struct {
	jsonnet.Program
	name      string // for people, and the record
	directory string // for getPath, and the var srcDir
	path      string // for the var srcPath
}

// The names of Jsonnet out of the command line and of standard input.
const (
	inline   = "inline.jsonnet"
	standard = "stdin.jsonnet"
)

// readProgram takes a file where there is one of that name, and Jsonnet else; for "-" what was read of standard input.
func readProgram(argument string, raw []byte) (patternText, error) {
	if argument == "-" {
		return textProgram(standard, raw)
	}
	info, err := os.Stat(argument)
	switch {
	case err == nil && info.IsDir():
		return patternText{}, hinted{fmt.Errorf("%s is a directory; want a Pattern", argument), "name the file with the Pattern in it, as patterns/web.jsonnet"}
	case err == nil:
		absolute, err := filepath.Abs(argument)
		if err != nil {
			return patternText{}, err
		}
		return patternText{
			Program: jsonnet.Program{Entrypoint: argument, Import: jsonnet.Disk("")},
			name:    argument, directory: filepath.Dir(absolute), path: absolute,
		}, nil
	case !looksLikeJsonnet(argument):
		return patternText{}, notThere(argument, err)
	}
	return textProgram(inline, []byte("{run: ["+argument+"\n]}"))
}

// textProgram is a Pattern that is no file. Its imports are relative to the working directory.
func textProgram(name string, text []byte) (patternText, error) {
	here, err := os.Getwd()
	return patternText{
		Program: jsonnet.Program{Entrypoint: name, Import: jsonnet.Text(name, text, jsonnet.Disk(""))}, name: name, directory: here,
	}, err
}

// notThere adds to the error of a file that is not there what may have been meant.
func notThere(argument string, err error) error {
	if info, other := os.Stat(argument + ".jsonnet"); other == nil && info.Mode().IsRegular() {
		return hinted{err, fmt.Sprintf("did you mean %s.jsonnet?", argument)}
	}
	if strings.Contains(argument, " ") {
		return hinted{err, fmt.Sprintf("a Command on the command line is Jsonnet: writ apply \"{ id: 'hello', always: true, change: '%s' }\"", argument)}
	}
	return err
}

// looksLikeJsonnet tells Jsonnet from the name of a file that is not there: no path of a Pattern has brackets or quotes.
func looksLikeJsonnet(text string) bool { return strings.ContainsAny(text, "{}()[]'\"\n;") }

// buildVars are the vars that a Pattern finds while it is built.
func (p patternText) buildVars() map[string]any {
	return map[string]any{"srcDir": p.directory, "srcPath": p.path}
}
