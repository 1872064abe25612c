package trust

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// Sample is a token that a party is shown.
type Sample struct {
	Algorithm string         // header alg
	Bytes     int            // of the whole token
	Claims    map[string]any // as JSON decodes them
	Now       time.Time      // when it is shown
}

// life of the sample, the issuer's default.
const sampleLife = time.Hour

// Claims are those of a job that the wish means, as the issuer would make them. What neither names nor rule say is
// made up: a pipeline "some-pipeline" with a job "some-job". Extra claims win.
func (p *Plan) Claims(now time.Time, extra map[string]any) (map[string]any, error) {
	w := p.wish
	claims := map[string]any{
		"pipeline": "some-pipeline", "job": "some-job", "task": "some-task", "step": "some-task",
		"teamid": 1.0, "pipelineid": 1.0, "jobid": 1.0, "buildid": 1.0, "build": "1", "attempt": 1.0,
		"runtime": "oci", "privileged": false,
	}
	conditions, err := w.conditions()
	if err != nil {
		return nil, err
	}
	for _, condition := range conditions {
		suppose(claims, condition)
	}
	if sub, supposed := claims["sub"].(string); supposed {
		nameIn(claims, namesOf(sub))
	}
	nameIn(claims, w.Run)
	for name, value := range extra {
		claims[name] = value
	}
	if _, named := claims["team"]; !named {
		claims["team"] = "some-team"
	}
	stamp(claims, w.Issuer, p.Audience, now)
	if _, given := extra["sub"]; !given {
		if claims["sub"], err = runIn(claims).Sub(p.Scope); err != nil {
			return nil, err
		}
	}
	return claims, nil
}

// stamp sets the registered claims.
func stamp(claims map[string]any, issuer, audience string, now time.Time) {
	for name, value := range map[string]any{
		"iss": issuer, "aud": []any{audience}, "jti": "sample",
		"iat": float64(now.Unix()), "nbf": float64(now.Unix()), "exp": float64(now.Add(sampleLife).Unix()),
	} {
		if _, given := claims[name]; !given {
			claims[name] = value
		}
	}
}

// suppose gives a claim a value for which the condition holds, where that is plain.
func suppose(claims map[string]any, condition node) {
	c, is := condition.(compare)
	if !is || c.path[0] == "aud" || c.path[0] == "iss" {
		return
	}
	if c.op == equal || c.op == in {
		setPath(claims, c.path, c.values[0])
	} else if globs, known := c.globs(); known {
		setPath(claims, c.path, cmp.Or(strings.ReplaceAll(globs[0], star, ""), "some"))
	}
}

// namesOf are the names at the beginning of a sub, as far as it goes.
func namesOf(sub string) workload.Subject {
	run, _, whole := runOf(sub)
	if !whole {
		team, rest, _ := strings.Cut(sub, "/")
		pipeline, _, _ := strings.Cut(rest, "/")
		run = workload.Subject{Team: strings.ReplaceAll(team, "%2F", "/"), Pipeline: strings.ReplaceAll(pipeline, "%2F", "/")}
	}
	return run
}

// nameIn sets the claims of names that are given.
func nameIn(claims map[string]any, run workload.Subject) {
	for claim, value := range map[string]string{"team": run.Team, "pipeline": run.Pipeline, "job": run.Job, "task": run.Task} {
		if value != "" {
			claims[claim] = value
		}
	}
	for name, value := range run.InstanceVars {
		setPath(claims, []string{"instance_vars", name}, value)
	}
}

func runIn(claims map[string]any) workload.Subject {
	name := func(claim string) string { s, _ := claims[claim].(string); return s }
	vars, _ := claims["instance_vars"].(map[string]any)
	return workload.Subject{Team: name("team"), Pipeline: name("pipeline"), InstanceVars: vars, Job: name("job"), Task: name("task")}
}

// Other is somebody or something else that is shown to the party, and what becomes of it.
type Other struct {
	Who      string `json:"who"`
	Admitted bool   `json:"admitted"`
	Meant    bool   `json:"meant"`          // admitted, and the wish covers it; admitted and not meant is a hole
	Wide     bool   `json:"wide,omitempty"` // admitted, meant, and hardly what anybody wants: another team
}

const anotherTeam = "a team of another name"

