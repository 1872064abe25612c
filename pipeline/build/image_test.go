package build

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
)

const registryImage = "platform: linux, image_resource: {type: registry-image, source: {repository: golang}}, run: {path: ok}"

// Without containers an image is refused before anything runs, and one of a task file when it is read.
func TestNoImages(t *testing.T) {
	t.Parallel()
	c, rt, _, _ := config(t, "plan: [{task: a, config: {"+registryImage+"}}, {T(b ok), image: x}]")
	status, err := Run(t.Context(), c)
	if status != Errored || err == nil || len(rt.ran) != 0 {
		t.Fatal(status, err)
	}
	for _, want := range []string{`image_resource of type "registry-image" needs a runtime with containers`, "image: ARTIFACT needs a runtime with containers"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
	}
}

// Images, limits and privileges reach the runtime and the identity.
func TestImages(t *testing.T) {
	t.Parallel()
	c, rt, log, minter := config(t, "plan: [{task: a, privileged: true, hermetic: true, container_limits: {cpu: 7}, config: {"+
		strings.Replace(registryImage, "path: ok", "path: ok, user: nobody", 1)+", outputs: [{name: built}]}}, {T(b ok), image: built}, {try: {T(c ok), image: absent}}, {T(d ok)}]")
	c.Image = func(_ context.Context, r pipeline.ImageResource, artifact container.Volume) (name, digest string, err error) {
		if artifact != nil && r.Type != "" {
			return "", "", errors.New("both")
		}
		name = fmt.Sprint(r.Type, r.Source["repository"], artifact != nil)
		return name, "sha256:" + name, nil
	}
	if status, err := Run(t.Context(), c); status != Succeeded || err != nil {
		t.Fatal(status, err, log.text(journal.Errored))
	}
	if got := log.text(journal.Errored); got != "c missing image artifact: absent" {
		t.Errorf("errors: %s", got)
	}
	a, b, d := rt.specs[0], rt.specs[1], rt.specs[2]
	if a.Image != "registry-imagegolangfalse" || !a.Privileged || !a.Hermetic || a.Limits.CPU != 7 || a.User != "nobody" {
		t.Errorf("a: %+v", a)
	}
	if b.Image != "<nil> true" || b.Privileged || d.Image != "" {
		t.Errorf("b: %+v, d: %+v", b, d)
	}
	begun := minter.Begun()
	if begun[1].ImageDigest != "sha256:"+a.Image || !begun[1].Privileged || begun[2].ImageDigest != "sha256:"+b.Image || begun[2].Privileged {
		t.Errorf("identities: %+v", begun)
	}
}
