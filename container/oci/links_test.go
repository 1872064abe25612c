package oci_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
	"github.com/writ-run/writ/image"
)

// TestLinkThroughVolume has a link of the image lead through a link of a volume: neither alone leads anywhere that matters,
// and both together over the container's devices, where its init is.
func TestLinkThroughVolume(t *testing.T) {
	need(t)
	own, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	layer := t.TempDir()
	if err := errors.Join(os.Chmod(layer, 0o755), os.Symlink("/a/d", filepath.Join(layer, "x"))); err != nil {
		t.Fatal(err)
	}
	layers := []string{own.Layers[0], layer}
	linked := &oci.Image{Layers: layers, Resolve: (&image.Image{Layers: layers}).ResolvePath}
	r := newRuntimeOf(t, linked, oci.Host)
	for _, target := range []string{"", "/dev", "/proc", "../dev", "/run"} {
		volume := func(name string) container.Volume {
			v, err := r.Volume(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		through, over := volume("through"), volume("over")
		if err := os.WriteFile(filepath.Join(over.Path(), "writ-init"), []byte("#!/bin/sh\necho not the init\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if target != "" {
			if err := os.Symlink(target, filepath.Join(through.Path(), "d")); err != nil {
				t.Fatal(err)
			}
		}
		p, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "true", Hermetic: true,
			Mounts: []container.Mount{{Path: "/a", Volume: through}, {Path: "/x", Volume: over}}}, container.IO{})
		if target != "" {
			if err == nil || !strings.Contains(err.Error(), `"/a/d" is no directory, but a symbolic link`) {
				t.Errorf("link to %q: %v", target, err)
			}
		} else if err != nil { // the image's link alone is as Concourse has it
			t.Error(err)
		}
		if err == nil {
			if status, err := p.Wait(t.Context()); status != 0 || err != nil {
				t.Errorf("link to %q: status %d, %v", target, status, err)
			}
		}
	}
}
