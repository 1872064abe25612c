package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/vars"
)

// Parse reads a pipeline. file is its name for messages. Its error is an Error or Errors: every mistake with file, line and
// column, what was found and what is allowed. At most 1 MiB, 64 levels and 100,000 values (aliases followed) are read.
func Parse(file string, data []byte) (Pipeline, error) { return ParseWith(file, data, nil) }

// ParseWith is Parse with static vars (-v, -y, -l), which may stand anywhere, as with fly set-pipeline. Other ((vars)) may
// stand in task configs, in params and vars of a task step, and in the config of a var source; they are filled in later.
func ParseWith(file string, data []byte, static map[string]any) (Pipeline, error) {
	root, err := readYAML(file, data)
	if err != nil {
		return Pipeline{}, err
	}
	if len(static) > 0 {
		count := 0
		if root, err = (rebuilder{file: file, live: true}).replace(root, static, &count); err != nil {
			return Pipeline{}, err
		}
	}
	r := &reader{file: file}
	p := r.pipeline(root)
	if err := r.problems.orNil(); err != nil {
		return Pipeline{}, err
	}
	p.Warnings = r.warnings
	return p, nil
}

func (r *reader) pipeline(n *node) Pipeline {
	p := Pipeline{File: r.file}
	if n.kind != mapping {
		r.fail(n, "a pipeline must be a mapping, not %s; allowed: jobs, var_sources", n.describe())
		return p
	}
	fields, whole := r.object(withoutAnchors(n, pipelineSchema()), pipelineSchema())
	r.sources = map[string]bool{}
	p.VarSources = r.varSources(fields["var_sources"])
	jobs := fields["jobs"]
	if jobs == nil && whole {
		r.fail(n, "a pipeline has at least one job: jobs is missing")
	}
	items := r.list(jobs, "jobs")
	if jobs != nil && len(items) == 0 && len(r.problems) == 0 {
		r.fail(jobs, "a pipeline has at least one job: jobs is empty")
	}
	lines := map[string]int{}
	for _, item := range items {
		job, ok := r.job(item)
		if !ok {
			continue
		}
		if first := lines[job.Name]; first != 0 {
			r.fail(item, "job %q is there twice; first in line %d", job.Name, first)
			continue
		}
		lines[job.Name] = item.line
		p.Jobs = append(p.Jobs, job)
	}
	return p
}

// withoutAnchors drops the top-level fields that are there for their anchors: Concourse ignores every field that it does not
// know there. Whatever uses an anchor has its own copy by now. One that is nearly a known field stays, to be reported.
func withoutAnchors(n *node, s schema) *node {
	kept := *n
	all := slices.Concat(s.known, s.later)
	kept.pairs = slices.DeleteFunc(slices.Clone(n.pairs), func(p pair) bool {
		name := p.key.text()
		return p.key.anchored && !slices.Contains(all, name) && nearest.Name(name, all) == ""
	})
	return &kept
}

func (r *reader) job(n *node) (Job, bool) {
	fields, whole := r.object(n, jobSchema())
	if fields == nil {
		return Job{}, false
	}
	var job Job
	if fields["name"] == nil {
		if whole {
			r.fail(n, "a job needs a name")
		}
		return Job{}, false
	}
	before := len(r.problems)
	job.Name = r.name(fields["name"], "a job's name")
	if len(r.problems) > before {
		return Job{}, false
	}
	r.idle(n, fields)
	r.locals = map[string]int{}
	if plan := fields["plan"]; plan == nil {
		if whole {
			r.fail(n, "job %q has no plan", job.Name)
		}
	} else {
		job.Plan.Do = r.steps(plan, fmt.Sprintf("plan of job %q", job.Name))
	}
	r.hooks(&job.Plan, fields)
	return job, true
}

// idle checks the fields of a job that have no effect here.
func (r *reader) idle(n *node, fields map[string]*node) {
	for _, name := range []string{"disable_manual_trigger", "disable_reruns", "interruptible", "public", "serial"} {
		r.boolean(fields[name], name)
	}
	r.whole(fields["max_in_flight"], "max_in_flight", 0)
	r.whole(fields["build_logs_to_retain"], "build_logs_to_retain", 0)
	if old := fields["old_name"]; old != nil {
		r.name(old, "old_name")
	}
	for _, group := range r.list(fields["serial_groups"], "serial_groups") {
		r.name(group, "a serial group")
	}
	retention := fields["build_log_retention"]
	if retention == nil || retention.null() {
		return
	}
	if fields["build_logs_to_retain"] != nil {
		r.fail(fields["build_logs_to_retain"], "build_logs_to_retain and build_log_retention exclude each other")
	}
	policy, _ := r.object(retention, retentionSchema())
	for _, name := range slices.Sorted(maps.Keys(policy)) {
		r.whole(policy[name], "build_log_retention."+name, 0)
	}
}

