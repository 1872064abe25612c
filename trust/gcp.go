package trust

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/token"
)

// gcp is Google Cloud with a workload identity pool and an OIDC provider in it.
//
// Google's documentation:
//   - IAM API, WorkloadIdentityPoolProvider: google.subject at most 127 bytes; mapped attributes together at most 8 KB;
//     an attribute condition, CEL over the claims as `assertion`, of at most 4,096 characters, and without it every token
//     of the issuer counts; at most 10 audiences of at most 256 characters, and without them the provider's own resource
//     name; keys fetched over public https, or uploaded as JWKS; ids of 4 to 32 of a-z, 0-9 and -, not beginning with gcp-;
//   - Security Token Service API, ExchangeTokenRequest: RS256 or ES256, a kid, iat in the past, exp less than 48 hours
//     after iat, sub.
type gcp struct{}

func (gcp) Name() string  { return "gcp" }
func (gcp) About() string { return "Google Cloud: a workload identity pool with an OIDC provider" }

const (
	gcpMaxSubject    = 127
	gcpMaxCondition  = 4096
	gcpMaxAudience   = 256
	gcpMaxAttributes = 8 << 10
	gcpMaxLife       = 48 * time.Hour
)

var (
	gcpProject = formOf(`^[0-9]{1,20}$`)
	gcpPool    = formOf(`^[a-z][a-z0-9-]{2,30}[a-z0-9]$`)
	gcpRole    = formOf(`^(?:roles|projects/[a-z0-9-]+/roles|organizations/[0-9]+/roles)/[A-Za-z0-9_.]+$`)
	gcpAccount = formOf(`^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$`)
)

func (v gcp) Plan(w Wish) (*Plan, error) {
	if w.Audience == "" {
		w.Audience = "https:" + v.provider(w)
	}
	if err := v.check(w); err != nil {
		return nil, err
	}
	conditions, err := w.conditions()
	if err != nil {
		return nil, err
	}
	refused := &refuser{party: "Google Cloud", audience: w.Audience}
	var parts []string
	for _, n := range conditions {
		part := cel(n, "assertion")
		if part == "" {
			refused.add(n, "no words for it in CEL")
		}
		parts = append(parts, part)
	}
	if err := refused.err(); err != nil {
		return nil, err
	}
	condition := strings.Join(parts, " && ")
	if condition == "" {
		condition = "true"
	}
	mapping := v.mapping(conditions)
	scope := cmp.Or(w.Scope, w.defaultScope())
	compiled, err := compile(conditions)
	if err != nil {
		return nil, err
	}
	p := &Plan{Audience: w.Audience, Scope: scope, wish: w}
	p.Commands, p.Terraform = v.commands(w, condition, mapping), v.terraform(w, condition, mapping)
	account := ""
	if w.ServiceAccount != "" {
		account = " --service-account=" + w.ServiceAccount
	}
	p.Job = fileOrSource(w, scope, "gcp", "a credential configuration for it: gcloud iam workload-identity-pools create-cred-config "+strings.TrimPrefix(v.provider(w), "//iam.googleapis.com/")+" --credential-source-file=FILE --output-file=gcp.json"+account)
	p.Notes = []string{
		"the pool must hold no other provider: whatever is let into it has the role",
		"a deleted pool or provider keeps its name for 30 days",
	}
	p.judge = func(s Sample) token.Report { return v.judge(w, compiled, condition, mapping, s) }
	return p, nil
}

func (v gcp) check(w Wish) error {
	switch {
	case !gcpProject.MatchString(w.Project):
		return fmt.Errorf("project %q is not a project number (gcloud projects describe ID --format='value(projectNumber)')", w.Project)
	case !gcpPool.MatchString(w.Pool) || strings.HasPrefix(w.Pool, "gcp-"):
		return fmt.Errorf("pool %q is not of 4 to 32 characters a-z, 0-9 and -, beginning with a letter but not with gcp-", w.Pool)
	case w.ServiceAccount == "" && !gcpRole.MatchString(w.Role):
		return fmt.Errorf("role %q is not a role, like roles/storage.objectViewer", w.Role)
	case w.ServiceAccount != "" && !gcpAccount.MatchString(w.ServiceAccount):
		return fmt.Errorf("service account %q is not an address like NAME@PROJECT.iam.gserviceaccount.com", w.ServiceAccount)
	case w.CA != "":
		return errors.New("a CA of your own: Google fetches keys only where the certificate is of a public authority; give the keys")
	case len(w.Audience) > gcpMaxAudience:
		return fmt.Errorf("audience has %d characters; Google takes at most %d", len(w.Audience), gcpMaxAudience)
	}
	return w.check()
}

// pool and provider are their full resource names.
func (gcp) pool(w Wish) string {
	return "//iam.googleapis.com/projects/" + w.Project + "/locations/global/workloadIdentityPools/" + w.Pool
}

func (v gcp) provider(w Wish) string { return v.pool(w) + "/providers/" + w.Pool }

