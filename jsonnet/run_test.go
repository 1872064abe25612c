package jsonnet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/jsonnet"
)

func TestRunLimits(t *testing.T) {
	t.Parallel()
	files := func(from, path string) (string, []byte, error) { // as many as are wanted
		if from == "" {
			return "/main.jsonnet", []byte("[" + strings.Repeat("import 'x', ", 10) + "]"), nil
		}
		return "/x", []byte("1"), nil
	}
	number := 0
	endless := func(from, _ string) (string, []byte, error) {
		number++
		return fmt.Sprintf("/%d", number), []byte("import 'next'"), nil
	}
	memory := func(text string) jsonnet.Importer {
		return jsonnet.Memory(map[string]string{"/main.jsonnet": text, "/self": "import 'self'", "/deep": strings.Repeat("-", 20001) + "1", "/data": strings.Repeat("[", 30000)})
	}
	// It takes no memory, which other evaluations of this process would be blamed for, and ends soon after its time: it calls
	// a native function again and again.
	const long = "std.foldl(function(a, b) std.length(std.native('getPath')()) + std.foldl(function(c, d) c + d, std.range(1, 1000), 0), std.range(1, 100000), 0)"
	for name, c := range map[string]struct {
		importer jsonnet.Importer
		limits   jsonnet.Limits
		want     string
	}{
		"time":           {memory(long), jsonnet.Limits{Time: 20 * time.Millisecond}, "/main.jsonnet: not evaluated within 20ms (the limit of time)"},
		"stack":          {memory("local f(x) = 1 + f(x); f(1)"), jsonnet.Limits{Stack: 50}, "/main.jsonnet:1:18: more than 50 calls within one another (the limit of stack)"},
		"import cycle":   {memory("import 'self'"), jsonnet.Limits{}, "/self:1:1: more than 500 calls within one another (the limit of stack)"},
		"render cycle":   {memory("local f = importstr 'main.jsonnet'; std.native('render')(f)"), jsonnet.Limits{}, "/main.jsonnet:1:37: render: line 1, column 37 of the text: render: line 1, column 37 of the text: "},
		"bytes":          {memory("1 + importstr 'data'"), jsonnet.Limits{Bytes: 10000}, "/main.jsonnet:1:5: the files have more than 10000 bytes together (the limit of bytes)"},
		"bytes at first": {memory("                 1"), jsonnet.Limits{Bytes: 10}, "/main.jsonnet: the files have more than 10 bytes together (the limit of bytes)"},
		"result":         {memory("std.repeat('x', 100)"), jsonnet.Limits{Bytes: 50}, "/main.jsonnet: the result has 103 bytes; at most 50 are taken (the limit of bytes)"},
		"files":          {endless, jsonnet.Limits{Stack: 1000000}, "more than 10000 files are imported (the limit of files)"},
		"nesting":        {memory(strings.Repeat("(", 30000)), jsonnet.Limits{}, "/main.jsonnet: its expressions nest more than 20000 deep (the limit of nesting)"},
		"nested import":  {memory("[importstr 'deep', import 'deep']"), jsonnet.Limits{}, "/deep: its expressions nest more than 20000 deep (the limit of nesting)"},
		"nested render":  {memory("std.native('render')(importstr 'data')"), jsonnet.Limits{}, "/main.jsonnet:1:1: render: its expressions nest more than 20000 deep (the limit of nesting)"},
		"nested data":    {memory("std.length(importstr 'data')"), jsonnet.Limits{}, ""},
		"same file":      {files, jsonnet.Limits{Bytes: 200}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.limits.Time == 0 {
				c.limits.Time = patient.Time
			}
			_, err := jsonnet.Run(t.Context(), jsonnet.Program{Entrypoint: "/main.jsonnet", Import: c.importer}, jsonnet.Access{}, c.limits)
			if c.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !jsonnet.IsError(err) {
				t.Errorf("got %.300v; want %s", err, c.want)
			}
		})
	}
}

