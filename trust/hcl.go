package trust

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// reference is an HCL expression, written as it stands.
type reference string

// attribute is one "name = value" of a block.
type attribute struct {
	name  string
	value any // string, bool, int, float64, reference, []string, []any, map[string]any, block
}

// block is a nested block without labels.
type block []attribute

// resource writes a Terraform resource as `terraform fmt` would leave it.
func resource(kind, name string, attributes ...attribute) string {
	var out strings.Builder
	fmt.Fprintf(&out, "resource %q %q {\n", kind, name)
	writeAttributes(&out, "  ", attributes)
	out.WriteString("}\n")
	return out.String()
}

// writeAttributes aligns the equals signs of neighbours that are one line each.
func writeAttributes(out *strings.Builder, indent string, attributes []attribute) {
	texts := make([]string, len(attributes))
	for i, a := range attributes {
		if _, nested := a.value.(block); !nested {
			texts[i] = hcl(a.value, indent)
		}
	}
	single := func(i int) bool {
		_, nested := attributes[i].value.(block)
		return !nested && !strings.Contains(texts[i], "\n")
	}
	for i, a := range attributes {
		if nested, is := a.value.(block); is {
			if i > 0 {
				out.WriteByte('\n')
			}
			fmt.Fprintf(out, "%s%s {\n", indent, a.name)
			writeAttributes(out, indent+"  ", nested)
			fmt.Fprintf(out, "%s}\n", indent)
			continue
		}
		width := len(a.name)
		if single(i) {
			for j := i; j >= 0 && single(j); j-- {
				width = max(width, len(attributes[j].name))
			}
			for j := i; j < len(attributes) && single(j); j++ {
				width = max(width, len(attributes[j].name))
			}
		}
		fmt.Fprintf(out, "%s%-*s = %s\n", indent, width, a.name, texts[i])
	}
}

func hcl(value any, indent string) string {
	switch v := value.(type) {
	case reference:
		return string(v)
	case string:
		return quoteHCL(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		return number(v)
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return hcl(list, indent)
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = hcl(element, indent)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		if len(v) == 0 {
			return "{}"
		}
		var attributes []attribute
		for _, name := range slices.Sorted(maps.Keys(v)) {
			attributes = append(attributes, attribute{quoteHCL(name), v[name]})
		}
		var out strings.Builder
		out.WriteString("{\n")
		writeAttributes(&out, indent+"  ", attributes)
		return out.String() + indent + "}"
	}
	panic(fmt.Sprintf("trust: no HCL for a %T", value)) // values are ours
}

// quoteHCL is an HCL string in which no template is evaluated (HCL native syntax, "Template Expressions").
func quoteHCL(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			out.WriteRune(r)
			out.WriteRune(r)
		case !unicode.IsPrint(r) && r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&out, `\U%08x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
