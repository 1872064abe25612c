package jsonnet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/jsonnet"
)

// patient are limits of a test that is not about time: a busy machine takes far longer than any that somebody waits for.
var patient = jsonnet.Limits{Time: 5 * time.Minute}

// evaluate runs a text in a bundle of its own, and returns the JSON on one line.
func evaluate(t *testing.T, a jsonnet.Access, text string) (string, error) {
	t.Helper()
	return evaluateFiles(t, a, map[string]string{"/main.jsonnet": text})
}

func evaluateFiles(t *testing.T, a jsonnet.Access, files map[string]string) (string, error) {
	t.Helper()
	result, err := jsonnet.Run(t.Context(), jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(files)}, a, patient)
	if err != nil {
		return "", err
	}
	var line bytes.Buffer
	if err := json.Compact(&line, result); err != nil {
		t.Fatal(err)
	}
	return line.String(), nil
}

// granted is an Access with something behind each function.
func granted() jsonnet.Access {
	return jsonnet.Access{
		Config: func() (any, error) {
			return map[string]any{"vars": map[string]any{"a": 1, "host": map[string]any{"ip": "10.0.0.1"}}, "exec": struct {
				Command string `json:"command"`
			}{"/bin/bash"}}, nil
		},
		Env: func(name string) (string, bool) {
			value, set := map[string]string{"TOKEN": "hunter2-hunter2", "EMPTY": "", "SHORT": "xyz"}[name]
			return value, set
		},
		File: func(_ context.Context, path string) ([]byte, error) {
			if path == "/motd" {
				return []byte("hello\n"), nil
			}
			return nil, errors.New("no such file")
		},
		Fetch: func(_ context.Context, r jsonnet.Request) ([]byte, error) {
			if strings.Contains(r.URL, "/down") {
				return nil, errors.New("status 503")
			}
			return json.Marshal(r)
		},
		Command: func(_ context.Context, command string) (string, error) {
			if command == "false" {
				return "", errors.New("exit status 1")
			}
			return "ran " + command, nil
		},
		Record: func(_ context.Context, kind, name string) ([]string, error) {
			if name == "nowhere" {
				return nil, errors.New("no such host")
			}
			return []string{name + " 2", name + " 1", kind}, nil
		},
		Dir: "/srv/patterns",
	}
}

