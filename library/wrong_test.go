package library_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/jsonnet"
)

// TestRefused: what makes no sense is an error that says what it is about, where the Pattern is rendered.
func TestRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`(import '../writ/file.libsonnet')()`:                                                       "Missing argument: path",
		`(import '../writ/file.libsonnet')('/x', mode=[])`:                                          "",
		`(import '../writ/file.libsonnet')('/x', mode={})`:                                          "must be a string, a number or a boolean, and is of type object",
		`(import '../writ/file.libsonnet')('/x', perm='0644')`:                                      "perm",
		`(import '../writ/download.libsonnet')('/x', 'https://h/', null)`:                           "download /x: the checksum must be a string",
		`(import '../writ/download.libsonnet')('/x', 'https://h/#A:b', 'sha256:0')`:                 "download /x: the URL holds a #; give headers as headers",
		`(import '../writ/download.libsonnet')('/x', 'https://h/', 'sha256:0', { A: 'b\r\nC: d' })`: "download /x: header A holds a line end",
		`(import '../writ/user.libsonnet')('1000')`:                                                 "user 1000: a number is no name",
		`(import '../writ/user.libsonnet')('-r')`:                                                   `user "-r": begins with -`,
		`(import '../writ/user.libsonnet')('a', groups=['b\n'])`:                                    `group "b\n": holds a control character`,
		`(import '../writ/group.libsonnet')('')`:                                                    "group is empty",
		`(import '../writ/package.libsonnet')([])`:                                                  "package: no names",
		`(import '../writ/package.libsonnet')('nginx-')`:                                            `package "nginx-": not the name of a package`,
		`(import '../writ/package.libsonnet')('libc*')`:                                             `package "libc*": not the name of a package`,
		`(import '../writ/package.libsonnet')('?installed')`:                                        `not the name of a package`,
		`(import '../writ/package.libsonnet')('-y')`:                                                `not the name of a package`,
		`(import '../writ/package.libsonnet')('./x.deb')`:                                           `not the name of a package`,
		`(import '../writ/package.libsonnet')('hello=')`:                                            `package "hello=": not a version`,
		`(import '../writ/package.libsonnet')("hello=1'")`:                                          `not a version`,
		`(import '../writ/service.libsonnet')('../x')`:                                              "service ../x: a name holds no /",
		`(import '../writ/git.libsonnet')('/x', 'u', tag='a', branch='b')`:                          "git /x: give one of commit, tag and branch",
		`(import '../writ/git.libsonnet')('/x', '--upload-pack=x')`:                                 "git /x: the URL begins with -",
		`(import '../writ/git.libsonnet')('/x', 'u', commit='abc')`:                                 "git /x: the commit must be 40 or 64 hexadecimal digits",
	} {
		_, err := attempt(t, text, jsonnet.Access{})
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// TestIDs: an id can be read, and can be given.
func TestIDs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`(import '../writ/file.libsonnet')('/etc/motd')`:                                                  {"file /etc/motd"},
		`(import '../writ/line.libsonnet')('/etc/f', '^a', 'b')`:                                          {"line ^a of /etc/f"},
		`(import '../writ/package.libsonnet')(['a1', 'b=1'])`:                                             {"package a1 b=1"},
		`(import '../writ/service.libsonnet')('nginx')`:                                                   {"restart nginx.service", "enable nginx.service", "start nginx.service"},
		`(import '../writ/service.libsonnet')('a.b', unit='', enabled=null, running=false)`:               {"unit a.b.service", "restart a.b.service", "stop a.b.service"},
		`(import '../writ/service.libsonnet')('t.timer', enabled=false, running=null)`:                    {"restart t.timer", "disable t.timer"},
		`(import '../writ/git.libsonnet')('/x', 'u', id='mine'), (import '../writ/user.libsonnet')('ab')`: {"mine", "user ab"},
	} {
		list := commands(t, text)
		var ids []string
		for _, c := range list {
			ids = append(ids, c.ID)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s: %q, want %q", text, ids, want)
		}
		if err := list.Validate("run"); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestNative: each wrapper with its defaults, against the real functions.
func TestNative(t *testing.T) {
	t.Parallel()
	access := jsonnet.Access{
		Config: func() (any, error) {
			return map[string]any{"vars": map[string]any{"a": "b"}, "exec": map[string]any{}}, nil
		},
		Env:     func(name string) (string, bool) { return "value of " + name, name == "SET" },
		File:    func(_ context.Context, path string) ([]byte, error) { return []byte("contents of " + path), nil },
		Command: func(_ context.Context, command string) (string, error) { return "output of " + command, nil },
		Record:  func(_ context.Context, kind, name string) ([]string, error) { return []string{kind, name}, nil },
		Dir:     "/patterns",
	}
	got := map[string]any{}
	if err := json.Unmarshal(evaluate(t, `
local n = import '../writ/native.libsonnet';
{
  get: [n.get({ a: { b: [1] } }, '.a.b[0]'), n.get({}, '.a', 'default')],
  cmd: [n.getCmd('x'), n.getCmd('x', 'fallback', true)],
  config: n.getConfig().vars,
  env: [n.getEnv('SET'), n.getEnv('UNSET'), n.getEnv('UNSET', 'fallback'), n.getEnv('SET', cache=true)],
  file: [n.getFile('/x'), n.getFile('/x', cache=true), n.getPath('/x'), n.getPath()],
  record: n.getRecord('txt', 'name'),
  var: [n.getVar('a'), n.getVar('x', 1), n.getVar('x')],
  random: [std.length(n.randStr(5)), std.length(n.randString(7))],
  match: [n.regexMatch('^a', 'abc'), n.regexMatch('^b', 'abc')],
  render: n.render('{ a: 1 + 1 }').a,
  template: n.renderTemplate('{{ .a }}', { a: 'x' }),
  machine: std.length(n.getOS()) > 0 && std.length(n.getArch()) > 0,
}`, access), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"get":    []any{1.0, "default"},
		"cmd":    []any{"output of x", "output of x"},
		"config": map[string]any{"a": "b"},
		"env":    []any{"value of SET", "", "fallback", "value of SET"},
		"file":   []any{"contents of /x", "contents of /x", "contents of /x", "/patterns"},
		"record": []any{"name", "txt"},
		"var":    []any{"b", 1.0, nil},
		"random": []any{5.0, 7.0}, "match": []any{true, false}, "render": 2.0, "template": "x", "machine": true,
	}
	for name, value := range want {
		if !reflect.DeepEqual(got[name], value) {
			t.Errorf("%s: %v, want %v", name, got[name], value)
		}
	}
}
