package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
)

// frame is where a step is.
type frame struct {
	attempt int // of the nearest attempts around it; 0: there are none
	scope   *scope
	values  []string // of the across steps around it, "name=value", for the log
}

// title is a step's name in the log.
func (at frame) title(name string) string {
	if len(at.values) == 0 {
		return name
	}
	return name + " (" + strings.Join(at.values, ", ") + ")"
}

// scope holds what steps leave for later ones. An iteration of across has a scope of its own: what it leaves is not seen
// outside, and what is outside is seen in it. It is safe for concurrent use.
type scope struct {
	outer     *scope      // nil: the build's own scope
	mu        *sync.Mutex // one for all scopes of a build
	artifacts map[string]*artifact
	vars      map[string]local
}

// local is the value of a local var.
type local struct {
	value  any
	secret bool
}

func newScope() *scope {
	return &scope{mu: new(sync.Mutex), artifacts: map[string]*artifact{}, vars: map[string]local{}}
}

func (s *scope) inner() *scope {
	return &scope{outer: s, mu: s.mu, artifacts: map[string]*artifact{}, vars: map[string]local{}}
}

// local returns the local var ((.:name)).
func (s *scope) local(name string) (value local, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := s; at != nil && !found; at = at.outer {
		value, found = at.vars[name]
	}
	return value, found
}

// set sets the local var ((.:name)). A secret is with AddSecret before that.
func (s *scope) set(name string, value local) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vars[name] = value
}

// artifact is a volume that steps share. It is closed once another has its name and nobody uses it any more: a step may be
// copying it while one beside it makes it anew.
type artifact struct {
	container.Volume
	users    int
	replaced bool
}

// hold returns the artifact of that name for use until it is released; nil: there is none.
func (s *scope) hold(name string) *artifact {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := s; at != nil; at = at.outer {
		if found := at.artifacts[name]; found != nil {
			found.users++
			return found
		}
	}
	return nil
}

// release ends the use of artifacts. Any may be nil.
func (s *scope) release(all map[string]*artifact) error {
	var unused []*artifact
	s.mu.Lock()
	for _, one := range all {
		if one == nil {
			continue
		}
		if one.users--; one.users == 0 && one.replaced {
			unused = append(unused, one)
		}
	}
	s.mu.Unlock()
	var problems []error
	for _, one := range unused {
		problems = append(problems, one.Close())
	}
	return errors.Join(problems...)
}

// put makes a volume the artifact of that name, in the place of an earlier one.
func (s *scope) put(name string, volume container.Volume) error {
	s.mu.Lock()
	old := s.artifacts[name]
	s.artifacts[name] = &artifact{Volume: volume}
	unused := old != nil && old.users == 0
	if old != nil {
		old.replaced = true
	}
	s.mu.Unlock()
	if unused {
		return old.Close()
	}
	return nil
}

// artifact returns the artifact of that name for use until it is released; nil: there is none. A directory of the user's is
// copied when it is first used.
func (b *build) artifact(ctx context.Context, at frame, name string) (*artifact, error) {
	if held := at.scope.hold(name); held != nil {
		return held, nil
	}
	directory, given := b.Inputs[name]
	if !given {
		return nil, nil
	}
	b.copying.Lock()
	defer b.copying.Unlock()
	if held := at.scope.hold(name); held != nil { // another step was first
		return held, nil
	}
	volume, err := b.Runtime.Volume(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("input %q: %w", name, err)
	}
	if err := b.Copy(ctx, volume.Path(), directory); err != nil {
		return nil, errors.Join(fmt.Errorf("input %q: %w", name, err), volume.Close())
	}
	if held := at.scope.hold(name); held != nil { // a task has made one of this name meanwhile
		return held, volume.Close()
	}
	if err := b.scope.put(name, volume); err != nil {
		return nil, err
	}
	return b.scope.hold(name), nil
}

// artifactNames are those that there are, sorted.
func (b *build) artifactNames(at frame) []string {
	names := slices.Collect(maps.Keys(b.Inputs))
	at.scope.mu.Lock()
	for s := at.scope; s != nil; s = s.outer {
		names = slices.AppendSeq(names, maps.Keys(s.artifacts))
	}
	at.scope.mu.Unlock()
	slices.Sort(names)
	return slices.Compact(names)
}

// closeScope removes the artifacts of a scope in which nothing runs any more.
func (b *build) closeScope(s *scope) {
	for _, name := range slices.Sorted(maps.Keys(s.artifacts)) {
		if err := s.artifacts[name].Close(); err != nil {
			b.log(journal.Entry{Kind: journal.Warning, Text: fmt.Sprintf("artifact %q: %v", name, err)})
		}
	}
}
