package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/container/host"
	"github.com/writ-run/writ/trial"
)

type testFlags struct {
	build, verbose, asJSON, inside bool
	only, runtime, image           string
	timeout                        time.Duration
}

// testSource is the source whose exec and vars count for tests.
const testSource = "test"

func (a *app) testVerb() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test PATH...",
		Short: "Try what Patterns do: that it can be repeated and undone",
		Long: `Try each Pattern that is a PATH or a file *.jsonnet below one, in a new container, in four phases: change (nothing may fail),
check (nothing may be left to do: else a Command is not idempotent), remove (nothing may fail), check (what was changed must be
to be done again: else it was not undone). Commands of which that cannot be told are named: those that always change, or have
no check, no change or no remove, or were as they should be before. Other Jsonnet is skipped.
Patterns are evaluated on this machine, native functions included, with the var test and the sysinfo of the container. exec and
vars are those of the source test; where its exec, or the Pattern's, names a containerImage, that is the container. The
directory that was named is in it, read-only, at the same path.
Exits 0 where no Command failed, 1 where one did or a Pattern does not evaluate, 2 where it could not be tried, 3 where it was
interrupted.`,
		Example: `  writ test patterns
  writ test patterns/web.jsonnet --image debian:bookworm -b
  writ test patterns --image ./rootfs --only 'package .*' -v
  writ test patterns --runtime host             # on a machine that may be changed`,
		Args: func(cmd *cobra.Command, arguments []string) error {
			if f.inside {
				return exactly()(cmd, arguments)
			}
			return atLeastOne("PATH")(cmd, arguments)
		},
		RunE: func(cmd *cobra.Command, arguments []string) error {
			if f.inside {
				return a.testInside(cmd.Context())
			}
			return a.test(cmd, arguments, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.build, "build", "b", false, "try the build Commands too, before, and render with what they find out")
	flags.StringVar(&f.only, "only", "", "try only Commands whose id, or group's id, this regular expression matches as a whole")
	flags.StringVar(&f.image, "image", "", "the container's image: NAME[:TAG], or a path with a slash, of a directory with rootfs and metadata.json, of an OCI layout, or of a tarball (default: the exec's, else one with a shell and little else)")
	flags.StringVar(&f.runtime, "runtime", "auto", "auto or oci: containers; host: this machine itself, which then is changed")
	flags.DurationVar(&f.timeout, "timeout", 0, "end a script that runs longer than this (default: no limit)")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show each phase, and what Commands print, as it goes on")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON: a line for each Pattern, and a summary")
	flags.BoolVar(&f.inside, "inside", false, "be what tries Commands in a container")
	_ = flags.MarkHidden("inside") // it exists
	return cmd
}

// check refuses flags that make no sense.
func (f testFlags) check(cmd *cobra.Command) error {
	switch f.runtime {
	case "auto", "oci":
	case "host":
		if f.image != "" {
			return usage(cmd, "--image is for containers; --runtime host has none")
		}
	default:
		return hinted{fmt.Errorf("--runtime %q: no such runtime", f.runtime), "use auto, oci or host"}
	}
	if f.only != "" {
		if _, err := (command.Plan{}).Only(f.only); err != nil {
			return usage(cmd, "--only %v", err)
		}
	}
	return nil
}

// test tries Patterns, one after another.
func (a *app) test(cmd *cobra.Command, arguments []string, f testFlags) (err error) {
	if err := f.check(cmd); err != nil {
		return err
	}
	files, err := a.patternFiles(arguments, ".jsonnet")
	if err != nil {
		return err
	}
	sink, closeSink := a.trialSink(f.verbose)
	defer closeSink()
	o, err := a.openOrders(cmd, testSource, sink)
	if err != nil {
		return err
	}
	defer func() { err = o.close(err) }()
	o.test = true
	ctx, stop := a.stoppable(cmd.Context(), o)
	defer stop()
	if err := a.openPlace(ctx, o, f); err != nil {
		return err
	}
	tried := &trials{orders: o, flags: f, to: a.stdout}
	if f.asJSON {
		tried.to = jsonWriter{a.stdout}
	}
	for _, file := range files {
		tried.file(ctx, file)
		if ctx.Err() != nil {
			break
		}
	}
	return tried.end(ctx)
}

const hostHint = ", or give --runtime host where this machine may be changed: the scripts of Patterns then run on it"

// openPlace says no at once where Patterns cannot be tried as they were to be.
func (a *app) openPlace(ctx context.Context, o *orders, f testFlags) error {
	if f.runtime == "host" {
		fmt.Fprintln(a.stderr, "writ: warning: --runtime host: the scripts of Patterns run on this machine itself, and what a Pattern leaves after a failure stays")
		return nil
	}
	opened, err := o.contained(ctx)
	switch {
	case ctx.Err() != nil:
		return exit{statusAborted, nil}
	case err != nil:
		return hinted{fmt.Errorf("no containers to try Patterns in: %w", err), hintOf(err, "see what the error names") + hostHint}
	}
	for _, notice := range opened.notices {
		o.note(notice)
	}
	return nil
}

// testInside tries what this process is given, where it is.
func (a *app) testInside(ctx context.Context) (err error) {
	rt, err := host.New(host.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rt.Close()) }()
	ctx, stop := a.interruptible(ctx)
	defer stop()
	return trial.Inside(ctx, rt, a.stdin, a.stdout)
}
