package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// TaskTemplate is a task config whose ((vars)) are not filled in.
type TaskTemplate struct {
	file     string
	root     *node
	imaged   bool       // the step has an image of its own, so the config's does not count
	known    TaskConfig // what can be said before: see CheckPaths
	Warnings []string   // params of the step that the task's file does not have
}

// TaskConfig is a task config, complete: no ((var)) is left in it.
type TaskConfig struct {
	Platform string
	Inputs   []Input
	Outputs  []Output
	Caches   []Cache
	Params   map[string]string // the environment
	Path     string            // executable
	Args     []string
	Dir      string // clean; a relative one is below the working directory; empty: the working directory itself
	Command  string // path and arguments to show, one line: what came out of a var stands there as its ((reference))
	User     string // of run.user; empty: the image's, or the one of the runtime
	Limits   Limits
	Image    *ImageResource // nil: this machine

	platformAt Error
	platformIs string // to show
	imageAt    Error
}

// Input is a directory that the task finds. Path is clean; relative ones are below the working directory, and "." is it.
type Input struct {
	Name, Path string
	Optional   bool
	place
}

// Output is a directory that the task leaves.
type Output struct {
	Name, Path string
	place
}

// Cache is a directory that a task finds as the last run of its step left it.
type Cache struct {
	Path string
	place
}

// place is where an input, output or cache stands in its file, and its path as it is written there.
type place struct {
	at      Error
	written string // empty: a var that is not filled in
}

// ReadFile reads the task config that t.File names; file is its name for messages. The step's vars are put in and its params
// win over the file's. Further ((vars)) stay for Value and Fill.
func (t *Task) ReadFile(file string, data []byte) (*TaskTemplate, error) {
	root, err := readYAML(file, data)
	if err != nil {
		return nil, err
	}
	if len(t.vars) > 0 {
		count := 0
		if root, err = (rebuilder{file: file, live: true}).replace(root, t.vars, &count); err != nil {
			return nil, err
		}
	}
	r := &reader{file: file, imaged: t.imaged}
	template := r.taskTemplate(withParams(root, t.params))
	if err := r.problems.orNil(); err != nil {
		return nil, err
	}
	if t.params == nil || t.params.kind != mapping {
		return template, nil
	}
	own := root.get("params")
	for _, p := range t.params.pairs {
		if name := p.key.text(); own == nil || own.kind == mapping && own.get(name) == nil {
			template.Warnings = append(template.Warnings, name+" was defined in pipeline but missing from task file")
		}
	}
	return template, nil
}

// withParams puts a step's params over those of a task config.
func withParams(config, params *node) *node {
	if params == nil || params.kind != mapping || config.kind != mapping {
		return config
	}
	merged := *params
	own := config.get("params")
	if own != nil && own.kind == mapping {
		merged.pairs = nil
		for _, p := range own.pairs {
			if params.get(p.key.text()) == nil {
				merged.pairs = append(merged.pairs, p)
			}
		}
		merged.pairs = append(merged.pairs, params.pairs...)
	} else if own != nil && !own.null() {
		return config // not a mapping, or a var: the reader has its say
	}
	result := *config
	result.pairs = nil
	for _, p := range config.pairs {
		if p.key.text() != "params" {
			result.pairs = append(result.pairs, p)
		}
	}
	result.pairs = append(result.pairs, pair{&node{line: params.line, column: params.column, value: "params", shown: "params"}, &merged})
	return &result
}

// taskTemplate checks what can be checked before the vars are filled in.
func (r *reader) taskTemplate(n *node) *TaskTemplate {
	t := &TaskTemplate{file: r.file, root: n, imaged: r.imaged}
	r.later(func() { t.known = r.taskConfig(n) })
	r.references(n)
	return t
}

// Value is the config as a plain tree, for vars.Interpolate.
func (t *TaskTemplate) Value() any { return t.root.plain() }

// Fill reads the config once its vars are filled in: value is what Interpolate made of Value. Mistakes have the places that
// they have in the file, and never show what came out of a var.
func (t *TaskTemplate) Fill(value any) (TaskConfig, error) {
	root, err := rebuilder{file: t.file}.node(value, t.root)
	if err != nil {
		return TaskConfig{}, err
	}
	r := &reader{file: t.file, imaged: t.imaged}
	config := r.taskConfig(root)
	if err := r.problems.orNil(); err != nil {
		return TaskConfig{}, err
	}
	return config, nil
}

// CheckPlatform refuses a config for another platform than want, where that is known before the vars are filled in.
func (t *TaskTemplate) CheckPlatform(want string) error { return t.known.CheckPlatform(want) }

// CheckPlatform refuses a config for another platform than want.
func (c TaskConfig) CheckPlatform(want string) error {
	if c.Platform == "" || c.Platform == want {
		return nil
	}
	at := c.platformAt
	at.Text = fmt.Sprintf("platform %s: tasks run on this machine, which is %s", c.platformIs, want)
	return at
}

// CheckPaths asks reserved about every path of an input, output and cache, as it is written.
func (c TaskConfig) CheckPaths(reserved func(path string) error) error {
	return c.reservedPaths(reserved).orNil()
}

