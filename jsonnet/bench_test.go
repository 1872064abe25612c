package jsonnet_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	gojsonnet "github.com/google/go-jsonnet"

	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/jsonnet"
)

// patternConfig is the configuration that testdata/pattern reads.
func patternConfig() (any, error) {
	return map[string]any{"vars": map[string]any{"sites": []any{"one.example", "two.example", "three.example"}}}, nil
}

// BenchmarkRender renders a Pattern of five files in this process, in less time than the evaluator alone, with its own importer, its own
// formats, and the two native functions that the Pattern calls, which need no defaults.
func BenchmarkRender(b *testing.B) {
	ratio.Run(b, 0.6, func() error {
		vm := gojsonnet.MakeVM()
		vm.NativeFunction(&gojsonnet.NativeFunction{Name: "getConfig", Func: func([]any) (any, error) { return patternConfig() }})
		vm.NativeFunction(&gojsonnet.NativeFunction{Name: "getOS", Func: func([]any) (any, error) { return runtime.GOOS, nil }})
		_, err := vm.EvaluateFile("testdata/pattern/web.jsonnet")
		return err
	}, func() error {
		program := jsonnet.Program{Entrypoint: "testdata/pattern/web.jsonnet", Import: jsonnet.Disk("testdata/pattern")}
		_, err := jsonnet.Run(b.Context(), program, jsonnet.Access{Config: patternConfig}, jsonnet.Limits{})
		return err
	})
}

// BenchmarkFormat evaluates programs with formats. The floor is the evaluator alone with the same texts added up by +; with its own
// std.format, which looks at each character, it takes twenty times as long.
func BenchmarkFormat(b *testing.B) {
	var formats, sums, template, sum strings.Builder
	for i := range 200 {
		fmt.Fprintf(&formats, "'item %d: %%s' %% v(%d),\n", i, i)
		fmt.Fprintf(&sums, "'item %d: ' + v(%d),\n", i, i)
		fmt.Fprintf(&template, "  key%d = %%(a)s\n", i)
		fmt.Fprintf(&sum, "'key%d = ' + o.a + '\\n' +\n", i)
	}
	for name, programs := range map[string][2]string{
		"many":     {"local v(i) = 'value %d'; [" + sums.String() + "]", "local v(i) = 'value %d'; [" + formats.String() + "]"},
		"template": {"local o = { a: 'value' };\n" + sum.String() + "''", "local o = { a: 'value' };\n|||\n" + template.String() + "||| % o"},
	} {
		b.Run(name, func(b *testing.B) {
			ratio.Run(b, 5, func() error {
				_, err := gojsonnet.MakeVM().EvaluateAnonymousSnippet("f", programs[0])
				return err
			}, func() error {
				_, err := jsonnet.Evaluate(b.Context(), "f", []byte(programs[1]))
				return err
			})
		})
	}
}
