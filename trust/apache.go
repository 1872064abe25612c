package trust

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/writ-run/writ/token"
)

// apache is the Apache HTTP server with mod_auth_openidc as an OAuth 2.0 resource server.
//
// mod_auth_openidc's documentation is auth_openidc.conf and its wiki, "Authorization"; what it does was read in 2.4.12
// (src/oauth.c, src/authz.c) and tested against it: of a token verified with OIDCOAuthVerifyJwksUri it checks the signature
// and, where it is there, exp. Neither iss nor aud nor nbf: `Require claim` must, of the first two. `Require claim
// NAME:VALUE` compares text, numbers, booleans, and the elements of a list; `NAME~REGEX` matches text. The key set must be
// on https.
type apache struct{}

func (apache) Name() string  { return "apache" }
func (apache) About() string { return "Apache with mod_auth_openidc: requests with a bearer token" }

var apacheLocation = formOf(`^/[A-Za-z0-9_./~-]*$`)

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
	compiled, err := compile(conditions)
	if err != nil {
		return nil, err
	}
	p := &Plan{Audience: w.Audience, Scope: scope, wish: w, Commands: v.commands(w, lines)}
	p.Job = fileOrSource(w, scope, "apache", "use it: curl -H \"Authorization: Bearer $(cat FILE)\" ...")
	p.Notes = []string{
		"mod_auth_openidc checks neither iss nor aud of such a token by itself: keep these two lines in every <Location>",
		"it takes a token without exp, or before nbf; the issuer makes none",
		"a signature cannot say that the run has ended; where that matters, OIDCOAuthIntrospectionEndpoint asks the issuer each time",
		"Terraform has no resource for it",
	}
	if len(w.Keys.Keys()) > 0 {
		p.Notes = append(p.Notes, "the keys are read from the issuer's URL, not from a file: publish the output of `writ issuer export` there")
	}
	p.judge = func(s Sample) token.Report { return v.judge(w, compiled, s) }
	return p, nil
}

// require is one directive. httpd takes its argument apart three times: for ${variables} when it reads the file, as an
// expression with %{variables}, $1 and escapes for each request, and then as words; the module cuts the word at the first
// ":" or "~". So quotes and backslashes are escaped for the words, and then backslashes, $ and % for the expression,
// ${ in octal so that the file shows none.
func (apache) require(claim, operator, value string) string {
	word := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(claim+operator+value) + `"`
	return "Require claim " + strings.NewReplacer(`\`, `\\`, "${", `\044{`, "$", `\$`, "%", `\%`).Replace(word)
}

// translate writes a node as lines.
func (v apache) translate(n node, refused *refuser) []string {
	switch n := n.(type) {
	case all:
		return v.group("RequireAll", n.parts, refused)
	case anyOf:
		if !total(n) && !oneClaim(n.parts) {
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

// oneClaim tells whether all parts compare the same claim: where it is missing, none holds.
func oneClaim(parts []node) bool {
	for _, part := range parts {
		first, is1 := parts[0].(compare)
		c, is2 := part.(compare)
		if !is1 || !is2 || !slices.Equal(first.path, c.path) {
			return false
		}
	}
	return true
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
	fmt.Fprintf(&out, "OIDCOAuthVerifyJwksUri %s\nOIDCOAuthRemoteUserClaim sub\n", apacheWord(w.jwks()))
	if w.CA != "" {
		out.WriteString("OIDCCABundlePath writ-ca.pem\n") // below ServerRoot
	}
	fmt.Fprintf(&out, "<Location %s>\n  AuthType oauth20\n  <RequireAll>\n", apacheWord(w.Location))
	for _, line := range lines {
		out.WriteString("    " + line + "\n")
	}
	out.WriteString("  </RequireAll>\n</Location>\n")
	// One for each location.
	name := "writ" + strings.NewReplacer("-", "--", "/", "-", "~", "_7e", "_", "__").Replace(strings.TrimSuffix(w.Location, "/"))
	commands := "# As root on the server (Debian; the module is libapache2-mod-auth-openidc).\n" + "cd \"${APACHE_CONFDIR:-/etc/apache2}\"\n" + hereDocument("cat >conf-available/"+name+".conf", out.String())
	if w.CA != "" {
		commands += hereDocument("cat >writ-ca.pem", w.CA)
	}
	return commands + "a2enmod auth_openidc && a2enconf " + name + " && apachectl configtest && apachectl graceful\n"
}

func apacheWord(word string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

func (apache) judge(w Wish, conditions []ruled, s Sample) token.Report {
	j := &judge{sample: s}
	j.issuerURL(w, 0, false)
	j.algorithm("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")
	j.issuer(w)
	j.audience(w.Audience)
	if _, there := s.Claims["exp"]; there {
		j.expiry(0)
	} else {
		j.check("exp", "none, or in the future", "missing", true)
	}
	j.check("REMOTE_USER", "sub is text", j.got("sub"), j.text("sub") != "")
	for _, n := range conditions {
		j.condition(n)
	}
	return j.report
}
