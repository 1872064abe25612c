package trust

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// vault is HashiCorp Vault or OpenBao with the auth method jwt.
//
// Vault's documentation: https://developer.hashicorp.com/vault/api-docs/auth/jwt. What it really does was read in
// hashicorp/vault-plugin-auth-jwt 0.15 and 0.26 (path_login.go, claims.go) and hashicorp/cap (jwt/jwt.go), and is tested
// against a real Vault:
//   - iss is compared only where bound_issuer is set;
//   - a role without bound_audiences refuses every token with an aud, so it must be set;
//   - exp, nbf and iat have clock_skew_leeway, 60 s by default. expiration_leeway, 150 s by default, is not added to
//     exp: it is the life of a token that has none;
//   - bound_claims are strings, booleans or lists of them; every one must match, of a list one element. With
//     bound_claims_type glob a * in any of them is a wildcard, and booleans match nothing.
type vault struct{}

func (vault) Name() string  { return "vault" }
func (vault) About() string { return "HashiCorp Vault, OpenBao: a role of the auth method jwt" }

// The names that Vault takes in a path (framework.GenericNameRegex); it makes role names lower case.
var (
	vaultRole  = formOf(`^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$`)
	vaultMount = formOf(`^[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*$`)
)

// vaultSkew is clock_skew_leeway's default.
const vaultSkew = 60 * time.Second

// vaultLogin is what Vault is told.
type vaultLogin struct {
	config map[string]any
	role   map[string]any
	bound  map[string]any // bound_claims
	globs  bool
}

func (v vault) Plan(w Wish) (*Plan, error) {
	if err := v.check(&w); err != nil {
		return nil, err
	}
	conditions, err := w.conditions()
	if err != nil {
		return nil, err
	}
	bound, globs, subject, err := v.translate(conditions, w.Audience)
	if err != nil {
		return nil, err
	}
	login := vaultLogin{config: v.config(w), bound: bound, globs: globs}
	login.role = map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{w.Audience},
		// Without these a token that has no exp lives for 150 s.
		"expiration_leeway": -1, "not_before_leeway": -1,
		"token_policies": w.Policies, "token_ttl": "10m",
	}
	if subject != "" {
		login.role["bound_subject"] = subject
	}
	if len(bound) > 0 {
		login.role["bound_claims"] = bound
		login.role["bound_claims_type"] = map[bool]string{false: "string", true: "glob"}[globs]
	}
	scope := cmp.Or(w.Scope, w.defaultScope())
	p := &Plan{Audience: w.Audience, Scope: scope, wish: w, Commands: v.commands(w, login), Terraform: v.terraform(w, login), Job: v.job(w)}
	p.Notes = v.notes(w, conditions)
	p.judge = func(s Sample) token.Report { return v.judge(w, login, subject, s) }
	return p, nil
}

func (vault) check(w *Wish) error {
	w.Mount = strings.Trim(w.Mount, "/")
	w.Mount = strings.TrimPrefix(w.Mount, "auth/")
	switch {
	case w.Audience == "":
		return errors.New("no audience: Vault has none of its own; it is the Vault's URL, as the job's var source names it")
	case strings.Contains(w.Audience, ","):
		return fmt.Errorf("audience %q has a comma; Vault would read it as two", w.Audience)
	case !vaultMount.MatchString(w.Mount):
		return fmt.Errorf("mount %q is not a path of letters, digits, - and _", w.Mount)
	case !vaultRole.MatchString(w.Role):
		return fmt.Errorf("role %q is not of lower-case letters, digits, _, - and . (Vault makes it lower case)", w.Role)
	case len(w.Policies) == 0:
		return errors.New("no policy: the role would allow nothing")
	}
	return w.check()
}

// config is the method's configuration: where keys come from, and whose they are.
func (vault) config(w Wish) map[string]any {
	config := map[string]any{"bound_issuer": w.Issuer, "jwt_supported_algs": []string{"RS256", "ES256", "EdDSA"}}
	if keys := w.Keys.Keys(); len(keys) > 0 {
		var pems []string
		for _, k := range keys {
			if pem, err := k.PEM(); err == nil {
				pems = append(pems, string(pem))
			}
		}
		config["jwt_validation_pubkeys"] = pems
		return config
	}
	config["oidc_discovery_url"] = w.Issuer
	if w.CA != "" {
		config["oidc_discovery_ca_pem"] = w.CA
	}
	return config
}

