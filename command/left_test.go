package command_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/writ-run/writ/command"
)

// ids are those of a list, groups with what is in them.
func ids(l command.List) string {
	var all []string
	for _, c := range l {
		if c.Commands != nil {
			all = append(all, c.ID+"("+ids(c.Commands)+")")
			continue
		}
		all = append(all, c.ID)
	}
	return strings.Join(all, " ")
}

// TestLeft: whatever happens to a removal, what it did not remove is still known, and is removed by the next run.
func TestLeft(t *testing.T) {
	t.Parallel()
	c := func(id string) command.Command {
		return command.Command{ID: id, Check: "@", Change: "@", Remove: "@"}
	}
	stuck := func(id string) command.Command {
		one := c(id)
		one.Remove = "test ! -e stuck && rm -f " + id
		return one
	}
	edited := c("edited")
	edited.Change = "@; touch edited # now"
	old := command.List{c("a"), {ID: "g", Commands: command.List{c("stays"), stuck("b"), c("d")}}, c("edited"), c("z")}
	list := command.List{{ID: "g", Commands: command.List{c("stays")}}, edited}

	m := newMachine(t)
	if _, _, err := m.run(nil, old, command.Change); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.run(nil, command.List{{ID: "s", Always: true, Change: "touch stuck"}}, command.Change); err != nil {
		t.Fatal(err)
	}
	old = traced(old)
	_, r, err := m.run(old, list, command.Change)
	if err == nil {
		t.Fatal("a removal that fails is no failure")
	}
	left := command.Left(old, traced(list), r)
	if got, want := ids(left), "a g(b)"; got != want {
		t.Errorf("left %q; want %q", got, want)
	}
	if _, _, err := m.run(nil, command.List{{ID: "s", Always: true, Change: "rm stuck"}}, command.Change); err != nil {
		t.Fatal(err)
	}
	_, r, err = m.run(left, list, command.Change)
	if err != nil {
		t.Fatal(err)
	}
	if got := command.Left(left, traced(list), r); got != nil {
		t.Errorf("left again: %q", ids(got))
	}
	if got := ids(command.Left(old, traced(list), command.Result{})); got != "a g(b d) edited z" {
		t.Errorf("of a plan that did not run: %q", got)
	}
	if got := command.Left(old, old, command.Result{}); got != nil {
		t.Errorf("of the same list: %q", ids(got))
	}
	idle := command.Result{Outcomes: []command.Outcome{{Action: command.Remove, ID: "x", State: command.Idle}}}
	if got := command.Left(command.List{{ID: "x", Change: "1"}}, nil, idle); got != nil {
		t.Errorf("of what has nothing to remove: %q", ids(got))
	}
	twice := command.List{{ID: "x", Change: "1"}, {ID: "x", Change: "2"}}
	outcomes := command.Result{Outcomes: []command.Outcome{{Action: command.Remove, ID: "x", State: command.Removed}, {Action: command.Remove, ID: "x", State: command.Failed}}}
	if got := command.Left(twice, nil, outcomes); !reflect.DeepEqual(got, twice) {
		t.Errorf("of two with one id, one removal failed: %q", ids(got))
	}
}

// TestUnclearTarget has an old list, which nobody validates, with a target that two Commands have: neither is set off.
func TestUnclearTarget(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	old := command.List{
		{ID: "reload", Remove: "@"}, {ID: "reload", Remove: "@"},
		{ID: "unit", Check: "true", Remove: "@; true", OnRemove: command.Targets{"reload"}},
	}
	executed, r, err := m.run(old, command.List{{ID: "reload", Remove: "@"}}, command.Change)
	if got := strings.Join(executed, ","); got != "unit remove" || err != nil {
		t.Errorf("executed %s, %v, %q", got, err, states(r))
	}
}
