package pipeline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The first seed's pipeline must parse as it stands there.
func TestParseSeed(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "seed.yml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("seed.yml", data)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.VarSources) != 1 || p.VarSources[0].Name != "hvjwt" || p.VarSources[0].Type != "vault" {
		t.Fatalf("var sources: %+v", p.VarSources)
	}
	config := p.VarSources[0].Config
	for name, want := range map[string]any{
		"url": "https://vault.example.com", "namespace": "/root", "auth_path": "/auth/concourse", "auth_type": "jwt",
		"auth_role": "example", "shared_path": "/shared/{{.Pipeline}}/{{.Secret}}", "path_prefix": "/concourse",
	} {
		if config[name] != want {
			t.Errorf("%s: got %v, want %v", name, config[name], want)
		}
	}
	if got, want := fmt.Sprint(config["lookup_templates"]), "[/{{.Team}}/{{.Pipeline}}/{{.Secret}} /{{.Team}}/{{.Secret}}]"; got != want {
		t.Errorf("lookup_templates: got %s, want %s", got, want)
	}
	job, err := p.Job("use-vars")
	if err != nil {
		t.Fatal(err)
	}
	task := job.Plan.Do[0].Task
	if task.Name != "use-vars" || !strings.Contains(fmt.Sprint(task.Config.Value()), `((hvjwt:"secret with_spaces.etc".some_key))`) {
		t.Errorf("task: %+v", task.Config.Value())
	}
	if len(p.Warnings) != 0 {
		t.Errorf("warnings: %v", p.Warnings)
	}
}

func TestParseExample(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "examples", "identity", "pipeline.yml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("pipeline.yml", data)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Jobs) != 1 || len(p.Warnings) != 0 {
		t.Errorf("jobs %d, warnings %v", len(p.Jobs), p.Warnings)
	}
}

const mock = "image_resource: {type: mock, source: {mirror_self: true}}"

// task is a flow mapping of a task step that parses; more are its further fields.
func task(name, more string) string {
	return "{task: " + name + ", config: {platform: linux, " + mock + ", run: {path: 'true'}}" + more + "}"
}

