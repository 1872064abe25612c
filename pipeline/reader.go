package pipeline

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/writ-run/writ/vars"
)

// reader reads nodes strictly and collects what is wrong.
type reader struct {
	file     string
	sources  map[string]bool // names of var sources; nil: not known here, so not checked
	dynamic  bool            // ((vars)) are filled in later: they may stand for anything
	imaged   bool            // the task step has an image of its own
	locals   map[string]int  // local vars that steps of this scope load -> line
	iterated []string        // vars of the across steps around: they are known in each iteration
	problems Errors
	warnings []Error
}

func (r *reader) at(n *node) Error { return Error{File: r.file, Line: n.line, Column: n.column} }

func (r *reader) fail(n *node, format string, arguments ...any) {
	e := r.at(n)
	e.Text = fmt.Sprintf(format, arguments...)
	r.problems = append(r.problems, e)
}

func (r *reader) warn(n *node, format string, arguments ...any) {
	e := r.at(n)
	e.Text = fmt.Sprintf(format, arguments...)
	r.warnings = append(r.warnings, e)
}

// later runs f, within which vars may stand for anything.
func (r *reader) later(f func()) {
	outer := r.dynamic
	r.dynamic = true
	f()
	r.dynamic = outer
}

// open says whether n is a ((var)) whose value is not known yet, and reports it where it would have to be.
func (r *reader) open(n *node, what string) bool {
	if n.kind != scalar || !n.open {
		return false
	}
	if r.dynamic {
		return true
	}
	local, iterated := r.localOnly(n)
	switch {
	case iterated:
	case local:
		r.fail(n, "%s: %s: of local vars only those of across can stand here, and no secret", what, n.bare())
	default:
		r.fail(n, "%s: %s must be known before the run: give the var with -v, -y or -l", what, n.bare())
	}
	return true
}

// localOnly says whether all vars in n are local, and whether they are all vars of the across steps around it.
func (r *reader) localOnly(n *node) (local, iterated bool) {
	refs, err := vars.References(n.value)
	if err != nil || len(refs) == 0 {
		return false, false
	}
	local, iterated = true, true
	for _, ref := range refs {
		local = local && ref.Source == vars.LocalSource
		iterated = iterated && local && slices.Contains(r.iterated, ref.Path)
	}
	return local, iterated
}

// object returns a mapping's fields by name, nil where n is none, after it has reported those that do not belong in it.
// whole is false where a field that is missing may be meant by one that is not known, or be part of a var.
func (r *reader) object(n *node, s schema) (fields map[string]*node, whole bool) {
	if r.open(n, s.what) {
		return nil, false
	}
	if n.kind != mapping {
		r.fail(n, "%s must be a mapping, not %s; allowed: %s", s.what, n.describe(), strings.Join(slices.Sorted(slices.Values(s.known)), ", "))
		return nil, false
	}
	fields, whole = map[string]*node{}, true
	for _, p := range n.pairs {
		name := p.key.text()
		switch {
		case slices.Contains(s.known, name):
			fields[name] = p.value
		case p.key.open || name == mergeKey && p.value.open:
			reference := p.key
			if !p.key.open {
				reference = p.value
			}
			r.open(&node{line: p.key.line, column: p.key.column, open: true, value: reference.value, shown: p.key.shown}, "a field of "+s.what)
			whole = false
		default:
			shown := name
			if p.key.secret {
				shown = p.key.shown
			}
			r.fail(p.key, "%s", s.explain(name, brief(shown)))
			whole = whole && slices.Contains(s.later, name)
		}
	}
	return fields, whole
}

// list returns the items of a list; a missing or null one is empty.
func (r *reader) list(n *node, what string) []*node {
	if n == nil || n.null() || r.open(n, what) {
		return nil
	}
	if n.kind != list {
		r.fail(n, "%s must be a list, not %s", what, n.describe())
		return nil
	}
	return n.items
}

// table returns the pairs of a mapping with any names; a missing or null one is empty.
func (r *reader) table(n *node, what string) []pair {
	if n == nil || n.null() || r.open(n, what) {
		return nil
	}
	if n.kind != mapping {
		r.fail(n, "%s must be a mapping, not %s", what, n.describe())
		return nil
	}
	return n.pairs
}

