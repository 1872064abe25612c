package jsonnet_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	evaluator "github.com/google/go-jsonnet"

	"github.com/writ-run/writ/jsonnet"
)

// evaluators returns what Run and the evaluator alone, whose std.format is the one of the language, make of a program.
func evaluators(ctx context.Context, t *testing.T, files map[string]string) (ours, theirs string, oursErr, theirsErr error) {
	t.Helper()
	text, oursErr := jsonnet.Run(ctx, jsonnet.Program{Entrypoint: "/main.jsonnet", Import: jsonnet.Memory(files)}, jsonnet.Access{}, patient)
	vm := evaluator.MakeVM()
	data := map[string]evaluator.Contents{}
	for name, text := range files {
		data[strings.TrimPrefix(name, "/")] = evaluator.MakeContents(text)
	}
	vm.Importer(&evaluator.MemoryImporter{Data: data})
	theirs, theirsErr = vm.EvaluateFile("main.jsonnet")
	if theirsErr != nil { // without the stack
		text, _, _ := strings.Cut(strings.TrimPrefix(theirsErr.Error(), "RUNTIME ERROR: "), "\n\t")
		theirsErr = errors.New(text)
	}
	return string(text), theirs, oursErr, theirsErr
}

// sameResult fails where Run and the evaluator alone differ, in a value or in what is wrong.
func sameResult(t *testing.T, program string) {
	t.Helper()
	ours, theirs, oursErr, theirsErr := evaluators(t.Context(), t, map[string]string{"/main.jsonnet": program})
	switch {
	case (oursErr == nil) != (theirsErr == nil):
		t.Errorf("%s\nours %q, %v\nwant %q, %v", program, ours, oursErr, theirs, theirsErr)
	case theirsErr != nil && !strings.HasSuffix(oursErr.Error(), strings.TrimSpace(theirsErr.Error())):
		t.Errorf("%s\nours: %v\nwant: %v", program, oursErr, theirsErr)
	case ours != theirs:
		t.Errorf("%s\nours %q\nwant %q", program, ours, theirs)
	}
}

// TestFormats: each code makes of each value what the evaluator's own makes of it, to the byte.
func TestFormats(t *testing.T) {
	t.Parallel()
	numbers := "[0, -0, 1, -0.5, 2.5, 42, -255.9, 123456.789, 0.000123456, -9.9999999, 1e-7, 1e22, 9007199254740993, -5e-324]"
	for _, flags := range []string{"", "0", "-", " ", "+#", "#-+0"} {
		for _, width := range []string{"", "12", ".0", "8.2"} {
			t.Run(flags+width, func(t *testing.T) {
				t.Parallel()
				for _, verb := range "doxXeEfFgGs" {
					sameResult(t, fmt.Sprintf("[%s %% v for v in %s]", jsonnetText("a%"+flags+width+string(verb)+"z"), numbers))
				}
				for _, verb := range "cs" {
					sameResult(t, fmt.Sprintf("[%s %% v for v in ['x', 'ö', 'wörld', 65, 1114111, 0, true, 'long enough to be wide', []][:if %v then 6]]", jsonnetText("%"+flags+width+string(verb)), verb == 'c'))
				}
			})
		}
	}
}

// TestFormatMistakes: what is wrong with a format, or with a value for it, is said in the evaluator's words.
func TestFormatMistakes(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"", "%", "%%", "%5%", "%-5%|", "%z", "%(a", "%(a)", "%(a)s", "%*d", "%.*f", "%l", "%ls", "%hd", "%Lx", "%lld", "%200s", "%201s", "%.200f", "%.100g", "%.0g", "%3", "%3.", "%.", "%(a)s%(a)s",
		"%(ä)s", "%()s", "%d", "%c", "%5.1f", "%#x", "%s%d", "%é",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			for _, value := range []string{
				"1.7976931348623157e308", "-1", "1114112", "'x'", "''", "'😀'", "true", "null", "[]", "[1]", "['a', 3]", "[{ a: 1 }]", "[true]", "{}", "{ a: 1 }", "{ a:: 'hidden' }", "{ b: 1 }",
				"{ a: 1, b: error 'not needed' }", "{ a: { x: [1, null, 'ü'] } }", "{ 'ä': 2, '': 3 }", "{ a: error 'needed' }", "{ assert false: 'no', a: 1 }", "function(x) x", "[function(x) x]", "error 'e'",
			} {
				sameResult(t, fmt.Sprintf("%s %% %s", jsonnetText("a"+code+"z"), value))
			}
		})
	}
}

