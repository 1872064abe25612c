package trees_test

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

// TestTrees: each tree is that of its text. WRIT_UPDATE_GOLDEN=1 makes it so.
func TestTrees(t *testing.T) {
	t.Parallel()
	for name, variable := range map[string]string{"native": "Native", "format": "Format"} {
		text, err := os.ReadFile(name + ".libsonnet")
		if err != nil {
			t.Fatal(err)
		}
		tree, err := jsonnet.SnippetToAST(name+".libsonnet", string(text))
		if err != nil {
			t.Fatal(err)
		}
		source := "// Code generated from " + name + ".libsonnet by the test of this package; DO NOT EDIT.\n\npackage trees\n\nimport \"github.com/google/go-jsonnet/ast\"\n\n" +
			"// " + variable + " is the tree of " + name + ".libsonnet. Its places are in no file.\nvar " + variable + " ast.Node = " + goSource(reflect.ValueOf(tree)) + "\n"
		want, err := format.Source([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		path := name + ".go"
		if os.Getenv("WRIT_UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not the tree of %s.libsonnet (%v): make golden", path, name, err)
		}
	}
}

// goSource is a value as Go writes it: one that the compiler lays out, so that a program's start does not make it. Places and comments
// are left out, as in the tree of the evaluator's own library.
func goSource(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Interface:
		return goSource(v.Elem())
	case reflect.Pointer:
		return "&" + goSource(v.Elem())
	case reflect.Slice:
		var elements []string
		for i := range v.Len() {
			elements = append(elements, strings.TrimPrefix(goSource(v.Index(i)), v.Type().Elem().String()))
		}
		return fmt.Sprintf("%s{%s}", v.Type(), separated(elements))
	case reflect.Struct:
		var fields []string
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if written(field, v.Field(i)) {
				fields = append(fields, field.Name+": "+goSource(v.Field(i)))
			}
		}
		return fmt.Sprintf("%s{%s}", v.Type(), separated(fields))
	case reflect.String:
		return strconv.Quote(v.String())
	case reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	}
	panic("goSource: " + v.Type().String())
}

// separated are parts in lines of their own, where they are long.
func separated(parts []string) string {
	all := strings.Join(parts, ", ")
	if len(all) > 100 || strings.Contains(all, "\n") {
		return "\n" + strings.Join(parts, ",\n") + ",\n"
	}
	return all
}

// written is false for what only a formatter wants, and for zeros.
func written(field reflect.StructField, value reflect.Value) bool {
	if base, is := value.Interface().(ast.NodeBase); is {
		return len(base.FreeVars) > 0
	}
	switch field.Type {
	case reflect.TypeFor[ast.Fodder](), reflect.TypeFor[ast.LocationRange](), reflect.TypeFor[ast.Context]():
		return false
	}
	return !value.IsZero() && (value.Kind() != reflect.Slice || value.Len() > 0)
}
