package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse: no panic; an error says where; what is accepted can be walked and its tasks filled in or refused with a line.
func FuzzParse(f *testing.F) {
	seed, err := os.ReadFile(filepath.Join("testdata", "seed.yml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	for _, in := range []string{
		"", "- a", "a: b: c", "jobs: &x [*x]", "<<: {a: 1}", "\"<<\": ((x))\njobs: []", "jobs: []\n---\n", "x: &a {b: 1}\njobs: *a",
		"jobs:\n- name: j\n  plan:\n  - " + task("t", ", attempts: 2, on_failure: {do: []}"),
		"var_sources: [{name: v, type: dummy, config: {a: ((v:b))}}]\njobs: [{name: ((x)), plan: ((y))}]",
		"jobs: [{name: j, plan: [{task: t, config: {\"<<\": ((x)), ((k)): 1, run: ((v)), platform: !!binary YQ==}}]}]",
		"jobs: [{name: j, plan: [{task: t, file: a/b, vars: {\"((x))\": ((", "jobs: 2020-01-01\n", "jobs: 0x1F\n? 1\n: 2",
		"jobs: [{name: j, plan: [{in_parallel: {limit: 2, fail_fast: true, steps: [{in_parallel: [" + task("t", "") + "]}]}, attempts: 2}]}]",
		"jobs: [{name: j, plan: [{load_var: x, file: a/b.yml, reveal: yes}, {load_var: y, file: a/b, format: trim, timeout: 1s}]}]",
		"jobs: [{name: j, plan: [{across: [{var: x, values: [1, a], max_in_flight: all}, {var: k, values: ((v:l))}], fail_fast: true, do: [{task: t-((.:x)), file: a/b}]}]}]",
		"jobs: [{name: j, plan: [{across: [{var: x, values: ((.:y))}], in_parallel: [{load_var: z, file: a/((.:x)), timeout: ((.:x))}], on_abort: {try: {across: [{var: b, values: []}], task: ((.:b)), file: a/b}}}]}]",
		"jobs: [{name: j, plan: [{task: t, image: i, privileged: true, hermetic: false, container_limits: {cpu: 1, memory: 1GB}, config: {platform: linux, run: {path: x, user: u}}}]}]",
		"jobs: [{name: j, plan: [{task: t, config: {platform: linux, image_resource: {type: registry-image, source: {repository: r}, params: {}, version: {a: b}}, caches: [{path: c}, {path: ((x))}], run: {path: x}}}]}]",
	} {
		f.Add([]byte(in))
	}
	static := map[string]any{"x": "a", "y": []any{map[string]any{"task": "t"}}, "k": 3}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, given := range []map[string]any{nil, static} {
			p, err := ParseWith("p.yml", data, given)
			if err != nil {
				located(t, err)
				continue
			}
			if len(p.Jobs) == 0 {
				t.Error("accepted without a job")
			}
			for _, job := range p.Jobs {
				iterate(t, &job.Plan)
				job.Plan.Walk(func(task *Task) {
					if task.Config == nil {
						return
					}
					if _, err := task.Config.Fill(task.Config.Value()); err != nil {
						located(t, err)
					}
				})
			}
		}
		task := &Task{vars: static}
		if _, err := task.ReadFile("t.yml", data); err != nil {
			located(t, err)
		}
	})
}

// iterate makes an iteration of every across step.
func iterate(t *testing.T, s *Step) {
	if s.Across != nil {
		for _, public := range []map[string]any{nil, {"x": "a", "b": int64(1)}} {
			if inner, err := s.Across.Iteration(public); err != nil {
				located(t, err)
			} else {
				iterate(t, &inner)
			}
		}
	}
	for i := range s.Do {
		iterate(t, &s.Do[i])
	}
	if s.Try != nil {
		iterate(t, s.Try)
	}
}

func located(t *testing.T, err error) {
	t.Helper()
	var one Error
	var all Errors
	switch {
	case errors.As(err, &all):
		for _, e := range all {
			if e.File == "" || e.Line == 0 {
				t.Errorf("an error without a place: %v", err)
			}
		}
	case !errors.As(err, &one) || one.File == "" || one.Line == 0:
		t.Errorf("an error without a place: %v", err)
	}
}
