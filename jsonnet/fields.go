package jsonnet

import (
	"fmt"
	"strings"

	"github.com/google/go-jsonnet/ast"
)

// Fields returns the lines of the fields that stand in the text itself, by their dotted path; what is computed or
// imported has none. A text that does not parse has no fields.
func Fields(file string, text []byte) map[string]int {
	root, err := parse(file, text)
	if err != nil {
		return map[string]int{}
	}
	return fields(root)
}

func fields(root ast.Node) map[string]int {
	lines := map[string]int{}
	collect(root, "", lines)
	return lines
}

func collect(node ast.Node, path string, lines map[string]int) {
	switch n := node.(type) {
	case *ast.Local:
		collect(n.Body, path, lines)
	case *ast.Parens:
		collect(n.Inner, path, lines)
	case *ast.Binary: // a + b
		collect(n.Left, path, lines)
		collect(n.Right, path, lines)
	case *ast.DesugaredObject:
		for _, field := range n.Fields {
			name, isText := field.Name.(*ast.LiteralString)
			if !isText {
				continue
			}
			at := path + name.Value
			lines[at] = field.LocRange.Begin.Line
			collect(field.Body, at+".", lines)
		}
	case *ast.Array:
		for i, element := range n.Elements {
			at := fmt.Sprintf("%s[%d]", strings.TrimSuffix(path, "."), i)
			if begin := element.Expr.Loc().Begin.Line; begin > 0 {
				lines[at] = begin
			}
			collect(element.Expr, at+".", lines)
		}
	}
}
