package pipeline

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ImageResource is where a task's image comes from. Source, Params and Version are as they are written, vars filled in: they
// may hold credentials.
type ImageResource struct {
	Type                    string // registry-image
	Source, Params, Version map[string]any
}

// Limits are what a task may use. 0: no limit.
type Limits struct {
	CPU    uint64 // shares
	Memory uint64 // bytes
}

// Over returns the limits with each that is given in their place of base.
func (l Limits) Over(base Limits) Limits {
	if l.CPU != 0 {
		base.CPU = l.CPU
	}
	if l.Memory != 0 {
		base.Memory = l.Memory
	}
	return base
}

// Images are the images that a job's tasks name and that are known before it runs: a config in a task file is not, nor one
// with ((vars)).
func (j Job) Images() (found []ImageResource) {
	j.Plan.Walk(func(t *Task) {
		if t.Config == nil || t.imaged {
			return
		}
		image := t.Config.root.get("image_resource")
		if known := t.Config.known.Image; known != nil && image != nil && !image.unsettled() {
			found = append(found, *known)
		}
	})
	return found
}

// unsettled tells whether there is a ((var)) below n.
func (n *node) unsettled() bool {
	if n.open {
		return true
	}
	for _, item := range n.items {
		if item.unsettled() {
			return true
		}
	}
	for _, p := range n.pairs {
		if p.key.unsettled() || p.value.unsettled() {
			return true
		}
	}
	return false
}

// CheckImage refuses, with its line, an image that is known before the run: for a runtime without containers.
func (t *Task) CheckImage() error {
	switch {
	case t.imaged:
		return withoutContainers(t.imageAt, "image: ARTIFACT")
	case t.Config != nil:
		return t.Config.known.CheckImage()
	}
	return nil
}

// CheckImage refuses an image_resource other than this machine: for a runtime without containers.
func (c TaskConfig) CheckImage() error {
	if c.Image == nil || c.Image.Type == "" {
		return nil
	}
	return withoutContainers(c.imageAt, fmt.Sprintf("image_resource of type %q", c.Image.Type))
}

func withoutContainers(at Error, what string) error {
	at.Text = what + " needs a runtime with containers"
	at.help = "use --runtime oci"
	return at
}

const imageTypes = "; there are registry-image, and mock with source.mirror_self, which is writ itself as a shell (or, without containers, this machine)"

// image reads an image_resource; nil: it is this machine, or is not known yet.
func (r *reader) image(n *node) *ImageResource {
	fields, whole := r.object(n, imageSchema())
	if fields == nil {
		return nil
	}
	if fields["type"] == nil {
		if whole {
			r.fail(n, "an image_resource needs a type%s", imageTypes)
		}
		return nil
	}
	name, ok := r.text(fields["type"], "type of an image_resource")
	if !ok {
		return nil
	}
	switch name {
	case "mock":
		r.mirror(n, fields, whole)
		return nil
	case "registry-image":
		return r.registryImage(n, fields, whole)
	}
	r.fail(fields["type"], "image_resource of type %s: not yet in writ%s", fields["type"].quoted(), imageTypes)
	return nil
}

// mirror checks that a mock image is this machine.
func (r *reader) mirror(n *node, fields map[string]*node, whole bool) {
	for _, name := range []string{"params", "version"} {
		if given := fields[name]; given != nil && !given.null() {
			r.fail(given, "%q of an image_resource of type mock: not yet in writ", name)
		}
	}
	source := fields["source"]
	if source == nil || source.null() {
		if whole {
			r.fail(n, "image_resource of type mock without source.mirror_self: not yet in writ%s", imageTypes)
		}
		return
	}
	members := r.table(source, "source of an image_resource")
	self := source.get("mirror_self")
	for _, p := range members {
		if p.value != self {
			r.fail(p.key, "%s in source of a mock image: not yet in writ; allowed: mirror_self", p.key.quoted())
		}
	}
	if source.kind == mapping && (self == nil || !r.boolean(self, "mirror_self") && !self.open) {
		r.fail(source, "image_resource of type mock without mirror_self: true: not yet in writ%s", imageTypes)
	}
}

func (r *reader) registryImage(n *node, fields map[string]*node, whole bool) *ImageResource {
	image := &ImageResource{Type: "registry-image"}
	for _, part := range []struct {
		name string
		to   *map[string]any
	}{{"source", &image.Source}, {"params", &image.Params}, {"version", &image.Version}} {
		given := fields[part.name]
		r.table(given, part.name+" of an image_resource")
		if given != nil && given.kind == mapping {
			*part.to = given.plainMap()
		}
	}
	source := fields["source"]
	switch {
	case source == nil || source.null():
		if whole {
			r.fail(n, "an image_resource of type registry-image needs source.repository")
		}
	case source.kind == mapping && source.get("repository") == nil:
		r.fail(source, "an image_resource of type registry-image needs source.repository")
	case source.kind == mapping:
		if text, is := r.text(source.get("repository"), "source.repository"); is && text == "" {
			r.fail(source.get("repository"), "source.repository must not be empty")
		}
	}
	return image
}

// limits reads container_limits as Concourse does: cpu in shares; memory in bytes or with KB, MB or GB, which are powers
// of 1024. 0 is no limit.
func (r *reader) limits(n *node) (l Limits) {
	if n == nil || n.null() {
		return l
	}
	fields, _ := r.object(n, limitsSchema())
	if cpu := fields["cpu"]; cpu != nil && !cpu.null() && !r.open(cpu, "container_limits.cpu") {
		shares, is := cpu.value.(int64)
		if !is || shares < 0 {
			r.fail(cpu, "container_limits.cpu must be a whole number of shares, not %s", cpu.found())
		} else {
			l.CPU = uint64(shares)
		}
	}
	if memory := fields["memory"]; memory != nil && !memory.null() && !r.open(memory, "container_limits.memory") {
		var is bool
		if l.Memory, is = memory.bytes(); !is {
			r.fail(memory, "container_limits.memory must be bytes or a size such as \"512MB\" or \"1GB\", not %s", memory.found())
		}
	}
	return l
}

// bytes reads a size. At most 2^63-1.
func (n *node) bytes() (uint64, bool) {
	if number, is := n.value.(int64); is {
		return uint64(max(number, 0)), number >= 0
	}
	text := strings.ToUpper(n.text())
	digits := strings.TrimRight(text, "BKMG")
	shift, known := map[string]int{"": 0, "B": 0, "KB": 10, "MB": 20, "GB": 30}[text[len(digits):]]
	number, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || !known || number > math.MaxInt64>>shift {
		return 0, false
	}
	return number << shift, true
}