// Others shows the party tokens that differ from the sample in one thing. A run may choose its subject scope, so each is
// tried with all of them.
func (p *Plan) Others(s Sample) ([]Other, error) {
	intent, err := p.intent()
	if err != nil {
		return nil, err
	}
	run := runIn(s.Claims)
	var others []Other
	try := func(who string, changes ...func(claims map[string]any)) {
		other := Other{Who: who, Meant: true}
		for _, change := range changes {
			for _, scope := range append([]workload.Scope{"as it is"}, scopes[:order(workload.ScopeTask)]...) {
				shown := s
				shown.Claims = deepCopy(s.Claims)
				change(shown.Claims)
				if scope != "as it is" {
					sub, err := runIn(shown.Claims).Sub(scope)
					if err != nil {
						continue
					}
					shown.Claims["sub"] = sub
				} else {
					if sub, err := runIn(shown.Claims).Sub(p.Scope); err == nil {
						shown.Claims["sub"] = sub
					}
				}
				if len(p.Judge(shown).Failed()) > 0 {
					continue
				}
				meant := intent(shown.Claims)
				other.Meant = other.Meant && meant
				other.Admitted = true
			}
		}
		other.Meant = other.Meant && other.Admitted
		other.Wide = other.Admitted && who == anotherTeam
		others = append(others, other)
	}
	set := func(claim string, value any) func(map[string]any) {
		return func(claims map[string]any) { claims[claim] = value }
	}
	rename := func(claim, name string) []func(map[string]any) {
		return []func(map[string]any){set(claim, name+"x"), set(claim, "x"+name), set(claim, "x-"+claim)}
	}
	try(anotherTeam, rename("team", run.Team)...)
	try("another pipeline of team "+run.Team, rename("pipeline", run.Pipeline)...)
	try("another instance of the pipeline", set("instance_vars", map[string]any{"x": "y"}))
	try("another job of the pipeline", rename("job", run.Job)...)
	try("a task in a plain process, not a container", set("runtime", "process"))
	try("a privileged task", set("privileged", true))
	try("a token for another audience", set("aud", []any{"https://somebody-else.example"}))
	try("a token of another issuer with the same keys", set("iss", s.Claims["iss"].(string)+"/x"))
	try("a token that expired an hour ago", set("exp", float64(s.Now.Add(-time.Hour).Unix())))
	return others, nil
}

// intent is the wish itself, as policy sees it.
func (p *Plan) intent() (func(claims map[string]any) bool, error) {
	conditions, err := p.wish.conditions()
	if err != nil {
		return nil, err
	}
	rules, err := compile(conditions)
	if err != nil {
		return nil, err
	}
	return func(claims map[string]any) bool {
		audience, _ := claims["aud"].([]any)
		expiry, _ := claims["exp"].(float64)
		issued, _ := claims["iat"].(float64)
		return claims["iss"] == p.wish.Issuer && slices.Contains(audience, any(p.Audience)) && expiry > issued &&
			!slices.ContainsFunc(rules, func(r ruled) bool { return !r.holds(claims) })
	}, nil
}

// ruled is a condition with the rule that it is to policy.
type ruled struct {
	node
	rule policy.Rule
}

func compile(conditions []node) ([]ruled, error) {
	out := make([]ruled, len(conditions))
	for i, condition := range conditions {
		rule, err := policy.Compile(condition.String())
		if err != nil {
			return nil, fmt.Errorf("condition %s: %w", condition, err)
		}
		out[i] = ruled{condition, rule}
	}
	return out, nil
}

// holds tells whether the condition holds, as policy does.
func (r ruled) holds(claims map[string]any) bool {
	held, _ := r.rule.Eval(claims) // an error refuses
	return held
}

func deepCopy(object map[string]any) map[string]any {
	copied := maps.Clone(object)
	for name, value := range copied {
		if inner, is := value.(map[string]any); is {
			copied[name] = deepCopy(inner)
		}
	}
	return copied
}

// ReadSample decodes a token that somebody has, without checking its signature.
func ReadSample(raw string, now time.Time) (Sample, error) {
	decoded, err := token.Parse(raw, token.DefaultMaxBytes)
	if err != nil {
		return Sample{}, err
	}
	s := Sample{Bytes: len(raw), Now: now}
	var header struct {
		Algorithm string `json:"alg"`
	}
	if err := json.Unmarshal(decoded.Header(), &header); err != nil {
		return Sample{}, fmt.Errorf("the token's header: alg is not text")
	}
	s.Algorithm = header.Algorithm
	if err := json.Unmarshal(decoded.Payload(), &s.Claims); err != nil {
		return Sample{}, fmt.Errorf("the token's claims cannot be read")
	}
	if one, is := s.Claims["aud"].(string); is {
		s.Claims["aud"] = []any{one}
	}
	return s, nil
}
