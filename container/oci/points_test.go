package oci_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
)

// TestMostLayers runs an image of as many layers as the kernel takes: there is no room for one of this program's.
func TestMostLayers(t *testing.T) {
	t.Parallel()
	need(t)
	image, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	many := *image
	many.Layers = append([]string{}, image.Layers...)
	for base := t.TempDir(); len(many.Layers) < 500; {
		layer := filepath.Join(base, strconv.Itoa(len(many.Layers)))
		if err := os.Mkdir(layer, 0o755); err != nil {
			t.Fatal(err)
		}
		many.Layers = append(many.Layers, layer)
	}
	r := newRuntimeOf(t, &many, oci.Host)
	if output, status := run(t, r, container.Spec{Hermetic: true}, "grep -q localhost /etc/hosts && echo good"); status != 0 || output != "good\n" {
		t.Errorf("status %d, %q", status, output)
	}
}
