package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/writ-run/writ/internal/nearest"
)

// schema is what may stand in a mapping.
type schema struct {
	what  string   // "a job"
	known []string // read, or checked and without effect on a run on one machine
	later []string // Concourse's; not yet in writ
}

// modifiers may stand on any step.
func modifiers() []string {
	return []string{"across", "attempts", "ensure", "fail_fast", "on_abort", "on_error", "on_failure", "on_success", "timeout"}
}

func pipelineSchema() schema {
	return schema{"a pipeline", []string{"jobs", "var_sources"},
		[]string{"display", "groups", "prototypes", "resource_types", "resources", "user_data"}}
}

func jobSchema() schema {
	return schema{"a job", append([]string{"name", "plan", "on_success", "on_failure", "on_abort", "on_error", "ensure"}, idleJobFields()...),
		[]string{"tags"}}
}

// idleJobFields order builds, show them or keep their logs: with one build at a time, by hand, they have no effect.
func idleJobFields() []string {
	return []string{"build_log_retention", "build_logs_to_retain", "disable_manual_trigger", "disable_reruns", "interruptible",
		"max_in_flight", "old_name", "public", "serial", "serial_groups"}
}

func retentionSchema() schema {
	return schema{"build_log_retention", []string{"builds", "days", "minimum_succeeded_builds"}, nil}
}

// stepKinds are the fields that say what a step is.
func stepKinds() (known, later []string) {
	return []string{"task", "do", "in_parallel", "load_var", "try"}, []string{"get", "put", "run", "set_pipeline"}
}

func taskStepSchema() schema {
	return schema{"a task step",
		append([]string{"task", "config", "container_limits", "file", "hermetic", "image", "input_mapping", "output_mapping", "params", "privileged", "vars"}, modifiers()...),
		[]string{"tags"}}
}

func doSchema() schema {
	return schema{"a do step", append([]string{"do"}, modifiers()...), []string{"tags"}}
}

func inParallelSchema() schema {
	return schema{"an in_parallel step", append([]string{"in_parallel"}, modifiers()...), []string{"tags"}}
}

func acrossSchema() schema {
	return schema{"a var of across", []string{"max_in_flight", "values", "var"}, nil}
}

func parallelSchema() schema {
	return schema{"in_parallel", []string{"fail_fast", "limit", "steps"}, nil}
}

func loadVarSchema() schema {
	return schema{"a load_var step", append([]string{"file", "format", "load_var", "reveal"}, modifiers()...), []string{"tags"}}
}

func trySchema() schema {
	return schema{"a try step", append([]string{"try"}, modifiers()...), []string{"tags"}}
}

func taskConfigSchema() schema {
	return schema{"a task config", []string{"caches", "container_limits", "image_resource", "inputs", "outputs", "params", "platform", "run"},
		[]string{"rootfs_uri"}}
}

func imageSchema() schema {
	return schema{"an image_resource", []string{"params", "source", "type", "version"}, []string{"name", "tags"}}
}

func limitsSchema() schema {
	return schema{"container_limits", []string{"cpu", "memory"}, nil}
}

func inputSchema() schema {
	return schema{"an input", []string{"name", "optional", "path"}, nil}
}

func outputSchema() schema {
	return schema{"an output", []string{"name", "path"}, nil}
}

func cacheSchema() schema {
	return schema{"a cache", []string{"path"}, nil}
}

func runSchema() schema {
	return schema{"run of a task config", []string{"args", "dir", "path", "user"}, nil}
}

func varSourceSchema() schema {
	return schema{"a var source", []string{"config", "name", "type"}, nil}
}

// explain says what is wrong with a field that the schema does not read.
func (s schema) explain(field, shown string) string {
	if slices.Contains(s.later, field) {
		return fmt.Sprintf("%q in %s: not yet in writ", field, s.what)
	}
	text := fmt.Sprintf("unknown field %q in %s", shown, s.what)
	if home := elsewhere(field, s.what); home != "" {
		text = fmt.Sprintf("misplaced field %q in %s: it belongs in %s", shown, s.what, home)
	} else {
		text += nearest.Suggestion(shown, slices.Concat(s.known, s.later))
	}
	return text + "; allowed: " + strings.Join(slices.Sorted(slices.Values(s.known)), ", ")
}

// elsewhere names the mapping that has such a field.
func elsewhere(field, here string) string {
	for _, s := range []schema{taskConfigSchema(), taskStepSchema(), jobSchema(), runSchema(), pipelineSchema()} {
		if s.what != here && (slices.Contains(s.known, field) || slices.Contains(s.later, field)) {
			return s.what
		}
	}
	return ""
}