func jsonnetText(text string) string {
	return "@'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// TestFormatPrograms: formats in all places that a program may have them in.
func TestFormatPrograms(t *testing.T) {
	t.Parallel()
	for _, program := range []string{
		"'%s-%s' % ['a', 1]", "'%s %s' % 'a'", "'%s' % ['a', 'b']", "'%(a)s %s' % { a: 1 }", "'%s' % { a: 1 }", "'%(a)s %(b)d' % [1, 2]", "'x' % {}", "'x' % []", "'x' % 1",
		"local t = '%s'; t % 'x'", "local f(t, v) = t % v; f('%s!', 'x')", "{ t: '%s', v: self.t % 'x' }.v", "{ local a = 'x', v: '%s' % a }", "{ ['%s' % 'k']: 1, assert '%d' % 1 == '1' }",
		"std.format('%s', 'x')", "std.format(str='%s', vals='x')", "std.format(vals='x', str='%s')", "std.mod('%s', 'x')", "std.mod(7, 4)", "std.mod(a=7, b=4)", "7 % 4", "-7 % 4", "7.5 % 2", "7 % 0",
		"1 % 'x'", "[1] % 2", "null % 1", "std.format(1, 2)", "std.format(['%s'], 2)", "std.format('%s')", "std.format('%s', 1, 2)", "std['format']('%s', 'x')", "std['for' + 'mat']('%s', 'x')",
		"local f = std.format; f('%s', 'x')", "local s = std; s.format('%s', 'x')", "std.map(function(x) '<%s>' % x, ['a', 'b'])", "['%s' % x for x in ['a', 'b'] if '%s' % x == 'a']",
		"local std = { format(a, b): 'mine', mod(a, b): 'mine' }; [std.format('%s', 'x'), '%s' % 'x']", "local f(std) = [std.format, '%s' % 'x']; f({ format: 1 })",
		"'%s' % ('%s' % ('%s' % 'x'))", "'%s' % '%s' % 'x'", "('%s' + '%s') % ['a', 'b']", "{ x: 'a' } + { y: '%s' % super.x }",
		"{ a: 1, b: '%(a)d' % self }", "{ a: 1, b:: 2, c: '%(a)d%(b)d' % self }", "'%(a)s' % { a: 1, assert self.a == 2 : 'wrong' }", "|||\n  a %(x)s\n  b %(y)5.2f\n||| % { x: 'é', y: 2.345 }",
		"'%d' % ['x']", "'%d %d' % [1, 'x']", "'%(a)d' % { a: 'x' }", "'%c' % 'xy'", "'%c' % true", "'%(a)s %(b)s' % { a: 1 }",
		"'\\u0000%s\\u2028' % 'x\\ty'", "std.length('%s' % '😀') == 1", "'%s' % 1e400", "local a = { f: '%s' % $.g, g: 'x' }; a.f", "'%%' % []", "'%%' % {}", "'%% %s' % 'x'", "'100%' % []",
		"local x = '%s' % y, y = 'z'; x", "assert '%s' % 1 == '1' : 'm%s' % 2; 3", "assert false : 'm%s' % 2; 3", "error 'm%s' % 2", "'%s' % ['a', error 'not needed']", "'%.*s|%.*%|' % [error 'not needed', 'x', error 'not needed']", "'%*.*f' % [9, 2, 2.345]", "'%s' % error 'inner'", "(function(a='%s' % 'd') a)()",
	} {
		sameResult(t, program)
	}
}

// TestFormatStack: what has room on the stack of the evaluator alone has it here.
func TestFormatStack(t *testing.T) {
	t.Parallel()
	const stack = 120
	for name, use := range map[string]string{
		"number":        "'' + std.length(f(n - 1)) % 7",
		"one":           "'%s' % f(n - 1)",
		"list":          "'%s-%s' % ['a', f(n - 1)]",
		"nested":        "'%s' % [[f(n - 1)]]",
		"keys":          "'%(a)s' % { a: f(n - 1) }",
		"object":        "'%(a)s' % { a: { b: f(n - 1) } }",
		"text":          "(f(n - 1) + '%s') % 'x'",
		"function":      "std.format('%s', f(n - 1))",
		"function keys": "std.format('%(a)s', { a: f(n - 1) })",
		"rare":          "'%*s' % [1, f(n - 1)]",
		"deep number":   "if n == 1 then '' + 7 % 4 else 'x' + f(n - 1)",
		"deep rare":     "if n == 1 then '%*d' % [1, 2] else 'x' + f(n - 1)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for depth := 1; ; depth++ {
				program := "local f(n) = if n == 0 then 'x' else " + use + "; f(" + strconv.Itoa(depth) + ")"
				vm := evaluator.MakeVM()
				vm.MaxStack = stack
				if _, err := vm.EvaluateAnonymousSnippet("f", program); err != nil {
					break
				}
				if _, err := jsonnet.Run(t.Context(), jsonnet.Program{Entrypoint: "/m", Import: jsonnet.Memory(map[string]string{"/m": program})}, jsonnet.Access{}, jsonnet.Limits{Time: patient.Time, Stack: stack}); err != nil {
					t.Fatalf("%s: %v", program, err)
				}
			}
		})
	}
}

