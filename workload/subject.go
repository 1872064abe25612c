package workload

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Subject is who a run is: names only. A build has no Task and no Parent; a task of it names its build's run as Parent
// and repeats its names, and gets the same ids.
type Subject struct {
	Team         string         `json:"team"`
	Pipeline     string         `json:"pipeline,omitempty"`
	InstanceVars map[string]any `json:"instance_vars,omitempty"`
	Job          string         `json:"job,omitempty"`

	Parent      RunID  `json:"parent,omitempty"`
	Task        string `json:"task,omitempty"`
	Step        string `json:"step,omitempty"`
	Attempt     int    `json:"attempt,omitempty"`
	ImageDigest string `json:"image_digest,omitempty"`
	Runtime     string `json:"runtime,omitempty"`
	Privileged  bool   `json:"privileged,omitempty"`
}

// Scope says how much of the identity goes into sub.
type Scope string

// The subject scopes of Concourse's idtoken, and task. Empty means pipeline.
const (
	ScopeTeam     Scope = "team"
	ScopePipeline Scope = "pipeline"
	ScopeInstance Scope = "instance"
	ScopeJob      Scope = "job"
	ScopeTask     Scope = "task"
)

// The bounds of a subject. maxName keeps sub, every log line and every claim readable; relying parties bound sub
// themselves (Google: 127 bytes).
const (
	maxName         = 256
	maxInstanceVars = 64
	maxDepth        = 8
)

// Validate refuses a subject whose names are empty where they are needed, too long, or not printable UTF-8.
func (s Subject) Validate() error {
	for _, part := range []struct {
		name, value string
		needed      bool
	}{
		{"team", s.Team, true},
		{"pipeline", s.Pipeline, s.Job != "" || len(s.InstanceVars) > 0},
		{"job", s.Job, false},
		{"task", s.Task, false},
		{"step", s.Step, false},
		{"image digest", s.ImageDigest, false},
		{"runtime", s.Runtime, false},
	} {
		if part.value == "" && part.needed {
			return fmt.Errorf("subject has no %s", part.name)
		}
		if err := checkName(part.value); err != nil {
			return fmt.Errorf("%s %s", part.name, err)
		}
	}
	if s.Attempt < 0 {
		return fmt.Errorf("attempt %d is negative", s.Attempt)
	}
	if s.Parent != "" && s.Task == "" {
		return errors.New("subject has a parent run but no task")
	}
	_, err := s.Instance()
	return err
}

// checkName returns what is wrong with a name, beginning with its value.
func checkName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("%.20q... has %d bytes; at most %d are taken", name, len(name), maxName)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("%q is not UTF-8", name)
	}
	for _, r := range name {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return fmt.Errorf("%+q has a control character", name)
		}
	}
	return nil
}

// Instance returns the instance vars as "k:v" joined by commas, sorted by key; members of an object as "k.member:v".
// A value counts as its text: 1 and "1" are one and the same instance. A comma, colon or %2F, a dot in a key, a list and
// an empty object are refused, since two different pipelines could share the result.
func (s Subject) Instance() (string, error) {
	pairs, err := flatten(nil, "", s.InstanceVars, 1)
	if err != nil {
		return "", err
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ","), nil
}

func flatten(pairs []string, prefix string, object map[string]any, depth int) ([]string, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("instance var %q is more than %d objects deep", prefix, maxDepth)
	}
	for name, value := range object {
		if name == "" || strings.ContainsAny(name, ".,:") {
			return nil, fmt.Errorf("instance var %q: a name is not empty and has no dot, comma or colon: two pipelines could share one subject", prefix+name)
		}
		path := prefix + name
		if inner, isObject := value.(map[string]any); isObject {
			if len(inner) == 0 {
				return nil, fmt.Errorf("instance var %q is an empty object", path)
			}
			var err error
			if pairs, err = flatten(pairs, path+".", inner, depth+1); err != nil {
				return nil, err
			}
			continue
		}
		text, err := scalar(value)
		if err != nil {
			return nil, fmt.Errorf("instance var %q %w", path, err)
		}
		if strings.ContainsAny(text, ",:") {
			return nil, fmt.Errorf("instance var %q is %q: a comma or a colon in it could make two pipelines share one subject", path, text)
		}
		if err := checkName(path + ":" + text); err != nil {
			return nil, fmt.Errorf("instance var %w", err)
		}
		if pairs = append(pairs, path+":"+text); len(pairs) > maxInstanceVars {
			return nil, fmt.Errorf("more than %d instance vars", maxInstanceVars)
		}
	}
	return pairs, nil
}

func scalar(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "null", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", fmt.Errorf("is a %T; want a string, a number, a boolean or an object of them", value)
}

// Sub returns the sub claim in a scope (DESIGN.md, "Identity token"): T, T/P, T/P/V, T/P/V/J or T/P/V/J/K. A "/" inside a
// part becomes %2F; a part that holds %2F itself is refused, since two identities could share one subject.
func (s Subject) Sub(scope Scope) (string, error) {
	if err := s.Validate(); err != nil {
		return "", err
	}
	instance, err := s.Instance()
	if err != nil {
		return "", err
	}
	parts := []struct{ name, value string }{
		{"team", s.Team}, {"pipeline", s.Pipeline}, {"instance vars", instance}, {"job", s.Job}, {"task", s.Task},
	}
	counts := map[Scope]int{ScopeTeam: 1, "": 2, ScopePipeline: 2, ScopeInstance: 3, ScopeJob: 4, ScopeTask: 5}
	count, known := counts[scope]
	if !known {
		return "", fmt.Errorf("subject scope %.40q is not one of team, pipeline, instance, job, task", string(scope))
	}
	var sub []string
	for _, part := range parts[:count] {
		if part.value == "" && part.name != "instance vars" {
			return "", fmt.Errorf("subject scope %s needs a %s, and this run has none", cmp.Or(scope, ScopePipeline), part.name)
		}
		if strings.Contains(strings.ToUpper(part.value), "%2F") {
			return "", fmt.Errorf("%s %q has a %%2F, which could make two identities share one subject", part.name, part.value)
		}
		sub = append(sub, strings.ReplaceAll(part.value, "/", "%2F"))
	}
	return strings.Join(sub, "/"), nil
}
