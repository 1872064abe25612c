package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/vars/dummy"
	"github.com/writ-run/writ/workload"
)

// spy is a var source that says what happens to it.
type spy struct {
	events *[]string
	known  map[string]any
	fail   map[string]error
}

func (s spy) Validate(map[string]any) error { return nil }

func (s spy) Open(ctx context.Context, session *workload.Session, config map[string]any) (vars.Source, error) {
	*s.events = append(*s.events, fmt.Sprintf("open %v for %s", config, session.Subject().Task))
	if _, err := session.Mint(ctx, workload.Request{}); err != nil {
		return nil, err
	}
	return s, nil
}

func (s spy) Get(_ context.Context, r vars.Ref) (any, bool, error) {
	*s.events = append(*s.events, "get "+r.String())
	value, found := s.known[r.Path]
	return value, found, s.fail[r.Path]
}

func (s spy) Close() error {
	*s.events = append(*s.events, "close")
	return errors.New("revoke: no answer")
}

func TestVars(t *testing.T) {
	t.Parallel()
	var events []string
	c, rt, log, minter := configFor(t, parse(t, `
var_sources:
- {name: b, type: vault, config: {from: ((a:token)), jwt: ((.CONCOURSE_CI_JWT))}}
- {name: a, type: dummy, config: {vars: {token: from-a}}}
jobs:
- name: j
  plan:
  - task: t
    attempts: 2
    params: {P: ((b:secret.password)), S: ((static))}
    config: {platform: linux, image_resource: {type: mock, source: {mirror_self: true}}, run: {path: ((b:path)), args: [((b:secret.password)), ((b:n))]}}
`))
	c.Kinds["vault"] = spy{events: &events, known: map[string]any{
		"secret": map[string]any{"password": "hunter22", "user": "unused"}, "path": "ok-on-2", "n": "12345",
	}}
	c.Vars = map[string]any{"static": "no secret"}
	c.AddSecret = func(secret string) { events = append(events, "secret "+secret) }
	if status, err := Run(t.Context(), c); status != Succeeded || err != nil {
		t.Fatal(status, err, log.text(journal.Errored))
	}
	for i, event := range events { // a token is another one each time
		if rest, is := strings.CutPrefix(event, "secret eyJ"); is && len(rest) > 100 {
			events[i] = "secret TOKEN"
		}
	}
	want := []string{
		"secret from-a", "open map[from:from-a jwt:((.CONCOURSE_CI_JWT))] for ", "secret TOKEN",
		"get b:secret.password", "secret hunter22", "get b:path", "secret ok-on-2", "get b:n", "secret 12345",
		"get b:secret.password", "secret hunter22", "get b:path", "secret ok-on-2", "get b:n", "secret 12345",
		"close",
	}
	slices.Sort(events[3:9]) // Interpolate's order is its own
	slices.Sort(events[9:15])
	sorted := slices.Clone(want)
	slices.Sort(sorted[3:9])
	slices.Sort(sorted[9:15])
	if !slices.Equal(events, sorted) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(events, "\n"), strings.Join(sorted, "\n"))
	}
	if got := log.text(journal.Warning); got != `close var source "b": revoke: no answer` {
		t.Errorf("warnings: %s", got)
	}
	if got := log.lines(journal.Start); got[2] != "t running ((b:path)) ((b:secret.password)) ((b:n))" {
		t.Errorf("a looked-up value is shown: %q", got)
	}
	var begun []string
	for _, s := range minter.Begun() {
		begun = append(begun, fmt.Sprintf("%s/%s %s#%d %s", s.Pipeline, s.Job, s.Task, s.Attempt, s.Runtime))
	}
	if got, want := strings.Join(begun, ", "), "deploy/release #0 , deploy/release t#1 process, deploy/release t#2 process"; got != want {
		t.Errorf("runs: %s", got)
	}
	if len(rt.ran) != 2 {
		t.Errorf("ran %q", rt.ran)
	}
}

func TestVarErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reference string
		want            string
	}{
		{"undefined", "((nowhere))-((v:nothing.a))", "t undefined vars: nowhere, v:nothing.a"},
		{"local", "((.:x))", "t undefined vars: .:x"},
		{"denied", "((v:denied))", "t params.A: ((v:denied)): https://v: denied: read secret/denied"},
		{"login", "((v:login))", "t params.A: ((v:login)): https://v: login refused at auth/jwt/login"},
		{"unreachable", "((v:away))", "t params.A: ((v:away)): https://v: no usable answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, _, log, _ := configFor(t, parse(t, "var_sources: [{name: v, type: vault}]\njobs: [{name: j, plan: [{T(t ok), params: {A: '"+test.reference+"'}}]}]"))
			c.Kinds["vault"] = spy{events: new([]string), fail: map[string]error{
				"denied": &vars.DeniedError{Server: "https://v", Path: "secret/denied", Advice: "grant read"},
				"login":  &vars.LoginError{Server: "https://v", Path: "auth/jwt/login"},
				"away":   &vars.UnreachableError{Server: "https://v"},
			}}
			status, err := Run(t.Context(), c)
			if status != Errored || err != nil {
				t.Fatal(status, err)
			}
			if got := log.text(journal.Errored); got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
			if got := log.text(journal.Note); test.name == "denied" && got != "t hint: grant read" {
				t.Errorf("hint: %q", got)
			}
		})
	}
}

// A source that could not be opened is opened again by the next attempt.
func TestSourceAfterError(t *testing.T) {
	t.Parallel()
	var events []string
	c, _, log, minter := configFor(t, parse(t, "var_sources: [{name: v, type: vault}]\njobs: [{name: j, plan: [{T(t ok), attempts: 2, params: {A: ((v:a))}}]}]"))
	c.Kinds["vault"] = spy{events: &events, known: map[string]any{"a": "b"}}
	minter.SetUnreachable(true)
	status, err := Run(t.Context(), c)
	if status != Errored || err != nil || strings.Count(strings.Join(events, "\n"), "open") != 2 {
		t.Errorf("%s %v %q", status, err, events)
	}
	if got := log.text(journal.Errored); !strings.Contains(got, "issuer is unreachable") {
		t.Errorf("errors: %s", got)
	}
}

// The build's own token can be used in a task as well, and is a secret.
func TestIdentityVar(t *testing.T) {
	t.Parallel()
	c, _, log, _ := configFor(t, parse(t, "jobs: [{name: j, plan: [{task: t, config: {platform: linux, image_resource: {type: mock, source: {mirror_self: true}}, run: {path: ok, args: [((.CONCOURSE_CI_JWT))]}}}]}]"))
	var secrets []string
	c.AddSecret = func(s string) { secrets = append(secrets, s) }
	if status, err := Run(t.Context(), c); status != Succeeded || err != nil {
		t.Fatal(status, err, log.text(journal.Errored))
	}
	if got := log.lines(journal.Output); len(secrets) != 1 || len(got) != 1 || got[0] != "t "+secrets[0] {
		t.Errorf("output %q", got)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	c, rt, _, _ := configFor(t, parse(t, `
var_sources:
- {name: a, type: vault, config: {}}
- {name: b, type: dummy, config: {vras: {}}}
jobs:
- name: j
  plan: [{T(t ok)}]
- name: other
  plan:
  - try: {task: t, config: {platform: linux, image_resource: {type: mock, source: {mirror_self: true}}, run: {path: ok}, inputs: [{name: a, path: /run/writ}]}}
`))
	c.Platform = "darwin"
	c.Kinds = map[string]vars.Kind{"dummy": dummy.Kind{}}
	c.Reserved = func(path string) error {
		if path == "/run/writ" {
			return errors.New("reserved")
		}
		return nil
	}
	status, err := Run(t.Context(), c)
	if status != Errored || err == nil || len(rt.ran) != 0 {
		t.Fatal(status, err, rt.ran)
	}
	for _, want := range []string{
		`p.yml:3:3: var source "a": type "vault": not yet in writ; there are: dummy`,
		`p.yml:4:3: var source "b": `,
		`p.yml:10:131: input "a": reserved`,
		`p.yml:7:39: platform "linux": tasks run on this machine, which is darwin`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s\nin\n%v", want, err)
		}
	}
	c.Job = "k"
	if _, err := Run(t.Context(), c); err == nil || err.Error() != `p.yml: no job "k"; did you mean "j"?; jobs: j, other` {
		t.Errorf("no job: %v", err)
	}
}
