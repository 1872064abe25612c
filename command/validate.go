package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/internal/strict"
)

// maxScript is the longest script that can be an argument: what Linux takes without its NUL (MAX_ARG_STRLEN, execve(2)).
const maxScript = 128<<10 - 1

const (
	maxDepth    = 64  // of groups: the path of a Command stands on each line about it
	maxMistakes = 100 // more say no more, and each may cost a look at the whole list
)

// Validate returns the mistakes as *strict.Mistake, one a line, the first hundred of them. path is what the list is called: run.
func (l List) Validate(path string) error {
	var found mistakes
	l.validate(path, 0, &found)
	if found.full() {
		found = append(found[:maxMistakes], &strict.Mistake{Path: path, Reason: fmt.Sprintf("more than %d mistakes; these are the first", maxMistakes)})
	}
	return errors.Join(found...)
}

// mistakes are those found so far.
type mistakes []error

func (m *mistakes) add(path, reason string) {
	*m = append(*m, &strict.Mistake{Path: path, Reason: reason})
}
func (m *mistakes) full() bool { return len(*m) > maxMistakes }

func (l List) validate(path string, depth int, found *mistakes) {
	if depth > maxDepth {
		found.add(path, fmt.Sprintf("groups nest deeper than %d", maxDepth))
		return
	}
	n := namesOf(l)
	for i, c := range l {
		if found.full() {
			return
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		if c.ID == "" {
			found.add(at, "id is missing")
		}
		if c.Commands != nil {
			c.Commands.validate(at+".commands", depth+1, found)
			continue
		}
		add := func(member, reason string) { found.add(at+"."+member, c.quote()+reason) }
		c.checkScripts(add)
		c.checkTargets(n, i, add)
		c.Exec.Check(func(member, reason string) { add("exec"+member, reason) })
	}
}

// quote names the Command in front of a reason.
func (c *Command) quote() string {
	if c.ID == "" {
		return ""
	}
	return fmt.Sprintf("(of %q) ", c.ID)
}

func (c *Command) checkScripts(add func(member, reason string)) {
	for _, of := range []struct{ member, text string }{{"check", c.Check}, {"change", c.Change}, {"remove", c.Remove}} {
		if strings.ContainsRune(of.text, 0) {
			add(of.member, "holds a NUL byte, which no argument can")
		}
		if len(of.text) > maxScript {
			add(of.member, fmt.Sprintf("is %d bytes long; Linux takes %d in one argument: put data into stdin, or into a file", len(of.text), maxScript))
		}
	}
	if c.EnvPrefix != "" && !script.IsVariable(c.EnvPrefix) {
		add("envPrefix", fmt.Sprintf("%q: want letters, digits and underscores, and no digit first", c.EnvPrefix))
	}
}

func (c *Command) checkTargets(n *names, at int, add func(member, reason string)) {
	for _, on := range []struct {
		member  string
		targets Targets
		side    side
	}{{"onChange", c.OnChange, later}, {"onFail", c.OnFail, later}, {"onRemove", c.OnRemove, earlier}} {
		for i, target := range on.targets {
			if err := n.check(at, target, on.side); err != nil {
				add(fmt.Sprintf("%s[%d]", on.member, i), err.Error())
			}
		}
	}
}

// Warnings are what a valid list says that has no effect, one for each, with its path.
func (l List) Warnings(path string) (found []string) {
	for i, c := range l {
		at := fmt.Sprintf("%s[%d]", path, i)
		if c.Commands != nil {
			if ignored := c.ignored(); len(ignored) > 0 {
				found = append(found, fmt.Sprintf("%s: %sis a group, where %s has no effect", at, c.quote(), strings.Join(ignored, ", ")))
			}
			found = append(found, c.Commands.Warnings(at+".commands")...)
			continue
		}
		if e := c.Exec; e != nil {
			for _, reason := range e.Idle() {
				found = append(found, fmt.Sprintf("%s.exec: %s%s", at, c.quote(), reason))
			}
		}
		if c.Change == "" && len(c.OnChange) > 0 {
			found = append(found, fmt.Sprintf("%s.onChange: %snever happens: there is no change", at, c.quote()))
		}
		if c.Remove == "" && len(c.OnRemove) > 0 {
			found = append(found, fmt.Sprintf("%s.onRemove: %snever happens: there is no remove", at, c.quote()))
		}
	}
	return found
}

// Unheard are the events of a valid list that nobody hears, one for each, with its path. names are what is heard; one that ends in _
// is the beginning of a name.
func (l List) Unheard(path string, names []string) (found []string) {
	for i, c := range l {
		at := fmt.Sprintf("%s[%d]", path, i)
		if c.Commands != nil {
			found = append(found, c.Commands.Unheard(at+".commands", names)...)
			continue
		}
		for _, on := range []struct {
			member  string
			targets Targets
		}{{"onChange", c.OnChange}, {"onFail", c.OnFail}, {"onRemove", c.OnRemove}} {
			for _, event := range on.targets.events() {
				if !heard(event, names) {
					found = append(found, fmt.Sprintf("%s.%s: %snobody here hears the event %q%s", at, on.member, c.quote(), eventPrefix+event, nearest.Suggestion(event, names)))
				}
			}
		}
	}
	return found
}

func heard(event string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return event == name || strings.HasSuffix(name, "_") && strings.HasPrefix(event, name)
	})
}

// ignored are the members of a group that have no effect.
func (c *Command) ignored() (names []string) {
	for _, member := range []struct {
		name string
		set  bool
	}{
		{"always", c.Always}, {"check", c.Check != ""}, {"change", c.Change != ""}, {"remove", c.Remove != ""}, {"stdin", c.Stdin != ""},
		{"changeIgnore", c.ChangeIgnore}, {"removeAfter", c.RemoveAfter}, {"envPrefix", c.EnvPrefix != ""}, {"exec", c.Exec != nil},
		{"onChange", c.OnChange != nil}, {"onFail", c.OnFail != nil}, {"onRemove", c.OnRemove != nil},
	} {
		if member.set {
			names = append(names, member.name)
		}
	}
	return names
}
