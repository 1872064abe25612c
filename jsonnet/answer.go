package jsonnet

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// calls are what a child may ask for, with the number of their arguments.
var calls = map[string]int{
	"import": 2, "config": 0, "env": 1, "file": 1, "fetch": 0, "command": 1, "record": 2, "get": 1, "put": 1, "trace": 0,
}

// grants tells whether a call is granted.
func (a Access) grants(call string) bool {
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
func (a Access) answer(ctx context.Context, p Program, m message) message {
	answer := message{}
	err := fmt.Errorf("there is no call %q with %d arguments", m.Kind, len(m.Arguments))
	if arguments, known := calls[m.Kind]; known && len(m.Arguments) == arguments && a.grants(m.Kind) {
		answer, err = a.do(ctx, p, m)
	}
	if err != nil {
		answer = message{Error: err.Error()}
	}
	answer.Kind = "answer"
	return answer
}

func (a Access) do(ctx context.Context, p Program, m message) (answer message, err error) {
	switch m.Kind {
	case "import":
		var found string
		found, answer.body, err = p.Import(m.Arguments[0], m.Arguments[1])
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
		var request Request
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
			for _, text := range keptTexts(m.Arguments[0], value) {
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
func (a Access) bring(value string) {
	if a.Brought != nil {
		a.Brought(value)
	}
}

func (a Access) bringBody(answer message, err error) {
	if err == nil {
		a.bring(string(answer.body))
	}
}
