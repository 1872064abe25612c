package pipeline

import (
	"slices"
	"strings"

	"github.com/writ-run/writ/internal/nearest"
)

// steps reads a plan or the list of a do step.
func (r *reader) steps(n *node, what string) []Step {
	items := r.list(n, what)
	if len(items) == 0 && n.kind != mapping && !n.open {
		r.fail(n, "%s has no steps", what)
	}
	all := make([]Step, 0, len(items))
	for _, item := range items {
		all = append(all, r.step(item))
	}
	return all
}

// step reads one step with its modifiers. What it returns counts only where nothing was wrong.
func (r *reader) step(n *node) Step {
	var s Step
	if r.open(n, "a step") {
		return s
	}
	if n.kind != mapping {
		known, _ := stepKinds()
		r.fail(n, "a step must be a mapping, not %s; one of: %s", n.describe(), strings.Join(known, ", "))
		return s
	}
	if n.get("across") != nil {
		return r.acrossStep(n)
	}
	switch r.stepKind(n) {
	case "task":
		fields, _ := r.object(n, taskStepSchema())
		s.Task = r.task(n, fields)
		r.modify(&s, fields)
	case "do":
		fields, _ := r.object(n, doSchema())
		s.Do = r.steps(fields["do"], "do")
		r.modify(&s, fields)
	case "in_parallel":
		fields, _ := r.object(n, inParallelSchema())
		s.Parallel = r.parallel(fields["in_parallel"])
		r.modify(&s, fields)
	case "load_var":
		fields, _ := r.object(n, loadVarSchema())
		s.LoadVar = r.loadVar(n, fields)
		r.modify(&s, fields)
	case "try":
		fields, _ := r.object(n, trySchema())
		inner := r.step(fields["try"])
		s.Try = &inner
		r.modify(&s, fields)
	}
	return s
}

// parallel reads what in_parallel has: a list of steps, or a mapping with them.
func (r *reader) parallel(n *node) *Parallel {
	if n.kind != mapping {
		return &Parallel{Steps: r.steps(n, "in_parallel")}
	}
	fields, whole := r.object(n, parallelSchema())
	p := &Parallel{Limit: r.whole(fields["limit"], "in_parallel.limit", 0), FailFast: r.boolean(fields["fail_fast"], "in_parallel.fail_fast")}
	if steps := fields["steps"]; steps != nil {
		p.Steps = r.steps(steps, "in_parallel.steps")
	} else if whole {
		r.fail(n, "in_parallel has no steps")
	}
	return p
}

// stepKind finds what sort of step n is; "" where an error has been reported.
func (r *reader) stepKind(n *node) string {
	known, later := stepKinds()
	var found []*node
	has := map[string]bool{}
	for _, p := range n.pairs {
		if name := p.key.text(); slices.Contains(known, name) || slices.Contains(later, name) {
			found = append(found, p.key)
			has[name] = true
		}
	}
	if has["task"] && has["run"] { // a task config's run, one level too high: object says so
		found = slices.DeleteFunc(found, func(key *node) bool { return key.text() == "run" })
	}
	switch {
	case len(found) == 0:
		text := "a step needs one of: " + strings.Join(known, ", ")
		for _, p := range n.pairs {
			if near := nearest.Name(p.key.text(), slices.Concat(known, later)); near != "" && !p.key.secret {
				r.fail(p.key, "unknown field %s in a step; did you mean %q? %s", p.key.quoted(), near, text)
				return ""
			}
		}
		r.fail(n, "%s", text)
		return ""
	case slices.Contains(later, found[0].text()):
		r.fail(found[0], "step %q: not yet in writ; steps: %s", found[0].text(), strings.Join(known, ", "))
		return ""
	case len(found) > 1:
		r.fail(found[1], "a step is one of %s; this one has %q and %q", strings.Join(known, ", "), found[0].text(), found[1].text())
		return ""
	}
	return found[0].text()
}

func (r *reader) modify(s *Step, fields map[string]*node) {
	if fields["fail_fast"] != nil {
		r.fail(fields["fail_fast"], "fail_fast is for across, which this step has not; that of in_parallel is within it, beside steps")
	}
	s.Timeout = r.duration(fields["timeout"], "timeout")
	s.Attempts = r.whole(fields["attempts"], "attempts", 1)
	r.hooks(s, fields)
}

func (r *reader) hooks(s *Step, fields map[string]*node) {
	for _, hook := range []struct {
		name string
		step **Step
	}{
		{"on_success", &s.OnSuccess}, {"on_failure", &s.OnFailure}, {"on_abort", &s.OnAbort}, {"on_error", &s.OnError}, {"ensure", &s.Ensure},
	} {
		if n := fields[hook.name]; n != nil {
			step := r.step(n)
			*hook.step = &step
		}
	}
}

// task reads a task step. fields is nil where n is no mapping.
func (r *reader) task(n *node, fields map[string]*node) *Task {
	t := &Task{}
	t.Name = r.name(fields["task"], "a task's name")
	t.Privileged = r.boolean(fields["privileged"], "privileged")
	t.Hermetic = r.boolean(fields["hermetic"], "hermetic")
	t.Limits = r.limits(fields["container_limits"])
	if image := fields["image"]; image != nil {
		t.Image, t.imaged, t.imageAt = r.name(image, "image of a task step"), true, r.at(image)
	}
	t.InputMapping = r.artifactNames(fields["input_mapping"], "input_mapping")
	t.OutputMapping = r.artifactNames(fields["output_mapping"], "output_mapping")
	config, file, params := fields["config"], fields["file"], fields["params"]
	r.later(func() { r.params(params) })
	r.references(params)
	switch {
	case config != nil && file != nil:
		r.fail(file, "task %q has both config and file; a task has one of them", t.Name)
	case config != nil:
		if fields["vars"] != nil {
			r.fail(fields["vars"], "vars fill the task config that file names; task %q has config", t.Name)
		}
		r.imaged = t.imaged
		t.Config = r.taskTemplate(withParams(config, params))
		r.imaged = false
	case file != nil:
		t.File = r.taskFile(file)
		t.params = params
		r.later(func() { r.table(fields["vars"], "vars") })
		r.references(fields["vars"])
		if given := fields["vars"]; given != nil && given.kind == mapping {
			t.vars = given.plainMap()
		}
	default:
		r.fail(n, "task %q needs config or file", t.Name)
	}
	return t
}

func (r *reader) taskFile(n *node) string {
	text, ok := r.text(n, "file")
	if !ok {
		return ""
	}
	artifact, path, found := strings.Cut(text, "/")
	if !found || artifact == "" || strings.Trim(path, "/.") == "" {
		r.fail(n, "file %s names no file in an artifact; want ARTIFACT/PATH", n.quoted())
	}
	return text
}

// artifactNames reads a mapping of names to names.
func (r *reader) artifactNames(n *node, what string) map[string]string {
	pairs := r.table(n, what)
	all := make(map[string]string, len(pairs))
	for _, p := range pairs {
		if r.open(p.key, what) {
			continue
		}
		all[p.key.text()] = r.name(p.value, what+"."+p.key.text())
	}
	return all
}