// varSources reads the var sources and puts each after those that its config refers to.
func (r *reader) varSources(n *node) []VarSource {
	var all []VarSource
	configs := map[string]*node{}
	lines := map[string]int{}
	for _, item := range r.list(n, "var_sources") {
		source, config := r.varSource(item)
		if source.Name == "" {
			continue
		}
		if first := lines[source.Name]; first != 0 {
			r.fail(item, "var source %q is there twice; first in line %d", source.Name, first)
			continue
		}
		lines[source.Name] = item.line
		r.sources[source.Name] = true
		configs[source.Name] = config
		all = append(all, source)
	}
	for _, source := range all {
		r.references(configs[source.Name])
	}
	if len(r.problems) > 0 {
		return all
	}
	return r.ordered(all)
}

func (r *reader) varSource(n *node) (VarSource, *node) {
	fields, whole := r.object(n, varSourceSchema())
	if fields == nil {
		return VarSource{}, nil
	}
	source := VarSource{at: r.at(n)}
	for _, name := range []string{"name", "type"} {
		if fields[name] == nil {
			if whole {
				r.fail(n, "a var source needs a %s", name)
			}
			return VarSource{}, nil
		}
	}
	source.Name = r.name(fields["name"], "a var source's name")
	if source.Name == vars.LocalSource || strings.ContainsAny(source.Name, `:"() `) {
		r.fail(fields["name"], "%s cannot name a var source: it could not be written in a ((var))", fields["name"].quoted())
		return VarSource{}, nil
	}
	source.Type, _ = r.text(fields["type"], "type of a var source")
	switch source.Type {
	case "dummy", "idtoken", "vault", "":
	case "ssm", "secretsmanager", "secretmanager":
		r.fail(fields["type"], "var source type %q: not yet in writ; allowed: dummy, idtoken, vault", source.Type)
	default:
		r.fail(fields["type"], "unknown var source type %s%s; allowed: dummy, idtoken, vault", fields["type"].quoted(),
			nearest.Suggestion(fields["type"].shown, []string{"dummy", "idtoken", "vault"}))
	}
	config := fields["config"]
	r.later(func() { r.table(config, "config of a var source") })
	if config == nil || config.kind != mapping {
		if config != nil && config.open {
			r.fail(config, "config of a var source must be a mapping")
		}
		source.Config = map[string]any{}
		return source, config
	}
	source.Config = config.plainMap()
	return source, config
}

// ordered sorts the sources by what their configs refer to, else by the file. A circle is an error.
func (r *reader) ordered(all []VarSource) []VarSource {
	placed := map[string]bool{}
	order := make([]VarSource, 0, len(all))
	for len(order) < len(all) {
		before := len(order)
		for _, source := range all {
			if !placed[source.Name] && ready(source, placed) {
				placed[source.Name] = true
				order = append(order, source)
			}
		}
		if len(order) > before {
			continue
		}
		var circle []string
		at := all[0].at
		for _, source := range slices.Backward(all) {
			if !placed[source.Name] {
				circle = append(circle, source.Name)
				at = source.at
			}
		}
		slices.Reverse(circle)
		at.Text = "var sources need one another to be configured: " + strings.Join(circle, ", ")
		r.problems = append(r.problems, at)
		return all
	}
	return order
}

func ready(source VarSource, placed map[string]bool) bool {
	refs, _ := vars.References(source.Config) // references has reported what is wrong with them
	for _, ref := range refs {
		if ref.Source != "" && ref.Source != vars.LocalSource && !placed[ref.Source] {
			return false
		}
	}
	return true
}

// declared is the tail of an error about an unknown var source.
func declared(name string, sources map[string]bool) string {
	if len(sources) == 0 {
		return "; the pipeline has no var_sources"
	}
	names := slices.Sorted(maps.Keys(sources))
	return nearest.Suggestion(name, names) + "; var_sources: " + strings.Join(names, ", ")
}
