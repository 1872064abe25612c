package jsonnet_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/formatter"
	"github.com/google/go-jsonnet/toolutils"

	"github.com/writ-run/writ/jsonnet"
)

// addTexts seeds a fuzz target with Jsonnet.
func addTexts(f *testing.F) {
	f.Helper()
	err := filepath.WalkDir("testdata/pattern", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		f.Add(string(text))
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"", "{", "import 'x'", "importstr @'a''b'", "local std = 1; std.native", "{ a: |||\n  x\n||| }", "/* # // */ 'a\\'b' + \"'\"",
		"[x for x in [1] if x in super]", "{ [k]: 1 for k in ['a'] }", "a.b[c](d)(e){ f: 1 }{ g: 2 }", "-!~+1", "assert true; $", "if 1 then 2 else if 3 then 4",
		"local f(x=std.native('x')) = std; { local a = std, assert a }", "a[1:2:3]", "function(x, y=x) x tailstrict",
	} {
		f.Add(text)
	}
}

// FuzzText: whatever a text is, what looks at it without evaluating it neither panics nor gives an error of another kind.
func FuzzText(f *testing.F) {
	addTexts(f)
	f.Fuzz(func(t *testing.T, text string) {
		program := jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(map[string]string{"/main.jsonnet": text, "/x": "import 'main.jsonnet'"})}
		files, err := jsonnet.Dependencies(t.Context(), program, patient)
		if err == nil && string(files["/main.jsonnet"]) != text || err != nil && !jsonnet.IsError(err) {
			t.Errorf("dependencies: %v", err)
		}
		if _, err := jsonnet.Lint(t.Context(), program); err != nil && !jsonnet.IsError(err) {
			t.Errorf("lint: %v", err)
		}
		if _, err := jsonnet.Format("/main.jsonnet", []byte(text)); err != nil && !jsonnet.IsError(err) {
			t.Errorf("format: %v", err)
		}
	})
}

// FuzzNesting: no tree is much deeper than what is counted without parsing.
func FuzzNesting(f *testing.F) {
	addTexts(f)
	f.Fuzz(func(t *testing.T, text string) {
		node, _, err := formatter.SnippetToRawAST("f", text)
		if err != nil {
			return
		}
		if counted, deep := jsonnet.Nesting([]byte(text)), depth(node); deep > 2*counted+3 {
			t.Errorf("%d deep, and %d are counted", deep, counted)
		}
	})
}

func depth(node ast.Node) int {
	deepest := 0
	for _, child := range toolutils.Children(node) {
		deepest = max(deepest, depth(child))
	}
	return deepest + 1
}

// programs do with a value, v, what programs do.
var programs = []string{
	"error v", "error 'it is ' + v", "{ a: 1 }[v]", "std.parseJson(v)", "std.parseYaml(v)", "std.parseInt(v)", "std.native('render')(v + '\\n@')", "std.native('renderTemplate')(v, {})",
	"std.native('regexMatch')(v, '')", "std.native('get')({}, v)", "std.native('randStr')(v)", "std.native(v)", "std.native('getFile')(v)", "std.native('getCmd')(v)",
	"std.native('getRecord')(v, 'x')", "std.native('getRecord')('a', v)", "std.native('getFile')('https://h/p#' + v)", "std.native('getFile')('https://' + v)", "error std.toString({ a: v })",
	"v + 1 - 1", "std.format(v, 1)", "std.extVar(v)", "error std.join(' ', std.split(v, ' '))", "error v[1:]", "assert v == '' : v; error 'x'",
}

var words = regexp.MustCompile(`[A-Za-z0-9]{6,}`)

// large is a number that has a program fill the memory: what is looked for here is not that.
var large = regexp.MustCompile(`[0-9]{5}`)

// FuzzErrorsHoldNoValue: whatever a program does with a value from outside, no error says it.
func FuzzErrorsHoldNoValue(f *testing.F) {
	for i := range programs {
		for _, value := range []string{"hunter2-hunter2", "{\"key\": \"correct horse\"}", "line one\nline two\n", "{{ .secret }}", "(unclosed", "%(name)s", "local secret = 1; secrets", ".a.b[secret", "ab"} {
			f.Add(uint8(i), value)
		}
	}
	f.Fuzz(func(t *testing.T, number uint8, value string) {
		value = strings.ToValidUTF8(value, "?")
		if large.MatchString(value) {
			return
		}
		program := "local v = std.native('getEnv')('X'); " + programs[int(number)%len(programs)]
		access := jsonnet.Access{
			Env:     func(string) (string, bool) { return value, true },
			File:    func(context.Context, string) ([]byte, error) { return nil, os.ErrNotExist },
			Fetch:   func(context.Context, jsonnet.Request) ([]byte, error) { return nil, os.ErrNotExist },
			Command: func(context.Context, string) (string, error) { return "", os.ErrNotExist },
			Record:  func(context.Context, string, string) ([]string, error) { return nil, os.ErrNotExist },
		}
		_, err := jsonnet.Run(t.Context(), jsonnet.Program{Entrypoint: "/m", Import: jsonnet.Memory(map[string]string{"/m": program})}, access, patient)
		if err == nil {
			return
		}
		said := strings.ReplaceAll(err.Error(), "((redacted))", "\x01")
		for _, word := range words.FindAllString(value, -1) {
			if strings.Contains(said, word) {
				t.Errorf("%s: the error holds %q: %v", program, word, err)
			}
		}
	})
}

// FuzzPath: no path panics, and what is read can be written again.
func FuzzPath(f *testing.F) {
	for _, path := range []string{".", ".a.b[0]", `."a b"["c\"d"][-1]`, "a.b", "[0]", ".[0]", "", "..", ".a[", ".a]b", `."`} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		steps, err := jsonnet.ParsePath(path)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, step := range steps {
			switch step := step.(type) {
			case string:
				again.WriteString("[" + strconv.Quote(step) + "]")
			case float64:
				again.WriteString("[" + strconv.Itoa(int(step)) + "]")
			}
		}
		if len(steps) == 0 {
			again.WriteString(".")
		}
		back, err := jsonnet.ParsePath(again.String())
		if want, _ := json.Marshal(steps); err != nil || string(want) != mustMarshal(t, back) {
			t.Errorf("%q: %q, %v", path, again.String(), err)
		}
	})
}

func mustMarshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
