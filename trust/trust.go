// Package trust says how a relying party is made to trust an issuer, and what it would then do with a token: Vault, AWS,
// Google Cloud, Azure, Kubernetes, Apache.
//
// Invariant: a condition that a party cannot check is never dropped. Plan fails with an UntranslatableError that names
// it, and nothing is printed. The package is pure: it opens no file and no connection, and the clock is passed in.
//
//	Wish (issuer, names, rule) ─▶ conditions ─▶ Party.Plan ─▶ commands, Terraform
//	                                                └─ Plan.Judge(sample) ─▶ token.Report: what the party would say
//	                                                └─ Plan.Others(sample) ─▶ who else gets in
//
// What a party does is modelled after its documentation, which the code cites, and for Vault, MinIO, kube-apiserver and
// Apache after the real ones.
package trust

import (
	"fmt"
	"strings"

	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// Party is a kind of relying party.
type Party interface {
	// Name is the word on the command line.
	Name() string
	// About says in one line who it is.
	About() string
	// Plan works out how the party is made to trust what the wish names. Its errors name the field; an
	// *UntranslatableError names the conditions that the party cannot check.
	Plan(w Wish) (*Plan, error)
}

// Parties returns every party, in the order of the documentation.
func Parties() []Party {
	return []Party{vault{}, aws{}, gcp{}, azure{}, kubernetes{}, apache{}}
}

// Find returns the party of a name.
func Find(name string) (Party, error) {
	var names []string
	for _, p := range Parties() {
		if p.Name() == name {
			return p, nil
		}
		names = append(names, p.Name())
	}
	return nil, fmt.Errorf("relying party %.40q is not one of %s", name, strings.Join(names, ", "))
}

// Plan is how one party is made to trust one wish.
type Plan struct {
	Audience  string         // what the job's token must name
	Scope     workload.Scope // the subject scope that the job's token must have
	Commands  string         // a script for sh
	Terraform string         // HCL; empty where the party has none
	Job       string         // pipeline YAML: how the job comes to such a token
	Notes     []string       // what the reader must know or do; one sentence each

	wish  Wish
	judge func(s Sample) token.Report
}

// Judge tells what the party would check of a token, and with which outcome. The signature is taken as good.
func (p *Plan) Judge(s Sample) token.Report { return p.judge(s) }

// UntranslatableError is a wish that the party has no words for.
type UntranslatableError struct {
	Party      string
	Conditions []string // as the user wrote them, each with why
	Audience   string
}

func (e *UntranslatableError) Error() string {
	return fmt.Sprintf("%s cannot check %s", e.Party, strings.Join(e.Conditions, "; nor "))
}

// Hint says where the condition can be checked instead.
func (e *UntranslatableError) Hint() string {
	return fmt.Sprintf("the issuer can check it: in issuer.identity, let a rule with this condition decide which runs may have the audience %q, and leave the condition out here", e.Audience)
}

// refuser collects conditions that a party cannot check.
type refuser struct {
	party, audience string
	conditions      []string
}

func (r *refuser) add(n node, why string) {
	r.conditions = append(r.conditions, fmt.Sprintf("%s (%s)", n, why))
}

func (r *refuser) err() error {
	if len(r.conditions) == 0 {
		return nil
	}
	return &UntranslatableError{r.party, r.conditions, r.audience}
}
