package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// Across runs a step once for each combination of the values of its vars, which the step has as local vars ((.:name)).
type Across struct {
	Vars     []AcrossVar
	FailFast bool // the first iteration that does not succeed interrupts the others
	Step     Step // as far as it is known without values: see Iteration

	file    string
	root    *node
	sources map[string]bool
}

// AcrossVar is a var with its values.
type AcrossVar struct {
	Name        string
	MaxInFlight int // how many of its values at a time; 0: all
	values      *node
}

// Values is the list of values as a plain tree, for vars.Interpolate; it may itself be a ((var)).
func (v AcrossVar) Values() any { return v.values.plain() }

// Iteration is the step for one combination of values. They stand wherever something must be known before a step starts:
// names, files, mappings, durations. A task's config, params and vars keep their references, to be looked up with all
// others. public are the values that may be shown; any other var is refused where it would have to be known.
func (a *Across) Iteration(public map[string]any) (Step, error) {
	filler := rebuilder{file: a.file, live: true, local: true}
	root, err := filler.step(a.root, public)
	if err != nil {
		return Step{}, err
	}
	r := &reader{file: a.file, sources: a.sources, locals: map[string]int{}}
	s := r.step(root)
	return s, r.problems.orNil()
}

// step fills local vars into a step and those in it.
func (r rebuilder) step(n *node, local map[string]any) (*node, error) {
	if n.kind != mapping {
		return r.replace(n, local, new(int))
	}
	filled := *n
	filled.pairs = make([]pair, len(n.pairs))
	for i, p := range n.pairs {
		fill := func(n *node, local map[string]any) (*node, error) { return r.replace(n, local, new(int)) }
		switch p.key.text() {
		case "config", "params", "vars", "across":
			filled.pairs[i] = p
			continue
		case "do", "in_parallel", "steps":
			fill = r.steps
		case "try", "on_success", "on_failure", "on_abort", "on_error", "ensure":
			fill = r.step
		}
		value, err := fill(p.value, local)
		if err != nil {
			return nil, err
		}
		filled.pairs[i] = pair{p.key, value}
	}
	return &filled, nil
}

// steps fills local vars into a list of steps, or into in_parallel's mapping, which has one.
func (r rebuilder) steps(n *node, local map[string]any) (*node, error) {
	if n.kind != list {
		return r.step(n, local)
	}
	filled := *n
	filled.items = make([]*node, len(n.items))
	for i, item := range n.items {
		var err error
		if filled.items[i], err = r.step(item, local); err != nil {
			return nil, err
		}
	}
	return &filled, nil
}

// acrossStep reads a step that has across: hooks are of the whole, all else is of each iteration.
func (r *reader) acrossStep(n *node) Step {
	var s Step
	outer := map[string]*node{}
	inner := *n
	inner.pairs = nil
	for _, p := range n.pairs {
		switch name := p.key.text(); name {
		case "across", "fail_fast", "on_success", "on_failure", "on_abort", "on_error", "ensure":
			outer[name] = p.value
		default:
			inner.pairs = append(inner.pairs, p)
		}
	}
	a := &Across{FailFast: r.boolean(outer["fail_fast"], "fail_fast"), file: r.file, root: &inner, sources: r.sources}
	items := r.list(outer["across"], "across")
	if len(items) == 0 && !outer["across"].open {
		r.fail(outer["across"], "across needs at least one var: [{var: NAME, values: [...]}]")
	}
	for _, item := range items {
		if v, ok := r.acrossVar(item, a.Vars); ok {
			a.Vars = append(a.Vars, v)
		}
	}
	around, locals := r.iterated, r.locals
	r.locals = map[string]int{}
	for _, v := range a.Vars {
		r.iterated = append(slices.Clip(r.iterated), v.Name)
	}
	a.Step = r.step(&inner)
	r.iterated, r.locals = around, locals
	s.Across = a
	r.hooks(&s, outer)
	return s
}

func (r *reader) acrossVar(n *node, before []AcrossVar) (v AcrossVar, ok bool) {
	fields, whole := r.object(n, acrossSchema())
	for _, name := range []string{"var", "values"} {
		if fields != nil && whole && fields[name] == nil {
			r.fail(n, "a var of across needs %s", name)
			return v, false
		}
	}
	if fields["var"] == nil || fields["values"] == nil {
		return v, false
	}
	v.Name = r.localName(fields["var"], "a var's name of across")
	if slices.ContainsFunc(before, func(other AcrossVar) bool { return other.Name == v.Name }) || slices.Contains(r.iterated, v.Name) {
		r.fail(fields["var"], "var %q is already one of across", v.Name)
	}
	v.MaxInFlight = r.maxInFlight(fields["max_in_flight"])
	v.values = fields["values"]
	if !(v.values.kind == scalar && v.values.open) && v.values.kind != list {
		r.fail(v.values, "values of var %q must be a list, or a ((var)) that is one, not %s", v.Name, v.values.describe())
	}
	r.references(v.values)
	return v, true
}

// maxInFlight reads a number from 1 or "all", which is 0.
func (r *reader) maxInFlight(n *node) int {
	switch {
	case n == nil || n.null():
		return 1
	case n.text() == "all":
		return 0
	case n.kind == scalar && !n.open:
		if number, is := n.value.(int64); !is || number < 1 {
			r.fail(n, "max_in_flight must be a whole number from 1, or \"all\", not %s", n.found())
			return 1
		}
	}
	return r.whole(n, "max_in_flight", 1)
}

// localName reads the name of a local var.
func (r *reader) localName(n *node, what string) string {
	name := r.name(n, what)
	if strings.ContainsRune(name, '"') {
		r.fail(n, "%s cannot name a var: it could not be written in a ((var))", n.quoted())
	}
	return name
}

// Names are those of the vars, for a log.
func (a *Across) Names() string {
	names := make([]string, len(a.Vars))
	for i, v := range a.Vars {
		names[i] = v.Name
	}
	return fmt.Sprintf("across (%s)", strings.Join(names, ", "))
}
