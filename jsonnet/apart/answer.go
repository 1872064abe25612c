package apart

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/writ-run/writ/jsonnet"
)

// calls are what a child may ask for, with the number of their arguments.
var calls = map[string]int{
	"import": 2, "config": 0, "env": 1, "file": 1, "fetch": 0, "command": 1, "record": 2, "get": 1, "put": 1, "trace": 0,
}

// parent is what answers a child.
type parent struct {
	jsonnet.Access
	program jsonnet.Program
}

// granted names the calls that are answered.
func (a parent) granted() []string {
	var names []string
	for name := range calls {
		if a.grants(name) {
			names = append(names, name)
		}
	}
	return names
}

// grants tells whether a call is granted.
func (a parent) grants(call string) bool {
	switch call {
	case "import":
		return true
	case "config":
		return a.Config != nil
	case "env":
		return a.Env != nil
	case "file":
		return a.File != nil
	case "fetch":
		return a.Fetch != nil
	case "command":
		return a.Command != nil
	case "record":
		return a.Record != nil
	case "get", "put":
		return a.Cache != nil
	case "trace":
		return a.Trace != nil
	}
	return false
}

// answer does what a child asks for. That it asks only for what is granted is not taken from the child.
func (a parent) answer(ctx context.Context, m message) message {
	answer := message{}
	err := fmt.Errorf("there is no call %q with %d arguments", m.Kind, len(m.Arguments))
	if arguments, known := calls[m.Kind]; known && len(m.Arguments) == arguments && a.grants(m.Kind) {
		answer, err = a.do(ctx, m)
	}
	if err != nil {
		answer = message{Error: err.Error()}
	}
	answer.Kind = "answer"
	return answer
}

func (a parent) do(ctx context.Context, m message) (answer message, err error) {
	switch m.Kind {
	case "import":
		var found string
		found, answer.body, err = a.program.Import(m.Arguments[0], m.Arguments[1])
		answer.Arguments = []string{found}
	case "config":
		var config any
		if config, err = a.Config(); err == nil {
			answer.body, err = json.Marshal(config)
		}
	case "env":
		var value string
		value, answer.Found = a.Env(m.Arguments[0])
		if answer.body = []byte(value); answer.Found {
			a.bring(value)
		}
	case "file":
		answer.body, err = a.File(ctx, m.Arguments[0])
		a.bringBody(answer, err)
	case "fetch":
		var request jsonnet.Request
		if err = json.Unmarshal(m.body, &request); err == nil {
			answer.body, err = a.Fetch(ctx, request)
			a.bringBody(answer, err)
		}
	case "command":
		var output string
		output, err = a.Command(ctx, m.Arguments[0])
		answer.body = []byte(output)
		a.bringBody(answer, err)
	case "record":
		var values []string
		values, err = a.Record(ctx, m.Arguments[0], m.Arguments[1])
		answer.Arguments = slices.Sorted(slices.Values(values))
		for _, value := range answer.Arguments {
			a.bring(value)
		}
	case "get":
		var value any
		if value, answer.Found = a.Cache.Get(m.Arguments[0]); answer.Found {
			for _, text := range jsonnet.KeptTexts(m.Arguments[0], value) {
				a.bring(text)
			}
			answer.body, err = json.Marshal(value)
		}
	case "put":
		var value any
		if err = json.Unmarshal(m.body, &value); err == nil {
			a.Cache.Put(m.Arguments[0], value)
		}
	case "trace":
		_, err = a.Trace.Write(m.body)
	}
	return answer, err
}

// bring tells the caller of a value from outside.
func (a parent) bring(value string) {
	if a.Brought != nil {
		a.Brought(value)
	}
}

func (a parent) bringBody(answer message, err error) {
	if err == nil {
		a.bring(string(answer.body))
	}
}
