package vault

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// path is a path in Vault, by its segments, none of them empty, "." or "..".
type path []string

// String is the path as Vault's documentation writes it, for messages.
func (p path) String() string { return strings.Join(p, "/") }

// escaped is the path as it goes into a URL. Vault unescapes it once.
func (p path) escaped() string {
	segments := make([]string, len(p))
	for i, s := range p {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

// parsePath splits text into segments and drops the empty ones. A segment that would climb is refused: a client library
// or a proxy on the way might resolve it, and the secret's name would then reach another team's path.
func parsePath(text string) (path, error) {
	var p path
	for s := range strings.SplitSeq(text, "/") {
		if s == "" {
			continue
		}
		if s == "." || s == ".." {
			return nil, fmt.Errorf("%q: no %q in a path", text, s)
		}
		if strings.ContainsFunc(s, unicode.IsControl) {
			return nil, fmt.Errorf("%q: a control character in a path", text)
		}
		p = append(p, s)
	}
	return p, nil
}

// parseAuthPath reads auth_path as the first seed means it: "/auth/concourse", "auth/concourse/login" and "concourse" are
// one mount. It strips whole segments only: empty ones, one leading "auth", one trailing "login". (The seed's sed
// chain, taken literally, makes "entik" of "authentik".)
func parseAuthPath(text string) (path, error) {
	p, err := parsePath(text)
	if err != nil {
		return nil, err
	}
	if len(p) > 0 && p[0] == "auth" {
		p = p[1:]
	}
	if len(p) > 0 && p[len(p)-1] == "login" {
		p = p[:len(p)-1]
	}
	if len(p) == 0 {
		return nil, fmt.Errorf("%q names no mount; for example \"auth/concourse\"", text)
	}
	return p, nil
}

// template is a lookup path with {{.Team}}, {{.Pipeline}} and {{.Secret}} in it.
type template struct {
	pieces []piece
}

// piece is literal text, or the name of a variable.
type piece struct {
	text     string
	variable bool
}

// parseTemplate parses one lookup template. Go's templates, which Concourse uses, are not taken whole: these variables
// are what its documentation gives them for.
func parseTemplate(text string) (template, error) {
	var t template
	rest := text
	for {
		literal, after, found := strings.Cut(rest, "{{")
		if strings.Contains(literal, "}}") {
			return template{}, fmt.Errorf("%q: }} without {{", text)
		}
		t.pieces = append(t.pieces, piece{text: literal})
		if !found {
			return t, nil
		}
		inner, next, closed := strings.Cut(after, "}}")
		if !closed {
			return template{}, fmt.Errorf("%q: {{ without }}", text)
		}
		name := strings.TrimSpace(inner)
		if !slices.Contains([]string{".Team", ".Pipeline", ".Secret"}, name) {
			return template{}, fmt.Errorf("%q: {{%s}} is not known; there are {{.Team}}, {{.Pipeline}} and {{.Secret}}", text, inner)
		}
		t.pieces = append(t.pieces, piece{text: name[1:], variable: true})
		rest = next
	}
}

func (t template) uses(variable string) bool {
	return slices.Contains(t.pieces, piece{text: variable, variable: true})
}

func (t template) expand(values map[string]string) string {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.variable {
			b.WriteString(values[p.text])
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// lookup is where a secret is looked for.
type lookup struct {
	prefix    path
	templates []template // below prefix, in order
	shared    template   // below prefix; no pieces: none
}

// parseLookup reads path_prefix, lookup_templates and shared_path. A shared path is a plain path that the secret's name
// is put below, as in Concourse; if it has {{ it is a template, as in the first seed.
func parseLookup(prefix string, templates []string, shared string) (lookup, error) {
	var l lookup
	var problems []error
	var err error
	if l.prefix, err = parsePath(prefix); err != nil {
		problems = append(problems, fmt.Errorf("path_prefix: %w", err))
	}
	if shared != "" && !strings.Contains(shared, "{{") {
		shared += "/{{.Secret}}"
	}
	for _, text := range templates {
		t, err := checkedTemplate(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("lookup_templates: %w", err))
		}
		l.templates = append(l.templates, t)
	}
	if shared != "" {
		if l.shared, err = checkedTemplate(shared); err != nil {
			problems = append(problems, fmt.Errorf("shared_path: %w", err))
		}
	}
	return l, errors.Join(problems...)
}

// checkedTemplate parses a template and tries it with harmless values.
func checkedTemplate(text string) (template, error) {
	t, err := parseTemplate(text)
	if err != nil {
		return template{}, err
	}
	p, err := parsePath(t.expand(map[string]string{"Team": "team", "Pipeline": "pipeline", "Secret": "secret"}))
	if err == nil && len(p) == 0 {
		err = fmt.Errorf("%q: an empty path", text)
	}
	return t, err
}

// candidate is one path to look at. A bare one is directly below the prefix, where Concourse looks last for a var source.
type candidate struct {
	path path
	bare bool
}

// candidates returns the paths at which a secret of this team and pipeline is looked for, in Concourse's order:
// the templates, the shared path, the prefix itself. Without a pipeline the templates that use it are left out.
func (l lookup) candidates(team, pipeline, secret string) ([]candidate, error) {
	if err := checkName("team", team); err != nil {
		return nil, err
	}
	if pipeline != "" {
		if err := checkName("pipeline", pipeline); err != nil {
			return nil, err
		}
	}
	name, err := parsePath(secret)
	if err != nil {
		return nil, fmt.Errorf("secret %w", err)
	}
	if len(name) == 0 {
		return nil, fmt.Errorf("secret %q: no name", secret)
	}
	values := map[string]string{"Team": team, "Pipeline": pipeline, "Secret": name.String()}
	var found []candidate
	for _, t := range append(slices.Clone(l.templates), l.shared) {
		if len(t.pieces) == 0 || pipeline == "" && t.uses("Pipeline") {
			continue
		}
		p, err := parsePath(t.expand(values))
		if err != nil {
			return nil, err
		}
		found = append(found, candidate{path: slices.Concat(l.prefix, p)})
	}
	return append(found, candidate{path: slices.Concat(l.prefix, name), bare: true}), nil
}

// checkName refuses a team or pipeline that would be more than one segment: Vault unescapes %2F, so there is no way to
// write such a name that does not reach into another team's path.
func checkName(what, name string) error {
	if p, err := parsePath(name); err != nil || len(p) != 1 || p[0] != name {
		return fmt.Errorf("%s %q cannot be part of a path in Vault", what, name)
	}
	return nil
}
