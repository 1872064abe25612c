package issuer

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/workload"
)

// grants are the compiled rules of issuer.identity.
type grants struct {
	url   string
	rules []grantRule
}

type grantRule struct {
	always bool
	rule   policy.Rule
	grant  workload.Grant
}

func newGrants(c Config) (grants, error) {
	g := grants{url: c.URL}
	for i, r := range c.Identity {
		compiled := grantRule{always: r.Rule == ""}
		if !compiled.always {
			var err error
			if compiled.rule, err = policy.Compile(r.Rule); err != nil {
				return grants{}, fmt.Errorf("issuer.identity[%d].rule %q: %w", i, r.Rule, err)
			}
		}
		compiled.grant = workload.Grant{
			Enabled: r.Enabled == nil || *r.Enabled, Env: r.Env == nil || *r.Env,
			Audiences: r.Audiences, Restricted: r.Audiences != nil, Files: r.Files,
		}
		if r.Audiences == nil {
			compiled.grant.Audiences = []string{c.URL}
		}
		g.rules = append(g.rules, compiled)
	}
	return g, nil
}

// of returns what a run is granted: by the first rule that holds, or the default. A rule that reads a claim which the
// run does not have does not hold; one that cannot be computed refuses the run, since it may be there to forbid.
func (g grants) of(identity workload.Identity) (workload.Grant, error) {
	var claims map[string]any
	for _, r := range g.rules {
		if r.always {
			return r.grant, nil
		}
		if claims == nil {
			text, err := json.Marshal(identity)
			if err != nil {
				return workload.Grant{}, fmt.Errorf("encode the identity: %w", err)
			}
			if err := json.Unmarshal(text, &claims); err != nil {
				return workload.Grant{}, fmt.Errorf("encode the identity: %w", err)
			}
		}
		holds, err := r.rule.Eval(claims)
		var missing *policy.MissingError
		if err != nil && !errors.As(err, &missing) {
			return workload.Grant{}, fmt.Errorf("issuer.identity: rule %q: %w", r.rule, err)
		}
		if holds {
			return r.grant, nil
		}
	}
	return workload.Grant{Enabled: true, Env: true, Audiences: []string{g.url}}, nil
}
