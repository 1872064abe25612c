package pipeline

import (
	"fmt"
	"testing"
)

func TestContainerFields(t *testing.T) {
	t.Parallel()
	task := parseTask(t, `task: t
    privileged: true
    hermetic: true
    container_limits: {memory: 1gb}
    config:
      platform: linux
      image_resource: {type: registry-image, source: {repository: golang, password: ((v:pw))}, params: {a: 1}, version: {digest: d}}
      container_limits: {cpu: 512, memory: 64}
      run: {path: x, user: ((v:user))}`)
	c, err := fill(t, task.Config, map[string]any{"v:pw": "s3cret", "v:user": "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	if !task.Privileged || !task.Hermetic || c.User != "nobody" {
		t.Errorf("task %+v, user %q", task, c.User)
	}
	if got, want := task.Limits.Over(c.Limits), (Limits{CPU: 512, Memory: 1 << 30}); got != want {
		t.Errorf("limits %+v, want %+v", got, want)
	}
	if got, want := fmt.Sprint(*c.Image), "{registry-image map[password:s3cret repository:golang] map[a:1] map[digest:d]}"; got != want {
		t.Errorf("image %s", got)
	}
	const refused = `p.yml:11:23: image_resource of type "registry-image" needs a runtime with containers`
	for _, err := range []error{task.CheckImage(), c.CheckImage()} {
		if err == nil || err.Error() != refused {
			t.Errorf("got %v", err)
		}
	}
}

// A step's image takes the place of the config's, which may then be missing, also in a task file.
func TestStepImage(t *testing.T) {
	t.Parallel()
	task := parseTask(t, "{task: t, image: built, config: {platform: linux, run: {path: x}}}")
	c, err := fill(t, task.Config, nil)
	if err != nil || task.Image != "built" || c.Image != nil {
		t.Errorf("%+v %+v %v", task, c, err)
	}
	if err := task.CheckImage(); err == nil || err.Error() != "p.yml:5:22: image: ARTIFACT needs a runtime with containers" {
		t.Errorf("got %v", err)
	}
	task = parseTask(t, "{task: t, image: built, file: ci/t.yml}")
	template, err := task.ReadFile("ci/t.yml", []byte("platform: linux\nimage_resource: {type: registry-image, source: {repository: x}}\nrun: {path: x}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := fill(t, template, nil); err != nil || c.Image != nil || c.CheckImage() != nil {
		t.Errorf("%+v %v", c, err)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]uint64{"0": 0, "10": 10, "10B": 10, "1KB": 1 << 10, "2mb": 2 << 20, "3Gb": 3 << 30, "'4'": 4} {
		task := parseTask(t, task("t", ", container_limits: {memory: "+in+"}"))
		if task.Limits.Memory != want {
			t.Errorf("%s: got %d, want %d", in, task.Limits.Memory, want)
		}
	}
}
