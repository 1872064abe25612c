package command

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"

	"github.com/writ-run/writ/internal/nearest"
)

// eventPrefix begins a target that is no Command.
const eventPrefix = "etcha:"

// side is where a Command's targets are in its list.
type side bool

const (
	later   side = false // onChange, onFail
	earlier side = true  // onRemove: they come after it in the reversed run
)

func (s side) String() string {
	if s == earlier {
		return "before"
	}
	return "after"
}

func (s side) has(from, other int) bool {
	return s == later && other > from || s == earlier && other < from
}

// names is a list with its ids, to look targets up in.
type names struct {
	list List
	byID map[string][]int

	mu       sync.Mutex
	compiled map[string]*regexp.Regexp
}

func namesOf(list List) *names {
	n := &names{list: list, byID: make(map[string][]int, len(list)), compiled: map[string]*regexp.Regexp{}}
	for i, c := range list {
		n.byID[c.ID] = append(n.byID[c.ID], i)
	}
	return n
}

// pattern compiles a target that is nobody's id.
func (n *names) pattern(target string) (*regexp.Regexp, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known := n.compiled[target]; known != nil {
		return known, nil
	}
	compiled, err := whole(target)
	if err != nil {
		return nil, err
	}
	n.compiled[target] = compiled
	return compiled, nil
}

// whole compiles an expression that has to match all of a text. An error speaks of the expression as it was written.
func whole(expression string) (*regexp.Regexp, error) {
	if _, err := syntax.Parse(expression, syntax.Perl); err != nil {
		return nil, err
	}
	return regexp.Compile("^(?:" + expression + ")$")
}

// matches says which Command of the list a target of the Command at from means; groups are never meant. A target that
// check refuses has none.
func (n *names) matches(from int, target string, s side) func(other int) bool {
	if of := n.byID[target]; len(of) > 0 {
		return func(other int) bool {
			return len(of) == 1 && other == of[0] && s.has(from, other) && n.list[other].Commands == nil
		}
	}
	pattern, err := n.pattern(target)
	if err != nil {
		return func(int) bool { return false }
	}
	return func(other int) bool {
		return s.has(from, other) && n.list[other].Commands == nil && pattern.MatchString(n.list[other].ID)
	}
}

// check says what is wrong with a target of the Command at from.
func (n *names) check(from int, target string, s side) error {
	if name, event := strings.CutPrefix(target, eventPrefix); event {
		if name == "" {
			return fmt.Errorf("%q: an event has a name", target)
		}
		return nil
	}
	if target == "" {
		return fmt.Errorf("%q: names nothing", target)
	}
	if of := n.byID[target]; len(of) > 0 {
		return n.checkID(from, target, of, s)
	}
	if _, err := n.pattern(target); err != nil {
		return fmt.Errorf("%q: %w", target, err)
	}
	matches := n.matches(from, target, s)
	for i := range n.list {
		if matches(i) {
			return nil
		}
	}
	reason := fmt.Sprintf("no Command %s this one has that id, or an id that it matches as a regular expression", s)
	if regexp.QuoteMeta(target) == target {
		reason += nearest.Suggestion(target, n.ids(from, s))
	}
	return fmt.Errorf("%q: %s", target, reason)
}

func (n *names) checkID(from int, target string, of []int, s side) error {
	switch {
	case len(of) == 1 && of[0] == from:
		return fmt.Errorf("%q: is this Command itself", target)
	case len(of) > 1:
		return fmt.Errorf("%q: %d Commands of this list have that id; give the one that is meant its own", target, len(of))
	case !s.has(from, of[0]):
		return fmt.Errorf("%q: must come %s this Command, in whose list it is", target, s)
	case n.list[of[0]].Commands != nil:
		return fmt.Errorf("%q: is a group; a Command can only set off Commands of its own list", target)
	}
	return nil
}

// ids are those that a target of the Command at from could name.
func (n *names) ids(from int, s side) (ids []string) {
	for i, c := range n.list {
		if s.has(from, i) && c.Commands == nil {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// events are the names of events among targets.
func (t Targets) events() (names []string) {
	for _, target := range t {
		if name, event := strings.CutPrefix(target, eventPrefix); event {
			names = append(names, name)
		}
	}
	return names
}
