package build

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
	"github.com/writ-run/writ/vars"
)

// maxIterations bounds the combinations of values of one across step.
const maxIterations = 10_000

// value is one value of a var of across.
type value struct {
	name  string
	local local
	shown string // in the log
}

// across runs a step for each combination of values. As in Concourse each var has its own max_in_flight: how many of its
// values are under way at a time, each with all values of the vars after it.
func (b *build) across(ctx context.Context, a *pipeline.Across, at frame) outcome {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	lists, err := b.valueLists(ctx, a, at)
	if err != nil {
		return b.stepLog(a.Names(), at).end(ctx, nil, err)
	}
	return b.iterate(ctx, a, lists, nil, at)
}

func (b *build) iterate(ctx context.Context, a *pipeline.Across, lists [][]value, chosen []value, at frame) outcome {
	next := len(chosen)
	if next == len(lists) {
		return b.iteration(ctx, a, chosen, at)
	}
	return parallel(ctx, len(lists[next]), a.Vars[next].MaxInFlight, a.FailFast, func(ctx context.Context, i int) outcome {
		return b.iterate(ctx, a, lists, append(slices.Clip(chosen), lists[next][i]), at)
	})
}

// iteration runs the step with one combination of values, in a scope of its own.
func (b *build) iteration(ctx context.Context, a *pipeline.Across, chosen []value, at frame) outcome {
	at.scope = at.scope.inner()
	public := map[string]any{}
	for _, v := range chosen {
		at.scope.set(v.name, v.local)
		at.values = append(slices.Clip(at.values), v.name+"="+v.shown)
		if !v.local.secret {
			public[v.name] = v.local.value
		}
	}
	s, err := a.Iteration(public)
	if err != nil {
		return b.stepLog("across", at).end(ctx, nil, err)
	}
	defer b.closeScope(at.scope)
	return b.step(ctx, &s, at)
}

// valueLists resolves the values of each var.
func (b *build) valueLists(ctx context.Context, a *pipeline.Across, at frame) ([][]value, error) {
	lists := make([][]value, len(a.Vars))
	count := 1
	for i, v := range a.Vars {
		secret := false
		found, err := vars.Interpolate(ctx, v.Values(), func(ctx context.Context, r vars.Ref) (any, bool, error) {
			if r.Source == vars.LocalSource {
				known, _ := at.scope.local(r.Path)
				secret = secret || known.secret
			} else {
				secret = secret || r.Source != "" || r.Identity
			}
			return b.find(ctx, at.scope, r)
		})
		if err != nil {
			return nil, fmt.Errorf("values of var %q: %w", v.Name, err)
		}
		values, is := found.([]any)
		if !is {
			return nil, fmt.Errorf("values of var %q: not a list", v.Name)
		}
		if count *= max(len(values), 1); count > maxIterations {
			return nil, fmt.Errorf("more than %d combinations of values", maxIterations)
		}
		for n, one := range values {
			shown := fmt.Sprintf("#%d", n+1)
			if !secret {
				shown = brief(one)
			}
			lists[i] = append(lists[i], value{v.Name, local{one, secret}, shown})
		}
		if _, shadows := at.scope.local(v.Name); shadows {
			b.stepLog(a.Names(), at).entry(journal.Warning, fmt.Sprintf("across shadows the local var %q", v.Name))
		}
	}
	return lists, nil
}

// brief shows a value in a step's name: a string as it is, anything else as JSON.
func brief(value any) string {
	text, is := value.(string)
	if !is {
		data, err := json.Marshal(value)
		if err != nil {
			return "?"
		}
		text = string(data)
	}
	text = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
	const longest = 40 // bytes
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}
