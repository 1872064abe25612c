package trust

import (
	"github.com/writ-run/writ/workload"
)

// fileOrSource says how a job comes to its token: as a file of its own, where the subject scope is pipeline; else only a
// var source can say the scope.
func fileOrSource(w Wish, scope workload.Scope, name, then string) string {
	if scope == workload.ScopePipeline {
		return "# writ.jsonnet of the issuer; the job finds the token beside $CONCOURSE_CI_JWT_FILE, under the name " + name + ".\n" +
			"# " + then + "\n" +
			"{ issuer: { identity: [{ files: [{ path: " + quoteJSON(name) + ", audience: " + quoteJSON(w.Audience) + " }] }] } }\n"
	}
	if scope == workload.ScopeTask {
		return "# No var source has the scope task yet: leave the task out, or mint the token with `writ token mint`.\n"
	}
	config := map[string]any{"audience": []string{w.Audience}, "subject_scope": string(scope)}
	return "# pipeline.yml; ((" + name + ":token)) is the token.\n" +
		yamlText(map[string]any{"var_sources": []any{map[string]any{"name": name, "type": "idtoken", "config": config}}})
}
