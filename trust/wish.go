package trust

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/workload"
)

// Wish is whom the user wants trusted, and by what. Names that are empty are not asked for.
type Wish struct {
	Issuer   string           // issuer URL, exactly as in its tokens
	Audience string           // what the token must name; empty: the party's own, where it has one
	Run      workload.Subject // team, pipeline, instance vars, job, task
	Subject  string           // sub, exactly
	Rule     string           // expression over the claims, as policy takes it
	Scope    workload.Scope   // subject scope of the token; empty: the one that the party needs

	Role     string   // what the party gives: a role of Vault, AWS, Google Cloud, Kubernetes
	Policies []string // of Vault, by name; of AWS, by ARN

	Mount          string // Vault: where the jwt auth method is
	Account        string // AWS: account number
	Project        string // Google Cloud: project number
	Pool           string // Google Cloud: workload identity pool; the provider in it has the same name
	ServiceAccount string // Google Cloud: e-mail address; empty: the role is granted directly
	Application    string // Azure: object id or client id of the app registration
	Namespace      string // Kubernetes: where the role is bound; empty: in the whole cluster
	Location       string // Apache: path on the server

	CA   string  // PEM, where the issuer's certificate is not of a public authority
	Keys key.Set // the issuer's keys, where the party cannot fetch them
}

// errEveryone is a wish that names nobody.
type errEveryone struct{}

func (errEveryone) Error() string {
	return "nobody is named: every run of the issuer would be trusted, of every team"
}

// Hint says what to give.
func (errEveryone) Hint() string {
	return `give --team (and --pipeline, --job), --subject or --rule; if everyone is meant: --rule true`
}

// check refuses a wish that is broken before any party sees it.
func (w Wish) check() error {
	if err := checkIssuer(w.Issuer); err != nil {
		return fmt.Errorf("issuer %q: %w", w.Issuer, err)
	}
	for _, field := range []struct{ name, value string }{{"audience", w.Audience}, {"subject", w.Subject}, {"role", w.Role}, {"issuer", w.Issuer}} {
		if strings.ContainsFunc(field.value, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
			return fmt.Errorf("%s %+q has a control character or is not UTF-8; no token has such a value", field.name, field.value)
		}
	}
	if err := checkCA(w.CA); err != nil {
		return err
	}
	for name, value := range w.Run.InstanceVars {
		if _, isText := value.(string); !isText {
			return fmt.Errorf("instance var %q is a %T; for what is no text give a rule", name, value)
		}
	}
	if w.Run.Team != "" {
		if err := w.Run.Validate(); err != nil {
			return err
		}
	} else if w.Run.Pipeline != "" || w.Run.Job != "" || w.Run.Task != "" || len(w.Run.InstanceVars) > 0 {
		return errors.New("a pipeline or job without its team: any team can have one of that name")
	}
	return nil
}

// checkCA takes certificates and nothing else: what stands in the file is printed, and a private key must not be.
func checkCA(text string) error {
	for rest := []byte(text); len(bytes.TrimSpace(rest)) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return errors.New("the CA is not a certificate in PEM")
		}
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("the CA file has a %.40q, and only certificates may be in it", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return errors.New("the CA file has a certificate that cannot be read")
		}
	}
	return nil
}

func checkIssuer(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Opaque != "":
		return errors.New("want https://HOST[:PORT][/PATH]")
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("scheme %q; want https", u.Scheme)
	case u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "#"):
		return errors.New("an issuer URL has no query and no fragment")
	}
	return nil
}

