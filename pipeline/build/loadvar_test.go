package build

import (
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/journal"
)

// made is a task that makes an artifact "made" with files of the given name and text, in which @ stands for (.
func made(files ...string) string {
	script := ""
	for i := 0; i < len(files); i += 2 {
		script += "printf %s '" + strings.ReplaceAll(files[i+1], "'", "''") + "' | tr @ '(' >made/" + files[i] + ";"
	}
	return "{task: make, config: {" + head + `, outputs: [{name: made}], run: {path: sh, args: [-euc, "` + strings.ReplaceAll(strings.ReplaceAll(script, `\`, `\\`), `"`, `\"`) + `"]}}}`
}

func TestLoadVar(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, plan string
		want       Status
		log        string // output and errors
	}{
		{"a text", made("f", " hello world ") + ", {load_var: x, file: made/f, reveal: true}, {" + sh("a", "echo \"((.:x))\"", "") + "}", Succeeded, "a hello world"},
		{"a field", made("f.json", `{"a": {"b": [1, 2]}, "n": 1.50}`) + ", {load_var: x, file: made/f.json, reveal: true}, {" + sh("a", "echo $L ((.:x.n))", ", params: {L: ((.:x.a.b))}") + "}", Succeeded, "a [1,2] 1.50"},
		{"in a task file", made("v", "hello", "t.yml", "{"+head+", run: {path: echo, args: [@@.:x)) @@y))]}}") + ", {load_var: x, file: made/v, reveal: true}, {task: a, file: made/t.yml, vars: {y: and ((.:x))}}", Succeeded, "a hello and hello"},
		{"from a do", made("f", "hello") + ", {do: [{load_var: x, file: made/f, reveal: true}]}, {" + sh("a", "echo ((.:x))", "") + "}", Succeeded, "a hello"},
		{"from in_parallel", made("f", "hello") + ", {in_parallel: [{load_var: x, file: made/f, reveal: true}, {load_var: y, file: made/f, reveal: true}]}, {" + sh("a", "echo ((.:x)) ((.:y))", "") + "}", Succeeded, "a hello hello"},
		{"from a hook", made("f", "hello") + ", {" + sh("a", "true", "") + ", on_success: {load_var: x, file: made/f, reveal: true}}, {" + sh("b", "echo ((.:x))", "") + "}", Succeeded, "b hello"},
		{"not there yet", "{" + sh("a", "echo ((.:x))", "") + "}", Errored, "a undefined vars: .:x"},
		{"no such field", made("f.json", `{"a": 1}`) + ", {load_var: x, file: made/f.json, reveal: true}, {" + sh("a", "echo ((.:x.b))", "") + "}", Errored, `a undefined vars: .:x.b`},
		{"no artifact", "{load_var: x, file: made/f}", Errored, `x file of load_var missing: no artifact "made" for file "made/f"; there are no artifacts yet`},
		{"no file", made("f", "") + ", {load_var: x, file: made/g}", Errored, `x file of load_var missing: artifact "made" has no file "g"`},
		{"malformed", made("f", "s3cret") + ", {load_var: x, file: made/f, format: json}", Errored, `x file "made/f" as json: malformed`},
		{"a hook of its failure", "{load_var: x, file: made/f, on_error: {" + sh("a", "echo hook", "") + "}}", Errored,
			`x file of load_var missing: no artifact "made" for file "made/f"; there are no artifacts yet` + "\na hook"},
		{"no file outside", made("f", "") + ", {" + sh("a", "ln -s /etc/hostname made/link", ", outputs: [{name: made}]") + "}, {load_var: x, file: made/link}", Errored, `x file of load_var "made/link": `},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, log := runReal(t, "jobs: [{name: j, plan: ["+test.plan+"]}]")
			got := log.text(journal.Output, journal.Errored, journal.Warning)
			if strings.HasSuffix(test.log, ": ") { // the system's words
				got = got[:min(len(got), len(test.log))]
			}
			if status != test.want || got != test.log {
				t.Errorf("got %s\n%s\nwant %s\n%s", status, got, test.want, test.log)
			}
		})
	}
}

// A value is a secret before any step can have it, each leaf of it, unless it is revealed.
func TestLoadVarSecret(t *testing.T) {
	t.Parallel()
	c, log := real(t, "jobs: [{name: j, plan: ["+made("f.json", `{"user": "alice", "list": ["hunter22", 12345, true]}`, "g", "shown")+
		", {load_var: x, file: made/f.json}, {load_var: y, file: made/g, reveal: true}, {load_var: z, file: made/g, format: raw}, {"+sh("a", "echo ((.:x.user))", "")+"}]}]")
	var secrets []string
	c.AddSecret = func(s string) {
		if log.text(journal.Output) != "" {
			t.Errorf("%s is a secret only now", s)
		}
		secrets = append(secrets, s)
	}
	if status, err := Run(t.Context(), c); status != Succeeded || err != nil {
		t.Fatal(status, err, log.text(journal.Errored))
	}
	slices.Sort(secrets)
	if want := []string{"12345", "alice", "hunter22", "shown"}; !slices.Equal(secrets, want) {
		t.Errorf("secrets %q", secrets)
	}
	if got := log.text(journal.Note); got != "x added var x to build\ny added var y to build\nz added var z to build" {
		t.Errorf("notes: %s", got)
	}
}
