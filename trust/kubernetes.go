package trust

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/writ-run/writ/token"
)

// kubernetes is kube-apiserver with structured authentication configuration, and RBAC.
//
// Kubernetes' documentation (reference/access-authn-authz/authentication, "Authentication configuration from a file",
// v1 since 1.34, v1beta1 since 1.30), tested against a real kube-apiserver 1.34:
//   - issuer.url is https, without query and fragment, and equals iss; keys are discovered there or at discoveryURL;
//   - exp is required and has no leeway; nbf has one minute (coreos/go-oidc 2);
//   - RS256 to PS512, so not EdDSA;
//   - claimValidationRules hold for every token of the issuer, and an issuer stands in the configuration once. So names
//     become groups, which RBAC binds, and only a rule of the user's becomes a claimValidationRule.
type kubernetes struct{}

func (kubernetes) Name() string { return "kubernetes" }
func (kubernetes) About() string {
	return "Kubernetes: structured authentication of kube-apiserver, and RBAC"
}

// kubernetesPrefix begins every user and group, so that none is one of the cluster's own.
const kubernetesPrefix = "writ:"

// kubernetesLeeway is go-oidc's for nbf.
const kubernetesLeeway = time.Minute

var kubernetesName = formOf(`^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$`)

func (v kubernetes) Plan(w Wish) (*Plan, error) {
	if w.Audience == "" {
		w.Audience = "kubernetes"
	}
	switch {
	case !kubernetesName.MatchString(strings.ReplaceAll(w.Role, ":", "-")):
		return nil, fmt.Errorf("role %q is not the name of a ClusterRole", w.Role)
	case w.Namespace != "" && (!kubernetesName.MatchString(w.Namespace) || len(w.Namespace) > 63):
		return nil, fmt.Errorf("namespace %q is not the name of one", w.Namespace)
	case len(w.Run.InstanceVars) > 0 || w.Run.Task != "":
		return nil, errors.New("instance vars and tasks are in no group that RBAC could bind; ask for them with --rule, which then holds for every token of the issuer, or bind a --subject")
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	conditions, err := w.conditions()
	if err != nil {
		return nil, err
	}
	named := len(w.names())
	bound, who := v.binding(w)
	rules := conditions[named:]
	if w.Subject != "" {
		rules = rules[1:]
		if named > 0 {
			return nil, errors.New("both names and a subject; RBAC binds one of them")
		}
	}
	refused := &refuser{party: "Kubernetes", audience: w.Audience}
	for _, n := range rules {
		if cel(n, "claims") == "" {
			refused.add(n, "no words for it in CEL")
		}
	}
	if err := refused.err(); err != nil {
		return nil, err
	}
	scope := cmp.Or(w.Scope, w.defaultScope())
	compiled, err := compile(rules)
	if err != nil {
		return nil, err
	}
	p := &Plan{Audience: w.Audience, Scope: scope, wish: w}
	p.Commands, p.Terraform = v.commands(w, rules, bound), v.terraform(w, bound)
	p.Job = fileOrSource(w, scope, "kubernetes", "use it: kubectl --token=\"$(cat FILE)\" ...")
	p.Notes = []string{
		"kube-apiserver reads the file that --authentication-config names, and again when it changes; an issuer stands in it once, so add audiences and rules to what is there (Kubernetes 1.30 to 1.33: apiVersion apiserver.config.k8s.io/v1beta1)",
	}
	if len(rules) > 0 {
		p.Notes = append(p.Notes, "claimValidationRules hold for every token of this issuer, also for other pipelines")
	}
	if len(w.Keys.Keys()) > 0 {
		p.Notes = append(p.Notes, "kube-apiserver takes no keys, it fetches them: where it cannot reach the issuer, put the output of `writ issuer export` on a server that it can, and name that one's discovery document as discoveryURL")
	}
	p.judge = func(s Sample) token.Report { return v.judge(w, compiled, who, s) }
	return p, nil
}

// kubernetesSubject is whom RBAC binds.
type kubernetesSubject struct{ kind, name string }

// binding is whom RBAC binds, and a predicate over claims that says whether a token is bound.
func (kubernetes) binding(w Wish) (kubernetesSubject, func(claims map[string]any) string) {
	groups := func(claims map[string]any) string { return strings.Join(kubernetesGroups(claims), ", ") }
	switch {
	case w.Subject != "":
		return kubernetesSubject{"User", kubernetesPrefix + w.Subject}, func(claims map[string]any) string {
			sub, _ := claims["sub"].(string)
			return kubernetesPrefix + sub
		}
	case w.Run.Team == "":
		return kubernetesSubject{"Group", kubernetesPrefix + "all"}, groups
	}
	list := kubernetesGroups(map[string]any{"team": w.Run.Team, "pipeline": w.Run.Pipeline, "job": w.Run.Job})
	return kubernetesSubject{"Group", list[len(list)-1]}, groups
}

// kubernetesGroups is what kubernetesGroupsCEL computes. A / inside a name becomes %2F, as in sub.
func kubernetesGroups(claims map[string]any) []string {
	groups := []string{kubernetesPrefix + "all"}
	path := ""
	for i, claim := range []string{"team", "pipeline", "job"} {
		name, _ := claims[claim].(string)
		if name == "" {
			break
		}
		if i > 0 {
			path += "/"
		}
		path += strings.ReplaceAll(name, "/", "%2F")
		groups = append(groups, kubernetesPrefix+claim+":"+path)
	}
	return groups
}

const kubernetesGroupsCEL = `["writ:all", "writ:team:" + claims.team.replace("/", "%2F")]` +
	` + (has(claims.pipeline) ? ["writ:pipeline:" + claims.team.replace("/", "%2F") + "/" + claims.pipeline.replace("/", "%2F")] : [])` +
	` + (has(claims.pipeline) && has(claims.job) ? ["writ:job:" + claims.team.replace("/", "%2F") + "/" + claims.pipeline.replace("/", "%2F") + "/" + claims.job.replace("/", "%2F")] : [])`

// configuration is the AuthenticationConfiguration.
func (kubernetes) configuration(w Wish, rules []node) string {
	issuer := map[string]any{"url": w.Issuer, "audiences": []string{w.Audience}, "audienceMatchPolicy": "MatchAny"}
	if w.CA != "" {
		issuer["certificateAuthority"] = w.CA
	}
	validation := []any{map[string]any{
		"expression": "claims.exp - claims.iat <= 86400", "message": "the token lives longer than a day",
	}}
	for _, n := range rules {
		validation = append(validation, map[string]any{"expression": cel(n, "claims"), "message": "not so: " + n.String()})
	}
	return yamlText(map[string]any{
		"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration",
		"jwt": []any{map[string]any{
			"issuer": issuer, "claimValidationRules": validation,
			"claimMappings": map[string]any{
				"username": map[string]any{"expression": `"writ:" + claims.sub`},
				"groups":   map[string]any{"expression": kubernetesGroupsCEL},
			},
			"userValidationRules": []any{map[string]any{
				"expression": "!user.username.startsWith('system:')", "message": "no user of the cluster's own",
			}},
		}},
	})
}

func (kubernetes) roleBinding(w Wish, bound kubernetesSubject) (string, map[string]any) {
	// One for each that is bound: a second pipeline's must not take the place of the first's.
	sum := sha256.Sum256([]byte(bound.kind + " " + bound.name))
	role := strings.ReplaceAll(w.Role, ":", "-")
	metadata := map[string]any{"name": fmt.Sprintf("writ-%.200s-%x", role, sum[:4])}
	kindOf := "ClusterRoleBinding"
	if w.Namespace != "" {
		kindOf, metadata["namespace"] = "RoleBinding", w.Namespace
	}
	return kindOf, map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kindOf, "metadata": metadata,
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": w.Role},
		"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": bound.kind, "name": bound.name}},
	}
}

