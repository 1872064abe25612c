// Hcl reads Terraform configuration on standard input with HashiCorp's own parser and prints its blocks as JSON, every
// expression evaluated: {"TYPE.NAME": {"attribute": value, "block": {...}}}. A reference has its own text as value. It is a
// module of its own, so that its dependencies stay out of Writ's.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	file, problems := hclsyntax.ParseConfig(text, "stdin", hcl.InitialPos)
	if problems.HasErrors() {
		log.Fatal(problems)
	}
	all := map[string]any{}
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		if block.Type != "resource" || len(block.Labels) != 2 {
			log.Fatalf("%s: a block %s %q", block.Range(), block.Type, block.Labels)
		}
		name := strings.Join(block.Labels, ".")
		if all[name] != nil {
			log.Fatalf("%s: %s twice", block.Range(), name)
		}
		all[name] = evaluate(block.Body)
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		log.Fatal(err)
	}
}

func evaluate(body *hclsyntax.Body) map[string]any {
	out := map[string]any{}
	for name, attribute := range body.Attributes {
		context := &hcl.EvalContext{Functions: map[string]function.Function{"jsonencode": stdlib.JSONEncodeFunc}, Variables: references(attribute.Expr)}
		value, problems := attribute.Expr.Value(context)
		if problems.HasErrors() {
			log.Fatal(problems)
		}
		text, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			log.Fatal(err)
		}
		out[name] = json.RawMessage(text)
	}
	for _, block := range body.Blocks {
		out[block.Type] = evaluate(block.Body)
	}
	return out
}

// references gives what an expression refers to, TYPE.NAME.ATTRIBUTE, that text as value.
func references(expression hclsyntax.Expression) map[string]cty.Value {
	variables := map[string]cty.Value{}
	for _, traversal := range expression.Variables() {
		var names []string
		for _, step := range traversal {
			switch step := step.(type) {
			case hcl.TraverseRoot:
				names = append(names, step.Name)
			case hcl.TraverseAttr:
				names = append(names, step.Name)
			default:
				log.Fatal(fmt.Errorf("%s: a reference of another kind", traversal.SourceRange()))
			}
		}
		value := cty.StringVal(strings.Join(names, "."))
		for i := len(names) - 1; i > 0; i-- {
			value = cty.ObjectVal(map[string]cty.Value{names[i]: value})
		}
		variables[names[0]] = value
	}
	return variables
}
