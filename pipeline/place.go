package pipeline

import "fmt"

// artifacts reads inputs and outputs. An output at the path of an input is that input, changed.
func (r *reader) artifacts(c *TaskConfig, fields map[string]*node) {
	taken := map[string]string{}
	for _, n := range r.list(fields["inputs"], "inputs") {
		members, whole := r.object(n, inputSchema())
		optional := r.boolean(members["optional"], "optional")
		if name, path, at, ok := r.artifact(n, "input", members, whole, taken); ok {
			c.Inputs = append(c.Inputs, Input{name, path, optional, at})
		}
	}
	taken = map[string]string{}
	names := map[string]bool{}
	for _, n := range r.list(fields["outputs"], "outputs") {
		members, whole := r.object(n, outputSchema())
		name, path, at, ok := r.artifact(n, "output", members, whole, taken)
		if !ok {
			continue
		}
		if names[name] && name != "" {
			r.fail(n, "output %s is there twice", members["name"].quoted())
		}
		names[name] = true
		c.Outputs = append(c.Outputs, Output{name, path, at})
	}
}

// artifact reads an input's or output's name and path; they are empty where a var stands. taken are the others' paths.
func (r *reader) artifact(n *node, what string, members map[string]*node, whole bool, taken map[string]string) (name, path string, at place, ok bool) {
	if members["name"] == nil {
		if members != nil && whole {
			r.fail(n, "an %s needs a name", what)
		}
		return "", "", place{}, false
	}
	name = r.name(members["name"], "an "+what+"'s name")
	at = place{r.at(n), name}
	shown := members["name"].quoted()
	if given := members["path"]; given != nil {
		text, isText := r.text(given, "path of an "+what)
		if !isText || text != "" {
			at.written, shown = text, given.quoted()
		}
	}
	if at.written == "" {
		return name, "", at, true
	}
	path = cleanPath(at.written)
	if other, is := taken[path]; is && what == "input" { // Concourse takes this; the later one is seen
		r.warn(n, "input %s hides input %s, which has the same path %s", members["name"].quoted(), other, shown)
	} else if is {
		r.fail(n, "output %s: the path %s is already that of output %s", members["name"].quoted(), shown, other)
	}
	taken[path] = members["name"].quoted()
	return name, path, at, true
}

// caches reads the caches, each of which has a path for itself.
func (r *reader) caches(c *TaskConfig, n *node) {
	taken := map[string]string{}
	for _, input := range c.Inputs {
		if input.written != "" {
			taken[input.Path] = fmt.Sprintf("input %q", brief(input.Name))
		}
	}
	for _, output := range c.Outputs {
		if output.written != "" {
			taken[output.Path] = fmt.Sprintf("output %q", brief(output.Name))
		}
	}
	for _, n := range r.list(n, "caches") {
		fields, whole := r.object(n, cacheSchema())
		given := fields["path"]
		if given == nil {
			if fields != nil && whole {
				r.fail(n, "a cache needs a path")
			}
			continue
		}
		text, is := r.text(given, "path of a cache")
		if !is {
			continue
		}
		if text == "" {
			r.fail(given, "path of a cache must not be empty")
			continue
		}
		path := cleanPath(text)
		if other := taken[path]; other != "" {
			r.fail(given, "cache: the path %s is already that of %s", given.quoted(), other)
			continue
		}
		taken[path] = "another cache"
		c.Caches = append(c.Caches, Cache{path, place{r.at(n), text}})
	}
}