func (v kubernetes) commands(w Wish, rules []node, bound kubernetesSubject) string {
	_, binding := v.roleBinding(w, bound)
	return "# For kube-apiserver: --authentication-config=authentication.yaml\n" +
		hereDocument("cat >authentication.yaml", v.configuration(w, rules)) +
		"# As an administrator of the cluster.\n" +
		hereDocument("kubectl apply -f -", yamlText(binding))
}

func (v kubernetes) terraform(w Wish, bound kubernetesSubject) string {
	kindOf, binding := v.roleBinding(w, bound)
	metadata := block{}
	for _, name := range []string{"name", "namespace"} {
		if value, given := binding["metadata"].(map[string]any)[name]; given {
			metadata = append(metadata, attribute{name, value})
		}
	}
	kindOf = map[string]string{"RoleBinding": "kubernetes_role_binding_v1", "ClusterRoleBinding": "kubernetes_cluster_role_binding_v1"}[kindOf]
	return "# kube-apiserver's own configuration is a file of the control plane: see the commands.\n" +
		resource(kindOf, "writ", attribute{"metadata", metadata},
			attribute{"role_ref", block{{"api_group", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", w.Role}}},
			attribute{"subject", block{{"api_group", "rbac.authorization.k8s.io"}, {"kind", bound.kind}, {"name", bound.name}}})
}

func (v kubernetes) judge(w Wish, rules []ruled, who func(map[string]any) string, s Sample) token.Report {
	j := &judge{sample: s}
	j.issuerURL(w, 0, false)
	j.algorithm("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")
	j.issuer(w)
	j.audience(w.Audience)
	j.times(0, kubernetesLeeway)
	exp, _ := s.Claims["exp"].(float64)
	iat, _ := s.Claims["iat"].(float64)
	life := time.Duration(exp-iat) * time.Second
	j.check("life", "at most 24h0m0s", life.String(), iat > 0 && life <= 24*time.Hour)
	j.check("username", "sub is text", j.got("sub"), j.text("sub") != "")
	for _, n := range rules {
		j.condition(n)
	}
	bound, _ := v.binding(w)
	got := who(s.Claims)
	j.check("RBAC "+strings.ToLower(bound.kind), bound.name, got, contains(strings.Split(got, ", "), bound.name))
	return j.report
}
