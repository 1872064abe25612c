package trust

import (
	"crypto/sha1" //nolint:staticcheck // AWS names certificates by it
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/writ-run/writ/token"
)

// aws is AWS IAM with an OIDC provider and a role.
//
// AWS's documentation (IAM User Guide and API references):
//   - id_roles_providers_create_oidc.html: the URL is https, without port and query; RS256, RS384, RS512, ES256, ES384, ES512;
//     a certificate of a public authority needs no thumbprint;
//   - id_roles_providers_oidc.html: a token counts for five minutes after exp;
//   - reference_policies_iam-condition-keys.html, "Available keys for AWS OIDC federation": of an issuer that AWS does not
//     know by name a trust policy sees aud, sub, amr (and azp as aud), nothing else;
//   - API_CreateOpenIDConnectProvider: URL and client id at most 255 characters, at most 100 client ids, thumbprints of 40;
//   - API_AssumeRoleWithWebIdentity: a token of 4 to 20,000 characters, SubjectFromWebIdentityToken of 6 to 255;
//   - reference_iam-quotas.html: a trust policy of 2,048 characters without white space, by default;
//   - reference_policies_variables.html: ${*}, ${?} and ${$} are the characters themselves.
type aws struct{}

func (aws) Name() string  { return "aws" }
func (aws) About() string { return "AWS: an OIDC provider and a role of IAM" }

const (
	awsAudience  = "sts.amazonaws.com"
	awsLeeway    = 5 * time.Minute
	awsMaxToken  = 20000
	awsMaxURL    = 255
	awsMinSub    = 6 // documented of STS's answer; whether it is enforced was not tried, so it is a note
	awsMaxSub    = 255
	awsMaxPolicy = 2048
)

var (
	awsAccount = formOf(`^[0-9]{12}$`)
	awsRole    = formOf(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
	awsPolicy  = formOf(`^arn:[A-Za-z0-9-]+:iam::(?:[0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]+$`)
)

func (v aws) Plan(w Wish) (*Plan, error) {
	if w.Audience == "" {
		w.Audience = awsAudience
	}
	if err := v.check(w); err != nil {
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
	refused := &refuser{party: "AWS", audience: w.Audience}
	for _, n := range rest {
		refused.add(n, "of a token it sees aud and sub only")
	}
	condition, globs := v.condition(w, subs, refused)
	if err := refused.err(); err != nil {
		return nil, err
	}
	policy := map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
		"Principal": map[string]any{"Federated": "arn:aws:iam::" + w.Account + ":oidc-provider/" + w.host()},
		"Condition": condition,
	}}}
	p := &Plan{Audience: w.Audience, Scope: scope, wish: w, Commands: v.commands(w, policy), Terraform: v.terraform(w, condition)}
	p.Job = fileOrSource(w, scope, "aws", "AWS_WEB_IDENTITY_TOKEN_FILE is set for it; set AWS_ROLE_ARN to arn:aws:iam::"+w.Account+":role/"+w.Role)
	p.Notes = v.notes(w, globs)
	p.judge = func(s Sample) token.Report { return v.judge(w, policy, globs, s) }
	return p, nil
}

func (aws) check(w Wish) error {
	switch {
	case !awsAccount.MatchString(w.Account):
		return fmt.Errorf("account %q is not a number of 12 digits", w.Account)
	case !awsRole.MatchString(w.Role):
		return fmt.Errorf("role %q is not of 1 to 64 letters, digits and _+=,.@-", w.Role)
	case len(w.Audience) > awsMaxURL:
		return fmt.Errorf("audience has %d characters; a client id has at most %d", len(w.Audience), awsMaxURL)
	}
	for _, policy := range w.Policies {
		if !awsPolicy.MatchString(policy) {
			return fmt.Errorf("policy %q is not the ARN of one, arn:aws:iam::ACCOUNT:policy/NAME", policy)
		}
	}
	if err := w.check(); err != nil {
		return err
	}
	if w.CA != "" {
		if _, err := thumbprint(w.CA); err != nil {
			return err
		}
	}
	return nil
}

// condition is the policy's Condition, and the globs of sub, one list for each condition on it.
func (aws) condition(w Wish, subs []compare, refused *refuser) (map[string]any, [][]string) {
	same := map[string]any{w.host() + ":aud": w.Audience}
	condition := map[string]any{"StringEquals": same}
	var all [][]string
	for _, c := range subs {
		globs, known := c.globs()
		operator := "StringEquals"
		if !known {
			refused.add(c, "it compares text with * and ? only")
			continue
		}
		if !literal(globs) {
			operator = "StringLike"
		}
		block, _ := condition[operator].(map[string]any)
		if block == nil {
			block = map[string]any{}
			condition[operator] = block
		}
		if _, twice := block[w.host()+":sub"]; twice {
			refused.add(c, "a second condition of the same kind on sub")
			continue
		}
		block[w.host()+":sub"] = awsValue(globs, operator == "StringLike")
		all = append(all, globs)
	}
	return condition, all
}

