package command_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/command"
)

// steps are a plan's as text.
func steps(p command.Plan) (lines []string) {
	for _, s := range p.Steps {
		lines = append(lines, fmt.Sprintf("%s %s: %s", s.Action, s.Name(), s.Why))
	}
	return lines
}

func TestDiff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, old, list string
		mode            command.Mode
		want            []string
	}{
		{"all is new", `[]`, `[{"id":"a"},{"id":"g","commands":[{"id":"b"}]},{"id":"c"}]`, command.Change,
			[]string{"change a: new", "change g > b: new", "change c: new"}},
		{"as before", `[{"id":"a","change":"1","check":"x"}]`, `[{"id":"a","change":"1","check":"y","remove":"z"}]`, command.Change,
			[]string{"change a: as before"}},
		{"gone ones in reverse", `[{"id":"a","change":"1"},{"id":"b","change":"1"},{"id":"c","change":"1"}]`, `[{"id":"b","change":"1"}]`, command.Change,
			[]string{"remove c: gone", "remove a: gone", "change b: as before"}},
		{"edited", `[{"id":"a","change":"1"},{"id":"b","change":"1"}]`, `[{"id":"b","change":"1"},{"id":"a","change":"2"}]`, command.Change,
			[]string{"remove a: edited", "change b: as before", "change a: edited"}},
		{"edited, and ignored by the new one", `[{"id":"a","change":"1"}]`, `[{"id":"a","change":"2","changeIgnore":true}]`, command.Change,
			[]string{"change a: edited"}},
		{"edited, and ignored by the old one", `[{"id":"a","change":"1","changeIgnore":true}]`, `[{"id":"a","change":"2"}]`, command.Change,
			[]string{"remove a: edited", "change a: edited"}},
		{"removed after", `[{"id":"a","change":"1","removeAfter":true},{"id":"b","change":"1","removeAfter":true},{"id":"c","change":"1"},{"id":"d","change":"1"}]`,
			`[{"id":"a","change":"2"},{"id":"d","change":"2","removeAfter":true}]`, command.Change,
			[]string{"remove c: gone", "change a: edited", "change d: edited", "remove d: edited", "remove b: gone", "remove a: edited"}},
		{"another group is another Command", `[{"id":"g","commands":[{"id":"a","change":"1"}]},{"id":"a","change":"1"}]`, `[{"id":"h","commands":[{"id":"a","change":"1"}]},{"id":"a","change":"1"}]`, command.Change,
			[]string{"remove g > a: gone", "change h > a: new", "change a: as before"}},
		{"a group of none is no Command", `[{"id":"a","change":"1"},{"id":"g","commands":[{"id":"b"}]}]`, `[{"id":"a","always":true,"change":"1","commands":[]},{"id":"g","commands":[]}]`, command.Change,
			[]string{"remove g > b: gone", "remove a: gone"}},
		{"no two paths are one", `[{"id":"a > b","change":"1"}]`, `[{"id":"a","commands":[{"id":"b","change":"1"}]}]`, command.Change,
			[]string{"remove a > b: gone", "change a > b: new"}},
		{"repeated ids", `[{"id":"a","change":"1"},{"id":"a","change":"2"},{"id":"a","change":"3"}]`, `[{"id":"a","change":"2"},{"id":"a","change":"1"}]`, command.Change,
			[]string{"remove a: edited", "change a: as before", "change a: as before"}},
		{"check mode looks at the same", `[{"id":"a","change":"1"},{"id":"b","change":"1"}]`, `[{"id":"b","change":"2"}]`, command.Check,
			[]string{"remove b: edited", "remove a: gone", "change b: edited"}},
		{"remove mode", `[]`, `[{"id":"a"},{"id":"g","commands":[{"id":"b"},{"id":"c"}]},{"id":"d"}]`, command.Remove,
			[]string{"remove d: all is removed", "remove g > c: all is removed", "remove g > b: all is removed", "remove a: all is removed"}},
		{"remove mode takes what is left of the old one too", `[{"id":"x","change":"1","removeAfter":true},{"id":"a","change":"1"},{"id":"b","change":"1"}]`, `[{"id":"a","change":"2"},{"id":"b","change":"1"}]`, command.Remove,
			[]string{"remove a: edited", "remove x: gone", "remove b: all is removed", "remove a: all is removed"}},
		{"what stays may be set off where it has no check", `[{"id":"reload","remove":"r"},{"id":"state","check":"c","remove":"r"},{"id":"unit","remove":"r","onRemove":["reload","state"]},{"id":"other"}]`,
			`[{"id":"reload","remove":"r"},{"id":"state","check":"c","remove":"r"},{"id":"other"}]`, command.Change,
			[]string{"remove unit: gone", "remove reload: stays, and a removal may set it off", "change reload: as before", "change state: as before", "change other: as before"}},
		{"and set off others", `[{"id":"a","remove":"r"},{"id":"b","remove":"r","onRemove":"a"},{"id":"c","removeAfter":true,"remove":"r","onRemove":"b"}]`, `[{"id":"a","remove":"r"},{"id":"b","remove":"r"}]`, command.Change,
			[]string{"change a: as before", "change b: as before", "remove c: gone", "remove b: stays, and a removal may set it off", "remove a: stays, and a removal may set it off"}},
	} {
		p, err := command.Diff(read(t, c.old), read(t, c.list), c.mode)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := steps(p); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestDiffRefuses(t *testing.T) {
	t.Parallel()
	if _, err := command.Diff(nil, nil, "apply"); err == nil || err.Error() != `mode "apply": want change, check or remove` {
		t.Error(err)
	}
	invalid := read(t, `[{"id":"a","onChange":"a"}]`)
	if _, err := command.Diff(nil, invalid, command.Change); err == nil || !strings.Contains(err.Error(), "[0].onChange[0]") {
		t.Error(err)
	}
	if _, err := command.Diff(invalid, nil, command.Change); err != nil {
		t.Errorf("what ran once is refused: %v", err)
	}
}

func TestPlanShown(t *testing.T) {
	t.Parallel()
	p, err := command.Diff(read(t, `[{"id":"a","change":"x"},{"id":"new\nline"}]`), read(t, `[{"id":"ünï","commands":[{"id":"b"}]},{"id":"a","change":"x"}]`), command.Change)
	if err != nil {
		t.Fatal(err)
	}
	want := "remove  \"new\\nline\"  gone\n" +
		"change  ünï > b      new\n" +
		"change  a            as before\n"
	if p.String() != want {
		t.Errorf("got\n%swant\n%s", p, want)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"mode":"change","steps":[{"action":"remove","id":"new\nline","why":"gone"},{"action":"change","parent":"ünï","id":"b","why":"new"},{"action":"change","id":"a","why":"as before"}]}`; string(text) != want {
		t.Errorf("got %s", text)
	}
}

func TestOnly(t *testing.T) {
	t.Parallel()
	p, err := command.Diff(read(t, `[{"id":"web old"}]`), read(t, `[{"id":"web"},{"id":"web 2"},{"id":"db","commands":[{"id":"web"},{"id":"x"},{"id":"in","commands":[{"id":"y"}]}]},{"id":"last"}]`), command.Change)
	if err != nil {
		t.Fatal(err)
	}
	for expression, want := range map[string][]string{
		"web":     {"change web: new", "change db > web: new"},
		"web.*":   {"remove web old: gone", "change web: new", "change web 2: new", "change db > web: new"},
		"db":      {"change db > web: new", "change db > x: new", "change db > in > y: new"},
		"in|last": {"change db > in > y: new", "change last: new"},
		"we":      nil,
	} {
		only, err := p.Only(expression)
		if got := steps(only); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", expression, got, err, want)
		}
	}
	if _, err := p.Only("("); err == nil {
		t.Error("a regular expression that does not compile was taken")
	}
}
