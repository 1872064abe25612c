package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

type runFlags struct {
	job, team, pipeline string
	server, runtime     string
	inputs, outputs     []string
	vars, yamlVars      []string
	varFiles            []string
	instanceVars        []string
	asJSON              bool
}

func (a *app) runVerb() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a pipeline's jobs here and now, each with an identity",
		Long: `Run the jobs of a Concourse pipeline on this machine. Every job and task has a signed identity token:
$CONCOURSE_CI_JWT, $CONCOURSE_CI_JWT_FILE, and var sources that log in with it.
Without --job all jobs run in the order of the file, stopping at the first that fails. The issuer is in this
process, on loopback, for the length of the run, unless --server names a running one.
Exits 0 where all jobs succeeded, 1 where a task failed, 2 where something could not be tried, 3 where it was aborted.`,
		Example: `  writ run pipeline.yml
  writ run pipeline.yml --job release -v tag=1.2 --input source=. --output binary=out
  writ run pipeline.yml --server unix:///run/writ.sock --json`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, arguments []string) error { return a.runPipeline(cmd, arguments[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.job, "job", "j", "", "run this job only")
	flags.StringVar(&f.team, "team", "main", "team")
	flags.StringVarP(&f.pipeline, "pipeline", "p", "", "the pipeline's name (default: the file's base name)")
	flags.StringArrayVar(&f.instanceVars, "instance-var", nil, "instance var of the pipeline, NAME=YAML; also sets ((NAME)) (repeatable)")
	flags.StringVar(&f.server, "server", "", "a running issuer, unix:///path (default: one in this process)")
	flags.StringVar(&f.runtime, "runtime", "", "auto, oci (containers) or process (default auto: oci where containers can be had)")
	flags.StringArrayVarP(&f.inputs, "input", "i", nil, "directory as an input of the jobs, NAME=DIR (repeatable)")
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "where an output goes, NAME=DIR (repeatable)")
	flags.StringArrayVarP(&f.vars, "var", "v", nil, "a ((var)), NAME=TEXT (repeatable)")
	flags.StringArrayVarP(&f.yamlVars, "yaml-var", "y", nil, "a ((var)), NAME=YAML (repeatable)")
	flags.StringArrayVarP(&f.varFiles, "load-vars-from", "l", nil, "YAML file with ((vars)) (repeatable)")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON event a line")
	dataFlag(cmd)
	return cmd
}

// maxVarFile bounds a file of vars.
const maxVarFile = 4 << 20

// staticVars are the vars of -l, -v and -y. As with Concourse, -v and -y win over files and a later one over an earlier.
// A dotted NAME sets a member.
func (a *app) staticVars(f runFlags) (map[string]any, error) {
	all := map[string]any{}
	for _, name := range f.varFiles {
		data, err := a.readFile(name, maxVarFile)
		if err != nil {
			return nil, fmt.Errorf("-l: %w", err)
		}
		var values map[string]any
		if err := yaml.Unmarshal(data, &values); err != nil {
			return nil, fmt.Errorf("-l %s: %w", name, yamlError(err))
		}
		for key, value := range values {
			all[key] = value
		}
	}
	for _, pair := range f.vars {
		if err := setVar(all, "-v", pair, func(text string) (any, error) { return text, nil }); err != nil {
			return nil, err
		}
	}
	for _, pair := range f.yamlVars {
		if err := setVar(all, "-y", pair, parseYAMLValue); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func parseYAMLValue(text string) (value any, err error) {
	err = yaml.Unmarshal([]byte(text), &value)
	return value, yamlError(err)
}

// yamlError keeps a parse error and drops the values that the decoder quotes: they may be secret.
func yamlError(err error) error {
	var mistyped *yaml.TypeError
	if errors.As(err, &mistyped) {
		return errors.New("not a mapping of names to values")
	}
	return err
}

func setVar(all map[string]any, flag, pair string, parse func(string) (any, error)) error {
	name, text, found := strings.Cut(pair, "=")
	if !found || name == "" {
		// The pair is not printed: without "=" it may be a value.
		return fmt.Errorf("%s takes NAME=VALUE; got no %q or no name before it", flag, "=")
	}
	value, err := parse(text)
	if err != nil {
		return fmt.Errorf("%s %s: %w", flag, name, err)
	}
	path := strings.Split(name, ".")
	at := all
	for _, part := range path[:len(path)-1] {
		inner, isMap := at[part].(map[string]any)
		if !isMap {
			inner = map[string]any{}
			at[part] = inner
		}
		at = inner
	}
	at[path[len(path)-1]] = value
	return nil
}

// instance reads the instance vars.
func (f runFlags) instance() (map[string]any, error) {
	var all map[string]any
	for _, pair := range f.instanceVars {
		if all == nil {
			all = map[string]any{}
		}
		if err := setVar(all, "--instance-var", pair, parseYAMLValue); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// directories reads NAME=DIR pairs; an input must exist.
func directories(flag string, pairs []string, mustExist bool) (map[string]string, error) {
	all := map[string]string{}
	for _, pair := range pairs {
		name, path, found := strings.Cut(pair, "=")
		if !found || name == "" || path == "" {
			return nil, fmt.Errorf("%s %q: give NAME=DIR", flag, pair)
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("%s %s is given twice", flag, name)
		}
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", flag, name, err)
		}
		info, err := os.Stat(absolute)
		switch {
		case err != nil && (mustExist || !errors.Is(err, os.ErrNotExist)):
			return nil, fmt.Errorf("%s %s: %w", flag, name, err)
		case err == nil && !info.IsDir():
			return nil, fmt.Errorf("%s %s: %s is not a directory", flag, name, path)
		}
		all[name] = absolute
	}
	return all, nil
}

// abortOn cancels on the first interrupt; the second is left to grace, which cuts hooks short.
func (a *app) abortOn(ctx context.Context) (aborted, killed context.Context, stop func()) {
	interrupts := a.interrupts()
	killed, kill := context.WithCancel(ctx)
	aborted, abort := context.WithCancel(killed)
	go func() {
		select {
		case <-interrupts:
			fmt.Fprintln(a.stderr, "writ: aborting: hooks run; interrupt again to end them too")
			abort()
		case <-killed.Done():
			return
		}
		select {
		case <-interrupts:
			kill()
		case <-killed.Done():
		}
	}()
	return aborted, killed, kill
}
