package config

import (
	"slices"
	"strings"
)

// found is where the name of a key leads.
type found struct {
	node    *node
	path    []string
	written []string // the path as it was written, with names that are retired
	via     []jump   // names on the way that stand for others
	loose   bool     // a name of the user's has a separator in it, and nothing follows that would show it to be one
}

// jump is a name that stands for another.
type jump struct {
	alias           *alias
	written, target string
}

// token is a part of a name, with what separates it from the part before.
type token struct{ separator, text string }

// tokens splits a name at dots and underscores.
func tokens(name string) []token {
	all := []token{{}}
	for _, r := range name {
		if r == '.' || r == '_' {
			all = append(all, token{separator: string(r)})
			continue
		}
		all[len(all)-1].text += string(r)
	}
	return all
}

func glue(of []token) string {
	text := of[0].text
	for _, t := range of[1:] {
		text += t.separator + t.text
	}
	return text
}

// resolver finds the key that a name means. Dots and underscores both separate; those within a name of the user's belong
// to it. Where a name can be read in two ways, the shorter name of the user's counts.
type resolver struct {
	anyCase bool                         // of what the schema knows; a name of the user's is then one that is there already, if any is
	there   func(path []string) []string // the user's names that are there
}

func (r resolver) find(name string) (found, bool) {
	return r.walk(found{node: schema()}, tokens(name))
}

func (r resolver) walk(at found, rest []token) (found, bool) {
	if len(rest) == 0 {
		return at, true
	}
	if a := at.node.alias; a != nil {
		written := join(at.written)
		at.node, at.path = at.node.target(at.path)
		at.via = append(slices.Clone(at.via), jump{a, written, join(at.path)})
	}
	if m := at.node.member(rest[0].text, r.anyCase); m != nil {
		if f, ok := r.walk(at.step(m, m.name), rest[1:]); ok {
			return f, true
		}
	}
	if at.node.each == nil {
		return found{}, false
	}
	for i := 1; i <= len(rest); i++ {
		name := glue(rest[:i])
		if name == "" {
			continue
		}
		if f, ok := r.walk(at.step(at.node.each, r.known(at.path, name)), rest[i:]); ok {
			f.loose = f.loose || i > 1 && i == len(rest) && at.node.each.field == nil
			return f, true
		}
	}
	return found{}, false
}

func (f found) step(n *node, name string) found {
	f.node = n
	f.path = append(slices.Clone(f.path), name)
	f.written = append(slices.Clone(f.written), name)
	return f
}

// known returns the user's name that is there and is this one but for case.
func (r resolver) known(path []string, name string) string {
	if !r.anyCase {
		return name
	}
	there := r.there(path)
	if slices.Contains(there, name) {
		return name
	}
	if i := slices.IndexFunc(there, func(other string) bool { return strings.EqualFold(other, name) }); i >= 0 {
		return there[i]
	}
	return name
}

// miss tells how far a name that leads nowhere can be followed: to a node, and from there what is left of it.
func (r resolver) miss(name string) (at found, rest []token) {
	at, rest = found{node: schema()}, tokens(name)
	for len(rest) > 0 {
		if at.node.alias != nil {
			at.node, at.path = at.node.target(at.path)
		}
		next := at.node.member(rest[0].text, r.anyCase)
		if next == nil {
			next = at.node.each
		}
		if next == nil || next.field != nil && len(rest) > 1 || rest[0].text == "" {
			break
		}
		name := rest[0].text
		if next.name != "*" {
			name = next.name
		}
		at, rest = at.step(next, name), rest[1:]
	}
	return at, rest
}
