package pattern

import (
	"context"
	"maps"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/jsonnet/apart"
	"github.com/writ-run/writ/sysinfo"
)

// Environment is what a Pattern finds while it is rendered.
type Environment struct {
	Source  string         // its var "source"
	Test    bool           // its var "test": it is linted or tested
	Vars    map[string]any // merged with Vars, what has a name of ours wins over
	Exec    command.Exec   // getConfig().exec
	Targets map[string]any // getConfig().targets
	Machine *sysinfo.Info  // its var "sysinfo"; nil: this machine

	Access jsonnet.Access // what native functions may reach; Config is set here
	Limits jsonnet.Limits
	Apart  bool // in a process of its own that is killed at the limits: for what was received

	Evaluator *apart.Evaluator // has that process ready; nil: it is started
}

// Vars merges layers, a later one over an earlier: the Pattern's run vars, the configuration's, the source's, the target's.
func Vars(layers ...map[string]any) map[string]any {
	merged := map[string]any{}
	for _, layer := range layers {
		maps.Copy(merged, layer)
	}
	return merged
}

// Render evaluates a Pattern's program.
func Render(ctx context.Context, program jsonnet.Program, e Environment) (Pattern, error) {
	text, err := e.evaluate(ctx, program)
	if err != nil {
		return Pattern{}, err
	}
	return Parse(text, placer(program))
}

// RenderIf is Render for a program that may be something else: a configuration, or a part of a Pattern. It is false for what
// Is refuses.
func RenderIf(ctx context.Context, program jsonnet.Program, e Environment) (p Pattern, is bool, err error) {
	text, err := e.evaluate(ctx, program)
	if err != nil {
		return Pattern{}, false, err
	}
	if !Is(text) {
		return Pattern{}, false, nil
	}
	p, err = Parse(text, placer(program))
	return p, true, err
}

// Is tells what may be meant as a Pattern from other JSON: an object with run or build that is no object itself, as it is in
// a configuration.
func Is(text []byte) bool {
	var lists struct {
		Run   jsontext.Value `json:"run"`
		Build jsontext.Value `json:"build"`
	}
	if jsontext.Value(text).Kind() != '{' || json.Unmarshal(text, &lists) != nil {
		return false
	}
	return list(lists.Run) || list(lists.Build)
}

// list tells whether a member is there and may have been meant as a list of Commands.
func list(value jsontext.Value) bool {
	return len(value) > 0 && value.Kind() != '{' && value.Kind() != 'n'
}

// Evaluate returns the JSON of a program that need not be a Pattern: a library, or a part of one.
func Evaluate(ctx context.Context, program jsonnet.Program, e Environment) ([]byte, error) {
	return e.evaluate(ctx, program)
}

func (e Environment) evaluate(ctx context.Context, program jsonnet.Program) ([]byte, error) {
	access := e.Access
	access.Config = e.config
	if e.Apart {
		if e.Evaluator != nil {
			return e.Evaluator.Run(ctx, program, access, e.Limits)
		}
		return apart.Run(ctx, program, access, e.Limits)
	}
	return jsonnet.Run(ctx, program, access, e.Limits)
}

// config is what getConfig returns: never keys, build or httpServer. It is made of plain JSON values.
func (e Environment) config() (any, error) {
	vars := maps.Clone(e.Vars)
	if vars == nil {
		vars = map[string]any{}
	}
	vars["source"], vars["test"] = e.Source, e.Test
	targets := e.Targets
	if targets == nil {
		targets = map[string]any{}
	}
	text, err := json.Marshal(struct {
		Exec    command.Exec   `json:"exec"`
		Targets map[string]any `json:"targets"`
		Vars    map[string]any `json:"vars"`
	}{e.Exec, targets, vars})
	if err != nil {
		return nil, err
	}
	var plain map[string]any
	if err := json.Unmarshal(text, &plain); err != nil {
		return nil, err
	}
	// An evaluation that asks for no configuration does not pay for what the machine is.
	machine := e.Machine
	if machine == nil {
		read := sysinfo.Read()
		machine = &read
	}
	facts, err := json.Marshal(machine)
	if err != nil {
		return nil, err
	}
	var known map[string]any
	if err := json.Unmarshal(facts, &known); err != nil {
		return nil, err
	}
	plain["vars"].(map[string]any)["sysinfo"] = known
	return plain, nil
}
