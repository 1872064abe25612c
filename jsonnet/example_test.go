package jsonnet_test

import (
	"context"
	"fmt"
	"log"

	"github.com/writ-run/writ/jsonnet"
)

// A bundle of two files, which may read one variable.
func ExampleRun() {
	program := jsonnet.Program{Entrypoint: "/web.jsonnet", Import: jsonnet.Memory(map[string]string{
		"/web.jsonnet":         "local greet = import 'lib/greet.libsonnet'; { run: greet(std.native('getEnv')('NAME', 'nobody')) }",
		"/lib/greet.libsonnet": "function(name) 'hello ' + name",
	})}
	access := jsonnet.Access{Env: func(name string) (string, bool) { return "writ", name == "NAME" }}
	result, err := jsonnet.Run(context.Background(), program, access, jsonnet.Limits{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", result)

	_, err = jsonnet.Run(context.Background(), program, jsonnet.Access{}, jsonnet.Limits{})
	fmt.Println(err)
	// Output:
	// {
	//    "run": "hello writ"
	// }
	// /web.jsonnet:1:58: getEnv is closed here: this program may not read environment variables
}
