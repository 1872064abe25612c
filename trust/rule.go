package trust

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/writ-run/writ/policy"
)

// node is a part of what must hold, as every party's language is made from it. Its text is the user's.
type node interface{ String() string }

type (
	text string
	// all holds where every part does, read from left to right.
	all struct {
		text
		parts []node
	}
	// anyOf holds where one part does.
	anyOf struct {
		text
		parts []node
	}
	// negation holds where its part does not.
	negation struct {
		text
		part node
	}
	// compare compares the claim at a path. Values has one element but for the operator in.
	compare struct {
		text
		path   []string
		op     operator
		values []any // string, float64 or bool
	}
	// present holds where the claim is there.
	present struct {
		text
		path []string
	}
	// opaque is what we have no words for ourselves.
	opaque struct{ text }
)

func (t text) String() string { return string(t) }

type operator string

const (
	equal     operator = "=="
	unequal   operator = "!="
	in        operator = "in"
	less      operator = "<"
	atMost    operator = "<="
	more      operator = ">"
	atLeast   operator = ">="
	hasPrefix operator = "startsWith"
	hasSuffix operator = "endsWith"
	holds     operator = "contains"
	matches   operator = "matches" // anchored, RE2
	member    operator = "member"  // the value is an element of the claim, which is a list
)

// turned is the operator with its sides exchanged.
var turned = map[string]operator{"==": equal, "!=": unequal, "<": more, "<=": atLeast, ">": less, ">=": atMost}

// parseRule compiles a rule, so that whatever policy refuses is refused here in the same words, and reads its tree.
func parseRule(source string) (node, error) {
	if _, err := policy.Compile(source); err != nil {
		return nil, err
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, err
	}
	return read(tree.Node), nil
}

func read(n ast.Node) node {
	t := text(n.String())
	switch n := n.(type) {
	case *ast.BinaryNode:
		return readBinary(t, n)
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			part := read(n.Node)
			if c, is := part.(compare); is && c.op == equal && c.values[0] == any(true) {
				return compare{t, c.path, equal, []any{false}} // `not privileged`: more parties have words for this
			}
			return negation{t, part}
		}
	case *ast.BoolNode:
		if n.Value {
			return all{text: t}
		}
		return anyOf{text: t}
	case *ast.IdentifierNode, *ast.MemberNode:
		if path := readPath(n); path != nil {
			return compare{t, path, equal, []any{true}}
		}
	case *ast.CallNode: // has, the only function that policy lets through
		if name, isText := n.Arguments[0].(*ast.StringNode); isText {
			return present{t, strings.Split(name.Value, ".")}
		}
	}
	return opaque{t}
}

func readBinary(t text, n *ast.BinaryNode) node {
	switch n.Operator {
	case "&&", "and":
		return all{t, append(flat[all](read(n.Left)), flat[all](read(n.Right))...)}
	case "||", "or":
		return merge(anyOf{t, append(flat[anyOf](read(n.Left)), flat[anyOf](read(n.Right))...)})
	case "not in":
		return negation{t, readBinary(t, &ast.BinaryNode{Operator: "in", Left: n.Left, Right: n.Right})}
	case "in":
		path := readPath(n.Left)
		if list, isList := n.Right.(*ast.ArrayNode); isList && path != nil {
			var values []any
			for _, element := range list.Nodes {
				value, known := readValue(element)
				if !known {
					return opaque{t}
				}
				if len(values) > 0 && kind(value) != kind(values[0]) {
					return opaque{t}
				}
				values = append(values, value)
			}
			if len(values) == 0 {
				return anyOf{text: t} // nothing is in an empty list
			}
			return compare{t, path, in, values}
		}
		value, known := readValue(n.Left)
		if path := readPath(n.Right); path != nil && known {
			return compare{t, path, member, []any{value}}
		}
		return opaque{t}
	}
	op := operator(n.Operator)
	if !slices.Contains([]operator{equal, unequal, less, atMost, more, atLeast, hasPrefix, hasSuffix, holds, matches}, op) {
		return opaque{t}
	}
	path, value, known := readPath(n.Left), any(nil), false
	if path != nil {
		value, known = readValue(n.Right)
	} else if flipped, can := turned[n.Operator]; can {
		op, path = flipped, readPath(n.Right)
		value, known = readValue(n.Left)
	}
	if path == nil || !known {
		return opaque{t}
	}
	return compare{t, path, op, []any{value}}
}

// flat are the parts of a node of the same kind, or the node itself.
func flat[K all | anyOf](n node) []node {
	if same, is := n.(K); is {
		switch same := any(same).(type) {
		case all:
			return same.parts
		case anyOf:
			return same.parts
		}
	}
	return []node{n}
}

// merge makes one comparison of `job == "a" || job == "b"`: more parties have words for a list of values.
func merge(n anyOf) node {
	var merged compare
	for i, part := range n.parts {
		c, is := part.(compare)
		if !is || c.op != equal && c.op != in || i > 0 && (!slices.Equal(c.path, merged.path) || kind(c.values[0]) != kind(merged.values[0])) {
			return n
		}
		merged.path = c.path
		merged.values = append(merged.values, c.values...)
	}
	return compare{n.text, merged.path, in, merged.values}
}

func kind(value any) string { return fmt.Sprintf("%T", value) }

// readPath is the claim that a node reads, nil for anything else.
func readPath(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return []string{n.Value}
	case *ast.MemberNode:
		base := readPath(n.Node)
		name, isText := n.Property.(*ast.StringNode)
		if base == nil || !isText {
			return nil
		}
		return append(slices.Clone(base), name.Value)
	}
	return nil
}

func readValue(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IntegerNode:
		return float64(n.Value), math.Abs(float64(n.Value)) < 1<<53
	case *ast.FloatNode:
		return n.Value, true
	}
	return nil, false
}

// conjuncts are the conditions that must all hold.
func conjuncts(n node) []node {
	if a, is := n.(all); is {
		var parts []node
		for _, part := range a.parts {
			parts = append(parts, conjuncts(part)...)
		}
		return parts
	}
	return []node{n}
}

// is makes the condition that a claim equals a name.
func is(value string, path ...string) compare {
	claim := path[0]
	for _, name := range path[1:] {
		claim += fmt.Sprintf("[%q]", name)
	}
	return compare{text(fmt.Sprintf("%s == %q", claim, value)), path, equal, []any{value}}
}

// always are the claims that every identity token of a job has; reading one never fails.
var always = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "team", "teamid", "buildid", "privileged"}

// total tells whether a node can be computed for every identity token.
func total(n node) bool {
	switch n := n.(type) {
	case all:
		return !slices.ContainsFunc(n.parts, func(p node) bool { return !total(p) })
	case anyOf:
		return !slices.ContainsFunc(n.parts, func(p node) bool { return !total(p) })
	case negation:
		return total(n.part)
	case compare:
		return len(n.path) == 1 && slices.Contains(always, n.path[0])
	case present:
		return true
	}
	return false
}
