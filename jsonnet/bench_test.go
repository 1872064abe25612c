package jsonnet_test

import (
	"runtime"
	"testing"

	gojsonnet "github.com/google/go-jsonnet"

	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/jsonnet"
)

// patternConfig is the configuration that testdata/pattern reads.
func patternConfig() (any, error) {
	return map[string]any{"vars": map[string]any{"sites": []any{"one.example", "two.example", "three.example"}}}, nil
}

// BenchmarkRender renders a Pattern of five files in this process. The floor is the evaluator alone, with its own importer
// and the two native functions that the Pattern calls, which need no defaults.
func BenchmarkRender(b *testing.B) {
	ratio.Run(b, 1.1, func() error {
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
