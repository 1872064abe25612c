package command

// Left is what of old is still to be removed after a plan has run by which old became list: what list no longer has, or
// has edited, and whose removal failed, was not reached, or was not in the plan. It keeps its groups.
func Left(old, list List, r Result) List {
	d := differ{next: map[string][]*Command{}}
	index(newScope(list, nil, ""), d.next)
	done := map[[2]string]bool{} // by the path of the group and id
	for _, o := range r.Outcomes {
		if o.Action != Remove {
			continue
		}
		key := [2]string{o.Parent, o.ID}
		well := o.State == Removed || o.State == Well || o.State == Idle
		if before, known := done[key]; known {
			well = well && before
		}
		done[key] = well
	}
	return d.left(newScope(old, nil, ""), done)
}

func (d *differ) left(s *scope, done map[[2]string]bool) (left List) {
	for i, c := range s.names.list {
		if c.Commands != nil {
			if c.Commands = d.left(s.inner(i), done); c.Commands != nil {
				left = append(left, c)
			}
			continue
		}
		if why, _ := d.removal(s, &c); why != "" && !done[[2]string{s.path, c.ID}] {
			left = append(left, c)
		}
	}
	return left
}
