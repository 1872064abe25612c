package build

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
)

// echo is a step that says a word.
func echo(name, word string) string {
	return "{task: " + name + ", config: {" + head + ", run: {path: echo, args: ['" + word + "']}}}"
}

// allHooks are hooks that say "of on_success" and so on.
func allHooks(of string) string {
	text := ""
	for _, hook := range []string{"on_success", "on_failure", "on_abort", "on_error", "ensure"} {
		text += ", " + hook + ": " + echo(hook, of+" "+hook)
	}
	return text
}

// fixture is what a compatible runner is held to: pipelines of our own for the facts that Concourse's testflight fixtures of
// the same names check.
type fixture struct {
	name   string
	job    string // fields of the job after its name
	want   Status
	says   []string // in this order, in the log
	never  string   // in no line of the log
	aborts bool     // it is aborted once it says "waiting"
}

func fixtures() []fixture {
	return []fixture{
		{name: "simple", job: "plan: [" + echo("simple", "Hello, world!") + "]", want: Succeeded, says: []string{"initializing", "running echo Hello, world!", "Hello, world!", "succeeded"}},
		{name: "fail", job: "plan: [{" + sh("fail", "exit 1", "") + "}, " + echo("next", "never") + "]", want: Failed, says: []string{"failed"}, never: "never"},
		{name: "hooks: passing", job: "plan: [{" + sh("t", "true", "") + allHooks("step") + "}]" + allHooks("job"), want: Succeeded,
			says: []string{"step on_success", "step ensure", "job on_success", "job ensure"}, never: "on_failure"},
		{name: "hooks: failing", job: "plan: [{" + sh("t", "false", "") + allHooks("step") + "}]" + allHooks("job"), want: Failed,
			says: []string{"step on_failure", "step ensure", "job on_failure", "job ensure"}, never: "on_success"},
		{name: "hooks: aborted", job: "plan: [{" + sh("t", "echo waiting; exec sleep 600", "") + allHooks("step") + "}]" + allHooks("job"), want: Aborted, aborts: true,
			says: []string{"waiting", "interrupted", "step on_abort", "step ensure", "job on_abort", "job ensure", "aborted"}, never: "on_error"},
		{name: "hooks: errored", job: "plan: [{task: t, config: {" + head + ", run: {path: no-such-executable}}" + allHooks("step") + "}]" + allHooks("job"), want: Errored,
			says: []string{"no-such-executable", "step on_error", "step ensure", "job on_error", "job ensure"}, never: "on_failure"},
		{name: "do", job: "plan: [{do: [" + echo("a", "one") + ", {do: [" + echo("b", "two") + "]}, " + echo("c", "three") + "]}]", want: Succeeded, says: []string{"one", "two", "three"}},
		{name: "do: stops", job: "plan: [{do: [" + echo("a", "one") + ", {" + sh("b", "false", "") + "}, " + echo("c", "three") + "]}]", want: Failed, says: []string{"one", "failed"}, never: "three"},
		{name: "try: passing", job: "plan: [{try: {" + sh("t", "echo passing", "") + "}}, " + echo("next", "after try") + "]", want: Succeeded, says: []string{"passing", "after try"}},
		{name: "try: failing with a hook", job: "plan: [{try: {" + sh("t", "exit 1", "") + ", on_failure: " + echo("f", "failed within try") + "}}, " + echo("next", "after try") + "]", want: Succeeded,
			says: []string{"failed within try", "after try"}},
		{name: "try: with an abort", job: "plan: [{try: {" + sh("t", "echo waiting; exec sleep 600", "") + "}}, " + echo("next", "never") + "]", want: Aborted, aborts: true, says: []string{"interrupted"}, never: "never"},
		{name: "retry", job: "plan: [{" + sh("t", "echo x >>c/n; echo attempt $(wc -l <c/n); test $(wc -l <c/n) -ge 3", ", caches: [{path: c}]") + ", attempts: 5}]", want: Succeeded,
			says: []string{"attempt 1", "failed", "attempt 2", "failed", "attempt 3", "succeeded"}, never: "attempt 4"},
		{name: "retry: interrupted", job: "plan: [{" + sh("t", "echo waiting; exec sleep 600", "") + ", attempts: 3, on_abort: " + echo("h", "hook") + "}]", want: Aborted, aborts: true, says: []string{"interrupted", "hook"}},
		{name: "timeout", job: "plan: [{" + sh("t", "exec sleep 600", "") + ", timeout: 500ms}]", want: Failed, says: []string{"timeout exceeded"}},
		{name: "timeout: in time", job: "plan: [{" + sh("t", "echo passing", "") + ", timeout: 10m}]", want: Succeeded, says: []string{"passing"}, never: "timeout exceeded"},
		{name: "timeout_hooks", job: "plan: [{" + sh("t", "exec sleep 600", "") + ", timeout: 500ms, on_success: " + echo("s", "never") + ", on_failure: " + echo("f", "on failure") + ", ensure: " + echo("e", "ensured") + "}]",
			want: Failed, says: []string{"timeout exceeded", "on failure", "ensured"}, never: "never"},
		{name: "matrix", want: Failed, never: "never",
			job: "plan: [{in_parallel: [{" + sh("u1", "touch file", ", outputs: [{name: passing-unit-1, path: .}]") + "}, {" + sh("u2", "touch file", ", outputs: [{name: passing-unit-2, path: .}]") + "}]}, {" +
				sh("print", "echo passing-unit-*/file", ", inputs: [{name: passing-unit-1}, {name: passing-unit-2}]") + "}, {in_parallel: [{" + sh("a", "exit 0", "") + "}, {" + sh("b", "exit 1", "") + "}], on_failure: " +
				echo("f", "failed in_parallel") + "}, " + echo("next", "never") + "]", says: []string{"passing-unit-1/file passing-unit-2/file", "failed in_parallel"}},
		{name: "across", want: Succeeded,
			job:  "plan: [" + made("data.yml", "[dynamic1, dynamic2, 4]") + ", {load_var: dynamic, file: made/data.yml, reveal: true}, {across: [{var: static, values: [s1, s2]}, {var: dynamic, values: ((.:dynamic))}], " + sh("print", "echo running ((.:static)) ((.:dynamic))", "") + "}]",
			says: []string{"running s1 dynamic1", "running s1 dynamic2", "running s1 4", "running s2 dynamic1", "running s2 dynamic2", "running s2 4"}},
		{name: "load-var-step", job: "plan: [" + made("data", "hello-world") + ", {load_var: local-var, file: made/data, format: raw}, {" + sh("use", `test "((.:local-var))" = hello-world`, "") + "}]", want: Succeeded},
		{name: "task-outputs", want: Succeeded,
			job: "plan: [{" + sh("make", "touch one-src/file-1 two-src/file-2", ", outputs: [{name: one, path: one-src/}, {name: two, path: two-src/}]") + "}, {" + sh("find", "find . -type f | sort", ", inputs: [{name: one}, {name: two}]") + "}]",
			// A file where it was made is not where it is found.
			says: []string{"./one/file-1", "./two/file-2"}, never: "one-src"},
		{name: "task-missing-outputs", job: "plan: [{" + sh("make", "mkdir missing-outputs; touch missing-outputs/file", "") + "}, {" + sh("need", "echo never", ", inputs: [{name: missing-outputs}]") + "}]",
			want: Errored, says: []string{"missing inputs: missing-outputs"}, never: "need never"},
		{name: "task-caches", want: Succeeded,
			job: "plan: [{" + sh("first", "echo plain-1 >>out/plain; mkdir out/blobs; echo blob-1 >>out/blobs/blob", ", outputs: [{name: out}]") + "}, {" +
				sh("second", "cat out/plain; echo blob-2 >>out/blobs/blob; echo blobs: $(cat out/blobs/blob)", ", inputs: [{name: out}], caches: [{path: out/blobs}]") + "}, {" +
				sh("second", "echo again: $(cat out/blobs/blob)", ", caches: [{path: out/blobs}]") + "}, {" + sh("third", "echo third: $(ls out/blobs)", ", inputs: [{name: out}]") + "}]",
			says: []string{"plain-1", "blobs: blob-2", "again: blob-2", "third: blob"}, never: "blobs: blob-1"},
		{name: "optional-inputs", want: Succeeded,
			job: "plan: [{" + sh("make", "echo banana >data/foo", ", outputs: [{name: data}]") + "}, {" + sh("two", "cat required/foo; test ! -d optional; echo step 2", ", inputs: [{name: required}, {name: optional, optional: true}]") +
				", input_mapping: {required: data}}, {" + sh("three", "cat optional/foo; echo step 3", ", inputs: [{name: required}, {name: optional, optional: true}]") + ", input_mapping: {required: data, optional: data}}]",
			says: []string{"banana", "step 2", "banana", "step 3"}},
		{name: "task_vars", want: Succeeded, says: []string{"Hello World", "from load_var", "from-static"},
			job: "plan: [" + made("t.yml", "{platform: linux, image_resource: {type: @@kind)), source: {mirror_self: true}}, run: {path: echo, args: [@@text))]}}", "foo", "from load_var") +
				", {task: a, file: made/t.yml, vars: {kind: mock, text: Hello World}}, {load_var: foo, file: made/foo, reveal: true}, {task: b, file: made/t.yml, vars: {kind: mock, text: ((.:foo))}}, {task: c, file: made/t.yml, vars: {kind: mock}}]"},
		{name: "task_vars: undefined", want: Errored, says: []string{"undefined vars: kind, other"},
			job: "plan: [" + made("t.yml", "{platform: linux, image_resource: {type: @@kind)), source: {mirror_self: true}}, run: {path: echo, args: [@@other))]}}") + ", {task: a, file: made/t.yml, vars: {unused: x}}]"},
		{name: "config_params", want: Succeeded, says: []string{"P is file", "P is job"},
			job: "plan: [" + made("t.yml", "{"+head+", params: {P: file}, run: {path: sh, args: [-ec, echo P is $P]}}") + ", {task: a, file: made/t.yml}, {task: b, file: made/t.yml, params: {P: job}}]"},
		{name: "input-mapping", job: "plan: [{" + sh("make", "echo mapped >o/f", ", outputs: [{name: o}]") + ", output_mapping: {o: other}}, {" + sh("use", "cat i/f", ", inputs: [{name: i}]") + ", input_mapping: {i: other}}]",
			want: Succeeded, says: []string{"mapped"}},
	}
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, test := range fixtures() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, log := real(t, "jobs: [{name: j, "+test.job+"}]")
			c.Vars = map[string]any{"text": "from-static"}
			store := NewCacheStore(c.Runtime, "", container.CopyTree, slog.New(slog.DiscardHandler))
			c.Caches = store
			ctx, abort := context.WithCancel(t.Context())
			defer abort()
			if test.aborts {
				c.Sink = watcher{log, abort}
			}
			status, err := Run(ctx, c)
			if status != test.want || err != nil {
				t.Errorf("got %s %v, want %s", status, err, test.want)
			}
			text := log.text(journal.Start, journal.Output, journal.Errored, journal.Finish)
			rest := text
			for _, word := range test.says {
				_, after, said := strings.Cut(rest, word)
				if !said {
					t.Errorf("it does not say %q after the others:\n%s", word, text)
				}
				rest = after
			}
			if test.never != "" && strings.Contains(log.text(journal.Output, journal.Errored), test.never) {
				t.Errorf("it says %q:\n%s", test.never, text)
			}
			if err := store.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// watcher aborts a build once a task says "waiting".
type watcher struct {
	next  journal.Sink
	abort func()
}

func (w watcher) Append(e journal.Entry) error {
	err := w.next.Append(e)
	if e.Kind == journal.Output && e.Text == "waiting" {
		w.abort()
	}
	return err
}
