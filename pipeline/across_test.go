package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAcross(t *testing.T) {
	t.Parallel()
	s := parseStep(t, `{
  across: [{var: a, values: [x, 2], max_in_flight: all}, {var: b, values: ((.:list)), max_in_flight: 3}, {var: c, values: [true]}],
  fail_fast: true,
  do: [
    {task: t-((.:a)), file: "((.:b))/((.:c)).yml", image: ((.:a)), privileged: ((.:c)), input_mapping: {vars: ((.:a))}, params: {P: ((.:a))}, vars: {v: ((.:a))}},
    {load_var: v, file: "made/((.:a))", format: ((.:b))},
    {in_parallel: {limit: 2, steps: [{task: p-((.:a)), file: a/b}]}},
    {in_parallel: [{task: q-((.:a)), file: a/b}]},
    {across: [{var: d, values: [((.:a))]}], task: n-((.:a))-((.:d)), file: a/b},
  ],
  attempts: 2, timeout: ((.:b)), on_failure: {task: f, file: a/b}}`)
	a := s.Across
	if !a.FailFast || s.Attempts != 0 || s.Timeout != 0 || s.OnFailure == nil || a.Step.Attempts != 2 || a.Step.OnFailure != nil {
		t.Errorf("step %+v of %+v", a.Step, s)
	}
	got := a.Names()
	for _, v := range a.Vars {
		got += fmt.Sprint("; ", v.Name, " ", v.MaxInFlight, " ", v.Values())
	}
	if want := "across (a, b, c); a 0 [x 2]; b 3 ((.:list)); c 1 [true]"; got != want {
		t.Errorf("vars: %s", got)
	}
	inner, err := a.Iteration(map[string]any{"a": "x", "b": "raw", "c": true})
	if err == nil || !strings.Contains(err.Error(), `timeout must be a duration above 0 such as "90s" or "1h30m", not "((.:b))"`) {
		t.Errorf("got %+v, %v", inner, err)
	}
	root := *a.root
	root.pairs = root.pairs[:len(root.pairs)-1] // without the timeout
	a.root = &root
	if inner, err = a.Iteration(map[string]any{"a": "x", "b": "raw", "c": true}); err != nil {
		t.Fatal(err)
	}
	task := inner.Do[0].Task
	if task.Name != "t-x" || task.File != "raw/true.yml" || task.Image != "x" || !task.Privileged || task.InputMapping["vars"] != "x" {
		t.Errorf("task %+v", task)
	}
	if task.params.plainMap()["P"] != "((.:a))" || task.vars["v"] != "((.:a))" {
		t.Errorf("what is looked up later: %v %v", task.params.plain(), task.vars)
	}
	if l := inner.Do[1].LoadVar; l.File != "made/x" || l.Format != "raw" {
		t.Errorf("load_var %+v", l)
	}
	if p, q := inner.Do[2].Parallel.Steps[0].Task.Name, inner.Do[3].Parallel.Steps[0].Task.Name; p != "p-x" || q != "q-x" {
		t.Errorf("in_parallel: %s %s", p, q)
	}
	nested := inner.Do[4].Across
	if deep, err := nested.Iteration(map[string]any{"d": "((.:a))"}); err == nil || !strings.Contains(err.Error(), "of local vars only those of across can stand here") {
		t.Errorf("a value was looked into: %+v %v", deep, err)
	}
	if deep, err := nested.Iteration(map[string]any{"d": 7}); err != nil || deep.Task.Name != "n-x-7" {
		t.Errorf("nested: %+v %v", deep, err)
	}
	if inner.Timeout != time.Duration(0) || inner.Attempts != 2 {
		t.Errorf("modifiers: %+v", inner)
	}
	if _, err := a.Iteration(map[string]any{"a": "x", "b": "raw"}); err == nil || !strings.Contains(err.Error(), "privileged: ((.:c)): of local vars only those of across can stand here, and no secret") {
		t.Errorf("a secret: %v", err)
	}
}

func TestAcrossErrors(t *testing.T) {
	t.Parallel()
	step := func(across string) string {
		return "jobs:\n- name: j\n  plan:\n  - {" + across + ", task: t, file: a/b}\n"
	}
	for _, test := range []struct{ in, want string }{
		{step("across: []"), "p.yml:4:14: across needs at least one var: [{var: NAME, values: [...]}]"},
		{step("across: x"), "p.yml:4:14: across must be a list, not a string\np.yml:4:14: across needs at least one var: [{var: NAME, values: [...]}]"},
		{step("across: ((x))"), "p.yml:4:14: across: ((x)) must be known before the run: give the var with -v, -y or -l"},
		{step("across: [x]"), "p.yml:4:15: a var of across must be a mapping, not a string; allowed: max_in_flight, values, var"},
		{step("across: [{values: [1]}]"), "p.yml:4:15: a var of across needs var"},
		{step("across: [{var: x}]"), "p.yml:4:15: a var of across needs values"},
		{step("across: [{var: x, value: [1]}]"), "p.yml:4:24: unknown field \"value\" in a var of across; did you mean \"values\"?; allowed: max_in_flight, values, var"},
		{step("across: [{var: x, values: y}]"), "p.yml:4:32: values of var \"x\" must be a list, or a ((var)) that is one, not a string"},
		{step("across: [{var: x, values: [((v:y))]}]"), "p.yml:4:33: ((v:y)): no var source \"v\"; the pipeline has no var_sources"},
		{step("across: [{var: x, values: [1], max_in_flight: 0}]"), "p.yml:4:52: max_in_flight must be a whole number from 1, or \"all\", not 0"},
		{step("across: [{var: x, values: [1], max_in_flight: most}]"), "p.yml:4:52: max_in_flight must be a whole number from 1, or \"all\", not \"most\""},
		{step("across: [{var: x, values: [1]}, {var: x, values: [2]}]"), "p.yml:4:44: var \"x\" is already one of across"},
		{step("fail_fast: true"), "p.yml:4:17: fail_fast is for across, which this step has not; that of in_parallel is within it, beside steps"},
		{step("across: [{var: x, values: [1]}], fail_fast: 1"), "p.yml:4:50: fail_fast must be true or false, not 1"},
		{step("across: [{var: x, values: [1]}], timeout: ((.:y))"), "p.yml:4:48: timeout: ((.:y)): of local vars only those of across can stand here, and no secret"},
		{step("timeout: ((.:y))"), "p.yml:4:15: timeout: ((.:y)): of local vars only those of across can stand here, and no secret"},
		{"jobs: [{name: j, plan: [{across: [{var: x, values: [1]}], do: [{load_var: x, file: a/b}]}]}]", "p.yml:1:64: load_var \"x\": a var of the across around it has this name"},
		{"jobs: [{name: j, plan: [{across: [{var: x, values: [1]}], put: y}]}]", "p.yml:1:59: step \"put\": not yet in writ; steps: task, do, in_parallel, load_var, try"},
		{"jobs: [{name: j, plan: [{across: [{var: x, values: [1]}]}]}]", "p.yml:1:25: a step needs one of: task, do, in_parallel, load_var, try"},
		{"jobs: [{name: j, plan: [{across: [{var: x, values: [1]}], try: {across: [{var: x, values: [1]}], task: t, file: a/b}}]}]", "p.yml:1:80: var \"x\" is already one of across"},
	} {
		_, err := Parse("p.yml", []byte(test.in))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s\n got %v\nwant %s", test.in, err, test.want)
		}
	}
}
