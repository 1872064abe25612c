package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/lint"
	"github.com/writ-run/writ/machine"
	"github.com/writ-run/writ/pattern"
)

type lintFlags struct {
	format, fix, asJSON bool
}

func (a *app) lintVerb() *cobra.Command {
	var f lintFlags
	cmd := &cobra.Command{
		Use:   "lint PATH...",
		Short: "Look for mistakes in Patterns and their libraries, without running them",
		Long: `Look at each file *.jsonnet and *.libsonnet that is a PATH or below one: whether it parses, uses its names, hides none and finds
its imports; whether a Pattern evaluates, with known properties and targets that are there; and what shellcheck, where it is
installed, says of the scripts of its Commands. Other linters, given each script on standard input, are lint.linters of the
configuration; lint.linters=null is none. lint.exclude leaves files out.
Nothing of a Pattern runs, and nothing is fetched: where native functions would, the Pattern's fallbacks count; without one
its evaluation is left out, which is said. It is evaluated with the vars of the source test, and test is true.
Exits 0 where nothing was found, 1 where something was, 2 where a linter could not do its work.`,
		Example: `  writ lint .
  writ lint lib patterns --format          # also shows what the formatter would change
  writ lint . --fix                        # and has it do that
  writ lint . -x lint.linters=null --json`,
		Args: atLeastOne("PATH"),
		RunE: func(cmd *cobra.Command, arguments []string) error { return a.lint(cmd, arguments, f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.format, "format", "f", false, "what is not formatted is a mistake, too; the difference is shown")
	flags.BoolVar(&f.fix, "fix", false, "format the files first")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) lint(cmd *cobra.Command, arguments []string, f lintFlags) (err error) {
	found, err := a.patternFiles(arguments, ".jsonnet", ".libsonnet")
	if err != nil {
		return err
	}
	sink, closeSink := a.trialSink(false)
	defer closeSink()
	o, err := a.openOrders(cmd, testSource, sink)
	if err != nil {
		return err
	}
	defer func() { err = o.close(err) }()
	ctx, stop := a.stoppable(cmd.Context(), o)
	defer stop()
	files, err := included(found, o.config.Lint.Exclude)
	if err != nil {
		return err
	}
	linters, err := a.scriptLinters(ctx, o)
	if err != nil {
		return err
	}
	if f.fix {
		if err := a.format(ctx, files); err != nil {
			return err
		}
	}
	linter := lint.Linter{Format: f.format, Scripts: linters, Environment: func(directory string) pattern.Environment {
		return o.environment(directory, nil, map[string]any{"srcDir": directory})
	}}
	report, err := linter.Lint(ctx, files)
	if ctx.Err() != nil {
		return exit{statusAborted, errors.New("interrupted")}
	}
	if err != nil {
		return err
	}
	return a.showLint(o, report, f)
}

// included leaves out the files that an expression matches.
func included(found []sourceFile, exclude string) ([]string, error) {
	var files []string
	excluded, err := regexp.Compile(exclude)
	if err != nil {
		return nil, fmt.Errorf("lint.exclude: %w", err)
	}
	for _, file := range found {
		if exclude == "" || !excluded.MatchString(file.path) {
			files = append(files, file.path)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("lint.exclude leaves out all that was found, as %s", found[0].path)
	}
	return files, nil
}

// shellcheck is the linter that is there without configuration, or takes its place.
const shellcheck = "shellcheck"

// scriptLinters are those that are configured; where nothing is, shellcheck.
func (a *app) scriptLinters(ctx context.Context, o *orders) ([]lint.ScriptLinter, error) {
	configured := o.config.Lint.Linters
	if configured == nil {
		path, err := exec.LookPath(shellcheck)
		if err != nil {
			o.note("shellcheck is not installed: scripts of Commands are not looked at")
			return nil, nil
		}
		return []lint.ScriptLinter{lint.Shellcheck{Path: path}}, nil
	}
	var linters []lint.ScriptLinter
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		e := *configured[name]
		if e.ContainerImage != "" {
			if _, err := o.contained(ctx); err != nil {
				return nil, hinted{fmt.Errorf("lint.linters.%s: %w", name, err), hintOf(err, "see what the error names") + ", or name a linter that is installed on this machine"}
			}
		}
		linters = append(linters, lint.External{Called: name, Shells: name == shellcheck, Exec: e, Runner: o.runner(e, nil)})
	}
	return linters, nil
}

// format writes files as the formatter does. One that does not parse is left to the linter.
func (a *app) format(ctx context.Context, files []string) error {
	for _, file := range files {
		text, formatted, err := lint.Formatted(file)
		if err != nil || bytes.Equal(text, formatted) {
			continue
		}
		contents := string(formatted)
		if _, err := (machine.File{Path: file, Contents: &contents}).Change(ctx); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "formatted %s\n", safe(file))
	}
	return nil
}

// showLint prints what was found, and returns the exit status that it means.
func (a *app) showLint(o *orders, r lint.Report, f lintFlags) error {
	var text strings.Builder
	if f.asJSON {
		if err := printJSON(&text, r); err != nil {
			return err
		}
	} else {
		for _, finding := range r.Findings {
			fmt.Fprintln(&text, safe(finding.String()))
			for line := range strings.Lines(finding.Diff) {
				fmt.Fprintln(&text, "  "+safe(strings.TrimRight(line, "\n")))
			}
		}
		for _, note := range r.Notes {
			o.note(note)
		}
		o.note(fmt.Sprintf("%s, %s, %s", count(r.Files, "file"), count(r.Scripts, "script"), count(len(r.Findings), "finding")))
	}
	fmt.Fprint(a.stdout, o.redactor.Mask(text.String()))
	if len(r.Findings) > 0 {
		return exit{statusFailed, nil}
	}
	return nil
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
