package command_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/internal/strict"
)

// read is a list from JSON.
func read(t testing.TB, text string) command.List {
	t.Helper()
	var list command.List
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return list
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`[]`: nil,
		`[{"id":"a","onChange":["b","etcha:x","c.*"]},{"id":"b","onRemove":"a"},{"id":"c1","onFail":"c2"},{"id":"c2"}]`: nil,
		`[{"id":"a"},{"id":"a"},{"id":"b"}]`:                         nil, // ids may repeat where nothing targets them
		`[{"id":"a","onChange":"(a|b)"},{"id":"b","onRemove":".*"}]`: nil, // a regular expression may match the Command itself
		`[{"id":"a.b","onChange":"a.c"},{"id":"a.c"},{"id":"abc"}]`:  nil,
		`[{"id":""},{"check":"true"}]`:                               {`run[0]: id is missing`, `run[1]: id is missing`},
		`[{"id":"a","onChange":"a"}]`:                                {`run[0].onChange[0]: (of "a") "a": is this Command itself`},
		`[{"id":"b"},{"id":"a","onChange":["b"]}]`:                   {`run[1].onChange[0]: (of "a") "b": must come after this Command, in whose list it is`},
		`[{"id":"a","onFail":"a"},{"id":"b","onRemove":"c"},{"id":"c"}]`: {
			`run[0].onFail[0]: (of "a") "a": is this Command itself`, `run[1].onRemove[0]: (of "b") "c": must come before this Command, in whose list it is`},
		`[{"id":"a","onChange":"restrt"},{"id":"restart"}]`: {`run[0].onChange[0]: (of "a") "restrt": no Command after this one has that id, or an id that it matches as a regular expression; did you mean "restart"?`},
		`[{"id":"a","onChange":"x.*"},{"id":"b"},{"id":"c","onRemove":"c|d"},{"id":"d"}]`: {
			`run[0].onChange[0]: (of "a") "x.*": no Command after this one has that id, or an id that it matches as a regular expression`,
			`run[2].onRemove[0]: (of "c") "c|d": no Command before this one has that id, or an id that it matches as a regular expression`},
		`[{"id":"a","onChange":"b("},{"id":"b"}]`:                                   {"run[0].onChange[0]: (of \"a\") \"b(\": error parsing regexp: missing closing ): `b(`"},
		`[{"id":"a","onChange":"b"},{"id":"b"},{"id":"b"}]`:                         {`run[0].onChange[0]: (of "a") "b": 2 Commands of this list have that id; give the one that is meant its own`},
		`[{"id":"a","onChange":["","etcha:"]}]`:                                     {`run[0].onChange[0]: (of "a") "": names nothing`, `run[0].onChange[1]: (of "a") "etcha:": an event has a name`},
		`[{"id":"g","commands":[{"id":"b","onChange":"c"},{"id":"c"}]},{"id":"d"}]`: nil,
		`[{"id":"g","commands":[{"id":"b","onChange":"d"},{"id":"c"}]},{"id":"d"}]`: {`run[0].commands[0].onChange[0]: (of "b") "d": no Command after this one has that id, or an id that it matches as a regular expression; did you mean "c"?`},
		`[{"id":"a","onChange":["g","g|h"]},{"id":"g","commands":[{"id":"b"}]}]`:    {`run[0].onChange[0]: (of "a") "g": is a group; a Command can only set off Commands of its own list`, `run[0].onChange[1]: (of "a") "g|h": no Command after this one has that id, or an id that it matches as a regular expression`},
		`[{"commands":[{}]}]`: {`run[0]: id is missing`, `run[0].commands[0]: id is missing`},
		`[{"id":"a","envPrefix":"1A"},{"id":"b","envPrefix":"A-B"},{"id":"c","envPrefix":"_A1"}]`: {`run[0].envPrefix: (of "a") "1A": want letters, digits and underscores, and no digit first`, `run[1].envPrefix: (of "b") "A-B": want letters, digits and underscores, and no digit first`},
		`[{"id":"a","check":"a\u0000b"}]`:                                                                     {`run[0].check: (of "a") holds a NUL byte, which no argument can`},
		`[{"id":"a","change":"` + strings.Repeat("x", 128<<10) + `"}]`:                                        {`run[0].change: (of "a") is 131072 bytes long; Linux takes 131071 in one argument: put data into stdin, or into a file`},
		`[{"id":"a","exec":{"env":{"A=B":"","B":"\u0000"}}}]`:                                                 {`run[0].exec.env["A=B"]: (of "a") a variable has a name without =, and neither it nor its value a NUL byte`, `run[0].exec.env["B"]: (of "a") a variable has a name without =, and neither it nor its value a NUL byte`},
		`[{"id":"a","exec":{"containerNetwork":"bridge","containerPull":"sometimes"}}]`:                       {`run[0].exec.containerNetwork: (of "a") "bridge": want host, none, or nothing for the runtime's own`, `run[0].exec.containerPull: (of "a") "sometimes": want always, missing or never`},
		`[{"id":"a","exec":{"containerVolumes":["/a:/b","/a:/b:ro","/a:/b:rw","a:/b","/a","/a:b","/:/:z"]}}]`: {`run[0].exec.containerVolumes[3]: (of "a") "a:/b": want HOST:CONTAINER or HOST:CONTAINER:ro, both absolute paths`, `run[0].exec.containerVolumes[4]: (of "a") "/a": want HOST:CONTAINER or HOST:CONTAINER:ro, both absolute paths`, `run[0].exec.containerVolumes[5]: (of "a") "/a:b": want HOST:CONTAINER or HOST:CONTAINER:ro, both absolute paths`, `run[0].exec.containerVolumes[6]: (of "a") "/:/:z": want HOST:CONTAINER or HOST:CONTAINER:ro, both absolute paths`},
	} {
		err := read(t, text).Validate("run")
		var got []string
		if err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%.200s:\n got %q\nwant %q", text, got, want)
		}
		var mistake *strict.Mistake
		if err != nil && (!errors.As(err, &mistake) || mistake.Path == "") {
			t.Errorf("%.200s: no Mistake with a path in %v", text, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	list := read(t, `[
		{"id":"fine","check":"true","change":"true","remove":"true","onChange":"etcha:x","onRemove":"etcha:x"},
		{"id":"g","always":true,"change":"x","onChange":[],"commands":[{"id":"c","check":"x","onChange":"etcha:x","onRemove":"etcha:y"}]},
		{"id":"d","exec":{"containerUser":"x"}},
		{"id":"e","exec":{"containerUser":"x","containerImage":"y"}},
		{"id":"f","exec":{"containerImage":"y","sudo":true,"envInherit":true}}
	]`)
	want := []string{
		`run[1]: (of "g") is a group, where always, change, onChange has no effect`,
		`run[1].commands[0].onChange: (of "c") never happens: there is no change`,
		`run[1].commands[0].onRemove: (of "c") never happens: there is no remove`,
		`run[2].exec: (of "d") container properties have no effect without containerImage`,
		`run[4].exec: (of "f") user, group and sudo are the machine's, and have no effect in a container: it has containerUser`,
		`run[4].exec: (of "f") envInherit has no effect in a container`,
	}
	if got := list.Warnings("run"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestValidateBounds says no more than a reader takes in.
func TestValidateBounds(t *testing.T) {
	t.Parallel()
	err := make(command.List, 1000).Validate("run")
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 101 || lines[100] != "run: more than 100 mistakes; these are the first" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
	if err := make(command.List, 100).Validate("run"); strings.Contains(err.Error(), "more") {
		t.Errorf("%v", err)
	}
	deep := command.List{{ID: "a"}}
	for range 65 {
		deep = command.List{{ID: "g", Commands: deep}}
	}
	if err := deep[0].Commands.Validate("run"); err != nil {
		t.Error(err)
	}
	if err := deep.Validate("run"); err == nil || !strings.HasSuffix(err.Error(), ".commands: groups nest deeper than 64") {
		t.Error(err)
	}
}