// translate makes bound_claims of conditions.
func (vault) translate(conditions []node, audience string) (bound map[string]any, useGlobs bool, subject string, err error) {
	refused := &refuser{party: "Vault", audience: audience}
	bound = map[string]any{}
	sources := map[string]compare{}
	var plain []string // claims whose exact value has a *
	var odd []string   // claims that are no text
	for _, condition := range conditions {
		if p, is := condition.(present); is {
			condition = compare{p.text, p.path, hasPrefix, []any{""}}
		}
		c, is := condition.(compare)
		if !is {
			refused.add(condition, "it has words only for claims that all equal one of some values")
			continue
		}
		if c.path[0] == "aud" || c.op == member {
			refused.add(c, "of aud it checks that one of bound_audiences is there, not all")
			continue
		}
		claim := vaultClaim(c.path)
		if _, twice := sources[claim]; twice {
			refused.add(c, "a claim can be bound once")
			continue
		}
		globs, known := c.globs()
		switch {
		case known && subject == "" && claim == "sub" && len(globs) == 1 && literal(globs):
			subject = globs[0]
			continue
		case known:
			bound[claim] = vaultValue(globs)
			useGlobs = useGlobs || !literal(globs)
			if strings.Contains(strings.Join(globs, ""), "*") {
				plain = append(plain, claim)
			}
		case c.op == equal || c.op == in:
			bound[claim] = c.values
			if len(c.values) == 1 {
				bound[claim] = c.values[0]
			}
			odd = append(odd, claim)
		default:
			refused.add(c, "it has no words for "+string(c.op))
			continue
		}
		sources[claim] = c
	}
	for _, claim := range append(plain, odd...) {
		if useGlobs {
			refused.add(sources[claim], "beside a pattern every bound claim is one, in which * is a wildcard and a number or boolean matches nothing")
		}
	}
	return bound, useGlobs, subject, refused.err()
}

