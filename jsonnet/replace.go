package jsonnet

import "github.com/google/go-jsonnet/ast"

// useNatives has a tree use our functions for std.native. The evaluator's own native functions have no optional parameters,
// and programs call std.native('getEnv')(key) as well as std.native('getEnv')(key, cache=true). So in the tree
//
//	std.native         becomes   std.extVar("<native>").native
//	std, as a value    becomes   std + std.extVar("<native>")
//
// where that external variable is the object of native.libsonnet. Texts stay as they are, and so does every place in them.
func useNatives(node ast.Node) { replaceNatives(&node) }

func replaceNatives(at *ast.Node) {
	switch n := (*at).(type) {
	case *ast.Var:
		if n.Id == "std" {
			*at = &ast.Binary{NodeBase: stdBase(n), Left: n, Op: ast.BopPlus, Right: nativeObject(n)}
		}
	case *ast.Index:
		if std, isVar := n.Target.(*ast.Var); isVar && std.Id == "std" {
			if name, isText := n.Index.(*ast.LiteralString); isText {
				if name.Value == "native" {
					n.Target = nativeObject(std)
				}
				return
			}
		}
		replaceNatives(&n.Target)
		replaceNatives(&n.Index)
	case *ast.Apply:
		replaceNatives(&n.Target)
		for i := range n.Arguments.Positional {
			replaceNatives(&n.Arguments.Positional[i].Expr)
		}
		for i := range n.Arguments.Named {
			replaceNatives(&n.Arguments.Named[i].Arg)
		}
	case *ast.Array:
		for i := range n.Elements {
			replaceNatives(&n.Elements[i].Expr)
		}
	case *ast.Binary:
		replaceNatives(&n.Left)
		replaceNatives(&n.Right)
	case *ast.Conditional:
		replaceNatives(&n.Cond)
		replaceNatives(&n.BranchTrue)
		replaceNatives(&n.BranchFalse)
	case *ast.DesugaredObject:
		replaceInObject(n)
	case *ast.Error:
		replaceNatives(&n.Expr)
	case *ast.Function:
		replaceInFunction(n)
	case *ast.InSuper:
		replaceNatives(&n.Index)
	case *ast.SuperIndex:
		replaceNatives(&n.Index)
	case *ast.Local:
		if binds(n.Binds) {
			return
		}
		replaceInBinds(n.Binds)
		replaceNatives(&n.Body)
	case *ast.Parens:
		replaceNatives(&n.Inner)
	case *ast.Unary:
		replaceNatives(&n.Expr)
	}
}

// Where a program gives the name std to something else, that is what it means.

func binds(list ast.LocalBinds) bool {
	for _, bind := range list {
		if bind.Variable == "std" {
			return true
		}
	}
	return false
}

func replaceInBinds(list ast.LocalBinds) {
	for i := range list {
		if list[i].Fun != nil {
			replaceInFunction(list[i].Fun)
		}
		if list[i].Body != nil {
			replaceNatives(&list[i].Body)
		}
	}
}

func replaceInFunction(f *ast.Function) {
	for _, parameter := range f.Parameters {
		if parameter.Name == "std" {
			return
		}
	}
	for i := range f.Parameters {
		if f.Parameters[i].DefaultArg != nil {
			replaceNatives(&f.Parameters[i].DefaultArg)
		}
	}
	replaceNatives(&f.Body)
}

func replaceInObject(o *ast.DesugaredObject) {
	for i := range o.Fields {
		replaceNatives(&o.Fields[i].Name)
	}
	if binds(o.Locals) {
		return
	}
	replaceInBinds(o.Locals)
	for i := range o.Asserts {
		replaceNatives(&o.Asserts[i])
	}
	for i := range o.Fields {
		replaceNatives(&o.Fields[i].Body)
	}
}

// nativeObject is std.extVar("<native>"), at the place of a std.
func nativeObject(std *ast.Var) ast.Node {
	literal := func(text string) *ast.LiteralString {
		return &ast.LiteralString{NodeBase: ast.NodeBase{LocRange: std.LocRange}, Value: text, Kind: ast.StringDouble}
	}
	return &ast.Apply{
		NodeBase: stdBase(std),
		Target: &ast.Index{
			NodeBase: stdBase(std),
			Target:   &ast.Var{NodeBase: stdBase(std), Id: "std"},
			Index:    literal("extVar"),
		},
		Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: literal(nativeFile)}}},
	}
}

// stdBase is a node's place and its only free variable.
func stdBase(std *ast.Var) ast.NodeBase {
	return ast.NodeBase{LocRange: std.LocRange, Ctx: std.Ctx, FreeVars: ast.Identifiers{"std"}}
}
