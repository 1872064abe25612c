package build

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/vars"
)

// What runs, in which order (of what runs at one time: sorted), how many at a time, and how it ends.
func TestAcross(t *testing.T) {
	t.Parallel()
	const x = "across: [{var: x, values: [1, 2, 3]"
	for _, test := range []struct {
		name, job string
		ran       string
		want      Status
		most      int
		took      time.Duration
	}{
		{"one at a time", "plan: [{" + x + "}], task: t-((.:x)), config: {" + head + ", run: {path: sleep}}}]", "t-1 t-2 t-3", Succeeded, 1, 3 * time.Second},
		{"two at a time", "plan: [{" + x + ", max_in_flight: 2}], task: t-((.:x)), config: {" + head + ", run: {path: sleep}}}]", "t-1 t-2 t-3", Succeeded, 2, 2 * time.Second},
		{"all at a time", "plan: [{" + x + ", max_in_flight: all}], task: t-((.:x)), config: {" + head + ", run: {path: sleep}}}]", "t-1 t-2 t-3", Succeeded, 3, time.Second},
		{"a product", "plan: [{" + x + "}, {var: y, values: [a, b], max_in_flight: all}], task: t-((.:x))((.:y)), config: {" + head + ", run: {path: sleep}}}]",
			"t-1a t-1b t-2a t-2b t-3a t-3b", Succeeded, 2, 3 * time.Second},
		{"no values", "plan: [{across: [{var: x, values: []}], T(a ok)}, {T(b ok)}]", "b", Succeeded, 1, 0},
		{"a failure lets the others run", "plan: [{across: [{var: x, values: [ok, fail, ok]}], task: t, config: {" + head + ", run: {path: ((.:x))}}, on_failure: {T(f ok)}, ensure: {T(e ok)}}, {T(n ok)}]",
			"e f t t t", Failed, 1, 0},
		{"an error is worse", "plan: [{across: [{var: x, values: [fail, missing, ok]}], task: t, config: {" + head + ", run: {path: ((.:x))}}}]", "t t t", Errored, 1, 0},
		{"fail_fast", "plan: [{across: [{var: x, values: [fail, ok]}], fail_fast: true, task: t-((.:x)), config: {" + head + ", run: {path: ((.:x))}}}]", "t-fail", Failed, 1, 0},
		{"fail_fast interrupts", "plan: [{across: [{var: x, values: [fail-late, hang], max_in_flight: all}, {var: y, values: [1, 2]}], fail_fast: true, do: [{task: ((.:x))-((.:y)), config: {" + head +
			", run: {path: ((.:x))}}, on_abort: {T(i ok)}}]}]", "fail-late-1 hang-1 i", Failed, 2, time.Second},
		{"attempts of each", "plan: [{across: [{var: x, values: [1, 2]}], attempts: 2, task: t-((.:x)), config: {" + head + ", run: {path: ok-on-2}}}]", "t-1 t-1 t-2 t-2", Succeeded, 1, 0},
		{"a timeout of each", "plan: [{across: [{var: x, values: [1s, 2s]}], timeout: ((.:x)), task: t-((.:x)), config: {" + head + ", run: {path: hang}}, on_failure: {T(f ok)}}]",
			"f t-1s t-2s", Failed, 1, 3 * time.Second},
		{"try", "plan: [{across: [{var: x, values: [fail, ok]}], try: {task: t, config: {" + head + ", run: {path: ((.:x))}}}}]", "t t", Succeeded, 1, 0},
		{"in_parallel", "plan: [{across: [{var: x, values: [1, 2]}], in_parallel: [{task: a((.:x)), config: {" + head + ", run: {path: sleep}}}, {T(b sleep)}]}]", "a1 a2 b b", Succeeded, 2, 2 * time.Second},
		{"an abort", "plan: [{across: [{var: x, values: [{first: ok, then: hang}, {first: sleep, then: abort}, {first: ok, then: ok}], max_in_flight: 2}], do: [{task: s, config: {" + head + ", run: {path: ((.:x.first))}}}, {task: t, config: {" + head + ", run: {path: ((.:x.then))}}, on_abort: {T(a ok)}}], on_abort: {T(b ok)}}]",
			"a a b s s t t", Aborted, 2, time.Second},
		{"across within across", "plan: [{across: [{var: x, values: [1, 2]}], do: [{across: [{var: y, values: [((.:x)), z]}], task: t-((.:x))-((.:y)), config: {" + head + ", run: {path: ok}}}]}]",
			"t-1-1 t-1-z t-2-2 t-2-z", Succeeded, 1, 0},
		{"values that are no list", "plan: [{across: [{var: x, values: ((word))}], T(t ok), on_error: {T(e ok)}}]", "e", Errored, 1, 0},
		{"too many", "plan: [{across: [{var: a, values: ((many))}, {var: b, values: ((many))}], T(t ok)}]", "", Errored, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, rt, log, minter := config(t, test.job)
				c.Vars = map[string]any{"word": "x", "many": make([]any, 101)}
				ctx, abort := context.WithCancel(t.Context())
				defer abort()
				rt.abort = abort
				begin := time.Now()
				status, err := Run(ctx, c)
				if err != nil || status != test.want {
					t.Errorf("got %s, %v; want %s", status, err, test.want)
				}
				slices.Sort(rt.ran)
				if got := strings.Join(rt.ran, " "); got != test.ran {
					t.Errorf("ran %s; want %s\n%s", got, test.ran, log.text(journal.Errored, journal.Finish))
				}
				if took := time.Since(begin); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if rt.most > test.most || minter.Live() != 1 || rt.live != 0 {
					t.Errorf("%d at a time, want at most %d; left %d runs, %d processes", rt.most, test.most, minter.Live(), rt.live)
				}
			})
		})
	}
}

