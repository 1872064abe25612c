package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/writ-run/writ/vars"
)

// rebuilder makes nodes of a tree whose vars were replaced. Their places, and what errors may print, are those of the tree
// as it was written. Where the two differ, the difference came out of a var and is not shown.
type rebuilder struct {
	file  string
	live  bool // more vars may be replaced later
	local bool // it is local vars that replace replaces
}

func (r rebuilder) node(value any, like *node) (*node, error) {
	n := &node{line: like.line, column: like.column, secret: like.secret, shown: like.shown, anchored: like.anchored}
	switch v := value.(type) {
	case []any:
		n.kind = list
		for i, item := range v {
			from := like.hidden()
			if like.kind == list && i < len(like.items) {
				from = like.items[i]
			}
			inner, err := r.node(item, from)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, inner)
		}
		return n, nil
	case map[string]any:
		return n, r.pairs(n, v, like)
	case nil, string, bool, int64, uint64, float64:
		n.value = v
	case int:
		n.value = int64(v)
	case json.Number:
		n.value = number(v.String())
	default:
		return nil, Error{File: r.file, Line: like.line, Column: like.column, Text: fmt.Sprintf("%s: a %T is not a YAML value", like.bare(), value)}
	}
	n.secret = n.secret || like.kind != scalar || like.value != n.value
	text, isText := n.value.(string)
	n.open = r.live && isText && hasVars(text)
	return n, nil
}

// pairs fills n with m: first the keys that like has too, in its order, then those that came out of a var.
func (r rebuilder) pairs(n *node, m map[string]any, like *node) error {
	n.kind = mapping
	add := func(name string, key, value *node) error {
		inner, err := r.node(m[name], value)
		if err != nil {
			return err
		}
		n.pairs = append(n.pairs, pair{&node{line: key.line, column: key.column, value: name, shown: key.shown, secret: key.secret, anchored: key.anchored}, inner})
		return nil
	}
	known := map[string]bool{}
	for _, p := range like.pairs {
		name := p.key.text()
		if _, kept := m[name]; !kept {
			continue
		}
		known[name] = true
		if err := add(name, p.key, p.value); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if known[name] {
			continue
		}
		if err := add(name, like.hidden(), like.hidden()); err != nil {
			return err
		}
	}
	return nil
}

// replace fills in the static vars, or the local ones, below n; other references stay.
func (r rebuilder) replace(n *node, static map[string]any, count *int) (*node, error) {
	switch {
	case n.kind == scalar && n.open:
		fill := vars.Replace
		if r.local {
			fill = vars.ReplaceLocal
		}
		value, err := fill(n.value, static)
		if err != nil {
			return nil, Error{File: r.file, Line: n.line, Column: n.column, Text: err.Error()}
		}
		return r.node(value, n)
	case n.kind == list:
		all := &node{line: n.line, column: n.column, kind: list}
		for _, item := range n.items {
			inner, err := r.replace(item, static, count)
			if err != nil {
				return nil, err
			}
			all.items = append(all.items, inner)
		}
		return all, nil
	case n.kind == mapping:
		all := &node{line: n.line, column: n.column, kind: mapping}
		for _, p := range n.pairs {
			key, err := r.replace(p.key, static, count)
			if err != nil {
				return nil, err
			}
			text, err := key.scalarText()
			if key.kind != scalar || err != nil {
				return nil, Error{File: r.file, Line: n.line, Column: n.column, Text: fmt.Sprintf("key %s: its var is %s; a key is a string", p.key.quoted(), key.describe())}
			}
			key.value = text
			value, err := r.replace(p.value, static, count)
			if err != nil {
				return nil, err
			}
			all.pairs = append(all.pairs, pair{key, value})
		}
		return all, settle(r.file, all, count)
	}
	return n, nil
}

// hidden stands for what came out of a var at n.
func (n *node) hidden() *node {
	shown := n.shown
	if n.kind != scalar || !strings.Contains(shown, "((") {
		shown = "((...))"
	}
	return &node{line: n.line, column: n.column, shown: shown, secret: true}
}
