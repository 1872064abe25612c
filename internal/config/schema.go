package config

import (
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// field is one key of the configuration that has a value. A * in a key stands for a name of the user's.
type field struct {
	key     string
	what    string // what is allowed
	text    bool   // a variable or flag gives its text as it is, not JSON
	loose   bool   // a variable or flag gives JSON, or a text as it is where that is no JSON
	path    bool   // a path: relative to the file, or to the working directory
	bare    bool   // with path: a name without a slash is looked for by its user, and stays as it is
	idle    string // why it has no effect here; it is taken with a warning
	refused string // why it is refused
	pointer func(c *Config, names []string) any
	members map[string][]string // of objects in it, by pattern: "", "files"
}

// object is a key that has other keys below it and is more than the way to them.
type object struct {
	key      string
	optional bool                                         // shown with nothing in it where nothing of it is set
	make     func(c *Config, names []string)              // what its presence alone does
	null     func(c *Config, names []string)              // what null does; nil: nothing
	list     func(jsontext.Value) (jsontext.Value, error) // makes an object of the list that it was once
}

// alias is another name of a key.
type alias struct {
	key, to string
	retired bool                                         // used with a warning
	convert func(jsontext.Value) (jsontext.Value, error) // of the value; nil: it is the same
}

// node is a place in the tree of all keys.
type node struct {
	key     string // with * for names
	name    string
	field   *field // nil: there are keys below it
	object  object
	alias   *alias
	members []*node
	each    *node // what is below each name
}

// schema is the tree of all keys. It is made once and never changes.
var schema = sync.OnceValue(func() *node {
	root := &node{}
	for _, section := range sections() {
		root.insert(section)
	}
	for _, fields := range [][]field{writFields(), etchaFields(), idleFields(), agentFields(), sourceFields(), targetFields()} {
		root.put(fields)
	}
	for _, h := range execs() {
		root.put(h.fields())
	}
	for _, o := range objects() {
		root.insert(o.key).object = o
	}
	others := aliases()
	for i := range others {
		root.insert(others[i].key).alias = &others[i]
	}
	return root
})

// sections are the keys at the top, in the order in which they are named.
func sections() []string {
	return []string{"issuer", "server", "container", "build", "exec", "run", "sources", "targets", "vars", "lint", "httpServer", "httpClient", "cli", "jsonnet", "test"}
}

func split(key string) []string { return strings.Split(key, ".") }
func join(path []string) string { return strings.Join(path, ".") }

// insert returns the node of a key, which it makes where there is none.
func (n *node) insert(key string) *node {
	at, end := n, -len(".")
	for name := range strings.SplitSeq(key, ".") {
		end += len(".") + len(name)
		next := at.each
		if name != "*" {
			next = at.member(name, false)
		}
		if next == nil {
			next = &node{key: key[:end], name: name}
			if name == "*" {
				at.each = next
			} else {
				at.members = append(at.members, next)
			}
		}
		at = next
	}
	return at
}

// put inserts fields.
func (n *node) put(fields []field) {
	for i := range fields {
		n.insert(fields[i].key).field = &fields[i]
	}
}

// member returns what is below a name that the schema knows, or nil.
func (n *node) member(name string, anyCase bool) *node {
	for _, m := range n.members {
		if m.name == name || anyCase && strings.EqualFold(m.name, name) {
			return m
		}
	}
	return nil
}

// below returns what is below any name, or nil.
func (n *node) below(name string) *node {
	if m := n.member(name, false); m != nil {
		return m
	}
	return n.each
}

// names are the names of members that are worth proposing: all but those that are retired or do nothing.
func (n *node) names() []string {
	var all []string
	for _, m := range n.members {
		if m.alias != nil || m.field != nil && (m.field.idle != "" || m.field.refused != "") || !m.hasValues() {
			continue
		}
		all = append(all, m.name)
	}
	return all
}

// hasValues is false for what only leads to other names of keys.
func (n *node) hasValues() bool {
	return n.field != nil || n.each != nil || slices.ContainsFunc(n.members, func(m *node) bool { return m.alias == nil })
}

// spellings are the names and their other spellings that are not retired.
func (n *node) spellings() []string {
	all := n.names()
	for _, m := range n.members {
		if m.alias != nil && !m.alias.retired {
			all = append(all, m.name)
		}
	}
	return all
}

// userNames are the elements of a path where the key has a *.
func (n *node) userNames(path []string) []string {
	var names []string
	for i, name := range split(n.key) {
		if name == "*" {
			names = append(names, path[i])
		}
	}
	return names
}

// at returns the node of a key that is in the tree.
func (n *node) at(key string) *node {
	for _, name := range split(key) {
		if name == "*" {
			n = n.each
		} else {
			n = n.member(name, false)
		}
	}
	return n
}

// target is what an alias stands for, with its path where the alias has this one.
func (n *node) target(path []string) (*node, []string) {
	names, to := n.userNames(path), split(n.alias.to)
	for i, name := range to {
		if name == "*" {
			to[i], names = names[0], names[1:]
		}
	}
	return schema().at(n.alias.to), to
}

// walk calls visit with each node below this one.
func (n *node) walk(visit func(*node)) {
	for _, m := range n.members {
		visit(m)
		m.walk(visit)
	}
	if n.each != nil {
		visit(n.each)
		n.each.walk(visit)
	}
}
