package jsonnet_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/jsonnet"
)

// cache is a Cache.
type cache map[string]any

func (c cache) Get(key string) (any, bool) { value, found := c[key]; return value, found }

func (c cache) Put(key string, value any) { c[key] = value }

// TestCache: a program is evaluated at its build and, on a machine where everything differs, at its run.
func TestCache(t *testing.T) {
	t.Parallel()
	program := `
		local secret = std.native('getEnv')('TOKEN');
		{
			env: std.native('getEnv')(key='NAME', cache=true),
			env_now: std.native('getEnv')('NAME'),
			unset: std.native('getEnv')('UNSET', 'fallback here ' + std.native('getEnv')('NAME'), true),
			file: std.native('getFile')('/motd', cache=true),
			url: std.native('getFile')('https://user:password@h/p#x-token:' + secret, cache=true),
			command: std.native('getCmd')('login ' + secret, cache=true),
			record: std.native('getRecord')('A', 'h', cache=true),
			object: [std.native('get')({ name: std.native('getEnv')('NAME') + n }, '.name') for n in ['1', '2', '1']],
			vars: std.native('get')(field='name', default=std.native('getEnv')('NAME')),
			set: std.native('get')(field='set', default=error 'not needed'),
		}`
	at := func(name string, kept cache) jsonnet.Access {
		return jsonnet.Access{
			Cache:  kept,
			Config: func() (any, error) { return map[string]any{"vars": map[string]any{"set": name}}, nil },
			Env: func(variable string) (string, bool) {
				value, set := map[string]string{"NAME": name, "TOKEN": "hunter2-" + name}[variable]
				return value, set
			},
			File:    func(context.Context, string) ([]byte, error) { return []byte("file of " + name), nil },
			Fetch:   func(context.Context, jsonnet.Request) ([]byte, error) { return []byte("page of " + name), nil },
			Command: func(context.Context, string) (string, error) { return "output of " + name, nil },
			Record:  func(context.Context, string, string) ([]string, error) { return []string{"record of " + name}, nil },
		}
	}
	kept := cache{}
	built, err := evaluate(t, at("build", kept), program)
	if err != nil {
		t.Fatal(err)
	}
	keys := slices.Sorted(maps.Keys(kept))
	for _, key := range keys {
		if strings.Contains(key, "hunter2") || strings.Contains(key, "password") {
			t.Errorf("a key holds a secret: %s", key)
		}
	}
	want := []string{"get name", "get object .name", "get object .name (2)", "getCmd ", "getEnv NAME", "getEnv UNSET", "getFile /motd", "getFile https://user:xxxxx@h/p#x-token", "getRecord a h"}
	if !slices.EqualFunc(keys, want, func(got, want string) bool { return got == want || strings.HasPrefix(got, want) && want == "getCmd " }) {
		t.Errorf("kept %q; want %q", keys, want)
	}
	var brought []string
	access := at("run", kept)
	access.Brought = func(value string) { brought = append(brought, value) }
	ran, err := evaluate(t, access, program)
	if err != nil {
		t.Fatal(err)
	}
	// What is not kept is the machine's own; and the command, whose text holds the machine's secret, is another one.
	if want := strings.NewReplacer(`"env_now":"build"`, `"env_now":"run"`, `"set":"build"`, `"set":"run"`, "output of build", "output of run").Replace(built); ran != want {
		t.Errorf("got %s; want %s", ran, want)
	}
	for _, value := range []string{"build", "file of build", "page of build", "record of build", "run"} {
		if !slices.Contains(brought, value) {
			t.Errorf("%q was not told of: %q", value, brought)
		}
	}
}

// TestCacheClosed: what was kept is there also where the function is closed, and only then.
func TestCacheClosed(t *testing.T) {
	t.Parallel()
	access := jsonnet.Access{Cache: cache{"getEnv A": "kept", "getFile /f": []string{"as", "it", "was"}, "get object .a": map[string]int{"b": 1}}}
	got, err := evaluate(t, access, "[std.native('getEnv')('A', cache=true), std.native('getFile')('/f', cache=true), std.native('get')({}, '.a')]")
	if err != nil || got != `["kept",["as","it","was"],{"b":1}]` {
		t.Errorf("got %s, %v", got, err)
	}
	for _, text := range []string{"std.native('getEnv')('A')", "std.native('getEnv')('B', cache=true)", "std.native('getEnv')('A', cache=false)"} {
		if got, err := evaluate(t, access, text); err == nil || !strings.Contains(err.Error(), "getEnv is closed here") {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	if _, err := evaluate(t, access, "error std.native('getEnv')('A', cache=true)"); err == nil || err.Error() != "/main.jsonnet:1:1: ((redacted))" {
		t.Errorf("got %v", err)
	}
}
