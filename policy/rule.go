package policy

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
	"github.com/go-json-experiment/json"
)

// The bounds of a rule.
const (
	maxSource = 4096    // bytes of text
	maxNodes  = 512     // parts of the expression
	maxMemory = 100_000 // elements that an evaluation may make
)

// builtins of expr that rules may use: none has an effect, and none makes much of little.
var builtins = []string{"len", "lower", "upper", "trim", "all", "any", "one", "none"}

// Rule is a compiled rule. The zero value refuses everything.
type Rule struct {
	source  string
	program *vm.Program
	roots   map[string]string // the top-level claims that it reads, by themselves
	free    *sync.Pool        // of *evaluator
}

// String returns the rule's text.
func (r Rule) String() string { return r.source }

// Compile compiles a rule: a boolean expression (expr-lang) over the claims by name. `aud` is always a list; `matches`
// is anchored at both ends and takes a literal pattern (RE2); `has("claim")` tells whether a claim is there, and
// reading one that is not refuses. A rule that can be seen not to be boolean is refused here.
func Compile(source string) (Rule, error) {
	if strings.TrimSpace(source) == "" {
		return Rule{}, errors.New("the rule is empty")
	}
	if len(source) > maxSource {
		return Rule{}, fmt.Errorf("the rule has %d bytes; at most %d are taken", len(source), maxSource)
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return Rule{}, err
	}
	c := &checker{roots: map[string]string{}}
	ast.Walk(&tree.Node, c)
	if c.problem != nil {
		return Rule{}, c.problem
	}
	options := []expr.Option{expr.Env(new(environment).functions()), expr.AsBool(), expr.MaxNodes(maxNodes), expr.Patch(patcher{}), expr.DisableAllBuiltins()}
	for _, name := range builtins {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(source, options...)
	if err != nil {
		return Rule{}, err
	}
	return Rule{source: source, program: program, roots: c.roots, free: &sync.Pool{New: func() any { return newEvaluator() }}}, nil
}

var errNone = errors.New("no rule was compiled")

// Eval tells whether the rule holds for claims as JSON decodes them. An error refuses: it is a *MissingError, or says
// what could not be computed.
func (r Rule) Eval(claims map[string]any) (bool, error) {
	if r.program == nil {
		return false, errNone
	}
	if one, isString := claims["aud"].(string); isString {
		copied := make(map[string]any, len(claims))
		for name, value := range claims {
			copied[name] = value
		}
		copied["aud"] = []any{one}
		claims = copied
	}
	return r.run(claims)
}

func (r Rule) run(claims map[string]any) (bool, error) {
	e := r.free.Get().(*evaluator)
	defer r.free.Put(e)
	return e.run(r.program, claims)
}

// evaluator runs a rule. It is kept for the next run: what it is made of costs more than a small rule does.
type evaluator struct {
	machine   vm.VM
	seen      environment
	functions map[string]any
	claims    map[string]any // of evalMembers
}

func newEvaluator() *evaluator {
	e := &evaluator{claims: map[string]any{}}
	e.functions = e.seen.functions()
	return e
}

func (e *evaluator) run(program *vm.Program, claims map[string]any) (holds bool, err error) {
	defer func() {
		e.seen = environment{} // keep nothing of a token
		if recover() != nil {
			e.machine = vm.VM{} // it may be half way through
			holds, err = false, errors.New("the rule cannot be evaluated over these claims")
		}
	}()
	e.machine.MemoryBudget = maxMemory
	e.seen.claims = claims
	result, err := e.machine.Run(program, e.functions)
	if e.seen.problem != nil { // the expression went on with nil; what came of it does not count
		return false, e.seen.problem
	}
	if err != nil {
		if kind, is := notBoolean(err); is {
			return false, fmt.Errorf("the rule gives %s, not true or false", kind)
		}
		return false, fmt.Errorf("the rule cannot be evaluated: %v", firstLine(err))
	}
	holds, isBool := result.(bool)
	if !isBool {
		return false, fmt.Errorf("the rule gives %s, not true or false", kindName(fmt.Sprintf("%T", result)))
	}
	return holds, nil
}

// notBoolean tells the machine's error of a result that is not true or false, and what that is.
func notBoolean(err error) (kind string, is bool) {
	rest, is := strings.CutPrefix(err.Error(), "invalid operation: bool(")
	kind, _, _ = strings.Cut(rest, ") ")
	return kindName(kind), is
}

// kindName is what JSON calls a type of Go that a claim may have.
func kindName(kind string) string {
	switch {
	case kind == "string":
		return "a string"
	case kind == "bool":
		return "true or false"
	case kind == "<nil>":
		return "null"
	case strings.HasPrefix(kind, "[]"):
		return "a list"
	case strings.HasPrefix(kind, "map["):
		return "an object"
	}
	return "a number"
}

// firstLine drops the picture of the expression that expr adds to its errors.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// members are claims that can be looked through without decoding all.
type members interface {
	Members(f func(name, value []byte) bool)
}

// evalMembers decodes of verified claims only what the rule reads.
func (r Rule) evalMembers(m members) (bool, error) {
	if r.program == nil {
		return false, errNone
	}
	e := r.free.Get().(*evaluator)
	defer func() {
		clear(e.claims)
		r.free.Put(e)
	}()
	var problem error
	left := len(r.roots)
	m.Members(func(name, value []byte) bool {
		claim, reads := r.roots[string(name)]
		if !reads {
			return true
		}
		decoded, err := decode(value)
		if err != nil {
			problem = fmt.Errorf("the claim %q cannot be read", claim)
		}
		if one, isString := decoded.(string); isString && claim == "aud" {
			decoded = []any{one}
		}
		e.claims[claim] = decoded
		left--
		return left > 0
	})
	if problem != nil {
		return false, problem
	}
	return e.run(r.program, e.claims)
}

func decode(value []byte) (any, error) {
	if text, plain := plainString(value); plain {
		return text, nil
	}
	var decoded any
	err := json.Unmarshal(value, &decoded)
	return decoded, err
}

// plainString reads a JSON string without escapes.
func plainString(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return "", false
	}
	return string(value[1 : len(value)-1]), true
}