func TestParseStep(t *testing.T) {
	t.Parallel()
	p, err := Parse("p.yml", []byte(`
jobs:
- name: unit
  old_name: test
  serial: true
  serial_groups: [a, b]
  public: yes
  max_in_flight: 1
  build_log_retention: {days: 2, builds: 10, minimum_succeeded_builds: 1}
  disable_manual_trigger: false
  disable_reruns: off
  interruptible: on
  plan:
  - do:
    - try: `+task("flaky", ", timeout: 1h30m, attempts: 3")+`
    - task: file
      file: ci/unit.yml
      params: {A: 1}
      vars: {v: [1]}
      input_mapping: {in: other}
      output_mapping: {out: another}
      privileged: false
    on_failure: `+task("f", "")+`
  - in_parallel: [`+task("p", "")+`]
  - in_parallel: {limit: 2, fail_fast: true, steps: [`+task("q", "")+", "+task("r", "")+`]}
  on_success: `+task("s", "")+`
  on_error: `+task("e", "")+`
  on_abort: `+task("a", "")+`
  ensure: {do: [`+task("x", "")+`], attempts: 2}
`))
	if err != nil {
		t.Fatal(err)
	}
	plan := p.Jobs[0].Plan
	flaky := plan.Do[0].Do[0].Try
	if flaky.Task.Name != "flaky" || flaky.Timeout != 90*time.Minute || flaky.Attempts != 3 {
		t.Errorf("flaky: %+v", flaky)
	}
	file := plan.Do[0].Do[1].Task
	artifact, path := file.Artifact()
	if artifact != "ci" || path != "unit.yml" || file.InputMapping["in"] != "other" || file.OutputMapping["out"] != "another" {
		t.Errorf("file: %+v", file)
	}
	if plan.Ensure.Attempts != 2 {
		t.Errorf("ensure: %+v", plan.Ensure)
	}
	if p, q := plan.Do[1].Parallel, plan.Do[2].Parallel; len(p.Steps) != 1 || p.Limit != 0 || p.FailFast || len(q.Steps) != 2 || q.Limit != 2 || !q.FailFast {
		t.Errorf("in_parallel: %+v %+v", p, q)
	}
	var names []string
	plan.Walk(func(t *Task) { names = append(names, t.Name) })
	if got := strings.Join(names, " "); got != "flaky file f p q r s a e x" {
		t.Errorf("walk: %s", got)
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	const taskFields = "; allowed: across, attempts, config, container_limits, ensure, fail_fast, file, hermetic, image, input_mapping, on_abort, on_error, on_failure, on_success, output_mapping, params, privileged, task, timeout, vars"
	const jobFields = "; allowed: build_log_retention, build_logs_to_retain, disable_manual_trigger, disable_reruns, ensure, interruptible, max_in_flight, name, old_name, on_abort, on_error, on_failure, on_success, plan, public, serial, serial_groups"
	const configFields = "; allowed: caches, container_limits, image_resource, inputs, outputs, params, platform, run"
	const mirror = "; there are registry-image, and mock with source.mirror_self, which is writ itself as a shell (or, without containers, this machine)"
	step := func(s string) string { return "jobs:\n- name: j\n  plan:\n  - " + s + "\n" }
	config := func(s string) string {
		return step("task: t\n    config:\n      platform: linux\n      " + mock + "\n      run: {path: x}\n      " + s)
	}
	for _, test := range []struct{ name, in, want string }{
		{"empty", "", "p.yml:1: the file is empty"},
		{"only a comment", "# nothing\n", "p.yml:1: the file is empty"},
		{"a var for a field", "((0)):\n", "p.yml:1:1: a field of a pipeline: ((0)) must be known before the run: give the var with -v, -y or -l"},
		{"null", "~\n", "p.yml:1:1: a pipeline must be a mapping, not null; allowed: jobs, var_sources"},
		{"list", "- a\n", "p.yml:1:1: a pipeline must be a mapping, not a list; allowed: jobs, var_sources"},
		{"malformed in line 1", "a: b: c\n", "p.yml:1: malformed YAML: mapping values are not allowed in this context"},
		{"malformed", "jobs:\n- name: j\n  plan: [\n", "p.yml:4: malformed YAML: did not find expected node content"},
		{"bad indentation", "jobs:\n- name: j\n   plan: []\n", "p.yml:3: malformed YAML: mapping values are not allowed in this context"},
		{"tab", "jobs:\n\t- name: j\n", "p.yml:2: malformed YAML: found character that cannot start any token"},
		{"not UTF-8", "jobs: \xff\n", "p.yml:1: malformed YAML: invalid leading UTF-8 octet"},
		{"two documents", "jobs: []\n---\njobs: []\n", "p.yml:2:1: a second YAML document; a file holds one"},
		{"unknown anchor", "jobs: *x\n", "p.yml:1: malformed YAML: unknown anchor 'x' referenced"},
		{"recursive anchor", "jobs: &x [*x]\n", "p.yml:1:7: nested deeper than 64 levels"},
		{"tag", "jobs: !!set {a}\n", "p.yml:1:7: tag !!set is not allowed"},
		{"own tag", "jobs: !x a\n", "p.yml:1:7: tag !x is not allowed"},
		{"key twice", "jobs: []\njobs: []\n", "p.yml:2:1: key \"jobs\" is there twice; first in line 1"},
		{"key twice below", step(task("t", ", task: u")), "p.yml:4:122: key \"task\" is there twice; first in line 4"},
		{"key no string", "? [a]\n: b\n", "p.yml:1:3: a key must be a string"},
		{"merge no mapping", "<<: 3\n", "p.yml:1:5: << merges a mapping or a list of mappings, not a number"},

		{"no jobs", "var_sources: []\n", "p.yml:1:1: a pipeline has at least one job: jobs is missing"},
		{"empty jobs", "jobs: []\n", "p.yml:1:7: a pipeline has at least one job: jobs is empty"},
		{"near section", "job: []\n", "p.yml:1:1: unknown field \"job\" in a pipeline; did you mean \"jobs\"?; allowed: jobs, var_sources"},
		{"resources", "resources: []\nresource_types: []\ngroups: []\ndisplay: {}\n" + step(task("t", "")),
			"p.yml:1:1: \"resources\" in a pipeline: not yet in writ\np.yml:2:1: \"resource_types\" in a pipeline: not yet in writ\n" +
				"p.yml:3:1: \"groups\" in a pipeline: not yet in writ\np.yml:4:1: \"display\" in a pipeline: not yet in writ"},

		{"job without name", "jobs:\n- plan: []\n", "p.yml:2:3: a job needs a name"},
		{"job name", "jobs:\n- name: 3\n", "p.yml:2:9: a job's name must be a string, not a number; write \"3\""},
		{"job name empty", "jobs:\n- name: ''\n", "p.yml:2:9: a job's name must not be empty"},
		{"job name control", "jobs:\n- name: \"a\\nb\"\n", "p.yml:2:9: a job's name \"a\\nb\" holds a control character"},
		{"job twice", "jobs:\n- &j {name: j, plan: [" + task("t", "") + "]}\n- *j\n", "p.yml:2:3: job \"j\" is there twice; first in line 2"},
		{"no plan", "jobs:\n- name: j\n", "p.yml:2:3: job \"j\" has no plan"},
		{"empty plan", "jobs:\n- name: j\n  plan: []\n", "p.yml:3:9: plan of job \"j\" has no steps"},
		{"plan no list", "jobs:\n- name: j\n  plan: {}\n", "p.yml:3:9: plan of job \"j\" must be a list, not a mapping"},
		{"near job field", "jobs:\n- name: j\n  serail: true\n  plan: [" + task("t", "") + "]\n", "p.yml:3:3: unknown field \"serail\" in a job; did you mean \"serial\"?" + jobFields},
		{"job tags", "jobs:\n- name: j\n  tags: [x]\n  plan: [" + task("t", "") + "]\n", "p.yml:3:3: \"tags\" in a job: not yet in writ"},
		{"serial", "jobs:\n- name: j\n  serial: 1\n  plan: [" + task("t", "") + "]\n", "p.yml:3:11: serial must be true or false, not 1"},
		{"retention", "jobs:\n- name: j\n  build_log_retention: {days: -1, nights: 2}\n  plan: [" + task("t", "") + "]\n",
			"p.yml:3:31: build_log_retention.days must be a whole number from 0 to 2147483647, not -1\n" +
				"p.yml:3:35: unknown field \"nights\" in build_log_retention; allowed: builds, days, minimum_succeeded_builds"},

		{"get", step("{get: repo, trigger: true}"), "p.yml:4:6: step \"get\": not yet in writ; steps: task, do, in_parallel, load_var, try"},
		{"put", step("put: x"), "p.yml:4:5: step \"put\": not yet in writ; steps: task, do, in_parallel, load_var, try"},
		{"set_pipeline", step("set_pipeline: self"), "p.yml:4:5: step \"set_pipeline\": not yet in writ; steps: task, do, in_parallel, load_var, try"},
		{"load_var without a file", step("load_var: x"), "p.yml:4:5: load_var \"x\" needs a file: ARTIFACT/PATH"},
		{"load_var file", step("{load_var: x, file: y}"), "p.yml:4:25: file \"y\" names no file in an artifact; want ARTIFACT/PATH"},
		{"load_var format", step("{load_var: x, file: a/b, format: toml}"), "p.yml:4:38: unknown format \"toml\"; allowed: json, raw, trim, yaml, yml"},
		{"load_var field", step("{load_var: x, file: a/b, revael: true}"), "p.yml:4:30: unknown field \"revael\" in a load_var step; did you mean \"reveal\"?; allowed: across, attempts, ensure, fail_fast, file, format, load_var, on_abort, on_error, on_failure, on_success, reveal, timeout"},
		{"load_var name", step("{load_var: 'a\"b', file: a/b}"), "p.yml:4:16: \"a\\\"b\" cannot name a var: it could not be written in a ((var))"},
		{"load_var twice", step("do: [{load_var: x, file: a/b}, {load_var: x, file: a/c}]"), "p.yml:4:36: load_var \"x\" is there twice; first in line 4"},
		{"in_parallel empty", step("in_parallel: []"), "p.yml:4:18: in_parallel has no steps"},
		{"in_parallel null", step("in_parallel:"), "p.yml:4:17: in_parallel has no steps"},
		{"in_parallel without steps", step("in_parallel: {limit: 2}"), "p.yml:4:18: in_parallel has no steps"},
		{"in_parallel field", step("in_parallel: {limits: 2, steps: [" + task("t", "") + "]}"), "p.yml:4:19: unknown field \"limits\" in in_parallel; did you mean \"limit\"?; allowed: fail_fast, limit, steps"},
		{"in_parallel limit", step("in_parallel: {limit: -1, fail_fast: 3, steps: [put: x]}"),
			"p.yml:4:26: in_parallel.limit must be a whole number from 0 to 2147483647, not -1\n" +
				"p.yml:4:41: in_parallel.fail_fast must be true or false, not 3\n" +
				"p.yml:4:52: step \"put\": not yet in writ; steps: task, do, in_parallel, load_var, try"},
		{"prototype", step("run: x"), "p.yml:4:5: step \"run\": not yet in writ; steps: task, do, in_parallel, load_var, try"},
		{"tags", step(task("t", ", tags: [x]")), "p.yml:4:122: \"tags\" in a task step: not yet in writ"},
		{"image", step(task("t", ", image: ''")), "p.yml:4:129: image of a task step must not be empty"},
		{"limits", step(task("t", ", container_limits: {cpus: 1}")), "p.yml:4:141: unknown field \"cpus\" in container_limits; did you mean \"cpu\"?; allowed: cpu, memory"},
		{"cpu", step(task("t", ", container_limits: {cpu: 0.5}")), "p.yml:4:146: container_limits.cpu must be a whole number of shares, not 0.5"},
		{"memory", step(task("t", ", container_limits: {memory: 1 GiB}")), "p.yml:4:149: container_limits.memory must be bytes or a size such as \"512MB\" or \"1GB\", not \"1 GiB\""},
		{"too much memory", step(task("t", ", container_limits: {memory: 9223372036854775807GB}")), "p.yml:4:149: container_limits.memory must be bytes or a size such as \"512MB\" or \"1GB\", not \"9223372036854775807GB\""},
		{"privileged", step(task("t", ", privileged: 1")), "p.yml:4:134: privileged must be true or false, not 1"},
		{"hermetic", step(task("t", ", hermetic: x")), "p.yml:4:132: hermetic must be true or false, not \"x\""},
		{"no kind", step("timeout: 1h"), "p.yml:4:5: a step needs one of: task, do, in_parallel, load_var, try"},
		{"near kind", step("tsak: x"), "p.yml:4:5: unknown field \"tsak\" in a step; did you mean \"task\"? a step needs one of: task, do, in_parallel, load_var, try"},
		{"two kinds", step("{do: [], try: {}}"), "p.yml:4:14: a step is one of task, do, in_parallel, load_var, try; this one has \"do\" and \"try\""},
		{"step no mapping", step("task"), "p.yml:4:5: a step must be a mapping, not a string; one of: task, do, in_parallel, load_var, try"},
		{"do empty", step("do: []"), "p.yml:4:9: do has no steps"},
		{"try null", step("try:"), "p.yml:4:9: a step must be a mapping, not null; one of: task, do, in_parallel, load_var, try"},
		{"hook", step(task("t", ", on_failure: {put: x}")), "p.yml:4:135: step \"put\": not yet in writ; steps: task, do, in_parallel, load_var, try"},
		{"timeout", step(task("t", ", timeout: 10")), "p.yml:4:131: timeout must be a duration above 0 such as \"90s\" or \"1h30m\", not 10"},
		{"timeout 0", step(task("t", ", timeout: 0s")), "p.yml:4:131: timeout must be a duration above 0 such as \"90s\" or \"1h30m\", not \"0s\""},
		{"attempts", step(task("t", ", attempts: 0")), "p.yml:4:132: attempts must be a whole number from 1 to 2147483647, not 0"},
		{"attempts var", step(task("t", ", attempts: ((n))")), "p.yml:4:132: attempts: ((n)) must be known before the run: give the var with -v, -y or -l"},

		{"neither", step("task: t"), "p.yml:4:5: task \"t\" needs config or file"},
		{"both", step(task("t", ", file: a/b")), "p.yml:4:128: task \"t\" has both config and file; a task has one of them"},
		{"vars with config", step(task("t", ", vars: {a: b}")), "p.yml:4:128: vars fill the task config that file names; task \"t\" has config"},
		{"file", step("{task: t, file: unit.yml}"), "p.yml:4:21: file \"unit.yml\" names no file in an artifact; want ARTIFACT/PATH"},
		{"file var", step("{task: t, file: ((f))}"), "p.yml:4:21: file: ((f)) must be known before the run: give the var with -v, -y or -l"},
		{"misplaced", step(task("t", ", inputs: []")), "p.yml:4:122: misplaced field \"inputs\" in a task step: it belongs in a task config" + taskFields},
		{"misplaced run", step(task("t", ", run: {}")), "p.yml:4:122: misplaced field \"run\" in a task step: it belongs in a task config" + taskFields},
		{"misplaced path", config("path: x"), "p.yml:9:7: misplaced field \"path\" in a task config: it belongs in run of a task config" + configFields},
		{"misplaced config", config("attempts: 2"), "p.yml:9:7: misplaced field \"attempts\" in a task config: it belongs in a task step" + configFields},
		{"near config", config("ouputs: []"), "p.yml:9:7: unknown field \"ouputs\" in a task config; did you mean \"outputs\"?" + configFields},
		{"cache", config("caches: [x]"), "p.yml:9:16: a cache must be a mapping, not a string; allowed: path"},
		{"cache without path", config("caches: [{}]"), "p.yml:9:16: a cache needs a path"},
		{"cache path", config("caches: [{path: ''}]"), "p.yml:9:23: path of a cache must not be empty"},
		{"cache field", config("caches: [{path: x, name: y}]"), "p.yml:9:26: misplaced field \"name\" in a cache: it belongs in a job; allowed: path"},
		{"caches at one path", config("caches: [{path: x}, {path: ./x/}]"), "p.yml:9:34: cache: the path \"./x/\" is already that of another cache"},
		{"cache at an output", config("outputs: [{name: x}]\n      caches: [{path: x}]"), "p.yml:10:23: cache: the path \"x\" is already that of output \"x\""},
		{"rootfs_uri", config("rootfs_uri: x"), "p.yml:9:7: \"rootfs_uri\" in a task config: not yet in writ"},
		{"config limits", config("container_limits: 3"), "p.yml:9:25: container_limits must be a mapping, not a number; allowed: cpu, memory"},
		{"input without name", config("inputs: [{path: x}]"), "p.yml:9:16: an input needs a name"},
		{"input field", config("inputs: [{name: x, optinal: true}]"), "p.yml:9:26: unknown field \"optinal\" in an input; did you mean \"optional\"?; allowed: name, optional, path"},
		{"outputs at one path", config("outputs: [{name: x}, {name: y, path: ./x/}]"), "p.yml:9:28: output \"y\": the path \"./x/\" is already that of output \"x\""},
		{"output twice", config("outputs: [{name: x}, {name: x, path: y}]"), "p.yml:9:28: output \"x\" is there twice"},
		{"input with params", config("inputs: x"), "p.yml:9:15: inputs must be a list, not a string"},
		{"params", config("params: [a]"), "p.yml:9:15: params must be a mapping, not a list"},
		{"param name", config("params: {'a=b': c}"), "p.yml:9:16: \"a=b\" cannot name an environment variable"},
		{"param NUL", config("params: {a: \"b\\0c\"}"), "p.yml:9:19: param \"a\" holds a NUL character"},
		{"param inf", config("params: {a: .inf}"), "p.yml:9:19: param \"a\": \".inf\" is not a number that JSON has; put it in quotes"},

		{"no platform", step("{task: t, config: {" + mock + ", run: {path: x}}}"), "p.yml:4:23: a task config needs a platform: linux, for tasks of this machine"},
		{"no image", step("{task: t, config: {platform: linux, run: {path: x}}}"), "p.yml:4:23: a task config for linux needs an image_resource: {type: mock, source: {mirror_self: true}}, which is writ itself as a shell (or, without containers, this machine)"},
		{"another image", step("{task: t, config: {platform: linux, image_resource: {type: docker-image, source: {repository: golang}}, run: {path: x}}}"),
			"p.yml:4:64: image_resource of type \"docker-image\": not yet in writ" + mirror},
		{"registry-image without source", step("{task: t, config: {platform: linux, image_resource: {type: registry-image}, run: {path: x}}}"),
			"p.yml:4:57: an image_resource of type registry-image needs source.repository"},
		{"registry-image without repository", step("{task: t, config: {platform: linux, image_resource: {type: registry-image, source: {tag: x}}, run: {path: x}}}"),
			"p.yml:4:88: an image_resource of type registry-image needs source.repository"},
		{"mock without mirror", step("{task: t, config: {platform: linux, image_resource: {type: mock, source: {mirror_self: false}}, run: {path: x}}}"),
			"p.yml:4:78: image_resource of type mock without mirror_self: true: not yet in writ" + mirror},
		{"mock without source", step("{task: t, config: {platform: linux, image_resource: {type: mock}, run: {path: x}}}"),
			"p.yml:4:57: image_resource of type mock without source.mirror_self: not yet in writ" + mirror},
		{"mock with more", step("{task: t, config: {platform: linux, image_resource: {type: mock, source: {mirror_self: true, create_files: {}}}, run: {path: x}}}"),
			"p.yml:4:98: \"create_files\" in source of a mock image: not yet in writ; allowed: mirror_self"},
		{"image version", step("{task: t, config: {platform: linux, image_resource: {type: mock, source: {mirror_self: true}, version: {}}, run: {path: x}}}"),
			"p.yml:4:108: \"version\" of an image_resource of type mock: not yet in writ"},
		{"no run", step("{task: t, config: {platform: linux, " + mock + "}}"), "p.yml:4:23: a task config needs run.path: an image's own entrypoint is not yet in writ"},
		{"no run.path", step("{task: t, config: {platform: linux, " + mock + ", run: {args: [x]}}}"), "p.yml:4:105: a task config needs run.path: an image's own entrypoint is not yet in writ"},
		{"run.user", step("{task: t, config: {platform: linux, " + mock + ", run: {path: x, user: 0}}}"), "p.yml:4:121: run.user must be a string, not a number; write \"0\""},
		{"argument", step("{task: t, config: {platform: linux, " + mock + ", run: {path: sleep, args: [10]}}}"), "p.yml:4:126: an argument of run.args must be a string, not a number; write \"10\""},

		{"source type", "var_sources: [{name: v, type: vualt}]\n" + step(task("t", "")), "p.yml:1:31: unknown var source type \"vualt\"; did you mean \"vault\"?; allowed: dummy, idtoken, vault"},
		{"source ssm", "var_sources: [{name: v, type: ssm}]\n" + step(task("t", "")), "p.yml:1:31: var source type \"ssm\": not yet in writ; allowed: dummy, idtoken, vault"},
		{"source twice", "var_sources:\n- {name: v, type: dummy}\n- {name: v, type: dummy}\n" + step(task("t", "")), "p.yml:3:3: var source \"v\" is there twice; first in line 2"},
		{"source name", "var_sources: [{name: ., type: dummy}]\n" + step(task("t", "")), "p.yml:1:22: \".\" cannot name a var source: it could not be written in a ((var))"},
		{"source config", "var_sources: [{name: v, type: dummy, config: []}]\n" + step(task("t", "")), "p.yml:1:46: config of a var source must be a mapping, not a list"},
		{"sources in a circle", "var_sources:\n- {name: c, type: dummy}\n- {name: a, type: vault, config: {url: ((b:u))}}\n- {name: b, type: vault, config: {url: ((a:u))}}\n" + step(task("t", "")),
			"p.yml:3:3: var sources need one another to be configured: a, b"},
		{"unknown source", "var_sources: [{name: vault, type: dummy}]\n" + step(task("t", ", params: {A: ((valt:x))}")),
			"p.yml:5:134: ((valt:x)): no var source \"valt\"; did you mean \"vault\"?; var_sources: vault"},
		{"no sources", step(task("t", ", params: {A: ((valt:x))}")), "p.yml:4:134: ((valt:x)): no var source \"valt\"; the pipeline has no var_sources"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("p.yml", []byte(test.in))
			if err == nil {
				t.Fatalf("accepted; want %s", test.want)
			}
			if got := err.Error(); got != test.want {
				t.Errorf("\n got %s\nwant %s\n in\n%s", got, test.want, test.in)
			}
		})
	}
}

