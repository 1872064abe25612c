package jsonnet

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/google/go-jsonnet/ast"
)

// literal returns the JSON of a tree in which nothing is left to evaluate, as most configurations are: it takes no machine, whose
// library alone costs a start of writ more than all that such a file says. false: evaluate it, which also says what is wrong.
func literal(node ast.Node) (text []byte, is bool) {
	switch n := node.(type) {
	case *ast.LiteralNull:
		return []byte("null"), true
	case *ast.LiteralBoolean:
		return strconv.AppendBool(nil, n.Value), true
	case *ast.LiteralNumber:
		return literalNumber(n, 1)
	case *ast.Unary:
		if number, isNumber := n.Expr.(*ast.LiteralNumber); isNumber && n.Op == ast.UopMinus {
			return literalNumber(number, -1)
		}
	case *ast.LiteralString:
		return literalText(n.Value)
	case *ast.Array:
		return literalArray(n)
	case *ast.DesugaredObject:
		return literalObject(n)
	}
	return nil, false
}

func literalNumber(n *ast.LiteralNumber, sign float64) (text []byte, is bool) {
	value, err := strconv.ParseFloat(n.OriginalString, 64)
	if err != nil {
		return nil, false
	}
	text, err = json.Marshal(sign * value)
	return text, err == nil
}

func literalText(value string) (text []byte, is bool) {
	if !utf8.ValidString(value) {
		return nil, false
	}
	text, err := json.Marshal(value)
	return text, err == nil
}

func literalArray(n *ast.Array) (text []byte, is bool) {
	text = []byte("[")
	for i, element := range n.Elements {
		if i > 0 {
			text = append(text, ',')
		}
		inner, is := literal(element.Expr)
		if !is {
			return nil, false
		}
		text = append(text, inner...)
	}
	return append(text, ']'), true
}

// literalObject leaves to the machine what is hidden, added to another object, asserted, computed, or there twice. The one
// local that it may have is $, which every outermost object has.
func literalObject(n *ast.DesugaredObject) (text []byte, is bool) {
	if len(n.Asserts) > 0 || len(n.Locals) > 1 || len(n.Locals) == 1 && n.Locals[0].Variable != "$" {
		return nil, false
	}
	text = []byte("{")
	names := make(map[string]bool, len(n.Fields))
	for _, field := range n.Fields {
		name, isText := field.Name.(*ast.LiteralString)
		if !isText || field.Hide == ast.ObjectFieldHidden || field.PlusSuper || names[name.Value] {
			return nil, false
		}
		if len(names) > 0 {
			text = append(text, ',')
		}
		names[name.Value] = true
		key, is := literalText(name.Value)
		inner, also := literal(field.Body)
		if !is || !also {
			return nil, false
		}
		text = append(append(append(text, key...), ':'), inner...)
	}
	return append(text, '}'), true
}