// environment is what an expression sees. The patcher turns every name into a call of Claim and every member into one
// of Member, so that what is missing is noticed instead of being nil.
type environment struct {
	claims  map[string]any
	problem error // the first thing that could not be read
}

// functions are what the patched expression calls. Their type is the one that expr calls without reflection.
func (e *environment) functions() map[string]any {
	return map[string]any{"Claim": e.claim, "Member": e.member, "Has": e.has}
}

// claim is a top-level claim.
func (e *environment) claim(arguments ...any) any {
	name, _ := arguments[0].(string)
	value, there := e.claims[name]
	if !there {
		return e.fail(&MissingError{name})
	}
	return value
}

// member is a member of an object or an element of a list.
func (e *environment) member(arguments ...any) any {
	property := arguments[1]
	switch base := arguments[0].(type) {
	case map[string]any:
		name, isString := property.(string)
		if value, there := base[name]; isString && there {
			return value
		}
		return e.fail(&MissingError{fmt.Sprint(property)})
	case []any:
		index, isInt := property.(int)
		if isInt && index < 0 {
			index += len(base)
		}
		if isInt && index >= 0 && index < len(base) {
			return base[index]
		}
		return e.fail(&MissingError{fmt.Sprintf("[%v]", property)})
	}
	return e.fail(fmt.Errorf("the rule cannot be evaluated: %s has no members", kindName(fmt.Sprintf("%T", arguments[0]))))
}

// has tells whether a claim is there; a dot goes into objects.
func (e *environment) has(arguments ...any) any {
	path, _ := arguments[0].(string)
	var at any = e.claims
	for name := range strings.SplitSeq(path, ".") {
		object, isObject := at.(map[string]any)
		if !isObject {
			return false
		}
		if at, isObject = object[name]; !isObject {
			return false
		}
	}
	return true
}