// Values and scopes: what an iteration leaves, artifacts and vars, is its own.
func TestAcrossScope(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, plan string
		want       Status
		log        string // output, errors and warnings
	}{
		{"values", "{across: [{var: x, values: [a b, 2, true, [c], {d: e}]}], " + sh("t", "echo $X", "") + ", params: {X: ((.:x))}}", Succeeded,
			`t (x=a b) a b|t (x=2) 2|t (x=true) true|t (x=["c"]) ["c"]|t (x={"d":"e"}) {"d":"e"}`},
		{"loaded values", made("f.yml", "[one, 2]") + ", {load_var: x, file: made/f.yml, reveal: true}, {across: [{var: s, values: [a]}, {var: x, values: ((.:x))}], " + sh("t", "echo ((.:s)) ((.:x))", "") + "}, {" +
			sh("u", "echo ((.:x))", "") + ", params: {}}", Errored,
			`across (s, x) across shadows the local var "x"|t (s=a, x=one) a one|t (s=a, x=2) a 2|u run.args[1]: ((.:x)) is a list; within a longer string only a string, a number or a boolean fits`},
		{"a var of an iteration", made("f", "hello") + ", {across: [{var: x, values: [1, 2]}], do: [{load_var: y, file: made/f, reveal: true}, {" + sh("t", "echo ((.:x)) ((.:y))", "") + "}]}, {" + sh("u", "echo ((.:y))", "") + "}", Errored,
			"t (x=1) 1 hello|t (x=2) 2 hello|u undefined vars: .:y"},
		{"the var itself", "{across: [{var: x, values: [1]}], " + sh("t", "echo ((.:x))", "") + ", on_success: {" + sh("h", "echo ((.:x))", "") + "}}", Errored, "t (x=1) 1|h undefined vars: .:x"},
		{"artifacts of an iteration", made("f", "0") + ", {across: [{var: x, values: [1, 2]}], do: [{" + sh("t", "cat made/f; echo ((.:x)) >made/f", ", inputs: [{name: made}], outputs: [{name: made}]") + "}, {" +
			sh("u", "cat made/f", ", inputs: [{name: made}]") + "}]}, {" + sh("v", "cat made/f", ", inputs: [{name: made}]") + "}", Succeeded,
			"t (x=1) 0|u (x=1) 1|t (x=2) 0|u (x=2) 2|v 0"},
		{"a task file with the var", made("a.yml", "{"+head+", run: {path: echo, args: [@@.:x)), @@y))]}}") + ", {across: [{var: x, values: [a]}], task: t, file: made/((.:x)).yml, vars: {y: is ((.:x))}}", Succeeded, "t (x=a) a is a"},
		{"a file for each", made("a", "A", "b", "B") + ", {across: [{var: x, values: [a, b, c]}], load_var: y, file: made/((.:x)), reveal: true}", Errored,
			`y (x=c) file of load_var missing: artifact "made" has no file "c"`},
		{"mapping", "{" + sh("t", "echo hi >o/f", ", outputs: [{name: o}]") + ", output_mapping: {o: out-a}}, {across: [{var: x, values: [a]}], " + sh("u", "cat i/f", ", inputs: [{name: i}]") + ", input_mapping: {i: out-((.:x))}}", Succeeded, "u (x=a) hi"},
		{"a value is not looked into", made("f.json", `["@@v:secret))"]`) + ", {load_var: x, file: made/f.json, reveal: true}, {across: [{var: y, values: ((.:x))}], " + sh("t", `echo "$X"`, "") + ", params: {X: ((.:y))}}", Succeeded,
			"t (y=((v:secret))) ((v:secret))"},
		{"a var of a source", "{across: [{var: x, values: [((v:secret)), b]}], " + sh("t", "echo ((.:x))", "") + "}", Succeeded, "t (x=#1) hunter22|t (x=#2) b"},
		{"a secret in a name", "{across: [{var: x, values: [((v:secret))]}], task: t-((.:x)), file: a/b}", Errored, "across (x=#1) p.yml:2:76: a task's name: t-((.:x)): of local vars only those of across can stand here, and no secret"},
		{"undefined", "{across: [{var: x, values: [((.:nothing))]}], task: t, file: a/b}", Errored, `across (x) values of var "x": undefined vars: .:nothing`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, log := runReal(t, "var_sources: [{name: v, type: dummy, config: {vars: {secret: hunter22}}}]\njobs: [{name: j, plan: ["+test.plan+"]}]")
			got := strings.Join(log.lines(journal.Output, journal.Errored, journal.Warning), "|")
			if status != test.want || got != test.log {
				t.Errorf("got %s\n%s\nwant %s\n%s", status, got, test.want, test.log)
			}
		})
	}
}

// The identity has the task's own name, and no values.
func TestAcrossIdentity(t *testing.T) {
	t.Parallel()
	c, _, _, minter := config(t, "plan: [{across: [{var: x, values: [1, 2]}], attempts: 1, T(t ok)}]")
	c.Kinds = map[string]vars.Kind{}
	if status, err := Run(t.Context(), c); status != Succeeded || err != nil {
		t.Fatal(status, err)
	}
	for _, s := range minter.Begun()[1:] {
		if s.Task != "t" || s.Step != "t" || s.Attempt != 1 {
			t.Errorf("%+v", s)
		}
	}
}
