package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/process"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/vars/dummy"
	"github.com/writ-run/writ/workload"
	"github.com/writ-run/writ/workload/delivery"
	"github.com/writ-run/writ/workload/workloadtest"
)

const head = "platform: linux, image_resource: {type: mock, source: {mirror_self: true}}"

// sh is a task step that runs a script; more are further fields of its config.
func sh(name, script, more string) string {
	return "task: " + name + ", config: {" + head + ", run: {path: sh, args: [-euc, '" + script + "']}" + more + "}"
}

// real is a Config for the process runtime.
func real(t *testing.T, text string) (Config, *recorder) {
	t.Helper()
	p, err := pipeline.Parse("p.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	rt, err := process.New(process.Config{BaseDir: filepath.Join(t.TempDir(), "rt")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	log := &recorder{}
	return Config{
		Pipeline: p, Job: "j", Session: workloadtest.New(t).Open(t), Runtime: rt, Sink: log, Copy: container.CopyTree, Platform: "linux",
		Kinds: map[string]vars.Kind{"dummy": dummy.Kind{}},
	}, log
}

func runReal(t *testing.T, text string) (Status, *recorder) {
	t.Helper()
	c, log := real(t, text)
	status, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return status, log
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, plan string
		want       Status
		log        string // output and errors
	}{
		{"an output is an input later",
			"{" + sh("a", "echo hello >out/file", ", outputs: [{name: made, path: out/}]") + "}, {" + sh("b", "cat made/file", ", inputs: [{name: made}]") + "}",
			Succeeded, "b hello"},
		{"an input is a copy",
			"{" + sh("a", "echo 1 >x/f", ", outputs: [{name: x}]") + "}, {" + sh("b", "echo 2 >x/f", ", inputs: [{name: x}]") + "}, {" + sh("c", "cat x/f", ", inputs: [{name: x}]") + "}",
			Succeeded, "c 1"},
		{"an output at the path of an input is the input, changed",
			"{" + sh("a", "echo 1 >x/f", ", outputs: [{name: x}]") + "}, {" + sh("b", "echo 2 >>x/f", ", inputs: [{name: x}], outputs: [{name: x}]") + "}, {" + sh("c", "cat x/f", ", inputs: [{name: x}]") + "}",
			Succeeded, "c 1\nc 2"},
		{"mapping",
			"{" + sh("a", "echo 1 >o/f", ", outputs: [{name: o}]") + ", output_mapping: {o: real}}, {" + sh("b", "cat i/f", ", inputs: [{name: i}]") + ", input_mapping: {i: real}}",
			Succeeded, "b 1"},
		{"the working directory", "{" + sh("a", "echo 1 >x/f", ", outputs: [{name: x}]") + "}, {" + sh("b", "cat f", ", inputs: [{name: x, path: .}]") + "}",
			Succeeded, "b 1"},
		{"an input under an output", "{" + sh("a", "echo 1 >x/f", ", outputs: [{name: x}]") + "}, {" + sh("b", "echo 2 >o/g", ", inputs: [{name: x, path: o/x}], outputs: [{name: o}]") + "}, {" + sh("c", "cat o/g", ", inputs: [{name: o}]") + "}",
			Succeeded, "c 2"},
		{"an input under an input", "{" + sh("a", "echo 1 >x/f", ", outputs: [{name: x}]") + "}, {" + sh("b", "cat x/f x/y/f", ", inputs: [{name: x}, {name: y, path: x/y}]") + ", input_mapping: {y: x}}",
			Succeeded, "b 1\nb 1"},
		{"an output under an input", "{" + sh("a", "echo 1 >x/f", ", outputs: [{name: x}]") + "}, {" + sh("b", "cat x/f >x/y/g", ", inputs: [{name: x}], outputs: [{name: y, path: x/y}]") + "}, {" + sh("c", "cat y/g", ", inputs: [{name: y}]") + "}",
			Succeeded, "c 1"},
		{"an output that is the working directory", "{" + sh("a", "echo 1 >x/f", ", outputs: [{name: x}]") + "}, {" + sh("b", "cat x/f >g", ", inputs: [{name: x}], outputs: [{name: o, path: .}]") + "}, {" + sh("c", "cat o/g", ", inputs: [{name: o}]") + "}",
			Succeeded, "c 1"},
		{"two inputs at one path", "{" + sh("a", "echo 1 >x/f; echo 2 >y/f", ", outputs: [{name: x}, {name: y}]") + "}, {" + sh("b", "cat x/f", ", inputs: [{name: x}, {name: y, path: x}]") + "}",
			Succeeded, "b 2"},
		{"dir", "{" + sh("a", "echo 1 >x/f", ", outputs: [{name: x}]") + "}, {task: b, config: {" + head + ", inputs: [{name: x}], run: {path: cat, args: [f], dir: x}}}",
			Succeeded, "b 1"},
		{"missing inputs", "{" + sh("a", "true", ", inputs: [{name: x}, {name: y}, {name: z, optional: true}]") + ", input_mapping: {y: other}}",
			Errored, "a missing inputs: x, other"},
		{"an optional input is not there", "{" + sh("a", "ls", ", inputs: [{name: z, optional: true}]") + "}", Succeeded, ""},
		{"what a failed task left", "{try: {" + sh("a", "echo 1 >x/f; exit 1", ", outputs: [{name: x}]") + "}}, {" + sh("b", "cat x/f", ", inputs: [{name: x}]") + "}",
			Succeeded, "b 1"},
		{"what an attempt left is there for the next",
			"{" + sh("a", "touch log/n", ", outputs: [{name: log}]") + "}, {" +
				sh("b", "cp old/n new/; echo x >>new/n; test $(wc -l <new/n) = 3", ", inputs: [{name: log, path: old}], outputs: [{name: log, path: new}]") + ", attempts: 5}, {" +
				sh("c", "wc -l <log/n", ", inputs: [{name: log}]") + "}",
			Succeeded, "c 3"},
		{"no such executable", "{task: a, config: {" + head + ", run: {path: no-such-executable}}}", Errored, `a start "a":`},
		{"an executable of an input", "{" + sh("a", `printf "#!/bin/sh\necho ran" >x/run; chmod +x x/run`, ", outputs: [{name: x}]") + "}, {task: b, config: {" + head + ", inputs: [{name: x}], run: {path: x/run}}}",
			Succeeded, "b ran"},
		{"params", "{" + sh("a", `echo "$A|$B|$C"`, ", params: {A: config, B: config}") + ", params: {B: step, C: 3}}", Succeeded, "a config|step|3"},
		{"arithmetic is no var", "{" + sh("a", `i=1; echo $((i + 1))`, "") + "}", Succeeded, "a 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, log := runReal(t, "jobs: [{name: j, plan: ["+test.plan+"]}]")
			got := log.text(journal.Output, journal.Errored, journal.Warning)
			if test.name == "no such executable" { // the runtime's words
				got = got[:min(len(got), len(test.log))]
			}
			if status != test.want || got != test.log {
				t.Errorf("got %s\n%s\nwant %s\n%s", status, got, test.want, test.log)
			}
		})
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	_, log := runReal(t, "jobs: [{name: j, plan: [{"+sh("a", "echo 1; echo 2 >&2; printf 3", "")+", attempts: 1}]}]")
	streams := map[string]string{}
	for _, e := range log.entries {
		if e.Kind == journal.Output && e.Step == "a" && e.Attempt == 1 && e.Job == "j" && !e.Time.IsZero() {
			streams[e.Stream] += e.Text + " "
		}
	}
	if streams["stdout"] != "1 3 " || streams["stderr"] != "2 " || len(streams) != 2 {
		t.Errorf("streams %q", streams)
	}
}

