package issuer_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// payload returns a token's claims as JSON has them.
func payload(t testing.TB, raw string) map[string]any {
	t.Helper()
	parsed, err := token.Parse(raw, 0)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(parsed.Payload(), &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestClaims holds a task's token against the contract's table, every claim with its type.
func TestClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	s := subject()
	s.InstanceVars = map[string]any{"branch": "main", "n": 1}
	build := w.open(t, s, workload.Limits{})
	task, err := build.Task(t.Context(), workload.Task{
		Name: "compile", Step: "compile-it", Attempt: 2, ImageDigest: "sha256:abc", Runtime: "oci", Privileged: true,
	}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	minted, err := task.Mint(t.Context(), workload.Request{Scope: workload.ScopeTask})
	if err != nil {
		t.Fatal(err)
	}
	got := payload(t, minted.Token)
	jti, _ := got["jti"].(string)
	if len(jti) < 40 || strings.Contains(jti, string(task.Run().ID)) {
		t.Errorf("jti %q", jti)
	}
	delete(got, "jti")
	want := map[string]any{
		"iss": issuerURL, "sub": "infra/deploy/branch:main,n:1/release/compile", "aud": []any{issuerURL},
		"iat": 1.8e9, "nbf": 1.8e9, "exp": 1.8e9 + 3600,
		"team": "infra", "teamid": 1.0, "pipeline": "deploy", "pipelineid": 1.0, "job": "release", "jobid": 1.0,
		"build": "1", "buildid": 1.0, "instance_vars": map[string]any{"branch": "main", "n": 1.0},
		"task": "compile", "step": "compile-it", "attempt": 2.0, "image_digest": "sha256:abc", "runtime": "oci", "privileged": true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	parsed, err := token.Parse(minted.Token, 0)
	if err != nil || string(parsed.Header()) != `{"alg":"RS256","kid":"`+w.ring.Set().Keys()[0].Thumbprint()+`","typ":"JWT"}` {
		t.Errorf("header %s, %v", parsed.Header(), err)
	}
	plain := payload(t, w.minted(t, workload.Request{}).Token)
	for _, claim := range []string{"instance_vars", "task", "step", "attempt", "image_digest", "runtime"} {
		if value, there := plain[claim]; there {
			t.Errorf("a build has the claim %s: %v", claim, value)
		}
	}
	if again := w.minted(t, workload.Request{}); payload(t, again.Token)["jti"] == plain["jti"] {
		t.Error("a jti twice")
	}
}

// TestIDs: a name keeps its id, and no two builds share one, across restarts and at once.
func TestIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	other := workload.Subject{Team: "infra", Pipeline: "deploy", Job: "test"}
	instance := subject()
	instance.InstanceVars = map[string]any{"branch": "main"}
	first := w.open(t, subject(), workload.Limits{}).Run()
	second := w.open(t, other, workload.Limits{}).Run()
	third := w.open(t, instance, workload.Limits{}).Run()
	if first.IDs != (workload.IDs{TeamID: 1, PipelineID: 1, JobID: 1, BuildID: 1}) || first.Build != "1" ||
		second.IDs != (workload.IDs{TeamID: 1, PipelineID: 1, JobID: 2, BuildID: 2}) || second.Build != "1" {
		t.Errorf("runs %+v and %+v", first, second)
	}
	if third.IDs.PipelineID == first.IDs.PipelineID || third.IDs.JobID == first.IDs.JobID {
		t.Errorf("an instance shares ids with another: %+v", third.IDs)
	}
	again := openWorld(t, w.directory, nil) // beside the first, which lives on
	builds := make(chan int64, 40)
	var group sync.WaitGroup
	for _, one := range []*world{w, again} {
		group.Go(func() {
			for range 20 {
				run, err := one.Begin(context.Background(), subject(), workload.Limits{})
				if err != nil {
					t.Error(err)
					return
				}
				if run.IDs.TeamID != 1 || run.IDs.PipelineID != 1 || run.IDs.JobID != 1 {
					t.Errorf("ids %+v", run.IDs)
				}
				builds <- run.IDs.BuildID
			}
		})
	}
	group.Wait()
	close(builds)
	seen := map[int64]bool{1: true, 2: true, 3: true}
	for id := range builds {
		if seen[id] {
			t.Errorf("build id %d twice", id)
		}
		seen[id] = true
	}
}

// TestDamagedNumbers: ids are never given twice because a file is damaged.
func TestDamagedNumbers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ more, want string }{
		"a torn last line":  {`{"kind":"build","na`, ""},
		"a line of garbage": {"garbage\n", ":5: damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.open(t, subject(), workload.Limits{})
			path := filepath.Join(w.directory, "data", "ids.jsonl")
			file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.WriteString(test.more); err != nil {
				t.Fatal(err)
			}
			file.Close()
			store, err := issuer.OpenFileStore(filepath.Dir(path))
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), path+test.want) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			ids, build, err := store.Number(t.Context(), "infra", "deploy", "", "release")
			if err != nil || ids.BuildID != 2 || ids.TeamID != 1 || build != "2" {
				t.Errorf("got %+v, %s, %v", ids, build, err)
			}
		})
	}
}

func TestLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	limited := w.open(t, subject(), workload.Limits{Life: 10 * time.Minute})
	task, err := limited.Task(t.Context(), workload.Task{Name: "t", Attempt: 1}, workload.Limits{Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		session *workload.Session
		asked   time.Duration
		want    time.Duration // 0: refused
	}{
		{w.open(t, subject(), workload.Limits{}), 0, time.Hour},
		{w.open(t, subject(), workload.Limits{}), 24 * time.Hour, 24 * time.Hour},
		{w.open(t, subject(), workload.Limits{}), 24*time.Hour + 1, 0},
		{w.open(t, subject(), workload.Limits{}), 25 * time.Hour, 0},
		{w.open(t, subject(), workload.Limits{}), -time.Second, 0},
		{w.open(t, subject(), workload.Limits{}), time.Millisecond, 0},
		{limited, time.Hour, 10 * time.Minute},
		{task, time.Hour, 10 * time.Minute}, // a task's time ends with its build's
		{task, time.Minute, time.Minute},
	} {
		// The issuer's own checks: a client other than workload.Session may not make them.
		minted, err := w.Mint(t.Context(), test.session.Run().ID, workload.Request{Life: test.asked})
		if test.want == 0 {
			if !errors.Is(err, workload.ErrRefused) {
				t.Errorf("life %s: %v", test.asked, err)
			}
			continue
		}
		if err != nil || minted.Claims.Expiry.Time().Sub(w.clock()) != test.want {
			t.Errorf("life %s: %v, %v; want %s", test.asked, minted.Claims.Expiry.Time().Sub(w.clock()), err, test.want)
		}
	}
	w.move(10 * time.Minute)
	if _, err := limited.Mint(t.Context(), workload.Request{}); !errors.Is(err, workload.ErrRefused) || !strings.Contains(err.Error(), "time is over") {
		t.Errorf("after its time: %v", err)
	}
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

// TestGrants: the first rule that holds counts.
func TestGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *issuer.Config) {
		c.Identity = []issuer.Rule{
			{Rule: `team == "off"`, Enabled: no()},
			{Rule: `job matches "rel.*" && pipeline == "narrow"`, Audiences: []string{"a", "b"}, Files: []workload.File{{Path: "aws", Audience: "sts.amazonaws.com"}}},
			{Rule: `instance_vars.branch == "main"`, Env: no()},
			{Rule: `pipeline > 3`, Enabled: yes()},
			{Enabled: yes(), Env: no()},
		}
	})
	grant := func(s workload.Subject) workload.Grant {
		t.Helper()
		return w.open(t, s, workload.Limits{}).Run().Grant
	}
	if g := grant(workload.Subject{Team: "off"}); g.Enabled {
		t.Errorf("off: %+v", g)
	}
	session := w.open(t, workload.Subject{Team: "off"}, workload.Limits{})
	if _, err := session.Mint(t.Context(), workload.Request{Scope: workload.ScopeTeam}); !errors.Is(err, workload.ErrRefused) || !strings.Contains(err.Error(), "issuer.identity disables") {
		t.Errorf("off: %v", err)
	}
	task, err := session.Task(t.Context(), workload.Task{Name: "t"}, workload.Limits{})
	if err != nil || task.Run().Grant.Enabled {
		t.Errorf("a task of a disabled build: %+v, %v", task.Run().Grant, err)
	}
	narrow := w.open(t, workload.Subject{Team: "x", Pipeline: "narrow", Job: "release"}, workload.Limits{})
	want := workload.Grant{Enabled: true, Env: true, Audiences: []string{"a", "b"}, Restricted: true, Files: []workload.File{{Path: "aws", Audience: "sts.amazonaws.com"}}}
	if g := narrow.Run().Grant; !reflect.DeepEqual(g, want) {
		t.Errorf("narrow: %+v", g)
	}
	for audience, taken := range map[string]bool{"": true, "a": true, "b": true, "sts.amazonaws.com": true, "c": false, issuerURL: false} {
		q := workload.Request{}
		if audience != "" {
			q.Audience = []string{audience}
		}
		minted, err := narrow.Mint(t.Context(), q)
		if taken && (err != nil || audience == "" && minted.Claims.Audience[0] != "a") {
			t.Errorf("audience %q: %v, %v", audience, minted.Claims.Audience, err)
		}
		if !taken && !errors.Is(err, workload.ErrRefused) {
			t.Errorf("audience %q was granted", audience)
		}
	}
	if _, err := narrow.Mint(t.Context(), workload.Request{Audience: []string{"a", "c"}}); !errors.Is(err, workload.ErrRefused) {
		t.Errorf("one granted and one other: %v", err)
	}
	branch := workload.Subject{Team: "x", Pipeline: "p", InstanceVars: map[string]any{"branch": "main"}}
	if g := grant(branch); !g.Enabled || g.Env {
		t.Errorf("branch: %+v", g)
	}
	// A rule that cannot be computed may be there to forbid.
	if _, err := w.Begin(t.Context(), workload.Subject{Team: "x", Pipeline: "p"}, workload.Limits{}); err == nil || !strings.Contains(err.Error(), `issuer.identity: rule "pipeline > 3"`) {
		t.Errorf("a rule that cannot be computed: %v", err)
	}
	// A rule over a claim that is missing does not hold: a run without a pipeline comes to the last one.
	if g := grant(workload.Subject{Team: "x"}); !g.Enabled || g.Env || g.Audiences[0] != issuerURL {
		t.Errorf("last: %+v", g)
	}
}

func TestDefaultGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	s := w.open(t, subject(), workload.Limits{})
	if want := (workload.Grant{Enabled: true, Env: true, Audiences: []string{issuerURL}}); !reflect.DeepEqual(s.Run().Grant, want) {
		t.Errorf("grant %+v", s.Run().Grant)
	}
	// A var source may name its own audience where no rule restricts it.
	if minted, err := s.Mint(t.Context(), workload.Request{Audience: []string{"vault", "other"}}); err != nil || len(minted.Claims.Audience) != 2 {
		t.Errorf("%v, %v", minted, err)
	}
	for _, audience := range []string{"", strings.Repeat("a", 2000), "a\nb"} {
		if _, err := s.Mint(t.Context(), workload.Request{Audience: []string{audience}}); !errors.Is(err, workload.ErrRefused) {
			t.Errorf("audience %.20q: %v", audience, err)
		}
	}
	if _, err := s.Mint(t.Context(), workload.Request{Audience: make([]string, 17)}); !errors.Is(err, workload.ErrRefused) {
		t.Errorf("17 audiences: %v", err)
	}
}

// TestTasksOfOthers: a task cannot be registered for a build that it does not belong to.
func TestTasksOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	build := w.open(t, subject(), workload.Limits{})
	task, err := build.Task(t.Context(), workload.Task{Name: "t"}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	good := subject()
	good.Task, good.Parent = "t", build.Run().ID
	for name, change := range map[string]func(*workload.Subject){
		"another team":     func(s *workload.Subject) { s.Team = "other" },
		"another pipeline": func(s *workload.Subject) { s.Pipeline = "other" },
		"another job":      func(s *workload.Subject) { s.Job = "other" },
		"another instance": func(s *workload.Subject) { s.InstanceVars = map[string]any{"a": "b"} },
		"a task's task":    func(s *workload.Subject) { s.Parent = task.Run().ID },
		"an unknown build": func(s *workload.Subject) { s.Parent = "made up" },
	} {
		s := good
		change(&s)
		if _, err := w.Begin(t.Context(), s, workload.Limits{}); !errors.Is(err, workload.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Begin(t.Context(), good, workload.Limits{}); err != nil {
		t.Error(err)
	}
}

// TestLog: every mint is logged, by jti, sub and aud; the token, and the handle of its run, never.
func TestLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	s := subject()
	s.Pipeline = strings.Repeat("p", 130)
	session := w.open(t, s, workload.Limits{})
	minted, err := session.Mint(t.Context(), workload.Request{Audience: []string{"vault"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Mint(t.Context(), workload.Request{Life: time.Minute, Audience: []string{""}}); err == nil {
		t.Fatal("an empty audience was taken")
	}
	text := w.log.String()
	for _, want := range []string{
		`msg="token minted" jti=` + minted.Claims.ID + " sub=infra/" + s.Pipeline + " aud=[vault]",
		`level=WARN msg="sub is longer than Google takes" sub=infra/` + s.Pipeline + " bytes=136 limit=127",
		`level=WARN msg="mint refused"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, minted.Token[:40]) || strings.Contains(text, minted.Token[len(minted.Token)-40:]) || strings.Contains(text, string(session.Run().ID)) {
		t.Errorf("a secret is in\n%s", text)
	}
}

// TestKeysAtRest: nothing of a private key is in the data directory in plain text.
func TestKeysAtRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, algorithm := range []key.Algorithm{key.ES256, key.EdDSA} {
		w.minted(t, workload.Request{Algorithm: algorithm})
	}
	data := filepath.Join(w.directory, "data")
	text, err := os.ReadFile(filepath.Join(data, "keys.age"))
	if err != nil || !atrest.Sealed(text) || strings.Contains(string(text), `"kty":`) { // fewer letters may be by chance in what is sealed
		t.Errorf("keys.age: %.60q, %v", text, err)
	}
	for _, name := range []string{"keys.age", "ids.jsonl"} {
		if info, err := os.Stat(filepath.Join(data, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if again := openWorld(t, w.directory, nil); !reflect.DeepEqual(again.ring.List(), w.ring.List()) || len(again.ring.List()) != 3 {
		t.Errorf("keys after a restart: %v", again.ring.List())
	}
	stranger, err := atrest.OpenSealer(filepath.Join(t.TempDir(), "id"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.OpenKeyRing(data, stranger, issuer.RingConfig{}); err == nil || !strings.Contains(err.Error(), "encrypted to another identity file") {
		t.Errorf("with another identity: %v", err)
	}
}