// awsValue writes globs so that nothing in a name is a wildcard or a policy variable.
func awsValue(globs []string, like bool) any {
	list := make([]any, len(globs))
	for i, g := range globs {
		g = strings.ReplaceAll(g, "${", "${$}{")
		if like {
			g = strings.NewReplacer("${$}", "${$}", "*", "${*}", "?", "${?}", star, "*").Replace(g)
		}
		list[i] = g
	}
	if len(list) == 1 {
		return list[0]
	}
	return list
}

// thumbprint is the SHA-1 of a certificate.
func thumbprint(text string) (string, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return "", errors.New("the CA is not a certificate in PEM")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return "", errors.New("the CA file has several certificates; AWS wants the top one of those that the server sends, alone")
	}
	sum := sha1.Sum(block.Bytes)
	return hex.EncodeToString(sum[:]), nil
}

func (aws) commands(w Wish, policy map[string]any) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# As somebody who may configure IAM in account %s.\n", w.Account)
	fmt.Fprintf(&out, "aws iam create-open-id-connect-provider --url %s --client-id-list %s", shell(w.Issuer), shell(w.Audience))
	if w.CA != "" {
		print, _ := thumbprint(w.CA) // check has read it
		out.WriteString(" --thumbprint-list " + print)
	}
	fmt.Fprintf(&out, "\naws iam create-role --role-name %s --max-session-duration 3600 --assume-role-policy-document %s\n", shell(w.Role), shell(document(policy)))
	for _, arn := range w.Policies {
		fmt.Fprintf(&out, "aws iam attach-role-policy --role-name %s --policy-arn %s\n", shell(w.Role), shell(arn))
	}
	return out.String()
}

func (aws) terraform(w Wish, condition map[string]any) string {
	provider := []attribute{{"url", w.Issuer}, {"client_id_list", []string{w.Audience}}}
	if w.CA != "" {
		print, _ := thumbprint(w.CA)
		provider = append(provider, attribute{"thumbprint_list", []string{print}})
	}
	name := identifier(w.Role)
	policy := map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
		"Principal": map[string]any{"Federated": reference("aws_iam_openid_connect_provider.writ.arn")},
		"Condition": condition,
	}}}
	out := resource("aws_iam_openid_connect_provider", "writ", provider...) + "\n" +
		resource("aws_iam_role", "writ_"+name, attribute{"name", w.Role}, attribute{"max_session_duration", 3600},
			attribute{"assume_role_policy", reference("jsonencode(" + hcl(policy, "  ") + ")")})
	for i, arn := range w.Policies {
		out += "\n" + resource("aws_iam_role_policy_attachment", fmt.Sprintf("writ_%s_%d", name, i+1),
			attribute{"role", reference("aws_iam_role.writ_" + name + ".name")}, attribute{"policy_arn", arn})
	}
	return out
}

func (aws) notes(w Wish, subs [][]string) []string {
	notes := []string{
		"a provider is made once for an account; where it is there, add the audience: aws iam add-client-id-to-open-id-connect-provider",
		"AWS takes a token for up to five minutes after exp",
		"the session of the role outlives the run: up to an hour here (max-session-duration)",
	}
	for _, globs := range subs {
		if literal(globs) && len(globs[0]) < awsMinSub {
			notes = append(notes, fmt.Sprintf("sub has %d characters; AWS documents %d to %d", len(globs[0]), awsMinSub, awsMaxSub))
		}
	}
	if len(w.Keys.Keys()) > 0 {
		notes = append(notes, "AWS takes no keys, it fetches them: publish the output of `writ issuer export` at the issuer's URL")
	}
	return notes
}

func (aws) judge(w Wish, policy map[string]any, subs [][]string, s Sample) token.Report {
	j := &judge{sample: s}
	j.issuerURL(w, awsMaxURL, true)
	u, err := url.Parse(w.Issuer)
	j.check("issuer port", "none", orNone(portOf(u)), err == nil && u.Port() == "")
	j.algorithm("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
	j.issuer(w)
	list, _ := s.Claims["aud"].([]any)
	j.check("aud", w.Audience+", alone", j.got("aud"), len(list) == 1 && list[0] == w.Audience)
	j.times(awsLeeway, awsLeeway)
	j.size("token size", s.Bytes, 4, awsMaxToken)
	sub := j.text("sub")
	j.size("sub size", len(sub), 1, awsMaxSub)
	for _, globs := range subs {
		matched := false
		var want []string
		for _, g := range globs {
			matched = matched || globMatch(g, sub)
			want = append(want, shown(g))
		}
		j.check("sub", strings.Join(want, " or "), sub, matched)
	}
	compact := strings.Join(strings.Fields(document(policy)), "")
	j.size("trust policy size", len(compact), 0, awsMaxPolicy)
	return j.report
}

func portOf(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Port()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