func (c TaskConfig) reservedPaths(reserved func(path string) error) (problems Errors) {
	ask := func(p place, what, name string) {
		if p.written == "" {
			return
		}
		if err := reserved(p.written); err != nil {
			p.at.Text = what + " \"" + brief(name) + "\": " + err.Error()
			var helpful interface{ Hint() string }
			if errors.As(err, &helpful) {
				p.at.help = helpful.Hint()
			}
			problems = append(problems, p.at)
		}
	}
	for _, input := range c.Inputs {
		ask(input.place, "input", input.Name)
	}
	for _, output := range c.Outputs {
		ask(output.place, "output", output.Name)
	}
	for _, cache := range c.Caches {
		ask(cache.place, "cache", cache.Path)
	}
	return problems
}

func (r *reader) taskConfig(n *node) TaskConfig {
	var c TaskConfig
	fields, whole := r.object(n, taskConfigSchema())
	if fields == nil {
		return c
	}
	if fields["platform"] == nil && whole {
		r.fail(n, "a task config needs a platform: linux, for tasks of this machine")
	}
	if platform := fields["platform"]; platform != nil {
		c.Platform, _ = r.text(platform, "platform")
		c.platformAt, c.platformIs = r.at(platform), platform.quoted()
	}
	if image := fields["image_resource"]; image != nil {
		c.imageAt = r.at(image)
		c.Image = r.image(image)
	} else if whole && c.Platform == "linux" && !r.imaged {
		r.fail(n, "a task config for linux needs an image_resource: {type: mock, source: {mirror_self: true}}, which is writ itself as a shell (or, without containers, this machine)")
	}
	if r.imaged {
		c.Image = nil
	}
	c.Limits = r.limits(fields["container_limits"])
	c.Params = r.params(fields["params"])
	r.artifacts(&c, fields)
	r.caches(&c, fields["caches"])
	if run := fields["run"]; run != nil {
		r.run(&c, run)
	} else if whole {
		r.fail(n, "a task config needs run.path: an image's own entrypoint is not yet in writ")
	}
	return c
}

// params reads the environment as Concourse does: null is empty, a number is text, a list or mapping is JSON.
func (r *reader) params(n *node) map[string]string {
	pairs := r.table(n, "params")
	all := make(map[string]string, len(pairs))
	for _, p := range pairs {
		name, value := p.key.text(), p.value
		if r.open(p.key, "a param's name") || r.open(value, "a param") {
			continue
		}
		if name == "" || strings.ContainsAny(name, "=\x00") {
			r.fail(p.key, "%s cannot name an environment variable", p.key.quoted())
			continue
		}
		text, err := value.scalarText()
		if value.kind != scalar {
			var data []byte
			data, err = json.Marshal(value.plain())
			text = string(data)
		}
		switch {
		case err != nil && value.secret:
			r.fail(value, "param %s: %s cannot be written as JSON", p.key.quoted(), value.bare())
		case err != nil:
			r.fail(value, "param %s: %v", p.key.quoted(), err)
		case strings.ContainsRune(text, 0):
			r.fail(value, "param %s holds a NUL character", p.key.quoted())
		}
		all[name] = text
	}
	return all
}

// cleanPath makes a path clean. As with Concourse a relative one never leaves the working directory: its .. are removed.
func cleanPath(text string) string {
	if path.IsAbs(text) {
		return path.Clean(text)
	}
	var kept []string
	for part := range strings.SplitSeq(text, "/") {
		if part != ".." {
			kept = append(kept, part)
		}
	}
	return path.Join(".", path.Join(kept...))
}

func (r *reader) run(c *TaskConfig, n *node) {
	fields, whole := r.object(n, runSchema())
	if fields == nil {
		return
	}
	if whole && (fields["path"] == nil || fields["path"].null()) {
		r.fail(n, "a task config needs run.path: an image's own entrypoint is not yet in writ")
		return
	}
	var given bool
	if c.Path, given = r.text(fields["path"], "run.path"); given && c.Path == "" {
		r.fail(fields["path"], "run.path must not be empty")
	}
	if dir, _ := r.text(fields["dir"], "run.dir"); dir != "" {
		c.Dir = cleanPath(dir)
	}
	c.User, _ = r.text(fields["user"], "run.user")
	words := []string{fields["path"].word()}
	for _, n := range r.list(fields["args"], "run.args") {
		arg, _ := r.text(n, "an argument of run.args")
		c.Args = append(c.Args, arg)
		words = append(words, n.word())
	}
	c.Command = oneLine(strings.Join(words, " "))
}

func (n *node) word() string {
	if n == nil {
		return ""
	}
	return n.shown
}

// oneLine is the first line of text, marked where there is more.
func oneLine(text string) string {
	first, rest, _ := strings.Cut(strings.TrimRight(text, "\n"), "\n")
	first = plainText(strings.TrimRight(strings.ToValidUTF8(first, "?"), "\r "))
	if rest != "" {
		first += " ..."
	}
	return first
}
