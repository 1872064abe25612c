package agent

import (
	"maps"
	"slices"

	"github.com/writ-run/writ/command"
)

// extras is what may be on the machine beside what the order that ran last has put there. It needs mu.
func (s *source) extras() command.List {
	all := slices.Clone(s.extra)
	for _, run := range slices.Sorted(maps.Keys(s.flying)) {
		all = append(all, s.flying[run]...)
	}
	return all
}

// keepRan writes what is, or may be, on the machine. It needs keeping.
func (s *source) keepRan() error {
	s.mu.Lock()
	ran, off := s.ran, s.config.NoRestore
	ran.Extra = s.extras()
	s.mu.Unlock()
	if off {
		return nil
	}
	err := s.agent.state.KeepRan(s.name, ran)
	if err != nil {
		s.trouble(troubleWrite, "what is on the machine cannot be written down", err)
	} else {
		s.well(troubleWrite, troubleRan)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsaved = err != nil
	return err
}

// ahead remembers what a run may put on the machine before it does, so that it is known whenever the agent is killed.
func (t *turn) ahead() error {
	if t.mode != command.Change {
		return nil
	}
	t.keeping.Lock()
	defer t.keeping.Unlock()
	t.mu.Lock()
	list := t.list
	if t.only != "" {
		list = parts(t.list, t.plan)
	}
	if same(list, t.ran.Commands) {
		unsaved := t.unsaved
		t.mu.Unlock()
		if unsaved && t.keepRan() == nil {
			t.promote()
		}
		return nil // where it still cannot be written: what was, before the list ran first, has it too
	}
	t.runs++
	t.number = t.runs
	t.flying[t.number] = list
	t.mu.Unlock()
	err := t.keepRan()
	if err != nil {
		t.mu.Lock()
		delete(t.flying, t.number)
		t.mu.Unlock()
	}
	return err
}

// parts are the Commands of a list that a plan has steps for.
func parts(list command.List, p command.Plan) command.List {
	wanted := map[string]bool{}
	for _, step := range p.Steps {
		if step.Action == command.Change {
			wanted[step.Name()] = true
		}
	}
	var without command.Result // as if all others had been removed
	var visit func(list command.List, path string)
	visit = func(list command.List, path string) {
		for _, c := range list {
			o := command.Outcome{Action: command.Remove, Parent: path, ID: c.ID, State: command.Removed}
			if c.Commands != nil {
				visit(c.Commands, o.Name())
			} else if !wanted[o.Name()] {
				without.Outcomes = append(without.Outcomes, o)
			}
		}
	}
	visit(list, "")
	return command.Left(list, nil, without)
}

// settle remembers what is on the machine after a run. One that the agent's end cut short is not over: the order is run again
// at the next start.
func (t *turn) settle(result command.Result, stopped bool) {
	if stopped {
		return
	}
	t.keeping.Lock()
	defer t.keeping.Unlock()
	t.mu.Lock()
	changed := t.mode == command.Change && t.change(result)
	t.mu.Unlock()
	if changed && t.keepRan() != nil || t.only != "" || t.job.check {
		return // S.next stays: at the next start the order runs again
	}
	t.promote()
}

// change brings what is on the machine up to date, and says whether that is to be written. It needs mu.
func (t *turn) change(result command.Result) bool {
	ahead := t.flying[t.number]
	delete(t.flying, t.number)
	before := t.ran
	switch {
	case t.only != "": // the order stays as it is; what has run beside it goes with the next
		t.ran.Left = command.Left(t.ran.Left, ahead, result)
		t.extra = append(command.Left(t.extra, ahead, result), ahead...)
	case !t.stands(): // another has come meanwhile
		t.ran.Left = append(command.Left(t.ran.Left, t.list, result), command.Left(t.list, t.ran.Commands, command.Result{})...)
	default:
		compared := t.ran.Again()
		if t.isFresh() {
			compared = slices.Concat(t.ran.Left, t.extra, t.ran.Commands)
			t.extra = nil
		}
		t.ran = Ran{Commands: t.list, Left: command.Left(compared, t.list, result)}
		if t.order != nil {
			t.ran.Order = t.order.digest
		}
		t.fresh, t.shown.interrupted = false, false
	}
	if t.config.NoRemove {
		t.ran.Left = nil
	}
	return ahead != nil || t.unsaved || before.Order != t.ran.Order || !same(before.Left, t.ran.Left) || !same(before.Commands, t.ran.Commands)
}

// promote makes the order whose run has begun the one whose run has ended last. It needs keeping.
func (t *turn) promote() {
	t.mu.Lock()
	due := t.order != nil && t.order.next && t.order.number == t.taken && !t.config.NoRestore
	t.mu.Unlock()
	if !due {
		return
	}
	if err := t.agent.state.Promote(t.name); err != nil {
		t.trouble(troubleWrite, "the order cannot be kept", err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.order.next = false
}

// rest keeps an order that only runs when something sets it off.
func (t *turn) rest() {
	t.keeping.Lock()
	defer t.keeping.Unlock()
	t.promote()
}

// giveUp forgets an order that was taken and cannot be rendered: the one before it runs on.
func (s *source) giveUp(o *order) error {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	s.mu.Lock()
	last, noRestore, current := o.number == s.taken, s.config.NoRestore, s.current
	s.mu.Unlock()
	if !last {
		return nil // another was taken meanwhile, and S.next is its own
	}
	mark, found, err := s.agent.state.Mark(s.name)
	if err != nil || !found {
		return err
	}
	mark.Broken = true
	if err := s.keepMark(mark); err != nil || noRestore {
		return err
	}
	if current == nil || !current.next { // it is in S.jwt
		return s.agent.state.Drop(s.name)
	}
	return s.agent.state.Begin(s.name, current.Raw()) // it still runs, or was taken just before
}
