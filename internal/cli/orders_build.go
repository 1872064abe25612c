package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/pattern"
)

// The events by which build Commands say what they found out, and the name that Etcha gave one of them before.
const (
	manifestEvent = "buildManifest"
	runVarEvent   = "runVar_"
	runEnvEvent   = "runEnv_"
)

// unheard warns of events of a Pattern that nobody hears. Those of its run Commands may well be for the sources of an agent that
// is elsewhere.
func (o *orders) unheard(name string, build, run command.List) {
	said := false
	for _, text := range build.Unheard("build", []string{manifestEvent, runVarEvent, runEnvEvent}) {
		o.warn("%s: %s; build Commands have %s and %sNAME", name, text, manifestEvent, runVarEvent)
	}
	names := agent.OwnEvents()
	for _, source := range slices.Sorted(maps.Keys(o.config.Sources)) {
		names = append(names, o.config.Sources[source].Events.Receive...)
	}
	for _, text := range run.Unheard("run", names) {
		if !said {
			text += "; an agent hears " + strings.Join(agent.OwnEvents(), ", ") + ", and what a source names in its eventsReceive"
		}
		said = true
		o.warn("%s: %s", name, text)
	}
}

// buildOutput is what build Commands found out.
type buildOutput struct {
	manifest string
	vars     map[string]any
}

// build runs a Pattern's build Commands, always in Change mode.
func (o *orders) build(ctx context.Context, p pattern.Pattern) (buildOutput, error) {
	exec := o.override("the Pattern's build", o.exec, p.BuildExec)
	if len(p.Build) == 0 {
		return buildOutput{}, context.Cause(ctx)
	}
	plan, err := command.Diff(nil, p.Build, command.Change)
	if err != nil {
		return buildOutput{}, err
	}
	runner := o.runner(exec, nil)
	runner.Source = "build"
	result, err := runner.Run(ctx, plan)
	if err != nil {
		return buildOutput{}, fmt.Errorf("build: %w", err)
	}
	return collect(result.Events)
}

// collect reads the events of a build. The manifest is the output of each event with a line break; a var is its text.
func collect(events []command.Event) (buildOutput, error) {
	out := buildOutput{vars: map[string]any{}}
	for _, e := range events {
		name, isVar := strings.CutPrefix(e.Name, runVarEvent)
		if old, isOld := strings.CutPrefix(e.Name, runEnvEvent); isOld {
			name, isVar = old, true
		}
		switch {
		case e.Name == manifestEvent:
			out.manifest += e.Output + "\n"
		case isVar && name == "":
			return out, fmt.Errorf("build command %q: event %s names no variable", e.Command, e.Name)
		case isVar:
			out.vars[name] = e.Output
		default:
			continue // an event for the agent, which is not here
		}
		if !utf8.ValidString(e.Output) {
			return out, fmt.Errorf("build command %q: event %s: what it printed is not UTF-8", e.Command, e.Name)
		}
	}
	return out, nil
}