func TestTaskFile(t *testing.T) {
	t.Parallel()
	const body = "platform: linux\nimage_resource: {type: mock, source: {mirror_self: ((self))}}\nparams: {A: file}\nrun: {path: echo, args: [((who)), ((d:name))]}\n"
	for _, test := range []struct{ name, file, body, want string }{
		{"found", "ci/sub/t.yml", body, "t world bob"},
		{"by a link", "ci/sub/link.yml", body, "t world bob"},
		{"no artifact", "cii/sub/t.yml", body, `t task file missing: no artifact "cii" for file "cii/sub/t.yml"; there are: ci`},
		{"no file", "ci/t.yml", body, `t task file missing: artifact "ci" has no file "t.yml"`},
		{"a directory", "ci/dir", body, `t task file "ci/dir": not a regular file`},
		{"a pipe", "ci/fifo", body, `t task file "ci/fifo": not a regular file`},
		{"a link out", "ci/out.yml", body, `t task file "ci/out.yml": statat out.yml: path escapes from parent`},
		{"dots out", "ci/../../../etc/passwd", body, `t task file "ci/../../../etc/passwd": statat ../../../etc/passwd: path escapes from parent`},
		{"malformed", "ci/sub/t.yml", "a: b: c\n", "t ci/sub/t.yml:1: malformed YAML: mapping values are not allowed in this context"},
		{"unknown field", "ci/sub/t.yml", "platform: linux\nruns: {}\n", `t ci/sub/t.yml:2:1: unknown field "runs" in a task config; did you mean "run"?; allowed: caches, container_limits, image_resource, inputs, outputs, params, platform, run`},
		{"reserved", "ci/sub/t.yml", body + "outputs: [{name: o, path: /run/writ/x}]\n", `t ci/sub/t.yml:5:11: output "o": path "/run/writ/x" is reserved: /run/writ is where the run's identity is`},
		{"undefined", "ci/sub/t.yml", body + "inputs: [{name: ((nothing))}]\n", "t undefined vars: nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, log := real(t, "var_sources: [{name: d, type: dummy, config: {vars: {name: bob}}}]\njobs: [{name: j, plan: [{task: t, file: "+test.file+", vars: {who: ((w)), self: true}, params: {A: 1}}]}]")
			source := t.TempDir()
			if err := os.MkdirAll(filepath.Join(source, "sub"), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, link := range map[string]string{"sub/link.yml": "t.yml", "out.yml": "/etc/passwd"} {
				if err := os.Symlink(link, filepath.Join(source, name)); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(os.WriteFile(filepath.Join(source, "sub/t.yml"), []byte(test.body), 0o600), os.Mkdir(filepath.Join(source, "dir"), 0o755), syscall.Mkfifo(filepath.Join(source, "fifo"), 0o600)); err != nil {
				t.Fatal(err)
			}
			c.Inputs = map[string]string{"ci": source}
			c.Vars = map[string]any{"w": "world"}
			c.Reserved = delivery.Reserved
			status, err := Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if got := log.lines(journal.Output, journal.Errored); len(got) == 0 || got[0] != test.want {
				t.Errorf("%s: got %q\nwant %s", status, got, test.want)
			}
		})
	}
}

func TestInputOutput(t *testing.T) {
	t.Parallel()
	const job = "jobs: [{name: j, plan: [{try: {"
	text := job + sh("a", "cat src/f; echo changed >src/f; echo made >out/f", ", inputs: [{name: src}], outputs: [{name: out}]") + "}}, {" + sh("b", "exit 1", "") + "}]}]"
	source, target := t.TempDir(), filepath.Join(t.TempDir(), "new", "target")
	if err := os.WriteFile(filepath.Join(source, "f"), []byte("original\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, log := real(t, text)
	c.Inputs = map[string]string{"src": source, "unused": "/nonexistent"}
	c.Outputs = map[string]string{"out": target, "never": target + "2"}
	status, err := Run(t.Context(), c)
	if status != Failed || err != nil {
		t.Fatal(status, err, log.text(journal.Errored))
	}
	for path, want := range map[string]string{filepath.Join(source, "f"): "original\n", filepath.Join(target, "f"): "made\n"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	// A build that succeeded without an output that was asked for has not done what it was asked for.
	c, _ = real(t, "jobs: [{name: j, plan: [{"+sh("a", "true", ", outputs: [{name: out}]")+"}]}]")
	c.Outputs = map[string]string{"out": target, "proof": target + "2"}
	status, err = Run(t.Context(), c)
	if want := `output "proof": no task made it; artifacts: out`; status != Errored || err == nil || err.Error() != want {
		t.Errorf("%s %v", status, err)
	}
	c, _ = real(t, "jobs: [{name: j, plan: [{"+sh("a", "true", ", outputs: [{name: out}]")+"}]}]")
	c.Outputs = map[string]string{"out": target, "proof": target + "2"}
	var exported []string
	c.Exported = func(name string) { exported = append(exported, name) }
	if status, err = Run(t.Context(), c); status != Succeeded || err != nil || strings.Join(exported, " ") != "out" {
		t.Errorf("%s %v %q", status, err, exported)
	}
}

// Each attempt of a task has an identity of its own, which its params win over, and which is gone when it ends.
func TestIdentity(t *testing.T) {
	t.Parallel()
	p, err := pipeline.Parse("p.yml", []byte("jobs: [{name: j, plan: [{"+
		sh("a", `test "$CONCOURSE_CI_JWT" = "$(cat "$CONCOURSE_CI_JWT_FILE")"; echo $CONCOURSE_CI_JWT_FILE`, "")+"}, {"+
		sh("b", `echo $CONCOURSE_CI_JWT; exit 1`, "")+", params: {CONCOURSE_CI_JWT: mine}, attempts: 2, timeout: 1h}]}]"))
	if err != nil {
		t.Fatal(err)
	}
	c, log := real(t, "jobs: [{name: j, plan: [{"+sh("x", "true", "")+"}]}]")
	minter := workloadtest.New(t)
	c.Pipeline, c.Session = p, minter.Open(t)
	var tokens []string
	c.AddSecret = func(token string) { tokens = append(tokens, token) }
	base := filepath.Join(t.TempDir(), "d")
	c.Wrap = func(rt container.Runtime, s *workload.Session) container.Runtime {
		return delivery.Wrap(rt, s, delivery.Config{BaseDir: base})
	}
	status, err := Run(t.Context(), c)
	if status != Failed || err != nil {
		t.Fatal(status, err, log.text(journal.Errored))
	}
	out := log.lines(journal.Output)
	if len(out) != 3 || out[1] != "b mine" || out[2] != "b mine" {
		t.Fatalf("output %q", out)
	}
	if _, err := os.Stat(strings.TrimPrefix(out[0], "a ")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the token's file is still there: %v", err)
	}
	if len(tokens) != 3 || minter.Live() != 1 {
		t.Errorf("%d tokens, %d runs live", len(tokens), minter.Live())
	}
	begun := minter.Begun()
	if last := begun[len(begun)-1]; last.Task != "b" || last.Step != "b" || last.Attempt != 2 || last.Parent == "" || last.Privileged {
		t.Errorf("last run %+v", last)
	}
}

// Aborting ends the whole group, then the hooks run.
func TestAbortProcess(t *testing.T) {
	t.Parallel()
	marker := filepath.Join(t.TempDir(), "marker")
	c, log := real(t, "jobs: [{name: j, plan: [{"+
		sh("a", "sh -c \"sleep 1000; touch "+marker+"\" & echo started; wait", "")+", on_abort: {"+sh("h", "echo aborted", "")+"}, ensure: {"+sh("e", "echo ensured", "")+"}}]}]")
	ctx, abort := context.WithCancel(t.Context())
	c.Sink = sinkFunc(func(e journal.Entry) error {
		if e.Text == "started" && e.Step == "a" {
			abort()
		}
		return log.Append(e)
	})
	begin := time.Now()
	status, err := Run(ctx, c)
	if status != Aborted || err != nil {
		t.Fatal(status, err)
	}
	if got := log.text(journal.Output, journal.Errored, journal.Warning); got != "a started\na interrupted\nh aborted\ne ensured" {
		t.Errorf("log:\n%s", got)
	}
	if took := time.Since(begin); took > 5*time.Minute {
		t.Errorf("took %v", took)
	}
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Error("what the task started went on")
	}
}

type sinkFunc func(journal.Entry) error

func (f sinkFunc) Append(e journal.Entry) error { return f(e) }

// A journal that cannot be written is an error of Run; the task is not ended half way.
func TestSinkFails(t *testing.T) {
	t.Parallel()
	target := filepath.Join(t.TempDir(), "out")
	c, _ := real(t, "jobs: [{name: j, plan: [{"+sh("a", "echo 1; echo 2 >x/f", ", outputs: [{name: x}]")+"}]}]")
	c.Outputs = map[string]string{"x": target}
	full := errors.New("no space left")
	c.Sink = sinkFunc(func(journal.Entry) error { return full })
	status, err := Run(t.Context(), c)
	if status != Errored || !errors.Is(err, full) {
		t.Errorf("%s %v", status, err)
	}
	if _, err := os.Stat(filepath.Join(target, "f")); err != nil {
		t.Error(err)
	}
}

// The first seed's pipeline runs as it stands there, with a var source that has its two secrets.
func TestSeed(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "seed.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		username string
		want     Status
	}{{"hello-im-a-username", Succeeded}, {"somebody-else", Failed}} {
		c, log := real(t, string(data))
		var secrets []string
		c.Job = "use-vars"
		c.AddSecret = func(s string) { secrets = append(secrets, s) }
		c.Kinds["vault"] = spy{events: new([]string), known: map[string]any{
			"some_secret":            map[string]any{"username": test.username},
			"secret with_spaces.etc": map[string]any{"some_key": "some-value"},
		}}
		status, err := Run(t.Context(), c)
		if status != test.want || err != nil {
			t.Errorf("%s %v\n%s", status, err, log.text(journal.Output, journal.Errored))
		}
		if got := strings.Join(secrets[1:], " "); got != test.username+" some-value" { // the first is the login's token
			t.Errorf("secrets %q", got)
		}
	}
}

// inputWith is a directory with one file.
func inputWith(t *testing.T, name, text string) string {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, name), []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return directory
}
