package jsonnet

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

// literal returns the JSON of a tree in which nothing is left to evaluate, as most configurations are: it takes no machine, whose
// library alone costs a start of writ more than all that such a file says. false: evaluate it, which also says what is wrong.
func literal(node ast.Node) (text string, is bool) {
	value, is := literalValue(node)
	if !is {
		return "", false
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "   ") // as the evaluator's
	if err := encoder.Encode(value); err != nil {
		return "", false
	}
	return out.String(), true
}

// maxLiteral bounds what Literal reads, and literalNesting how deep it goes.
const (
	maxLiteral     = 64 << 10
	literalNesting = 200
)

// Literal returns the JSON of a program that is one small file of plain data, as many orders are: it is what Run returns, and
// nothing is evaluated, so that no process apart has to. false: Run it, which also says what is wrong.
func Literal(p Program, l Limits) (json []byte, is bool) {
	name, text, err := p.Import("", p.Entrypoint)
	if err != nil || len(text) > l.OrDefaults().Bytes {
		return nil, false
	}
	json, _, is = LiteralFields(name, text)
	return json, is && len(json) <= l.OrDefaults().Bytes
}

// LiteralFields is Literal for a text, with its Fields: nil where it was not parsed.
func LiteralFields(file string, text []byte) (json []byte, lines map[string]int, is bool) {
	if len(text) > maxLiteral || nesting(text) > literalNesting {
		return nil, nil, false
	}
	defer func() {
		if recover() != nil { // of the parser: not this program's end
			json, lines, is = nil, nil, false
		}
	}()
	growStack()
	node, err := jsonnet.SnippetToAST(file, string(text))
	if err != nil {
		return nil, nil, false
	}
	result, is := literal(node)
	return []byte(result), fields(node), is
}

func literalValue(node ast.Node) (value any, is bool) {
	switch n := node.(type) {
	case *ast.LiteralNull:
		return nil, true
	case *ast.LiteralBoolean:
		return n.Value, true
	case *ast.LiteralNumber:
		number, err := strconv.ParseFloat(n.OriginalString, 64)
		return number, err == nil
	case *ast.Unary:
		if _, isNumber := n.Expr.(*ast.LiteralNumber); !isNumber || n.Op != ast.UopMinus {
			return nil, false
		}
		number, is := literalValue(n.Expr)
		if !is {
			return nil, false
		}
		return -number.(float64), true
	case *ast.LiteralString:
		return n.Value, utf8.ValidString(n.Value)
	case *ast.Array:
		list := make([]any, len(n.Elements))
		for i, element := range n.Elements {
			if list[i], is = literalValue(element.Expr); !is {
				return nil, false
			}
		}
		return list, true
	case *ast.DesugaredObject:
		return literalObject(n)
	}
	return nil, false
}

// literalObject leaves to the machine what is hidden, added to another object, asserted, computed, or there twice. The one
// local that it may have is $, which every outermost object has.
func literalObject(n *ast.DesugaredObject) (value any, is bool) {
	if len(n.Asserts) > 0 || len(n.Locals) > 1 || len(n.Locals) == 1 && n.Locals[0].Variable != "$" {
		return nil, false
	}
	object := make(map[string]any, len(n.Fields))
	for _, field := range n.Fields {
		name, isText := field.Name.(*ast.LiteralString)
		if !isText || !utf8.ValidString(name.Value) || field.Hide == ast.ObjectFieldHidden || field.PlusSuper {
			return nil, false
		}
		if _, twice := object[name.Value]; twice {
			return nil, false
		}
		if object[name.Value], is = literalValue(field.Body); !is {
			return nil, false
		}
	}
	return object, true
}
