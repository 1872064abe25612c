package trust

import (
	"fmt"
	"strings"

	"github.com/writ-run/writ/token"
)

// azure is Microsoft Entra ID with federated credentials of an app registration.
//
// Microsoft's documentation (entra/workload-id/workload-identity-federation-considerations): issuer, subject and audience
// are compared exactly, in this case; each has at most 600 characters, without white space at its ends; exactly one
// audience; at most 20 credentials for an application; a name of 3 to 120 letters, digits, - and _; RS256 only. Flexible
// credentials with wildcards (preview) are for GitHub, GitLab and Terraform Cloud as issuers, so not for us.
type azure struct{}

func (azure) Name() string  { return "azure" }
func (azure) About() string { return "Azure: federated credentials of an Entra ID application" }

const (
	azureAudience = "api://AzureADTokenExchange"
	azureMax      = 600
	azureMaxCount = 20
)

var (
	azureApplication = formOf(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	azureName        = formOf(`^[A-Za-z0-9][A-Za-z0-9_-]{2,115}$`)
)

func (v azure) Plan(w Wish) (*Plan, error) {
	if w.Audience == "" {
		w.Audience = azureAudience
	}
	switch {
	case !azureApplication.MatchString(w.Application):
		return nil, fmt.Errorf("application %q is not an object id, 00000000-0000-0000-0000-000000000000", w.Application)
	case !azureName.MatchString(w.Role):
		return nil, fmt.Errorf("credential name %q is not of 3 to 116 letters, digits, - and _, the first no dash", w.Role)
	case len(w.Audience) > azureMax || strings.TrimSpace(w.Audience) != w.Audience:
		return nil, fmt.Errorf("audience %.80q has more than %d characters or a space at an end", w.Audience, azureMax)
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	conditions, err := w.conditions()
	if err != nil {
		return nil, err
	}
	subs, scope, rest, err := w.subjects(conditions)
	if err != nil {
		return nil, err
	}
	refused := &refuser{party: "Azure", audience: w.Audience}
	for _, n := range rest {
		refused.add(n, "of a token it compares iss, sub and aud only")
	}
	var exact []string
	for i, c := range subs {
		globs, known := c.globs()
		if !known || !literal(globs) {
			refused.add(c, "it compares sub exactly, without wildcards")
		} else if i > 0 {
			refused.add(c, "a second condition on sub")
		}
		exact = globs
	}
	if len(subs) == 0 && len(rest) == 0 {
		refused.add(all{text: "everybody"}, "it compares sub exactly, so somebody must be named")
	}
	if len(exact) > azureMaxCount {
		refused.add(subs[0], fmt.Sprintf("an application has at most %d credentials, one for each subject", azureMaxCount))
	}
	if err := refused.err(); err != nil {
		return nil, err
	}
	p := &Plan{Audience: w.Audience, Scope: scope, wish: w}
	p.Commands, p.Terraform = v.write(w, exact)
	p.Job = fileOrSource(w, scope, "azure", "log in: az login --service-principal -u CLIENT_ID -t TENANT --federated-token \"$(cat FILE)\"")
	p.Notes = []string{
		"the issuer must match to the letter, a slash at its end included",
		"a new credential takes some minutes to be seen everywhere; until then: AADSTS70021",
		fmt.Sprintf("an application has at most %d federated credentials", azureMaxCount),
	}
	if len(w.Keys.Keys()) > 0 || w.CA != "" {
		p.Notes = append(p.Notes, "Azure takes neither keys nor a CA, it fetches keys over public https: publish the output of `writ issuer export` at the issuer's URL")
	}
	p.judge = func(s Sample) token.Report { return v.judge(w, exact, s) }
	return p, nil
}

func (azure) write(w Wish, subjects []string) (commands, terraform string) {
	var sh, tf strings.Builder
	sh.WriteString("# As an owner of the application.\n")
	for i, subject := range subjects {
		name := w.Role
		if i > 0 {
			name = fmt.Sprintf("%s-%d", w.Role, i+1)
			tf.WriteByte('\n')
		}
		parameters := document(map[string]any{"name": name, "issuer": w.Issuer, "subject": subject, "audiences": []string{w.Audience}})
		fmt.Fprintf(&sh, "az ad app federated-credential create --id %s --parameters %s\n", shell(w.Application), shell(parameters))
		tf.WriteString(resource("azuread_application_federated_identity_credential", "writ_"+identifier(name),
			attribute{"application_id", "/applications/" + w.Application}, attribute{"display_name", name},
			attribute{"issuer", w.Issuer}, attribute{"subject", subject}, attribute{"audiences", []string{w.Audience}}))
	}
	return sh.String(), tf.String()
}

func (azure) judge(w Wish, subjects []string, s Sample) token.Report {
	j := &judge{sample: s}
	j.issuerURL(w, azureMax, true)
	j.algorithm("RS256")
	j.issuer(w)
	j.audience(w.Audience)
	j.times(0, 0)
	sub := j.text("sub")
	trimmed := strings.TrimSpace(sub) == sub
	j.check("sub size", fmt.Sprintf("1 to %d characters, no space at its ends", azureMax), fmt.Sprintf("%d", len([]rune(sub))), sub != "" && len([]rune(sub)) <= azureMax && trimmed)
	matched := false
	for _, one := range subjects {
		matched = matched || one == sub
	}
	j.check("sub", strings.Join(subjects, " or "), sub, matched)
	return j.report
}