func TestNatives(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`std.native('getArch')()`:                                          `"` + runtime.GOARCH + `"`,
		`std.native('getOS')()`:                                            `"` + runtime.GOOS + `"`,
		`std.native('getConfig')().vars.a`:                                 `1`,
		`std.native('getConfig')().exec`:                                   `{"command":"/bin/bash"}`,
		`std.native('getEnv')('TOKEN')`:                                    `"hunter2-hunter2"`,
		`std.native('getEnv')('EMPTY', 'x')`:                               `""`,
		`std.native('getEnv')('UNSET')`:                                    `""`,
		`std.native('getEnv')('UNSET', 'x')`:                               `"x"`,
		`std.native('getEnv')(key='TOKEN', cache=true)`:                    `"hunter2-hunter2"`,
		`std.native('getEnv')('TOKEN', error 'not needed')`:                `"hunter2-hunter2"`,
		`std.native('getFile')('/motd')`:                                   `"hello\n"`,
		`std.native('getFile')('/nothing', 'x')`:                           `"x"`,
		`std.native('getFile')(path='/motd', cache=true)`:                  `"hello\n"`,
		`std.native('getFile')('https://h/down', { a: 1 })`:                `{"a":1}`,
		`std.native('getPath')()`:                                          `"/srv/patterns"`,
		`std.native('getPath')('/motd')`:                                   `"hello\n"`,
		`std.native('getPath')('/nothing', 'x')`:                           `"x"`,
		`std.native('getRecord')('A', 'h')`:                                `["a","h 1","h 2"]`,
		`std.native('getRecord')(type='txt', name='h', cache=true)`:        `["h 1","h 2","txt"]`,
		`std.native('getRecord')('aaaa', 'nowhere', [])`:                   `[]`,
		`std.native('getCmd')('ls -al')`:                                   `"ran ls -al"`,
		`std.native('getCmd')(command='ls', cache=true)`:                   `"ran ls"`,
		`std.native('getCmd')('false', fallback='x')`:                      `"x"`,
		`std.length(std.native('randStr')(20))`:                            `20`,
		`std.length(std.native('randString')(0))`:                          `0`,
		`std.native('randStr')(20) == std.native('randStr')(20)`:           `false`,
		`std.native('regexMatch')('^a+$', 'aaa')`:                          `true`,
		`std.native('regexMatch')('^a+$', 'b')`:                            `false`,
		`std.native('render')("{ a: 1 + 1, b: std.native('getOS')() }").a`: `2`,
		`std.native('render')("std.native('getPath')()")`:                  `"/srv/patterns"`,
		`std.native('renderTemplate')('{{ .a }} {{ range .b }}<{{ . }}>{{ end }}', { a: 'x', b: [1, 2] })`: `"x <1><2>"`,
		`std.native('get')({ a: { b: [7] } }, '.a.b[0]')`:                                                  `7`,
		`std.native('get')({ a: 1 }, '.b', 'x')`:                                                           `"x"`,
		`std.native('get')({ a: 1 }, '.b')`:                                                                `null`,
		`std.native('get')({ a:: 1, b: error 'not needed' }, '.a')`:                                        `1`,
		`std.native('get')(field='host.ip', default='x')`:                                                  `"10.0.0.1"`,
		`std.native('get')(field='nothing', default='x')`:                                                  `"x"`,
		`std.native('get')(field='a', default=error 'not needed')`:                                         `1`,

		// wherever the name stands
		`local getEnv(key) = std.native('getEnv')(key); getEnv('TOKEN')`:              `"hunter2-hunter2"`,
		`local s = std; s.native('getEnv')('TOKEN')`:                                  `"hunter2-hunter2"`,
		`std['native']('getEnv')('TOKEN')`:                                            `"hunter2-hunter2"`,
		`local n = 'nat' + 'ive'; std[n]('getEnv')('TOKEN') /* native */`:             `"hunter2-hunter2"`,
		`{ a: { b(x=std.native('getEnv')('SHORT')): x } }.a.b()`:                      `"xyz"`,
		`local std = { native(x): x }; std.native('getEnv')`:                          `"getEnv"`,
		`(function(std) std.native('getEnv'))({ native(x): x })`:                      `"getEnv"`,
		`{ local std = { native(x): x }, a: std.native('getEnv') }`:                   `{"a":"getEnv"}`,
		`{ a: 1, b: std.thisFile, c: std.native('getOS') != null }`:                   `{"a":1,"b":"/main.jsonnet","c":true}`,
		`[std.native(x)('TOKEN') for x in ['getEnv'] if std.native('getOS')() != '']`: `["hunter2-hunter2"]`,
	} {
		got, err := evaluate(t, granted(), text)
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestNativeErrors: each is placed in the program, says what is wrong, and holds no value from outside.
func TestNativeErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{ a: std.native('getenv')('X') }`:                                         `/main.jsonnet:1:6: there is no native function "getenv"; did you mean "getEnv"?`,
		`std.native('nope')`:                                                       `/main.jsonnet:1:1: there is no native function "nope"; there are get, getArch, `,
		`std.native('keep')`:                                                       `/main.jsonnet:1:1: there is no native function "keep"; `,
		`std.native(1)`:                                                            `/main.jsonnet:1:1: `,
		`{ a: std.native('getEnv')(1) }`:                                           `/main.jsonnet:1:6: getEnv: key must be a string, and is a number`,
		`std.native('getEnv')()`:                                                   `/main.jsonnet:1:1: Missing argument: key`,
		`std.native('getEnv')('A', 'b', true, 4)`:                                  `/main.jsonnet:1:1: `,
		`std.native('getFile')('/nothing')`:                                        `/main.jsonnet:1:1: getFile: /nothing: no such file`,
		`std.native('getFile')('ftp://h/p', 'x')`:                                  `/main.jsonnet:1:1: getFile: ftp is none of the schemes http and https`,
		`std.native('getFile')('https://h/down#k: very-secret-text')`:              `/main.jsonnet:1:1: getFile: https://h/down: status 503`,
		`std.native('getFile')('https://h/p#clientTimeout: secret', 'x')`:          `/main.jsonnet:1:1: getFile: clientTimeout after # is no whole number of seconds from 1 to 3600`,
		`std.native('getFile')('https://h/p#secret', 'x')`:                         `/main.jsonnet:1:1: getFile: header 1 after # is not NAME:VALUE`,
		`std.native('getFile')('https://h/p#a b: secret', 'x')`:                    `/main.jsonnet:1:1: getFile: header 1 after # is not NAME:VALUE`,
		`std.native('getFile')('https://u:hidden@h/down')`:                         `/main.jsonnet:1:1: getFile: https://u:xxxxx@h/down: status 503`,
		`std.native('getRecord')('mx', 'h', 'x')`:                                  `/main.jsonnet:1:1: getRecord: type is none of a, aaaa, cname, txt`,
		`std.native('getRecord')('a', 'nowhere')`:                                  `/main.jsonnet:1:1: getRecord: a of nowhere: no such host`,
		`std.native('getCmd')('false')`:                                            `/main.jsonnet:1:1: getCmd: exit status 1`,
		`std.native('randStr')(-1)`:                                                `/main.jsonnet:1:1: randStr: length must be a whole number from 0 to 4096`,
		`std.native('randStr')(1.5)`:                                               `/main.jsonnet:1:1: randStr: length `,
		`std.native('regexMatch')('(', 'x')`:                                       `/main.jsonnet:1:1: regexMatch: error parsing regexp: missing closing ): `,
		"std.native('render')(\"{\\n  a: b }\")":                                   `/main.jsonnet:1:1: render: line 2, column 6 of the text: Unknown variable: b`,
		`std.native('render')("error 'oh'")`:                                       `/main.jsonnet:1:1: render: line 1, column 1 of the text: oh`,
		`std.native('render')("import 'x'")`:                                       `/main.jsonnet:1:1: render: line 1, column 1 of the text: couldn't open import "x"`,
		`std.native('renderTemplate')('{{ .b }}', {})`:                             `/main.jsonnet:1:1: renderTemplate:1:3: executing `,
		`std.native('renderTemplate')('{{', {})`:                                   `/main.jsonnet:1:1: renderTemplate:1: unclosed action`,
		`std.native('get')({}, '.a b[')`:                                           `/main.jsonnet:1:1: get: path ".a b[": `,
		"\n  error 'native: ' + std.native('getEnv')('TOKEN')":                     `/main.jsonnet:2:3: native: ((redacted))`,
		"error std.native('getEnv')('TOKEN')[2:12]":                                `/main.jsonnet:1:1: ((redacted))`,
		"error 'it is ' + std.native('getEnv')('SHORT')":                           `/main.jsonnet:1:1: it is ((redacted))`,
		"{ a: 1 }[std.native('getEnv')('TOKEN')]":                                  `/main.jsonnet:1:1: Field does not exist: ((redacted))`,
		"std.native('getFile')('https://h/down?' + std.native('getEnv')('TOKEN'))": `/main.jsonnet:1:1: getFile: https://h/down?((redacted))`,
		"std.native('render')(std.native('getEnv')('TOKEN'))":                      `/main.jsonnet:1:1: render: line 1, column 1 of the text: Unknown variable: `,
	} {
		_, err := evaluate(t, granted(), text)
		if err == nil || !strings.HasPrefix(err.Error(), want) || !jsonnet.IsError(err) {
			t.Errorf("%s: got %v; want %s", text, err, want)
			continue
		}
		for _, secret := range []string{"hunter2", "very-secret", "xyz", "native>"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

func TestNativesClosed(t *testing.T) {
	t.Parallel()
	for call, want := range map[string]string{
		`getConfig')()`:              "getConfig is closed here: this program may not read the configuration",
		`get')(field='a')`:           "getConfig is closed here",
		`getEnv')('X', 'x')`:         "getEnv is closed here: this program may not read environment variables",
		`getFile')('/motd', 'x')`:    "getFile is closed here: this program may not read local files",
		`getPath')('/motd', 'x')`:    "getFile is closed here",
		`getFile')('http://h', 'x')`: "getFile is closed here: this program may not fetch from the network",
		`getCmd')('ls', 'x')`:        "getCmd is closed here: this program may not run commands",
		`getRecord')('a', 'h', 'x')`: "getRecord is closed here: this program may not ask for DNS records",
	} {
		_, err := evaluate(t, jsonnet.Access{}, "{ a: std.native('"+call+" }")
		if err == nil || !strings.HasPrefix(err.Error(), "/main.jsonnet:1:6: "+want) {
			t.Errorf("%s: got %v; want %s", call, err, want)
		}
	}
	if got, err := evaluate(t, jsonnet.Access{}, "[std.native('getPath')(), std.native('getOS')(), std.native('get')({ a: 1 }, 'a')]"); err != nil || got != `["","`+runtime.GOOS+`",1]` {
		t.Errorf("what needs no access: %s, %v", got, err)
	}
}

// TestNativesInFiles: each file has them, importstr gives a text as it is, and every place is right.
func TestNativesInFiles(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"/main.jsonnet":         "local n = import 'lib/native.libsonnet'; { a: n.env('TOKEN'), b: importstr 'native.sh', c: importstr 'lib/native.libsonnet', d: std.length(importbin 'native.sh') }",
		"/lib/native.libsonnet": "{ env(key): std.native('getEnv')(key) }",
		"/native.sh":            "echo native ' {",
	}
	got, err := evaluateFiles(t, granted(), files)
	if err != nil || got != `{"a":"hunter2-hunter2","b":"echo native ' {","c":"{ env(key): std.native('getEnv')(key) }","d":15}` {
		t.Errorf("got %s, %v", got, err)
	}
	files["/lib/native.libsonnet"] = "{\n  env(key): std.native('getEnv')(key, 1, },"
	if _, err := evaluateFiles(t, granted(), files); err == nil || !strings.HasPrefix(err.Error(), "/lib/native.libsonnet:2:42: ") {
		t.Errorf("got %v", err)
	}
	files["/lib/native.libsonnet"] = "{\n  env(key): [error 'oh', std.native('getEnv')(1)][1] }"
	if _, err := evaluateFiles(t, granted(), files); err == nil || !strings.HasPrefix(err.Error(), "/lib/native.libsonnet:2:26: getEnv: key must be") {
		t.Errorf("got %v", err)
	}
}

// TestNativesOnce: within an evaluation nothing is asked for twice, and each value is told.
func TestNativesOnce(t *testing.T) {
	t.Parallel()
	var asked, brought []string
	access := granted()
	access.Brought = func(value string) { brought = append(brought, value) }
	access.Fetch = func(_ context.Context, r jsonnet.Request) ([]byte, error) {
		asked = append(asked, r.URL+" "+r.Header.Get("x"))
		return []byte("fetched"), nil
	}
	access.Command = func(_ context.Context, command string) (string, error) {
		asked = append(asked, command)
		return "output", nil
	}
	_, err := evaluate(t, access, `
		local file(path) = std.native('getFile')(path), cmd(command) = std.native('getCmd')(command);
		[file('http://h#x:1'), file('http://h#x:1'), file('http://h#x:2'), cmd('a'), cmd('a'), cmd('b'), std.native('getEnv')('TOKEN'), std.native('getRecord')('a', 'h')]`)
	if want := []string{"http://h 1", "http://h 2", "a", "b"}; err != nil || !slices.Equal(asked, want) {
		t.Errorf("asked %q, %v; want %q", asked, err, want)
	}
	if want := []string{"fetched", "fetched", "output", "output", "hunter2-hunter2", "a", "h 1", "h 2"}; !slices.Equal(brought, want) {
		t.Errorf("brought %q; want %q", brought, want)
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var got []jsonnet.Request
	access := jsonnet.Access{Fetch: func(_ context.Context, r jsonnet.Request) ([]byte, error) {
		got = append(got, r)
		return nil, nil
	}}
	if _, err := evaluate(t, access, `[std.native('getFile')(path) for path in [
		'https://h/p?q=1#k1:v1\r\nk2: v:2\r\nclientSkipVerify\r\nclientTimeout:2', 'http://h#skipVerify:', 'HTTP://h',
	]]`); err != nil {
		t.Fatal(err)
	}
	want := []jsonnet.Request{
		{URL: "https://h/p?q=1", Header: http.Header{"K1": {"v1"}, "K2": {"v:2"}}, SkipVerify: true, Timeout: 2e9},
		{URL: "http://h", Header: http.Header{}, SkipVerify: true},
		{URL: "HTTP://h", Header: http.Header{}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v; want %+v", got, want)
	}
}
