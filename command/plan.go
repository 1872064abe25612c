package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Mode is what is done with a list.
type Mode string

// The modes.
const (
	Change Mode = "change" // make it so
	Check  Mode = "check"  // only look
	Remove Mode = "remove" // undo it
)

// pathSeparator stands between the ids of groups, and before that of a Command.
const pathSeparator = " > "

// Plan is what a Runner does, step by step. Only Diff makes one.
type Plan struct {
	Mode  Mode   `json:"mode"`
	Steps []Step `json:"steps"`
}

// Step is a Command's part in a Plan. In Check mode nothing of it runs but the check.
type Step struct {
	Action Mode   `json:"action"` // Change or Remove
	Parent string `json:"parent,omitzero"`
	ID     string `json:"id"`
	Why    string `json:"why"`

	command *Command
	scope   *scope
	index   int  // of the Command in its list
	setOff  bool // it runs only where another one sets it off
}

// Command is the one whose step this is. It is never a group.
func (s Step) Command() Command { return *s.command }

// Name is the path of the Command: that of its group, and its id.
func (s Step) Name() string { return join(s.Parent, s.ID) }

func join(parent, id string) string {
	if parent == "" {
		return id
	}
	return parent + pathSeparator + id
}

// scope is a list in its place: targets and variables do not leave it.
type scope struct {
	parent *scope
	group  string // id; empty for the list of no group
	path   string // for people
	key    string // the same, without a doubt
	names  *names
}

func newScope(list List, parent *scope, group string) *scope {
	s := &scope{parent: parent, group: group, names: namesOf(list)}
	if parent != nil {
		s.path, s.key = join(parent.path, group), parent.key+group+"\x00"
	}
	return s
}

// inner is the scope of the group at i.
func (s *scope) inner(i int) *scope {
	group := &s.names.list[i]
	return newScope(group.Commands, s, group.ID)
}

// step is that of the Command at i.
func (s *scope) step(i int, action Mode, why string) Step {
	c := &s.names.list[i]
	return Step{Action: action, Parent: s.path, ID: c.ID, Why: why, command: c, scope: s, index: i}
}

// Diff plans how a machine on which old has run becomes one on which list has. In Change mode: what is gone or whose change
// was edited is removed in reverse, the list runs, and then what is to be removed after it. In Check mode the same is looked
// at. In Remove mode all of both is removed. The list must be valid; old need not be.
//
// A Command of old is known again by the ids of its groups and its own. Where several share them, it stays as long as one
// of them has the same change, or ignores the difference.
func Diff(old, list List, m Mode) (Plan, error) {
	if !slices.Contains([]Mode{Change, Check, Remove}, m) {
		return Plan{}, fmt.Errorf("mode %q: want %s, %s or %s", m, Change, Check, Remove)
	}
	if err := list.Validate(""); err != nil {
		return Plan{}, err
	}
	d := differ{next: map[string][]*Command{}, last: map[string][]*Command{}}
	before, after := newScope(old, nil, ""), newScope(list, nil, "")
	index(before, d.last)
	index(after, d.next)
	d.removals(before)
	p := Plan{Mode: m, Steps: append([]Step{}, d.before...)} // none are an empty list as JSON, too
	if m == Remove {
		p.Steps = append(p.Steps, d.after...)
		undo(after, &p.Steps)
		return p, nil
	}
	d.changes(after, &p.Steps)
	p.Steps = append(p.Steps, d.after...)
	return p, nil
}

// differ compares two lists.
type differ struct {
	last, next    map[string][]*Command // by key and id
	before, after []Step                // removals, in reverse
}

// index finds the Commands of a list and its groups by what they are known by.
func index(s *scope, into map[string][]*Command) {
	for i := range s.names.list {
		c := &s.names.list[i]
		if c.Commands != nil {
			index(s.inner(i), into)
			continue
		}
		into[s.key+c.ID] = append(into[s.key+c.ID], c)
	}
}

// removals plans what of the old list is removed. Where that sets off a Command that stays and has no check (it holds
// nothing on the machine, and so is there to be set off), its remove has a step too.
func (d *differ) removals(s *scope) {
	setOff := [2]map[int]bool{{}, {}} // in before and after
	for i := len(s.names.list) - 1; i >= 0; i-- {
		c := &s.names.list[i]
		if c.Commands != nil {
			d.removals(s.inner(i))
			continue
		}
		why, late := d.removal(s, c)
		for n, steps := range []*[]Step{&d.before, &d.after} {
			switch {
			case why != "" && late == (n == 1):
				*steps = append(*steps, s.step(i, Remove, why))
			case why == "" && c.Check == "" && c.Remove != "" && setOff[n][i]:
				step := s.step(i, Remove, "stays, and a removal may set it off")
				step.setOff = true
				*steps = append(*steps, step)
			default:
				continue
			}
			for _, target := range c.OnRemove {
				matches := s.names.matches(i, target, earlier)
				for other := range i {
					if matches(other) {
						setOff[n][other] = true
					}
				}
			}
		}
	}
}

// removal says why an old Command is removed, if it is, and whether that comes after the changes.
func (d *differ) removal(s *scope, c *Command) (why string, late bool) {
	why, late = "gone", c.RemoveAfter
	for _, other := range d.next[s.key+c.ID] {
		if other.Change == c.Change || other.ChangeIgnore {
			return "", false
		}
		why, late = "edited", late || other.RemoveAfter
	}
	return why, late
}

// changes plans the new list.
func (d *differ) changes(s *scope, into *[]Step) {
	for i := range s.names.list {
		c := &s.names.list[i]
		if c.Commands != nil {
			d.changes(s.inner(i), into)
			continue
		}
		why := "new"
		for _, other := range d.last[s.key+c.ID] {
			why = "edited"
			if other.Change == c.Change {
				why = "as before"
				break
			}
		}
		*into = append(*into, s.step(i, Change, why))
	}
}

// undo plans the removal of a whole list.
func undo(s *scope, into *[]Step) {
	for i := len(s.names.list) - 1; i >= 0; i-- {
		if s.names.list[i].Commands != nil {
			undo(s.inner(i), into)
			continue
		}
		*into = append(*into, s.step(i, Remove, "all is removed"))
	}
}

// Only returns the plan with those Commands alone whose id, or one of whose groups' ids, the regular expression matches as
// a whole.
func (p Plan) Only(expression string) (Plan, error) {
	pattern, err := whole(expression)
	if err != nil {
		return Plan{}, fmt.Errorf("%q: %w", expression, err)
	}
	known := map[*scope]bool{nil: false}
	var within func(s *scope) bool
	within = func(s *scope) bool {
		is, asked := known[s]
		if !asked {
			is = s.parent != nil && (pattern.MatchString(s.group) || within(s.parent))
			known[s] = is
		}
		return is
	}
	only := Plan{Mode: p.Mode}
	for _, step := range p.Steps {
		if pattern.MatchString(step.ID) || within(step.scope) {
			only.Steps = append(only.Steps, step)
		}
	}
	return only, nil
}

// String is the plan as a table: action, Command, and why.
func (p Plan) String() string {
	var table strings.Builder
	width := 0
	for _, step := range p.Steps {
		width = max(width, utf8.RuneCountInString(visible(step.Name())))
	}
	for _, step := range p.Steps {
		fmt.Fprintf(&table, "%-6s  %-*s  %s\n", step.Action, width, visible(step.Name()), step.Why)
	}
	return table.String()
}

// visible is text in one line without control characters.
func visible(text string) string {
	if quoted := strconv.Quote(text); strings.Contains(quoted, `\`) {
		return quoted
	}
	return text
}