// fail keeps the first problem.
func (e *environment) fail(problem error) any {
	if e.problem == nil {
		e.problem = problem
	}
	return nil
}

// checker refuses what rules may not do, and collects the claims that a rule reads.
type checker struct {
	roots   map[string]string
	problem error
}

// Visit looks at one part.
func (c *checker) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if strings.HasPrefix(n.Value, "$") {
			c.refuse(n, n.Value+" is not a claim")
		}
		c.roots[n.Value] = n.Value
	case *ast.BuiltinNode:
		if !slices.Contains(builtins, n.Name) {
			c.notFunction(n, n.Name)
		}
	case *ast.VariableDeclaratorNode:
		c.refuse(n, "let is not allowed in a rule")
	case *ast.SequenceNode:
		c.refuse(n, "; is not allowed in a rule")
	case *ast.ChainNode:
		c.refuse(n, `?. is not allowed in a rule; use has("claim.member")`)
	case *ast.CallNode:
		c.call(n)
	case *ast.BinaryNode:
		switch n.Operator {
		case "??":
			c.refuse(n, `?? is not allowed in a rule; use has("claim")`)
		case "..":
			c.refuse(n, "ranges are not allowed in a rule")
		case "matches":
			if err := checkPattern(n); err != nil {
				c.refuse(n, err.Error())
			}
		}
	}
}

func (c *checker) call(n *ast.CallNode) {
	name, isName := n.Callee.(*ast.IdentifierNode)
	if !isName || name.Value != "has" {
		called := "that"
		if isName {
			called = name.Value
		}
		c.notFunction(n, called)
		return
	}
	if len(n.Arguments) != 1 {
		c.refuse(n, `has takes one claim: has("claim")`)
		return
	}
	claim, isLiteral := n.Arguments[0].(*ast.StringNode)
	if !isLiteral || claim.Value == "" {
		c.refuse(n, `has takes a claim's name as text: has("claim")`)
		return
	}
	root, _, _ := strings.Cut(claim.Value, ".")
	c.roots[root] = root
}

func (c *checker) notFunction(n ast.Node, name string) {
	c.refuse(n, fmt.Sprintf("%s is not a function of rules, which have has, %s", name, strings.Join(builtins, ", ")))
}

func (c *checker) refuse(n ast.Node, text string) {
	if c.problem == nil {
		c.problem = fmt.Errorf("column %d: %s", n.Location().From+1, text)
	}
}

func checkPattern(n *ast.BinaryNode) error {
	pattern, isLiteral := n.Right.(*ast.StringNode)
	if !isLiteral {
		return errors.New("matches takes a literal pattern")
	}
	if _, err := regexp.Compile(anchored(pattern.Value)); err != nil {
		return fmt.Errorf("pattern %q: %w", pattern.Value, err)
	}
	return nil
}

// anchored makes a pattern match whole texts only.
func anchored(pattern string) string { return `\A(?:` + pattern + `)\z` }

// patcher puts calls in the place of names and members, and anchors patterns.
type patcher struct{}

// Visit changes one part.
func (patcher) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value != "has" {
			ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: "Claim"}, Arguments: []ast.Node{&ast.StringNode{Value: n.Value}}})
		}
	case *ast.MemberNode:
		ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: "Member"}, Arguments: []ast.Node{n.Node, n.Property}})
	case *ast.CallNode:
		if name, isName := n.Callee.(*ast.IdentifierNode); isName && name.Value == "has" {
			ast.Patch(&n.Callee, &ast.IdentifierNode{Value: "Has"})
		}
	case *ast.BinaryNode:
		if pattern, isLiteral := n.Right.(*ast.StringNode); isLiteral && n.Operator == "matches" && !strings.HasPrefix(pattern.Value, `\A(?:`) {
			ast.Patch(&n.Right, &ast.StringNode{Value: anchored(pattern.Value)})
		}
	}
}
