package workload_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/workload"
)

func TestSub(t *testing.T) {
	t.Parallel()
	s := workload.Subject{
		Team: "infra", Pipeline: "a/b", Job: "release", Task: "build",
		InstanceVars: map[string]any{"z": true, "branch": "feature/x", "n": 7, "deep": map[string]any{"a": "b", "none": nil}, "f": 1.5},
	}
	for scope, want := range map[workload.Scope]string{
		"":                     "infra/a%2Fb",
		workload.ScopeTeam:     "infra",
		workload.ScopePipeline: "infra/a%2Fb",
		workload.ScopeInstance: "infra/a%2Fb/branch:feature%2Fx,deep.a:b,deep.none:null,f:1.5,n:7,z:true",
		workload.ScopeJob:      "infra/a%2Fb/branch:feature%2Fx,deep.a:b,deep.none:null,f:1.5,n:7,z:true/release",
		workload.ScopeTask:     "infra/a%2Fb/branch:feature%2Fx,deep.a:b,deep.none:null,f:1.5,n:7,z:true/release/build",
	} {
		if got, err := s.Sub(scope); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", scope, got, err, want)
		}
	}
	plain := workload.Subject{Team: "t", Pipeline: "p", Job: "j"}
	if got, err := plain.Sub(workload.ScopeJob); got != "t/p//j" || err != nil {
		t.Errorf("without instance vars: %q, %v", got, err)
	}
}

// TestRefusedSubjects: names that are missing, unreadable, or would make two identities share one subject.
func TestRefusedSubjects(t *testing.T) {
	t.Parallel()
	vars := func(name string, value any) workload.Subject {
		return workload.Subject{Team: "t", Pipeline: "p", InstanceVars: map[string]any{name: value}}
	}
	for want, test := range map[string]struct {
		subject workload.Subject
		scope   workload.Scope
	}{
		"subject has no team":                     {workload.Subject{}, "team"},
		"subject has no pipeline":                 {workload.Subject{Team: "t", Job: "j"}, "team"},
		`team "a%2Fb" has a %2F`:                  {workload.Subject{Team: "a%2Fb"}, "team"},
		`team "a%2fb" has a %2F`:                  {workload.Subject{Team: "a%2fb"}, "team"},
		`pipeline "%2F" has a %2F`:                {workload.Subject{Team: "t", Pipeline: "%2F"}, ""},
		`job "x%2Fy" has a %2F`:                   {workload.Subject{Team: "t", Pipeline: "p", Job: "x%2Fy"}, "job"},
		`instance vars "a:%2F" has a %2F`:         {vars("a", "%2F"), "instance"},
		`instance var "a" is "b,c": a comma`:      {vars("a", "b,c"), "team"},
		`instance var "a" is "b:c": a comma`:      {vars("a", "b:c"), "team"},
		`instance var "a,b": a name`:              {vars("a,b", "c"), "team"},
		`instance var "a.b": a name`:              {vars("a.b", "c"), "team"},
		`instance var "": a name`:                 {vars("", "c"), "team"},
		`instance var "a" is a []interface`:       {vars("a", []any{"b"}), "team"},
		`instance var "a" is an empty`:            {vars("a", map[string]any{}), "team"},
		`team "a\nb" has a control`:               {workload.Subject{Team: "a\nb"}, "team"},
		`team "a\u202eb" has a control`:           {workload.Subject{Team: "a\u202eb"}, "team"},
		`team "a\xff" is not UTF-8`:               {workload.Subject{Team: "a\xff"}, "team"},
		`team "aaaaaaaaaaaaaaaaaaaa"...`:          {workload.Subject{Team: strings.Repeat("a", 257)}, "team"},
		`subject scope "all" is not one`:          {workload.Subject{Team: "t"}, "all"},
		"subject scope pipeline needs a pipeline": {workload.Subject{Team: "t"}, ""},
		"subject scope task needs a task":         {workload.Subject{Team: "t", Pipeline: "p", Job: "j"}, "task"},
		"attempt -1 is negative":                  {workload.Subject{Team: "t", Attempt: -1}, "team"},
		"a parent run but no task":                {workload.Subject{Team: "t", Parent: "x"}, "team"},
	} {
		if got, err := test.subject.Sub(test.scope); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, %v; want %s", got, err, want)
		}
	}
	deep := any("x")
	for range 10 {
		deep = map[string]any{"a": deep}
	}
	if err := vars("a", deep).Validate(); err == nil || !strings.Contains(err.Error(), "8 objects deep") {
		t.Errorf("deep: %v", err)
	}
	many := workload.Subject{Team: "t", Pipeline: "p", InstanceVars: map[string]any{}}
	for i := range 65 {
		many.InstanceVars[strings.Repeat("a", i+1)] = "b"
	}
	if err := many.Validate(); err == nil || !strings.Contains(err.Error(), "more than 64 instance vars") {
		t.Errorf("many: %v", err)
	}
}

// FuzzSub: two subjects with different names never share a sub of one scope.
func FuzzSub(f *testing.F) {
	f.Add("a", "b/c", "k", "v", "j", "a/b", "c", "k", "v", "j")
	f.Add("a%2F", "b", "k", "v", "j", "a/", "b", "k", "v", "j")
	f.Add("a", "b", "k", "v,l:w", "j", "a", "b", "k", "v", "j")
	f.Add("a", "b", "", "", "c/d", "a", "b", "", "c", "d")
	f.Fuzz(func(t *testing.T, team, pipeline, name, value, job, otherTeam, otherPipeline, otherName, otherValue, otherJob string) {
		make := func(team, pipeline, name, value, job string) workload.Subject {
			s := workload.Subject{Team: team, Pipeline: pipeline, Job: job}
			if name != "" {
				s.InstanceVars = map[string]any{name: value}
			}
			return s
		}
		one, other := make(team, pipeline, name, value, job), make(otherTeam, otherPipeline, otherName, otherValue, otherJob)
		same := team == otherTeam && pipeline == otherPipeline && name == otherName && (name == "" || value == otherValue) && job == otherJob
		a, err := one.Sub(workload.ScopeJob)
		if err != nil {
			t.Skip()
		}
		b, err := other.Sub(workload.ScopeJob)
		if err != nil {
			t.Skip()
		}
		if (a == b) != same {
			t.Errorf("%q and %q: %+v and %+v", a, b, one, other)
		}
		if strings.Count(a, "/") != 3 {
			t.Errorf("%q has not four parts", a)
		}
	})
}