// mapping is google.subject and the claims that decide, so that they stand in Google's audit log.
func (gcp) mapping(conditions []node) map[string]any {
	mapping := map[string]any{"google.subject": "assertion.sub"}
	for _, n := range conditions {
		if c, is := n.(compare); is && len(c.path) == 1 && c.path[0] != "sub" && c.path[0] != "aud" && c.op == equal && kind(c.values[0]) == "string" && celName.MatchString(c.path[0]) {
			mapping["attribute."+strings.ToLower(c.path[0])] = celPath("assertion", c.path)
		}
	}
	return mapping
}

func (v gcp) commands(w Wish, condition string, mapping map[string]any) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(mapping)) {
		pairs = append(pairs, name+"="+mapping[name].(string))
	}
	audience := w.Audience
	if strings.Contains(audience, ",") { // gcloud topic escaping
		audience = "^;^" + audience
	}
	var out strings.Builder
	fmt.Fprintf(&out, "# As somebody who may administer workload identity pools in project %s.\n", w.Project)
	upload := ""
	if len(w.Keys.Keys()) > 0 {
		keys, err := w.Keys.MarshalJSON()
		if err != nil {
			panic("trust: " + err.Error()) // a Set can be written
		}
		out.WriteString(hereDocument("cat >issuer.jwks.json", string(keys)))
		upload = " \\\n  --jwk-json-path=issuer.jwks.json"
	}
	fmt.Fprintf(&out, "gcloud iam workload-identity-pools create %s --project=%s --location=global\n", w.Pool, w.Project)
	fmt.Fprintf(&out, "gcloud iam workload-identity-pools providers create-oidc %s --project=%s --location=global --workload-identity-pool=%s \\\n  --issuer-uri=%s \\\n  --allowed-audiences=%s \\\n  --attribute-mapping=%s \\\n  --attribute-condition=%s%s\n",
		w.Pool, w.Project, w.Pool, shell(w.Issuer), shell(audience), shell(strings.Join(pairs, ",")), shell(condition), upload)
	member := shell("principalSet:" + v.pool(w) + "/*")
	if w.ServiceAccount != "" {
		fmt.Fprintf(&out, "gcloud iam service-accounts add-iam-policy-binding %s --role=roles/iam.workloadIdentityUser --member=%s\n", shell(w.ServiceAccount), member)
	} else {
		fmt.Fprintf(&out, "gcloud projects add-iam-policy-binding %s --role=%s --member=%s --condition=None\n", w.Project, shell(w.Role), member)
	}
	return out.String()
}

func (v gcp) terraform(w Wish, condition string, mapping map[string]any) string {
	name := identifier(w.Pool)
	oidc := block{{"issuer_uri", w.Issuer}, {"allowed_audiences", []string{w.Audience}}}
	if len(w.Keys.Keys()) > 0 {
		if keys, err := w.Keys.MarshalJSON(); err == nil {
			oidc = append(oidc, attribute{"jwks_json", string(keys)})
		}
	}
	out := resource("google_iam_workload_identity_pool", name, attribute{"project", w.Project}, attribute{"workload_identity_pool_id", w.Pool}) + "\n" +
		resource("google_iam_workload_identity_pool_provider", name,
			attribute{"project", w.Project},
			attribute{"workload_identity_pool_id", reference("google_iam_workload_identity_pool." + name + ".workload_identity_pool_id")},
			attribute{"workload_identity_pool_provider_id", w.Pool},
			attribute{"attribute_condition", condition}, attribute{"attribute_mapping", mapping}, attribute{"oidc", oidc}) + "\n"
	member := attribute{"member", reference(`"principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.` + name + `.name}/*"`)}
	if w.ServiceAccount != "" {
		return out + resource("google_service_account_iam_member", name,
			attribute{"service_account_id", "projects/-/serviceAccounts/" + w.ServiceAccount}, attribute{"role", "roles/iam.workloadIdentityUser"}, member)
	}
	return out + resource("google_project_iam_member", name, attribute{"project", w.Project}, attribute{"role", w.Role}, member)
}

func (gcp) judge(w Wish, conditions []ruled, condition string, mapping map[string]any, s Sample) token.Report {
	j := &judge{sample: s}
	j.issuerURL(w, 0, len(w.Keys.Keys()) == 0)
	j.algorithm("RS256", "ES256")
	j.issuer(w)
	j.audience(w.Audience)
	j.times(0, 0)
	exp, _ := s.Claims["exp"].(float64)
	iat, _ := s.Claims["iat"].(float64)
	life := time.Duration(exp-iat) * time.Second
	j.check("life", "less than "+gcpMaxLife.String(), life.String(), iat > 0 && life < gcpMaxLife)
	j.size("google.subject", len(j.text("sub")), 1, gcpMaxSubject)
	total := 0
	for name, expression := range mapping {
		claim, _ := strings.CutPrefix(expression.(string), "assertion.")
		total += len(name) + len(j.text(claim))
	}
	j.size("mapped attributes", total, 0, gcpMaxAttributes)
	j.size("attribute condition", len(condition), 0, gcpMaxCondition)
	for _, n := range conditions {
		j.condition(n)
	}
	return j.report
}