// text returns a string; "" and false where there is none to return.
func (r *reader) text(n *node, what string) (string, bool) {
	if n == nil || r.open(n, what) {
		return "", false
	}
	text, isText := n.value.(string)
	switch {
	case n.kind != scalar:
		r.fail(n, "%s must be a string, not %s", what, n.describe())
	case n.value == nil:
		r.fail(n, "%s must be a string, not null", what)
	case !isText && n.secret:
		r.fail(n, "%s must be a string; %s is %s", what, n.bare(), n.describe())
	case !isText:
		r.fail(n, "%s must be a string, not %s; write \"%s\"", what, n.describe(), n.bare())
	case strings.ContainsRune(text, 0):
		r.fail(n, "%s must not hold a NUL character", what)
	default:
		return text, true
	}
	return "", false
}

func (r *reader) boolean(n *node, what string) bool {
	if n == nil || n.null() || r.open(n, what) {
		return false
	}
	value, is := n.value.(bool)
	if n.kind != scalar || !is {
		r.fail(n, "%s must be true or false, not %s", what, n.found())
	}
	return value
}

// whole returns a whole number of at least least.
func (r *reader) whole(n *node, what string, least int64) int {
	if n == nil || n.null() || r.open(n, what) {
		return 0
	}
	value, is := n.value.(int64)
	if n.kind != scalar || !is || value < least || value > math.MaxInt32 {
		r.fail(n, "%s must be a whole number from %d to %d, not %s", what, least, math.MaxInt32, n.found())
		return 0
	}
	return int(value)
}

// duration returns a positive duration.
func (r *reader) duration(n *node, what string) time.Duration {
	if n == nil || n.null() || r.open(n, what) {
		return 0
	}
	value, err := time.ParseDuration(n.text())
	if n.kind != scalar || err != nil || value <= 0 {
		r.fail(n, "%s must be a duration above 0 such as \"90s\" or \"1h30m\", not %s", what, n.found())
		return 0
	}
	return value
}

// found is a value in an error that expected another.
func (n *node) found() string {
	if n.kind != scalar || n.value == nil {
		return n.describe()
	}
	if n.text() != "" || n.value == "" {
		return n.quoted()
	}
	return n.bare()
}

const maxName = 255 // bytes

// name returns a name that goes into identities, messages and directory names. What Concourse only warns of is a warning.
func (r *reader) name(n *node, what string) string {
	text, ok := r.text(n, what)
	if !ok {
		return ""
	}
	switch {
	case text == "":
		r.fail(n, "%s must not be empty", what)
	case len(text) > maxName:
		r.fail(n, "%s is %d bytes long; at most %d", what, len(text), maxName)
	case strings.ContainsFunc(text, unicode.IsControl):
		r.fail(n, "%s %s holds a control character", what, n.quoted())
	default:
		if flaw := identifierFlaw(text); flaw != "" {
			r.warn(n, "%s %s is not an identifier: %s", what, n.quoted(), flaw)
		}
	}
	return text
}

// identifierFlaw says why a name is not an identifier of Concourse's: a lowercase letter (or one of a script without case)
// or a digit, then also - _ and dots, and not digits alone.
func identifierFlaw(text string) string {
	letter := func(c rune) bool {
		return unicode.In(c, unicode.Ll, unicode.Lt, unicode.Lm, unicode.Lo) || '0' <= c && c <= '9'
	}
	digits := true
	for i, c := range text {
		switch {
		case i == 0 && !letter(c):
			return "it must start with a lowercase letter or a digit"
		case !letter(c) && !strings.ContainsRune("-_.", c):
			return fmt.Sprintf("%q is not allowed in it", c)
		}
		digits = digits && '0' <= c && c <= '9'
	}
	if digits {
		return "it must not be digits alone"
	}
	return ""
}

// references reports vars below n that can never be found: of a source that is not declared.
func (r *reader) references(n *node) {
	if n == nil {
		return
	}
	for _, item := range n.items {
		r.references(item)
	}
	for _, p := range n.pairs {
		r.references(p.key)
		r.references(p.value)
	}
	if n.kind != scalar || !n.open {
		return
	}
	refs, err := vars.References(n.value)
	if err != nil {
		r.fail(n, "%v", err)
		return
	}
	for _, ref := range refs {
		if ref.Source != "" && ref.Source != vars.LocalSource && r.sources != nil && !r.sources[ref.Source] {
			r.fail(n, "((%s)): no var source %q%s", ref, ref.Source, declared(ref.Source, r.sources))
		}
	}
}