// TestFormatImported: a text that is imported is a format, too, and a file that is imported as code and as a text is one still.
func TestFormatImported(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"/main.jsonnet": "local t = importstr 't.txt', l = import 'l.libsonnet'; [t % { a: 1 }, l('x'), importstr 'l.libsonnet', (importstr 's.txt') % 'y', import 'm.libsonnet']",
		"/t.txt":        "a = %(a)s\n{ not Jsonnet",
		"/s.txt":        "%s%% { 'x",
		"/l.libsonnet":  "function(x) '%s' % x",
		"/m.libsonnet":  "local own = importstr 'm.libsonnet', l = import 'l.libsonnet'; [own, l(importstr 'n.libsonnet'), import 'n.libsonnet']",
		"/n.libsonnet":  "'%d' % 7",
	}
	ours, theirs, oursErr, theirsErr := evaluators(t.Context(), t, files)
	if oursErr != nil || theirsErr != nil || ours != theirs {
		t.Errorf("ours %s, %v\nwant %s, %v", ours, oursErr, theirs, theirsErr)
	}
}

// TestFormatBounded: a short format that would make a very long text meets the limit of bytes, which is that of formats in Go.
func TestFormatBounded(t *testing.T) {
	t.Parallel()
	for _, use := range []string{"std.repeat('%(a)s', 50000) % { a: long }", "std.repeat('%s', 1000) % std.repeat([long], 1000)", "(long + '%s') % 1"} {
		program := "local long = std.repeat('x', 100000); std.length(" + use + ")"
		_, err := jsonnet.Run(t.Context(), jsonnet.Program{Entrypoint: "/m", Import: jsonnet.Memory(map[string]string{"/m": program})}, jsonnet.Access{}, jsonnet.Limits{Time: patient.Time, Bytes: 100_000})
		if err == nil || !strings.Contains(err.Error(), "more than 100000 bytes (the limit of bytes)") {
			t.Errorf("%s: got %v", use, err)
		}
	}
}

// FuzzFormat: what a format makes of values is what the evaluator's own makes of them, to the byte.
func FuzzFormat(f *testing.F) {
	for _, format := range []string{"%s", "%d %5.2f", "%(a)s|%-8s|", "%#x%%", "%+08.3e", "%G", "%c", "% d"} {
		f.Add(format, "x", 1.5, 3)
	}
	f.Fuzz(func(t *testing.T, format, text string, number float64, shape int) {
		if len(format) > 60 || len(text) > 60 || math.IsNaN(number) || math.IsInf(number, 0) {
			return
		}
		value := strconv.FormatFloat(number, 'g', -1, 64)
		values := []string{jsonnetText(text), value, "[" + value + "]", "[" + jsonnetText(text) + ", " + value + "]", "{ a: " + value + ", b: " + jsonnetText(text) + " }", "[" + value + ", " + value + ", " + value + "]"}
		program := jsonnetText(format) + " % " + values[uint(shape)%uint(len(values))]
		ours, theirs, oursErr, theirsErr := evaluators(t.Context(), t, map[string]string{"/main.jsonnet": program})
		if (oursErr == nil) != (theirsErr == nil) || ours != theirs {
			t.Errorf("%q\nours %q, %v\nwant %q, %v", program, ours, oursErr, theirs, theirsErr)
		}
	})
}