// vaultClaim names a claim: by itself, or, for a member, as a JSON pointer (RFC 6901).
func vaultClaim(path []string) string {
	if len(path) == 1 && !strings.HasPrefix(path[0], "/") {
		return path[0]
	}
	var out strings.Builder
	for _, name := range path {
		out.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return out.String()
}

func vaultValue(globs []string) any {
	if len(globs) == 1 {
		return shown(globs[0])
	}
	list := make([]any, len(globs))
	for i, g := range globs {
		list[i] = shown(g)
	}
	return list
}

func (vault) commands(w Wish, login vaultLogin) string {
	return fmt.Sprintf("# As somebody who may configure Vault (VAULT_ADDR, VAULT_TOKEN).\n"+
		"vault auth list -format=json | grep -q %s || vault auth enable -path=%s jwt\n", shell(`"`+w.Mount+`/"`), shell(w.Mount)) +
		hereDocument("vault write "+shell("auth/"+w.Mount+"/config")+" -", document(login.config)) +
		hereDocument("vault write "+shell("auth/"+w.Mount+"/role/"+w.Role)+" -", document(login.role))
}

func (vault) terraform(w Wish, login vaultLogin) string {
	backend := []attribute{{"path", w.Mount}}
	for _, name := range slices.Sorted(maps.Keys(login.config)) {
		backend = append(backend, attribute{name, login.config[name]})
	}
	out := resource("vault_jwt_auth_backend", "writ", backend...) + "\n"
	// The provider's bound_claims is a map of text, in which a comma makes a list: what is no text, and a list of texts
	// with commas, goes through the API as it is.
	commas, lists, exact := false, false, true
	claims := map[string]any{}
	for name, value := range login.bound {
		switch v := value.(type) {
		case string:
			commas = commas || strings.Contains(v, ",")
			claims[name] = v
		case []any:
			var parts []string
			for _, element := range v {
				s, is := element.(string)
				exact = exact && is && !strings.Contains(s, ",") && strings.TrimSpace(s) == s
				parts = append(parts, s)
			}
			lists = true
			claims[name] = strings.Join(parts, ",")
		default:
			exact = false
		}
	}
	if !exact || commas && lists {
		role := maps.Clone(login.role)
		return out + resource("vault_generic_endpoint", "writ_"+identifier(w.Role),
			attribute{"path", reference(`"auth/${vault_jwt_auth_backend.writ.path}/role/` + w.Role + `"`)},
			attribute{"ignore_absent_fields", true},
			attribute{"data_json", reference("jsonencode(" + hcl(generic(role), "  ") + ")")})
	}
	role := []attribute{{"backend", reference("vault_jwt_auth_backend.writ.path")}, {"role_name", w.Role}}
	for _, name := range slices.Sorted(maps.Keys(login.role)) {
		value := login.role[name]
		switch name {
		case "bound_claims":
			value = claims
		case "token_ttl":
			value = 600
		}
		role = append(role, attribute{name, value})
	}
	if commas {
		role = append(role, attribute{"disable_bound_claims_parsing", true})
	}
	return out + resource("vault_jwt_auth_backend_role", "writ_"+identifier(w.Role), role...)
}

// generic makes lists of text lists of anything.
func generic(object map[string]any) map[string]any {
	for name, value := range object {
		if list, is := value.([]string); is {
			anything := make([]any, len(list))
			for i, s := range list {
				anything[i] = s
			}
			object[name] = anything
		}
	}
	return object
}

// identifier is a name as Terraform takes one.
func identifier(name string) string {
	return regexp.MustCompile(`[^A-Za-z0-9_-]`).ReplaceAllString(name, "_")
}

func (vault) job(w Wish) string {
	return yamlText(map[string]any{"var_sources": []any{map[string]any{
		"name": "vault", "type": "vault",
		"config": map[string]any{"url": w.Audience, "auth_type": "jwt", "auth_path": w.Mount, "auth_role": w.Role},
	}}})
}

func (vault) notes(w Wish, conditions []node) []string {
	var notes []string
	for _, condition := range conditions {
		c, is := condition.(compare)
		if is && kind(c.values[0]) == "float64" {
			notes = append(notes, fmt.Sprintf("%s: Vault 1.13 cannot compare numbers and refuses every token; today's can", c))
		}
	}
	if len(w.Keys.Keys()) > 0 {
		notes = append(notes, "the keys stand in Vault's configuration: write them again before the issuer signs with a new one")
	} else {
		notes = append(notes, "Vault fetches "+w.Issuer+"/.well-known/openid-configuration, whose issuer must be that URL to the letter; where it cannot, give --keys")
	}
	if w.Scope != "" && w.Scope != workload.ScopePipeline {
		notes = append(notes, "a var source of type vault logs in with a token of scope pipeline; for another scope take the token of a var source idtoken")
	}
	return append(notes, "Vault takes a token for up to 60 s after exp (clock_skew_leeway)", "a token of Vault's outlives the run: 10 minutes here (token_ttl)")
}

// judge follows path_login.go.
func (vault) judge(w Wish, login vaultLogin, subject string, s Sample) token.Report {
	j := &judge{sample: s}
	if len(w.Keys.Keys()) == 0 {
		j.check("issuer URL", "https, or http on Vault's own machine", w.Issuer, strings.HasPrefix(w.Issuer, "https://") || w.loopback())
	}
	j.algorithm("RS256", "ES256", "EdDSA")
	j.issuer(w)
	if subject != "" {
		j.check("bound_subject", subject, j.text("sub"), j.text("sub") == subject)
	}
	j.audience(w.Audience)
	j.sample.Claims = vaultTimes(s.Claims)
	j.times(vaultSkew, vaultSkew)
	iat, _ := s.Claims["iat"].(float64)
	j.check("iat", "not in the future (leeway 60 s)", j.got("iat"), int64(iat) <= s.Now.Add(vaultSkew).Unix())
	j.check("user_claim", "sub is text", j.got("sub"), j.text("sub") != "")
	conditions, err := w.conditions()
	if err != nil {
		return j.report
	}
	for _, condition := range conditions {
		var path []string
		switch c := condition.(type) {
		case compare:
			path = c.path
		case present:
			path = c.path
		}
		expected, bound := login.bound[vaultClaim(path)]
		if !bound {
			continue
		}
		actual, _ := getPath(s.Claims, path)
		j.check("bound_claims "+vaultClaim(path), condition.String(), j.got(path...), vaultMatch(expected, actual, login.globs))
	}
	return j.report
}

// vaultTimes are the claims with what Vault supposes of times that are missing: without leeways (expiration_leeway and
// not_before_leeway -1) a token ends where it begins.
func vaultTimes(claims map[string]any) map[string]any {
	claims = maps.Clone(claims)
	iat, _ := claims["iat"].(float64)
	nbf, _ := claims["nbf"].(float64)
	if exp, _ := claims["exp"].(float64); exp == 0 && max(iat, nbf) > 0 {
		claims["exp"] = max(iat, nbf)
	}
	return claims
}

// vaultMatch follows claims.go: one of the expected values equals one of the actual.
func vaultMatch(expected, actual any, globs bool) bool {
	list := func(value any) []any {
		switch v := value.(type) {
		case []any:
			return v
		case string, bool, float64:
			return []any{v}
		}
		return nil
	}
	for _, want := range list(expected) {
		for _, got := range list(actual) {
			wantText, isText := want.(string)
			gotText, isText2 := got.(string)
			if globs && isText && isText2 && globMatch(strings.ReplaceAll(wantText, "*", star), gotText) || !globs && want == got {
				return true
			}
		}
	}
	return false
}
