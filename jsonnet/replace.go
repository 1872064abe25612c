package jsonnet

import "github.com/google/go-jsonnet/ast"

// replacer has a tree use what is ours in place of what is the evaluator's. The evaluator's own native functions have no optional
// parameters, and programs call std.native('getEnv')(key) as well as std.native('getEnv')(key, cache=true); and its formats are
// slow. So in the tree
//
//	std.native            becomes   std.extVar("<native>").native
//	std, as a value       becomes   std + std.extVar("<native>")
//	a % b, std.mod        become    std.extVar("<format>").mod
//	std.format            becomes   std.extVar("<format>").format
//
// where those external variables are the objects of trees/native.libsonnet and trees/format.libsonnet. Texts stay as they are, and so does
// every place in them.
type replacer struct {
	natives bool // the program may speak of std.native
	formats bool
	renamed bool // std is a name of the program's own here, and what it means by it
	imports func(path string)
}

// desugared is the name by which operators call the library. Programs cannot use it.
const desugared = "$std"

func (r replacer) replace(at *ast.Node) {
	switch n := (*at).(type) {
	case *ast.Var:
		if n.Id == "std" && r.natives && !r.renamed {
			*at = &ast.Binary{NodeBase: stdBase(n), Left: n, Op: ast.BopPlus, Right: external(n, nativeName)}
		}
	case *ast.Index:
		if std, isVar := n.Target.(*ast.Var); isVar && (std.Id == "std" && !r.renamed || std.Id == desugared) {
			if name, isText := n.Index.(*ast.LiteralString); isText {
				r.member(n, std, name.Value)
				return
			}
		}
		r.replace(&n.Target)
		r.replace(&n.Index)
	case *ast.Import:
		r.imports(n.File.Value)
	case *ast.Apply:
		r.replace(&n.Target)
		for i := range n.Arguments.Positional {
			r.replace(&n.Arguments.Positional[i].Expr)
		}
		for i := range n.Arguments.Named {
			r.replace(&n.Arguments.Named[i].Arg)
		}
	case *ast.Array:
		for i := range n.Elements {
			r.replace(&n.Elements[i].Expr)
		}
	case *ast.Binary:
		r.replace(&n.Left)
		r.replace(&n.Right)
	case *ast.Conditional:
		r.replace(&n.Cond)
		r.replace(&n.BranchTrue)
		r.replace(&n.BranchFalse)
	case *ast.DesugaredObject:
		r.object(n)
	case *ast.Error:
		r.replace(&n.Expr)
	case *ast.Function:
		r.function(n)
	case *ast.InSuper:
		r.replace(&n.Index)
	case *ast.SuperIndex:
		r.replace(&n.Index)
	case *ast.Local:
		r = r.within(n.Binds)
		r.binds(n.Binds)
		r.replace(&n.Body)
	case *ast.Parens:
		r.replace(&n.Inner)
	case *ast.Unary:
		r.replace(&n.Expr)
	}
}

// member replaces the library where one of its members is ours.
func (r replacer) member(n *ast.Index, std *ast.Var, name string) {
	switch {
	case name == "native" && r.natives && std.Id != desugared:
		n.Target = external(std, nativeName)
	case (name == "mod" || name == "format") && r.formats:
		n.Target = external(std, formatName)
	}
}

// within is what holds below names that are bound.
func (r replacer) within(list ast.LocalBinds) replacer {
	for _, bind := range list {
		r.renamed = r.renamed || bind.Variable == "std"
	}
	return r
}

func (r replacer) binds(list ast.LocalBinds) {
	for i := range list {
		if list[i].Fun != nil {
			r.function(list[i].Fun)
		}
		if list[i].Body != nil {
			r.replace(&list[i].Body)
		}
	}
}

func (r replacer) function(f *ast.Function) {
	for _, parameter := range f.Parameters {
		r.renamed = r.renamed || parameter.Name == "std"
	}
	for i := range f.Parameters {
		if f.Parameters[i].DefaultArg != nil {
			r.replace(&f.Parameters[i].DefaultArg)
		}
	}
	r.replace(&f.Body)
}

func (r replacer) object(o *ast.DesugaredObject) {
	for i := range o.Fields {
		r.replace(&o.Fields[i].Name)
	}
	r = r.within(o.Locals)
	r.binds(o.Locals)
	for i := range o.Asserts {
		r.replace(&o.Asserts[i])
	}
	for i := range o.Fields {
		r.replace(&o.Fields[i].Body)
	}
}

// external is std.extVar(name), at the place of a std.
func external(std *ast.Var, name string) ast.Node {
	literal := func(text string) *ast.LiteralString {
		return &ast.LiteralString{NodeBase: ast.NodeBase{LocRange: std.LocRange}, Value: text, Kind: ast.StringDouble}
	}
	return &ast.Apply{
		NodeBase: stdBase(std),
		Target: &ast.Index{
			NodeBase: stdBase(std),
			Target:   &ast.Var{NodeBase: stdBase(std), Id: std.Id},
			Index:    literal("extVar"),
		},
		Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: literal(name)}}},
	}
}

// stdBase is a node's place and its only free variable.
func stdBase(std *ast.Var) ast.NodeBase {
	return ast.NodeBase{LocRange: std.LocRange, Ctx: std.Ctx, FreeVars: ast.Identifiers{std.Id}}
}