// TestRunReturns: when its time is over nobody waits for an evaluation, also where it does not end with that.
func TestRunReturns(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	stuck := time.AfterFunc(patient.Time, func() { panic("an import that does not end is waited for") })
	defer stuck.Stop()
	program := jsonnet.Program{Entrypoint: "/main.jsonnet", Import: func(from, _ string) (string, []byte, error) {
		if from == "" {
			return "/main.jsonnet", []byte("import 'endless'"), nil
		}
		<-release
		return "/endless", []byte("1"), nil
	}}
	_, err := jsonnet.Run(t.Context(), program, jsonnet.Access{}, jsonnet.Limits{Time: 20 * time.Millisecond})
	if err == nil || err.Error() != "/main.jsonnet: not evaluated within 20ms (the limit of time)" {
		t.Error(err)
	}
}

// TestRunEndsCalls: what a native function waits for ends with the evaluation.
func TestRunEndsCalls(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	access := jsonnet.Access{Fetch: func(ctx context.Context, _ jsonnet.Request) ([]byte, error) {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("a call has all the time of the world")
		}
		cancel()
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}}
	program := jsonnet.Program{Entrypoint: "/m", Import: jsonnet.Memory(map[string]string{"/m": "std.native('getFile')('http://h', 'x')"})}
	if _, err := jsonnet.Run(ctx, program, access, patient); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
}

// TestErrorText: an error is one line, whatever a program says.
func TestErrorText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"error 'a\\n  b\\n'":            "/main.jsonnet:1:1: a; b",
		"error '\\u001b[31m\\u202eabc'": "/main.jsonnet:1:1:  [31m abc",
		"error std.repeat('é', 3000)":   "/main.jsonnet:1:1: " + strings.Repeat("é", 1000) + "...",
		"error '/main.jsonnet:7:7 x'":   "/main.jsonnet:7:7: x",
		"error 'other:7:7 x'":           "/main.jsonnet:1:1: other:7:7 x",
		"assert false : 'oh'; 1":        "/main.jsonnet:1:1: oh",
		"{ a: { b: error 'deep' } }":    "/main.jsonnet:1:11: deep",
		"{ a: { b: function(x) x } }":   "/main.jsonnet: couldn't manifest function as JSON",
		"std.format('%d', 'x')":         "/main.jsonnet:1:1: Format required number at 0, got string",
	} {
		if _, err := evaluate(t, jsonnet.Access{}, text); err == nil || err.Error() != want {
			t.Errorf("%s: got %v; want %s", text, err, want)
		}
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	var trace strings.Builder
	if _, err := evaluate(t, jsonnet.Access{Trace: &trace}, "std.trace('here', 1)"); err != nil || trace.String() != "TRACE: /main.jsonnet:1 here\n" {
		t.Errorf("got %q, %v", trace.String(), err)
	}
}

// TestPattern: the benchmark's Pattern gives what a Pattern gives.
func TestPattern(t *testing.T) {
	t.Parallel()
	program := jsonnet.Program{Entrypoint: "testdata/pattern/web.jsonnet", Import: jsonnet.Disk("testdata/pattern")}
	got, err := jsonnet.Run(t.Context(), program, jsonnet.Access{Config: patternConfig}, patient)
	if err != nil || !strings.Contains(string(got), `"id": "file /etc/nginx/sites-enabled/three.example"`) || !strings.Contains(string(got), "Changes by hand do not last.") {
		t.Errorf("got %s, %v", got, err)
	}
	files, err := jsonnet.Dependencies(t.Context(), program, patient)
	if err != nil || len(files) != 5 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

// TestRunMemory ends an evaluation in this process when it takes too much memory, long before its time is over. It runs alone:
// what other tests take counts too. So that nothing is taken from those that come after it, the program takes little at a
// time, and calls a native function in between, where it ends.
func TestRunMemory(t *testing.T) {
	program := jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(map[string]string{
		"/main.jsonnet": "std.length(std.foldl(function(a, b) local text = std.foldl(function(c, d) c + c, std.range(1, 20), std.native('getPath')() + 'x'); if std.length(text) > 0 then a + [text], std.range(1, 300), []))",
	})}
	_, err := jsonnet.Run(t.Context(), program, jsonnet.Access{}, jsonnet.Limits{Memory: 32 << 20, Time: time.Hour})
	if err == nil || err.Error() != "/main.jsonnet: the evaluation needs more than 33554432 bytes of memory (the limit of memory)" || !jsonnet.IsError(err) {
		t.Error(err)
	}
}
