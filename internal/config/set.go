package config

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/jsonnet"
)

// variablePrefix is what our variables begin with, in any case.
const variablePrefix = "WRIT_"

func variable(key string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// variables reads WRIT_SECTION_KEY, in any case.
func (l *loader) variables(ctx context.Context) {
	l.layer = map[string]string{}
	r := resolver{anyCase: true, there: l.config.namesBelow}
	for _, name := range slices.Sorted(maps.Keys(l.environ)) {
		if len(name) <= len(variablePrefix) || !strings.EqualFold(name[:len(variablePrefix)], variablePrefix) {
			continue
		}
		key := name[len(variablePrefix):]
		if f, ok := r.find(key); ok && l.fits(f, l.environ[name]) {
			l.set(ctx, f, l.environ[name], "$"+name)
		} else if suggestion, ours := r.misspelt(key); ours {
			l.fail("$"+name, "unknown variable%s", suggestion)
		}
	}
}

// misspelt tells of a variable that names no key whether it was meant to name one, and which.
func (r resolver) misspelt(key string) (suggestion string, ours bool) {
	upper := variable(key)
	at, rest := r.miss(key)
	if len(at.path) > 0 && (len(at.node.members) > 0 || at.node.each != nil) {
		var allowed []string
		for _, name := range at.node.names() {
			allowed = append(allowed, variable(join(at.path)+"."+name))
		}
		return nearest.Suggestion(variable(join(at.path)+"."+glue(rest)), allowed) + "; allowed: " + strings.Join(allowed, ", "), true
	}
	var all []string
	schema().walk(func(n *node) {
		if n.field != nil && !strings.Contains(n.key, "*") {
			all = append(all, variable(n.key))
		}
	})
	slices.Sort(all)
	if near := nearest.Suggestion(upper, all); near != "" {
		return near + "; allowed: " + variablePrefix + "SECTION_KEY with a section of " + strings.Join(schema().names(), ", "), true
	}
	return "", false
}

// keyLike are texts that may be names of keys, where they are no longer than that. Counting in it would take a start's time.
var keyLike = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._ -]*$`) })

const longestKey = 60

// isKeyLike is false for what is no name of a key but may be a secret, of which the = is a part: an error must not repeat
// it.
func isKeyLike(key, value string) bool {
	padding := strings.Trim(value, "=") == "" && !strings.ContainsAny(key, "._")
	return len(key) <= longestKey && keyLike().MatchString(key) && !padding
}

// sets reads -x KEY=VALUE.
func (l *loader) sets(ctx context.Context) {
	r := resolver{there: l.config.namesBelow}
	for _, pair := range l.options.Sets {
		l.layer = map[string]string{}
		full, value, separated := strings.Cut(pair, "=")
		f, ok := r.find(full)
		ok = ok && l.fits(f, value)
		switch {
		case !separated || !ok && !isKeyLike(full, value):
			l.fail("-x", "want KEY=VALUE, as in -x issuer.url=https://ci.example.com")
		case !ok:
			l.unknown(r, full, "-x ")
		default:
			l.set(ctx, f, value, "-x "+full)
		}
	}
}

// fits is false where a name with a separator in it would be a name of the user's only because nothing else is left of it,
// and the value is no object: then it was rather meant to be the key of one.
func (l *loader) fits(f found, value string) bool {
	return !f.loose || strings.HasPrefix(strings.TrimSpace(value), "{")
}

// unknown refuses the name of a key that -x or a flag gives, with what was probably meant.
func (l *loader) unknown(r resolver, full, by string) {
	at, rest := r.miss(full)
	prefix := ""
	if len(at.path) > 0 {
		prefix = join(at.path) + "."
	}
	if at.node.field == nil {
		if m := at.node.member(rest[0].text, false); m != nil && m.field != nil {
			at, rest = at.step(m, m.name), rest[1:]
		}
	}
	if at.node.field != nil { // what follows may be its value
		l.fail(by+join(at.written), "%s has a value, and no keys below it", join(at.written))
		return
	}
	var all []string
	for _, name := range at.node.spellings() {
		all = append(all, prefix+name)
	}
	meant := prefix + glue(rest)
	suggestion := nearest.Suggestion(meant, all)
	if len(rest) > 1 && at.node.each == nil { // what follows a misspelt name may be right
		if near := nearest.Name(rest[0].text, at.node.spellings()); near != "" {
			if f, ok := r.find(prefix + near + "." + glue(rest[1:])); ok {
				suggestion = nearest.Suggestion(join(f.path), []string{join(f.path)})
			}
		}
	}
	l.fail(by+full, "unknown key %q%s; allowed: %s", full, suggestion, strings.Join(at.node.names(), ", "))
}

func (l *loader) flags(ctx context.Context) {
	for _, flag := range l.options.Flags {
		l.layer = map[string]string{}
		if f, ok := (resolver{there: l.config.namesBelow}).find(flag.Key); ok {
			l.set(ctx, f, flag.Value, "--"+flag.Name)
		} else {
			l.unknown(resolver{}, flag.Key, "--"+flag.Name+": ")
		}
	}
}

// set sets a key to a text: as it is where the key takes text, and as JSON, or as Jsonnet, elsewhere.
func (l *loader) set(ctx context.Context, f found, text, origin string) {
	for _, j := range f.via {
		if j.alias.retired {
			l.warn(origin, "%s is retired; write %s", j.written, j.target)
		}
	}
	written := join(f.written)
	value, problem := parse(ctx, f.node, text)
	n := f.node
	switch holder := n.field == nil && n.alias == nil && len(n.names()) > 0; {
	case holder && (problem != "" || value.Kind() != '{' && value.Kind() != 'n'):
		l.fail(origin, "%s holds keys; set one of them: %s", written, strings.Join(n.names(), ", "))
	case problem != "":
		l.fail(origin, "%s: %s", written, problem)
	default:
		l.put(f, value, place{origin: func(string) string { return origin }, base: l.options.Dir})
	}
}

// parse makes a value of a text for a key. A problem never repeats the text.
func parse(ctx context.Context, n *node, text string) (value jsontext.Value, problem string) {
	want := "an object"
	converted := false
	if n.alias != nil {
		converted = n.alias.convert != nil
		n = schema().at(n.alias.to)
	}
	if f := n.field; f != nil {
		want = f.what
		if f.text && !converted {
			return quoted(text)
		}
	}
	if value = jsontext.Value(text); value.IsValid() {
		return value, ""
	}
	// A text where any value is allowed, but for what was meant to be JSON.
	if n.field != nil && n.field.loose && !strings.HasPrefix(strings.TrimSpace(text), "{") && !strings.HasPrefix(strings.TrimSpace(text), "[") && !strings.HasPrefix(text, `"`) {
		return quoted(text)
	}
	// Etcha's tutorials leave commas at the end. Nothing is imported, and nothing asked of the machine.
	program := jsonnet.Program{Entrypoint: "/value", Import: jsonnet.Memory(map[string]string{"/value": text})}
	evaluated, err := jsonnet.Run(ctx, program, jsonnet.Access{}, jsonnet.Limits{})
	if err != nil {
		return nil, "not JSON; want " + want
	}
	return evaluated, ""
}

func quoted(text string) (value jsontext.Value, problem string) {
	value, err := json.Marshal(text)
	if err != nil {
		return nil, "not UTF-8"
	}
	return value, ""
}
