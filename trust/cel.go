package trust

import (
	"fmt"
	"strings"
)

// cel writes a node in the Common Expression Language, over the claims in a variable. It allows just what the rule allows:
// where the rule refuses because it reads a claim that is missing, the expression is an error, which refuses too. CEL's
// own && and || swallow an error of one side, so where one may come up, ?: stands in their place. "" is for what cannot
// be said.
func cel(n node, variable string) string {
	switch n := n.(type) {
	case all:
		return celJoin(n.parts, variable, "&&", "true", func(left, right string) string { return left + " ? " + right + " : false" })
	case anyOf:
		return celJoin(n.parts, variable, "||", "false", func(left, right string) string { return left + " ? true : " + right })
	case negation:
		if part := cel(n.part, variable); part != "" {
			return "!(" + part + ")"
		}
	case present:
		var out []string
		for i := range n.path {
			out = append(out, celHas(variable, n.path[:i+1]))
		}
		return "(" + strings.Join(out, " && ") + ")"
	case compare:
		return celCompare(n, variable)
	}
	return ""
}

func celJoin(parts []node, variable, operator, empty string, careful func(left, right string) string) string {
	if len(parts) == 0 {
		return empty
	}
	out := ""
	for i := len(parts) - 1; i >= 0; i-- {
		part := cel(parts[i], variable)
		switch {
		case part == "":
			return ""
		case out == "":
			out = part
		case total(parts[i]):
			out = part + " " + operator + " " + out
		default:
			out = careful(part, "("+out+")")
		}
	}
	return "(" + out + ")"
}

var celName = formOf(`^[A-Za-z_][A-Za-z0-9_]*$`)

// celReserved are words that CEL takes for itself (cel-spec, langdef.md, "Syntax").
var celReserved = strings.Fields("in true false null as break const continue else for function if import let loop package namespace return var void while")

func celPath(variable string, path []string) string {
	out := variable
	for _, name := range path {
		if celName.MatchString(name) && !contains(celReserved, name) {
			out += "." + name
		} else {
			out += "[" + quoteCEL(name) + "]"
		}
	}
	return out
}

// celHas asks for one member; has() takes a selection only, so odd names are asked with in.
func celHas(variable string, path []string) string {
	last := path[len(path)-1]
	if celName.MatchString(last) && !contains(celReserved, last) {
		return "has(" + celPath(variable, path) + ")"
	}
	return quoteCEL(last) + " in " + celPath(variable, path[:len(path)-1])
}

func celCompare(c compare, variable string) string {
	claim := celPath(variable, c.path)
	var values []string
	for _, value := range c.values {
		switch v := value.(type) {
		case string:
			values = append(values, quoteCEL(v))
		case bool:
			values = append(values, fmt.Sprint(v))
		case float64: // claims come as doubles or as ints, by the party
			values = append(values, "double("+number(v)+")")
		}
	}
	if _, isNumber := c.values[0].(float64); isNumber {
		claim = "double(" + claim + ")"
	}
	switch c.op {
	case in:
		return claim + " in [" + strings.Join(values, ", ") + "]"
	case member:
		return values[0] + " in " + claim
	case hasPrefix, hasSuffix, holds:
		return fmt.Sprintf("%s.%s(%s)", claim, c.op, values[0])
	case matches:
		pattern, _ := c.values[0].(string)
		return claim + ".matches(" + quoteCEL("^(?:"+pattern+")$") + ")"
	}
	return claim + " " + string(c.op) + " " + values[0]
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}
