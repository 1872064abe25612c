package trust

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/writ-run/writ/token"
)

// apache is the Apache HTTP server with mod_auth_openidc as an OAuth 2.0 resource server.
//
// mod_auth_openidc's documentation is auth_openidc.conf and its wiki, "Authorization"; what it does was read in 2.4.12
// (src/oauth.c, src/authz.c): of a token verified with OIDCOAuthVerifyJwksUri it checks the signature and, where they are
// there, exp and nbf. Neither iss nor aud: `Require claim` must. `Require claim NAME:VALUE` compares text, numbers,
// booleans, and the elements of a list; `NAME~REGEX` matches text.
type apache struct{}

func (apache) Name() string  { return "apache" }
func (apache) About() string { return "Apache with mod_auth_openidc: requests with a bearer token" }

var apacheLocation = regexp.MustCompile(`^/[A-Za-z0-9_./~-]*$`)

func (v apache) Plan(w Wish) (*Plan, error) {
	switch {
	case w.Audience == "":
		return nil, errors.New("no audience: Apache has none of its own; it is the server's URL")
	case !apacheLocation.MatchString(w.Location):
		return nil, fmt.Errorf("location %q is not a path of letters, digits and _./~-, beginning with /", w.Location)
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	conditions, err := w.conditions()
	if err != nil {
		return nil, err
	}
	refused := &refuser{party: "Apache", audience: w.Audience}
	lines := []string{v.require("iss", ":", w.Issuer), v.require("aud", ":", w.Audience)}
	for _, n := range conditions {
		lines = append(lines, v.translate(n, refused)...)
	}
	if err := refused.err(); err != nil {
		return nil, err
	}
	scope := cmp.Or(w.Scope, w.defaultScope())
	p := &Plan{Audience: w.Audience, Scope: scope, wish: w, Commands: v.commands(w, lines)}
	p.Job = fileOrSource(w, scope, "apache", "use it: curl -H \"Authorization: Bearer $(cat FILE)\" ...")
	p.Notes = []string{
		"mod_auth_openidc checks neither iss nor aud of such a token by itself: keep these two lines in every <Location>",
		"it takes a token without exp; the issuer makes none",
		"Terraform has no resource for it",
	}
	if len(w.Keys.Keys()) > 0 {
		p.Notes = append(p.Notes, "the keys are read from the issuer's URL, not from a file: publish the output of `writ issuer export` there")
	}
	p.judge = func(s Sample) token.Report { return v.judge(w, conditions, s) }
	return p, nil
}

// require is one directive. Its argument is one word of the configuration: quoted, with quotes and backslashes escaped
// (Apache's ap_getword_conf); the module takes it apart at the first ":" or "~".
func (apache) require(claim, operator, value string) string {
	return `Require claim "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(claim+operator+value) + `"`
}

// translate writes a node as lines.
func (v apache) translate(n node, refused *refuser) []string {
	switch n := n.(type) {
	case all:
		return v.group("RequireAll", n.parts, refused)
	case anyOf:
		if !total(n) {
			refused.add(n, "in an alternative it cannot tell a claim that is missing")
			return nil
		}
		return v.group("RequireAny", n.parts, refused)
	case compare:
		return v.compare(n, refused)
	}
	refused.add(n, "it has words only for claims that equal a value or match a pattern, joined by and, or")
	return nil
}

func (v apache) group(name string, parts []node, refused *refuser) []string {
	if len(parts) == 0 {
		return []string{map[string]string{"RequireAll": "Require all granted", "RequireAny": "Require all denied"}[name]}
	}
	lines := []string{"<" + name + ">"}
	for _, part := range parts {
		for _, line := range v.translate(part, refused) {
			lines = append(lines, "  "+line)
		}
	}
	return append(lines, "</"+name+">")
}

func (v apache) compare(c compare, refused *refuser) []string {
	if strings.ContainsAny(c.path[0], ":~. ") || len(c.path) > 1 {
		refused.add(c, "it has words only for whole claims")
		return nil
	}
	for _, value := range c.values {
		if s, is := value.(string); is && strings.Contains(s, "${") {
			refused.add(c, "its configuration would take ${ for a variable")
			return nil
		}
	}
	var lines []string
	if globs, known := c.globs(); known {
		for _, g := range globs {
			if literal([]string{g}) {
				lines = append(lines, v.require(c.path[0], ":", g))
				continue
			}
			pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.ReplaceAll(g, star, "\x01")), "\x01", ".*")
			lines = append(lines, v.require(c.path[0], "~", `^`+pattern+`\z`))
		}
	} else if c.op == equal || c.op == in || c.op == member {
		for _, value := range c.values {
			switch value := value.(type) {
			case string:
				lines = append(lines, v.require(c.path[0], ":", value))
			case float64:
				lines = append(lines, v.require(c.path[0], ":", number(value)))
			case bool:
				lines = append(lines, v.require(c.path[0], ":", fmt.Sprint(value)))
			}
		}
	} else {
		refused.add(c, "it has no words for "+string(c.op))
		return nil
	}
	if len(lines) == 1 {
		return lines
	}
	for i, line := range lines {
		lines[i] = "  " + line
	}
	return append(append([]string{"<RequireAny>"}, lines...), "</RequireAny>")
}

func (v apache) commands(w Wish, lines []string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Debian's paths; the module is libapache2-mod-auth-openidc.\nOIDCOAuthVerifyJwksUri %s\nOIDCOAuthRemoteUserClaim sub\n", apacheWord(w.jwks()))
	if w.CA != "" {
		out.WriteString("OIDCCABundlePath /etc/apache2/writ-ca.pem\n")
	}
	fmt.Fprintf(&out, "<Location %s>\n  AuthType oauth20\n  <RequireAll>\n", apacheWord(w.Location))
	for _, line := range lines {
		out.WriteString("    " + line + "\n")
	}
	out.WriteString("  </RequireAll>\n</Location>\n")
	commands := "# As root on the server.\n" + hereDocument("cat >/etc/apache2/conf-available/writ.conf", out.String())
	if w.CA != "" {
		commands += hereDocument("cat >/etc/apache2/writ-ca.pem", w.CA)
	}
	return commands + "a2enmod auth_openidc && a2enconf writ && apachectl configtest && apachectl graceful\n"
}

func apacheWord(word string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

func (apache) judge(w Wish, conditions []node, s Sample) token.Report {
	j := &judge{sample: s}
	j.issuerURL(w, 0, false)
	j.algorithm("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")
	j.issuer(w)
	j.audience(w.Audience)
	j.times(0, 0)
	for _, n := range conditions {
		j.condition(n)
	}
	return j.report
}