func TestJobMissing(t *testing.T) {
	t.Parallel()
	p, err := Parse("p.yml", []byte("jobs:\n- {name: unit, plan: ["+task("t", "")+"]}\n- {name: release, plan: ["+task("t", "")+"]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Job("relase")
	if want := `p.yml: no job "relase"; did you mean "release"?; jobs: unit, release`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	p, err := Parse("p.yml", []byte("jobs:\n- {name: Unit Test, plan: ["+task("'42'", "")+", "+task("日本語", "")+
		", {task: t, config: {platform: linux, "+mock+", inputs: [{name: a}, {name: b, path: a/}], run: {path: x}}}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range p.Warnings {
		got = append(got, w.Error())
	}
	want := []string{
		`p.yml:2:10: a job's name "Unit Test" is not an identifier: it must start with a lowercase letter or a digit`,
		`p.yml:2:35: a task's name "42" is not an identifier: it must not be digits alone`,
		`p.yml:2:384: input "b" hides input "a", which has the same path "a/"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestTopLevelAnchors(t *testing.T) {
	t.Parallel()
	const anchored = "templates:\n  unit: &unit\n    platform: linux\n    " + mock + "\n    run: {path: x}\n"
	if _, err := Parse("p.yml", []byte(anchored+"jobs: [{name: j, plan: [{task: t, config: {<<: *unit, params: {A: b}}}]}]\n")); err != nil {
		t.Error(err)
	}
	_, err := Parse("p.yml", []byte("templates: {}\njobs: [{name: j, plan: ["+task("t", "")+"]}]\n"))
	if err == nil || !strings.Contains(err.Error(), `p.yml:1:1: unknown field "templates" in a pipeline`) {
		t.Errorf("without an anchor: %v", err)
	}
}

func TestStaticVars(t *testing.T) {
	t.Parallel()
	p, err := ParseWith("p.yml", []byte("jobs:\n- name: ((name))\n  plan:\n  - task: t\n    attempts: ((n))\n    timeout: ((time.out))\n    config:\n      \"<<\": ((base))\n      run: {path: ((\"cmd\")), args: [((later))]}\n"),
		map[string]any{"name": "unit", "n": 3, "time": map[string]any{"out": "5m"}, "cmd": "sh", "base": map[string]any{
			"platform": "linux", "image_resource": map[string]any{"type": "mock", "source": map[string]any{"mirror_self": true}},
		}})
	if err != nil {
		t.Fatal(err)
	}
	step := p.Jobs[0].Plan.Do[0]
	if p.Jobs[0].Name != "unit" || step.Attempts != 3 || step.Timeout != 5*time.Minute {
		t.Errorf("step: %+v", step)
	}
	if got, want := fmt.Sprint(step.Task.Config.Value()), "map[image_resource:map[source:map[mirror_self:true] type:mock] platform:linux run:map[args:[((later))] path:sh]]"; got != want {
		t.Errorf("got %s", got)
	}
	_, err = ParseWith("p.yml", []byte("jobs:\n- name: j\n  plan:\n  - task: t\n    attempts: ((n))\n    file: a/b\n"), map[string]any{"n": "s3cret"})
	if want := "p.yml:5:15: attempts must be a whole number from 1 to 2147483647, not \"((n))\""; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCheckPaths(t *testing.T) {
	t.Parallel()
	p, err := Parse("p.yml", []byte("jobs:\n- name: j\n  plan:\n  - try:\n      task: t\n      config:\n        platform: linux\n        "+mock+`
        run: {path: x}
        inputs:
        - {name: a, path: /run/x/../writ/token}
        - {name: b, path: ../../run/writ}
        outputs:
        - {name: c, path: ((x))}
        - {name: run, path: /run/}
`))
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	err = p.CheckPaths(func(path string) error {
		asked = append(asked, path)
		if path == "/run/" || strings.HasSuffix(path, "token") {
			return errors.New("reserved")
		}
		return nil
	})
	if want := "p.yml:11:11: input \"a\": reserved\np.yml:15:11: output \"run\": reserved"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if want := []string{"/run/x/../writ/token", "../../run/writ", "/run/"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
}