// loopback tells whether only this machine can reach the issuer.
func (w Wish) loopback() bool {
	u, err := url.Parse(w.Issuer)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// private tells whether a cloud cannot reach the issuer, as far as its name shows.
func (w Wish) private() bool {
	u, err := url.Parse(w.Issuer)
	if err != nil {
		return true
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return w.loopback() || ip != nil && (ip.IsPrivate() || ip.IsLinkLocalUnicast()) || ip == nil && !strings.Contains(host, ".") ||
		strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal")
}

// jwks is the key set's URL, as the issuer's discovery document names it.
func (w Wish) jwks() string { return w.Issuer + "/.well-known/jwks.json" }

// conditions are what must hold beside iss, aud and the times, in the order names, subject, rule. What the check of iss
// and aud says already is left out.
func (w Wish) conditions() ([]node, error) {
	list := w.names()
	if w.Subject != "" {
		list = append(list, is(w.Subject, "sub"))
	}
	if w.Rule != "" {
		rule, err := parseRule(w.Rule)
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", w.Rule, err)
		}
		for _, condition := range conjuncts(rule) {
			c, isCompare := condition.(compare)
			if isCompare && len(c.path) == 1 && (c.path[0] == "iss" && c.op == equal && c.values[0] == w.Issuer ||
				c.path[0] == "aud" && c.op == member && c.values[0] == w.Audience) {
				continue
			}
			list = append(list, condition)
		}
	}
	if len(list) == 0 && strings.TrimSpace(w.Rule) == "" {
		return nil, errEveryone{}
	}
	return list, nil
}

// names are the conditions that the names mean.
func (w Wish) names() []node {
	var list []node
	add := func(claim, value string) {
		if value != "" {
			list = append(list, is(value, claim))
		}
	}
	add("team", w.Run.Team)
	add("pipeline", w.Run.Pipeline)
	for _, name := range slices.Sorted(maps.Keys(w.Run.InstanceVars)) {
		value, isText := w.Run.InstanceVars[name].(string)
		if isText {
			list = append(list, is(value, "instance_vars", name))
		}
	}
	add("job", w.Run.Job)
	add("task", w.Run.Task)
	return list
}

// subjects are the exact subs that the names or conditions say, for parties that see nothing else of who a run is, and the
// scope of the token that carries them. Conditions that are not part of it are returned: the party cannot check them.
func (w Wish) subjects(conditions []node) (subs []compare, scope workload.Scope, rest []node, err error) {
	for _, condition := range conditions {
		if c, is := condition.(compare); is && len(c.path) == 1 && c.path[0] == "sub" {
			subs = append(subs, c)
		} else {
			rest = append(rest, condition)
		}
	}
	scope = w.Scope
	if len(subs) > 0 {
		if globs, known := subs[0].globs(); known && scope == "" {
			scope = scopeOf(globs[0])
			if !literal(globs) && scope == workload.ScopeTeam {
				scope = workload.ScopePipeline
			}
		}
		// The names are part of the subject where it begins with them.
		if named := w.names(); len(named) > 0 && w.Subject != "" {
			run, _, parsed := runOf(w.Subject)
			if parsed && covers(run, w.Run) {
				rest = rest[len(named):]
			}
		}
		return subs, cmp.Or(scope, workload.ScopePipeline), rest, nil
	}
	named := w.Run
	rest = nil
	if named.Team == "" { // a rule may name it all: team == "main" && pipeline == "web"
		named, rest = nameFrom(conditions)
	} else {
		rest = conditions[len(w.names()):]
	}
	if named.Team == "" {
		return nil, "", conditions, nil
	}
	needed := finest(named)
	scope = cmp.Or(scope, needed)
	sub, err := named.Sub(scope)
	if err != nil {
		return nil, "", nil, err
	}
	if order(scope) < order(needed) {
		return nil, "", nil, fmt.Errorf("subject scope %s leaves out what was named; this party sees nothing but sub, so it takes %s", scope, needed)
	}
	return []compare{is(sub, "sub")}, scope, rest, nil
}

// nameFrom takes the names out of equalities.
func nameFrom(conditions []node) (workload.Subject, []node) {
	var run workload.Subject
	var rest []node
	for _, condition := range conditions {
		c, is := condition.(compare)
		var value string
		if is && c.op == equal {
			value, is = c.values[0].(string)
		} else {
			is = false
		}
		var field *string
		if is && len(c.path) == 1 {
			field = map[string]*string{"team": &run.Team, "pipeline": &run.Pipeline, "job": &run.Job, "task": &run.Task}[c.path[0]]
		}
		switch {
		case field != nil && *field == "":
			*field = value
		case is && len(c.path) == 2 && c.path[0] == "instance_vars":
			if run.InstanceVars == nil {
				run.InstanceVars = map[string]any{}
			}
			run.InstanceVars[c.path[1]] = value
		default:
			rest = append(rest, condition)
		}
	}
	if run.Team == "" || run.Pipeline == "" && (run.Job != "" || len(run.InstanceVars) > 0) {
		return workload.Subject{}, conditions
	}
	return run, rest
}

// finest is the scope that says all that is named.
func finest(run workload.Subject) workload.Scope {
	switch {
	case run.Task != "":
		return workload.ScopeTask
	case run.Job != "":
		return workload.ScopeJob
	case len(run.InstanceVars) > 0:
		return workload.ScopeInstance
	case run.Pipeline != "":
		return workload.ScopePipeline
	}
	return workload.ScopeTeam
}

var scopes = []workload.Scope{workload.ScopeTeam, workload.ScopePipeline, workload.ScopeInstance, workload.ScopeJob, workload.ScopeTask}

func order(scope workload.Scope) int {
	return slices.Index(scopes, cmp.Or(scope, workload.ScopePipeline))
}

// defaultScope is what delivered tokens have, but for a subject that has another.
func (w Wish) defaultScope() workload.Scope {
	if w.Subject != "" {
		return scopeOf(w.Subject)
	}
	return workload.ScopePipeline
}

// scopeOf tells the scope of a sub by the number of its parts.
func scopeOf(sub string) workload.Scope {
	return scopes[min(strings.Count(sub, "/"), len(scopes)-1)]
}

// runOf reads a sub back (workload.Subject.Sub).
func runOf(sub string) (workload.Subject, workload.Scope, bool) {
	var run workload.Subject
	parts := strings.Split(sub, "/")
	if len(parts) > len(scopes) || parts[0] == "" {
		return run, "", false
	}
	for i, part := range parts {
		part = strings.ReplaceAll(part, "%2F", "/")
		switch i {
		case 0:
			run.Team = part
		case 1:
			run.Pipeline = part
		case 2:
			if part == "" {
				continue
			}
			run.InstanceVars = map[string]any{}
			for pair := range strings.SplitSeq(part, ",") {
				name, value, found := strings.Cut(pair, ":")
				if !found {
					return run, "", false
				}
				setPath(run.InstanceVars, strings.Split(name, "."), value)
			}
		case 3:
			run.Job = part
		case 4:
			run.Task = part
		}
	}
	scope := scopes[len(parts)-1]
	back, err := run.Sub(scope)
	return run, scope, err == nil && back == sub
}

// covers tells whether a run has every name that is asked for.
func covers(run, asked workload.Subject) bool {
	for _, pair := range [][2]string{{run.Team, asked.Team}, {run.Pipeline, asked.Pipeline}, {run.Job, asked.Job}, {run.Task, asked.Task}} {
		if pair[1] != "" && pair[0] != pair[1] {
			return false
		}
	}
	for name, value := range asked.InstanceVars {
		if run.InstanceVars[name] != value {
			return false
		}
	}
	return true
}

func setPath(object map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		inner, is := object[name].(map[string]any)
		if !is {
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	object[path[len(path)-1]] = value
}

func getPath(object map[string]any, path []string) (any, bool) {
	var at any = object
	for _, name := range path {
		inner, is := at.(map[string]any)
		if !is {
			return nil, false
		}
		if at, is = inner[name]; !is {
			return nil, false
		}
	}
	return at, true
}
